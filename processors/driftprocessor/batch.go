// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

// batch is what was extracted from a batch of telemetry, to be committed once that was accepted. It holds nothing of it.
type batch struct {
	rows          []drift.Row
	rowRuns       []rowRun // of the rows
	values        []drift.Value
	points        []point
	runs          []run // of the points
	distributions []distribution
	touched       []*group // scratch: those that have gathered numbers
}

// rowRun is a sequence of rows of one group: those that come after the run before it, up to end.
type rowRun struct {
	group *group
	end   int
}

// addRow adds a row of the values since first.
func (b *batch) addRow(g *group, at int64, first int) {
	b.rows = append(b.rows, drift.Row{At: at, Values: len(b.values) - first})
	if last := len(b.rowRuns) - 1; last >= 0 && b.rowRuns[last].group == g {
		b.rowRuns[last].end++
		return
	}
	b.rowRuns = append(b.rowRuns, rowRun{g, len(b.rows)})
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch { return batches.Get().(*batch) }

// newDistribution gives the next distribution, with the memory of an older one.
func (b *batch) newDistribution(start pcommon.Timestamp) *distribution {
	if n := len(b.distributions); n < cap(b.distributions) {
		b.distributions = b.distributions[:n+1]
	} else {
		b.distributions = append(b.distributions, distribution{})
	}
	d := &b.distributions[len(b.distributions)-1]
	d.start = int64(start)
	return d
}

// release lets the batch be used again. Distributions keep their memory.
func (b *batch) release() {
	clear(b.rowRuns)
	clear(b.values)
	clear(b.runs)
	clear(b.touched)
	b.rows, b.rowRuns, b.values, b.distributions = b.rows[:0], b.rowRuns[:0], b.values[:0], b.distributions[:0]
	b.points, b.runs, b.touched = b.points[:0], b.runs[:0], b.touched[:0]
	batches.Put(b)
}
