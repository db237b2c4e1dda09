// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
	"github.com/llm-guardian/otelcol-guardian/internal/series"
)

// batch is what was extracted from a batch of telemetry, to be committed once that was accepted. It holds nothing of it.
type batch struct {
	points     []point
	histograms []histogram.Histogram
	keys       []series.Key // scratch
	touched    []*entity    // scratch: those whose metrics have changed
}

// point is a data point.
type point struct {
	detector  *detector
	series    series.Ref
	kind      kind
	stale     bool // the series has ended
	at, start int64
	number    float64
	histogram int // in the batch, counted from 1; 0 is none
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch { return batches.Get().(*batch) }

// release lets the batch be used again. Histograms keep their memory.
func (b *batch) release() {
	clear(b.points)
	clear(b.touched)
	b.points, b.histograms, b.touched = b.points[:0], b.histograms[:0], b.touched[:0]
	batches.Put(b)
}

// order sorts the points by time where a batch has one metric after the other over several steps: the first metric would end them before the
// others come.
func (b *batch) order() {
	latest := int64(math.MinInt64)
	for i := range b.points {
		p := &b.points[i]
		if p.at < latest-int64(p.detector.config.Step) {
			slices.SortStableFunc(b.points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
			return
		}
		latest = max(latest, p.at)
	}
}

// newHistogram gives the next histogram, with the memory of an older one.
func (b *batch) newHistogram() *histogram.Histogram {
	if n := len(b.histograms); n < cap(b.histograms) {
		b.histograms = b.histograms[:n+1]
	} else {
		b.histograms = append(b.histograms, histogram.Histogram{})
	}
	return &b.histograms[len(b.histograms)-1]
}
