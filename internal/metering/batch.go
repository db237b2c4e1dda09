// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import "time"

// Batch is what several updates of one series of a counter or a histogram amount to. Who adds up such updates where they
// occur, and hands them on before the next flush, looks the series up once instead of once per update.
type Batch struct {
	Count    uint64    // updates
	Sum      float64   // of their values
	Buckets  []uint64  // of a histogram: how many values fell between its bounds, one more than there are bounds
	First    time.Time // of the first update
	Value    float64   // of the update that the exemplar belongs to
	Exemplar Exemplar
}

// AddBatch does what Add or Record would have done with each of the updates, in any order, since the last flush. Batches of
// other kinds of metrics, and those that contradict themselves, are rejected.
func (i *Instrument) AddBatch(labels *Labels, b *Batch) {
	if i == nil || b.Count == 0 {
		return
	}
	if !i.fits(b) {
		i.stats.Rejected += b.Count
		return
	}
	overflowed := i.stats.Overflowed
	slot := i.observe(b.First, labels)
	if i.stats.Overflowed > overflowed {
		i.stats.Overflowed += b.Count - 1
	}
	if s := i.table.at(slot); s.is(unshown) {
		s.start = min(s.start, b.First.UnixNano()) // Another batch may have made the series, with later updates.
	}
	if !i.add(slot, b.Sum) {
		return
	}
	for at, n := range b.Buckets {
		i.table.bucketsAt(slot)[at] += n
	}
	i.keep(slot, b.First, b.Value, &b.Exemplar)
}

func (i *Instrument) fits(b *Batch) bool {
	switch i.definition.Kind {
	case Counter:
		return finite(b.Sum) && b.Sum >= 0 && len(b.Buckets) == 0
	case Histogram:
		return finite(b.Sum) && len(b.Buckets) == i.table.bucketsEach && totalOf(b.Buckets) == b.Count
	default:
		return false
	}
}
