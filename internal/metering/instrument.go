// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"time"
)

// Instrument updates the series of one metric. The methods of a nil Instrument do nothing, so that a metric that is
// switched off costs no more than that. An update of a known series does not allocate.
type Instrument struct {
	definition Definition
	limit      int
	delta      bool // shows what came since the last flush
	seeds      *seeds
	table      table
	stats      MetricStats
}

func newInstrument(d Definition, config *Config, seeds *seeds) *Instrument {
	return &Instrument{
		definition: d,
		limit:      config.SeriesLimit,
		delta:      config.Delta && d.Kind.hasDelta(),
		seeds:      seeds,
		table:      newTable(d.buckets()),
		stats:      MetricStats{Name: d.Name, Limit: config.SeriesLimit},
	}
}

// Add adds to a counter, which takes no negative values, or to an up-down counter. Nil labels are empty ones, here and
// in the other methods, and a nil exemplar is none.
func (i *Instrument) Add(now time.Time, labels *Labels, value float64, exemplar *Exemplar) {
	if i == nil {
		return
	}
	kind := i.definition.Kind
	if !finite(value) || kind != UpDownCounter && (kind != Counter || value < 0) {
		i.stats.Rejected++
		return
	}
	slot := i.observe(now, labels)
	if i.add(slot, value) {
		i.keep(slot, now, value, exemplar)
	}
}

// Record adds an observation to a histogram or a summary.
func (i *Instrument) Record(now time.Time, labels *Labels, value float64, exemplar *Exemplar) {
	if i == nil {
		return
	}
	kind := i.definition.Kind
	if !finite(value) || kind != Histogram && kind != Summary {
		i.stats.Rejected++
		return
	}
	slot := i.observe(now, labels)
	if !i.add(slot, value) {
		return
	}
	i.table.bucketsAt(slot)[bucketOf(i.definition.Bounds, value)]++
	if kind == Histogram {
		i.keep(slot, now, value, exemplar)
	}
}

// Set sets a gauge or an up-down counter to a value. What finds no room shares one series, which then has the value that
// was set last, whoever set it.
func (i *Instrument) Set(now time.Time, labels *Labels, value float64) {
	if i == nil {
		return
	}
	if kind := i.definition.Kind; !finite(value) || kind != Gauge && kind != UpDownCounter {
		i.stats.Rejected++
		return
	}
	i.table.at(i.observe(now, labels)).value = value
}

// Forget lets a series go at the next flush, unless it is updated before that.
func (i *Instrument) Forget(labels *Labels) {
	if i == nil {
		return
	}
	if slot := i.table.find(i.seeds.keyOf(i.labels(labels))); slot != overflowSlot {
		i.table.at(slot).state |= forgotten
	}
}

// observe returns the slot of the series that an update goes to, which it creates if need be.
func (i *Instrument) observe(now time.Time, labels *Labels) uint32 {
	own := i.labels(labels)
	key := i.seeds.keyOf(own)
	slot := i.table.find(key)
	if slot == overflowSlot {
		slot = i.newSeries(now, key, own)
	}
	s := i.table.at(slot)
	s.state = s.state&^forgotten | changed
	return slot
}

// newSeries adds a series, or takes the overflow series if there is no room.
func (i *Instrument) newSeries(now time.Time, key key, labels []string) uint32 {
	if i.full() {
		i.stats.Overflowed++
		i.begin(overflowSlot, now.UnixNano())
		return overflowSlot
	}
	i.stats.Created++
	slot := i.table.add(key, pack(labels))
	i.begin(slot, now.UnixNano())
	return slot
}

func (i *Instrument) full() bool { return i.table.len() >= i.limit }

// begin makes a series live, if it is not.
func (i *Instrument) begin(slot uint32, start int64) {
	s := i.table.at(slot)
	if s.is(live) {
		return
	}
	s.start, s.state = start, live
	if i.showsZero() {
		s.state |= unshown
	}
}

// showsZero says whether new series are shown at 0 first. What shows differences needs no 0 to start from.
func (i *Instrument) showsZero() bool { return i.definition.Kind.fromZero() && !i.delta }

var noLabels Labels

func (i *Instrument) labels(labels *Labels) []string {
	if labels == nil {
		labels = &noLabels
	}
	return labels[:len(i.definition.Attributes)]
}

// add adds to the sum of a series, unless that would exceed what a float64 can hold.
func (i *Instrument) add(slot uint32, value float64) bool {
	s := i.table.at(slot)
	sum := s.value + value
	if !finite(sum) {
		i.stats.Rejected++
		return false
	}
	s.value = sum
	return true
}

// keep remembers the exemplar of an update.
func (i *Instrument) keep(slot uint32, now time.Time, value float64, exemplar *Exemplar) {
	if exemplar != nil && !exemplar.TraceID.IsEmpty() {
		i.table.keepExemplar(slot, now, value, exemplar)
	}
}

// finite holds for neither NaN nor the infinities.
func finite(v float64) bool { return v-v == 0 }
