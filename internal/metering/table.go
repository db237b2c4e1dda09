// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"iter"
	"unsafe"

	"github.com/llm-guardian/otelcol-guardian/internal/slots"
)

// overflowSlot holds the series of what found no room. It is not in the index.
const overflowSlot = 0

// state is what a series went through.
type state uint8

const (
	live      state = 1 << iota // the slot is in use
	unshown                     // the series has yet to be shown at 0
	changed                     // updated since the last flush
	forgotten                   // goes away at the next flush

	states
)

// series is one line of memory of most processors, so that an update waits for no second one.
type series struct {
	key    key
	value  float64 // sum, or last value
	start  int64   // nanoseconds since 1970
	seen   int64   // reading of the idle clock at the last flush that found the series updated
	labels string  // packed
	state  state
}

func (s *series) is(state state) bool { return s.state&state != 0 }

// table finds, adds and removes the series of one metric, numbered by slots. What belongs to the slots is in arrays that
// grow as needed, apart from each other, so that an update reads no more than it needs.
type table struct {
	index     slots.Index
	series    []series
	buckets   []uint64   // those of one series after those of the other
	exemplars []exemplar // nil until there is one, or one per slot
	free      []uint32   // slots that are in use no more

	bucketsEach int
	labelBytes  int
}

func newTable(buckets int) table {
	t := table{index: slots.New(), bucketsEach: buckets}
	t.takeSlot() // That of the overflow series.
	return t
}

func (t *table) at(slot uint32) *series { return &t.series[slot] }

// len is the number of series, the overflow series not counted.
func (t *table) len() int { return t.index.Len() }

func (t *table) bucketsAt(slot uint32) []uint64 {
	from := int(slot) * t.bucketsEach
	return t.buckets[from : from+t.bucketsEach : from+t.bucketsEach]
}

// find returns the slot of a series, overflowSlot if it is not there.
func (t *table) find(key key) uint32 {
	for place := t.index.Home(key.hi); ; place = t.index.Next(place) {
		slot, maybe := t.index.At(place, key.hi)
		if slot == overflowSlot {
			return overflowSlot
		}
		if maybe && t.at(slot).key == key {
			return slot
		}
	}
}

func (t *table) add(key key, packed string) uint32 {
	slot := t.takeSlot()
	s := t.at(slot)
	s.key, s.labels = key, packed
	t.labelBytes += len(packed)
	t.index.Insert(key.hi, slot)
	return slot
}

// takeSlot returns a slot to put a series into, preferably one that was in use before.
func (t *table) takeSlot() uint32 {
	if last := len(t.free) - 1; last >= 0 {
		slot := t.free[last]
		t.free = t.free[:last]
		return slot
	}
	slot := uint32(len(t.series))
	t.series = append(t.series, series{})
	for range t.bucketsEach {
		t.buckets = append(t.buckets, 0)
	}
	if t.exemplars != nil {
		t.exemplars = append(t.exemplars, exemplar{})
	}
	return slot
}

func (t *table) remove(slot uint32) {
	s := t.at(slot)
	if slot != overflowSlot {
		t.index.Remove(s.key.hi, slot)
		t.labelBytes -= len(s.labels)
		t.free = append(t.free, slot)
	}
	*s = series{}
	clear(t.bucketsAt(slot))
	t.clearExemplar(slot)
}

// all iterates over the series: the overflow series first, the others in order of their creation, except that a new series
// takes the turn of one that is gone. The current series may be removed.
func (t *table) all() iter.Seq2[uint32, *series] {
	return func(yield func(uint32, *series) bool) {
		for slot := range t.series {
			if s := &t.series[slot]; s.is(live) && !yield(uint32(slot), s) {
				return
			}
		}
	}
}

// bytes estimates the memory held.
func (t *table) bytes() int {
	return t.labelBytes + t.index.Bytes() + sizeOf(t.series) + sizeOf(t.buckets) + sizeOf(t.exemplars) + sizeOf(t.free)
}

func sizeOf[E any](s []E) int {
	var e E
	return cap(s) * int(unsafe.Sizeof(e))
}
