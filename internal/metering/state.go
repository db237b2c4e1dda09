// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"fmt"
	"slices"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// stateVersion changes with the encoding.
const stateVersion = 1

// minSeriesBytes is the least that a series takes in a state, besides its buckets, of which each takes at least one more.
const minSeriesBytes = 12

// AppendState appends all series to a checkpoint: values, start times, what was shown already, and how long each is idle,
// bit for bit. Exemplars are left out; they are worth nothing after a restart.
//
// What is cumulative is saved before it is shown: then a process that is killed never comes back with less than it has
// shown, which would look like a reset, and a series that was shown at 0 only for an instant is so again. Deltas are
// saved after they were shown, or they would be shown twice.
func (m *Meter) AppendState(e *codec.Encoder) {
	e.Uvarint(stateVersion)
	e.Varint(m.flushed)
	e.Count(len(m.instruments))
	for _, i := range m.instruments {
		i.identity().append(e)
		i.appendSeries(e, m.clock.now)
	}
}

func (i *Instrument) appendSeries(e *codec.Encoder, now int64) {
	e.Bool(i.table.at(overflowSlot).is(live))
	e.Count(i.table.len())
	for slot, s := range i.table.all() {
		if slot != overflowSlot {
			e.String(s.labels)
		}
		e.Uvarint(uint64(s.state))
		e.Float64(s.value)
		e.Varint(s.start)
		e.Varint(now - s.seen)
		for _, n := range i.table.bucketsAt(slot) {
			e.Uvarint(n)
		}
	}
}

// RestoreState replaces all series by those that AppendState wrote, and leaves none after an error. Series of a metric that is
// defined no more, or otherwise than it was, are dropped and counted. Series that find no room any more, since the limit is
// lower than it was, join the overflow series. The time before now does not make a series idle.
func (m *Meter) RestoreState(d *codec.Decoder, now time.Time) error {
	m.reset(now)
	if err := m.restore(d); err != nil {
		m.reset(now)
		return fmt.Errorf("cannot restore metrics: %w", err)
	}
	return nil
}

func (m *Meter) restore(d *codec.Decoder) error {
	if version := d.Uvarint(); d.Err() == nil && version != stateVersion {
		return fmt.Errorf("state of version %d, want %d: %w", version, stateVersion, codec.ErrInvalid)
	}
	m.flushed = d.Varint()
	restored := map[string]bool{}
	for range d.Count(1) {
		id := readIdentity(d)
		if restored[id.Name] {
			return fmt.Errorf("metric %q is there twice: %w", id.Name, codec.ErrInvalid)
		}
		restored[id.Name] = true
		if err := m.restoreMetric(d, &id); err != nil {
			return fmt.Errorf("metric %q: %w", id.Name, err)
		}
	}
	return d.Err()
}

func (m *Meter) restoreMetric(d *codec.Decoder, id *identity) error {
	i := m.byName[id.Name]
	if i != nil && !i.identity().equal(id) {
		i = nil
	}
	saved := savedSeries{buckets: make([]uint64, id.buckets())}
	overflow := d.Bool()
	n := d.Count(minSeriesBytes + len(saved.buckets))
	if overflow {
		if err := saved.read(d, true); err != nil {
			return err
		}
		m.put(i, &saved)
	}
	for range n {
		if err := saved.read(d, false); err != nil {
			return err
		}
		if i != nil && !saved.belongs(i) {
			return fmt.Errorf("labels that are malformed or there twice: %w", codec.ErrInvalid)
		}
		m.put(i, &saved)
	}
	return d.Err()
}

// put gives a series back to its metric, or drops it if that is nil.
func (m *Meter) put(i *Instrument, saved *savedSeries) {
	if i == nil {
		m.dropped++
		return
	}
	slot := i.place(saved)
	if i.table.at(slot).is(live) {
		i.merge(slot, saved)
		return
	}
	i.restore(slot, saved)
}

// savedSeries is a series as the state has it.
type savedSeries struct {
	series
	buckets  []uint64
	overflow bool
}

func (s *savedSeries) read(d *codec.Decoder, overflow bool) error {
	s.series, s.overflow = series{}, overflow
	if !overflow {
		s.labels = d.String()
	}
	flags := d.Uvarint()
	s.value = d.Float64()
	s.start = d.Varint()
	age := d.Varint()
	for i := range s.buckets {
		s.buckets[i] = d.Uvarint()
	}
	switch {
	case d.Err() != nil:
		return d.Err()
	case flags >= uint64(states) || state(flags)&live == 0 || age < 0 || !finite(s.value):
		return fmt.Errorf("a series with state %b, age %d and value %v: %w", flags, age, s.value, codec.ErrInvalid)
	}
	s.state, s.seen = state(flags), -age
	return nil
}

// belongs says whether the labels are as the metric has them, and not there already.
func (s *savedSeries) belongs(i *Instrument) bool {
	labels, ok := unpack(s.labels, len(i.definition.Attributes))
	if !ok {
		return false
	}
	s.key = i.seeds.keyOf(i.labels(&labels))
	return i.table.find(s.key) == overflowSlot
}

// place returns the slot that a saved series gets, that of the overflow series if there is no room.
func (i *Instrument) place(saved *savedSeries) uint32 {
	if saved.overflow || i.full() {
		return overflowSlot
	}
	return i.table.add(saved.key, saved.labels)
}

func (i *Instrument) restore(slot uint32, saved *savedSeries) {
	s := i.table.at(slot)
	*s = saved.series
	if !i.showsZero() {
		s.state &^= unshown
	}
	copy(i.table.bucketsAt(slot), saved.buckets)
}

// merge adds a series to the overflow series. The total was shown before, so it does not begin at 0 unless nothing was.
func (i *Instrument) merge(slot uint32, saved *savedSeries) {
	s := i.table.at(slot)
	s.state = s.state&saved.state&unshown | (s.state|saved.state)&changed | live
	s.start = min(s.start, saved.start)
	s.seen = max(s.seen, saved.seen)
	if i.definition.Kind == Gauge {
		s.value = saved.value
		return
	}
	if !i.add(slot, saved.value) {
		return
	}
	for at, n := range saved.buckets {
		i.table.bucketsAt(slot)[at] += n
	}
}

// identity is what a metric must keep for its saved series to have a meaning.
type identity struct {
	Definition
	delta bool
}

func (i *Instrument) identity() *identity { return &identity{i.definition, i.delta} }

func (id *identity) equal(other *identity) bool {
	return id.Name == other.Name && id.Unit == other.Unit && id.Kind == other.Kind && id.delta == other.delta &&
		slices.Equal(id.Attributes, other.Attributes) && slices.Equal(id.Bounds, other.Bounds)
}

func (id *identity) append(e *codec.Encoder) {
	e.String(id.Name)
	e.String(id.Unit)
	e.Uvarint(uint64(id.Kind))
	e.Bool(id.delta)
	e.Count(len(id.Attributes))
	for _, key := range id.Attributes {
		e.String(key)
	}
	e.Float64s(id.Bounds)
}

func readIdentity(d *codec.Decoder) identity {
	var id identity
	id.Name, id.Unit = d.String(), d.String()
	id.Kind = Kind(min(d.Uvarint(), uint64(kinds)))
	id.delta = d.Bool()
	for range d.Count(1) {
		id.Attributes = append(id.Attributes, d.String())
	}
	for range d.Count(8) {
		id.Bounds = append(id.Bounds, d.Float64())
	}
	return id
}
