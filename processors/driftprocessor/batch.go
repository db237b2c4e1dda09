// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"sync"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

// batch is what was extracted from a batch of telemetry, to be committed once that was accepted. It holds nothing of it.
type batch struct {
	rows          []row
	values        []drift.Value
	points        []point
	runs          []run // of the points
	distributions []distribution
	touched       []*group // scratch: those that have gathered numbers
}

// row is one observation of a group: values[first:end].
type row struct {
	group      *group
	at         int64 // event time, Unix nanoseconds
	first, end int
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch { return batches.Get().(*batch) }

// release lets the batch be used again.
func (b *batch) release() {
	clear(b.rows)
	clear(b.values)
	clear(b.runs)
	clear(b.distributions)
	clear(b.touched)
	b.rows, b.values, b.distributions = b.rows[:0], b.values[:0], b.distributions[:0]
	b.points, b.runs, b.touched = b.points[:0], b.runs[:0], b.touched[:0]
	batches.Put(b)
}
