// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"unsafe"

	"github.com/llm-guardian/otelcol-guardian/internal/slots"
)

// slabSize is the number of series per slab. Slabs never move, so that pointers into them stay valid, and are small, so
// that a store of few series is.
const slabSize = 64

// overflowSlot holds the overflow series. It is not in the index and never idle, so it also serves as the anchor of the
// ring of all other series.
const overflowSlot = 0

// entry is what every sighting of a series reads. It holds no pointers: where states hold none either, the garbage
// collector need not look at them.
type entry struct {
	key          Key
	seen         int64  // clock reading at the last sighting, or up to one grain before it
	older, newer uint32 // neighbours in the ring, which is ordered by seen
	generation   uint32 // odd while the slot is in use
}

func (e *entry) live() bool { return e.generation%2 == 1 }

// node keeps the state next to the entry: whoever finds a series wants its state next.
type node[S any] struct {
	entry
	state S
}

// label is what only comings, goings and checkpoints read: the labels of a series, in two parts.
type label struct {
	group Key
	own   string
}

// group is what several series have in common: the labels above their attributes, kept once.
type group struct {
	labels string
	series int
}

// table finds, adds and removes series, numbered by slots.
type table[S any] struct {
	index  slots.Index
	groups map[Key]*group
	slabs  []*[slabSize]node[S]
	labels []*[slabSize]label
	slots  uint32   // that were ever in use
	last   uint32   // that was found
	skip   int      // look-ups before the slot after the last one is tried again
	misses int      // of such tries, as the number of look-ups to skip after the next one
	free   []uint32 // that are in use no more

	labelBytes int
}

func newTable[S any]() table[S] {
	t := table[S]{index: slots.New(), groups: map[Key]*group{}}
	t.entry(t.takeSlot()).generation = 1
	t.label(overflowSlot).own = overflowLabels
	return t
}

func (t *table[S]) entry(slot uint32) *entry { return &t.slabs[slot/slabSize][slot%slabSize].entry }
func (t *table[S]) state(slot uint32) *S     { return &t.slabs[slot/slabSize][slot%slabSize].state }
func (t *table[S]) label(slot uint32) *label { return &t.labels[slot/slabSize][slot%slabSize] }
func (t *table[S]) len() int                 { return t.index.Len() }

// find returns the slot of a series, overflowSlot if it is not there.
//
// Most senders send their series in one order every time, and have been given neighbouring slots in that order: the slot after the one that was
// found last is looked at first. Where that is in vain it happens ever less often, as it costs a read from memory.
func (t *table[S]) find(key Key) uint32 {
	if t.skip > 0 {
		t.skip--
	} else if next := t.last + 1; next < t.slots {
		if e := t.entry(next); e.key == key && e.live() {
			t.last, t.misses = next, 0
			return next
		}
		t.misses = min(2*t.misses+1, maxSkip)
		t.skip = t.misses
	}
	t.last = t.lookup(key)
	return t.last
}

// maxSkip is the largest number of look-ups between two tries.
const maxSkip = 63

// lookup finds the slot of a series by the index.
func (t *table[S]) lookup(key Key) uint32 {
	for place := t.index.Home(key.hi); ; place = t.index.Next(place) {
		slot, maybe := t.index.At(place, key.hi)
		if slot == overflowSlot {
			return overflowSlot
		}
		if maybe && t.entry(slot).key == key {
			return slot
		}
	}
}

// takeSlot returns a slot to put a series into, preferably one that was in use before.
func (t *table[S]) takeSlot() uint32 {
	if last := len(t.free) - 1; last >= 0 {
		slot := t.free[last]
		t.free = t.free[:last]
		return slot
	}
	if t.slots%slabSize == 0 {
		t.slabs = append(t.slabs, new([slabSize]node[S]))
		t.labels = append(t.labels, new([slabSize]label))
	}
	t.slots++
	return t.slots - 1
}

func (t *table[S]) add(id identity, labels []byte, now int64) uint32 {
	slot := t.takeSlot()
	e := t.entry(slot)
	e.key, e.seen = id.key, now
	e.generation++
	own := string(labels[id.own:])
	*t.label(slot) = label{id.group, own}
	t.labelBytes += len(own)
	t.join(id.group, labels[:id.own])
	t.index.Insert(id.key.hi, slot)
	t.link(slot)
	return slot
}

func (t *table[S]) remove(slot uint32) {
	e, l := t.entry(slot), t.label(slot)
	t.unlink(slot)
	t.index.Remove(e.key.hi, slot)
	t.leave(l.group)
	t.labelBytes -= len(l.own)
	e.generation++
	var none S
	*l, *t.state(slot) = label{}, none
	t.free = append(t.free, slot)
}

// join adds a series to its group, which comes with the first of them.
func (t *table[S]) join(key Key, labels []byte) {
	g, ok := t.groups[key]
	if !ok {
		g = &group{labels: string(labels)}
		t.groups[key] = g
		t.labelBytes += len(labels)
	}
	g.series++
}

// leave takes a series from its group, which goes with the last of them.
func (t *table[S]) leave(key Key) {
	g := t.groups[key]
	g.series--
	if g.series == 0 {
		t.labelBytes -= len(g.labels)
		delete(t.groups, key)
	}
}

func (t *table[S]) appendLabels(dst []byte, slot uint32) []byte {
	l := t.label(slot)
	if slot != overflowSlot {
		dst = append(dst, t.groups[l.group].labels...)
	}
	return append(dst, l.own...)
}

// oldest returns the series that was not seen for the longest time, overflowSlot if there is none.
func (t *table[S]) oldest() uint32 { return t.entry(overflowSlot).newer }

// touch makes a series the last one seen.
func (t *table[S]) touch(slot uint32, now int64) {
	t.unlink(slot)
	t.entry(slot).seen = now
	t.link(slot)
}

func (t *table[S]) link(slot uint32) {
	anchor, e := t.entry(overflowSlot), t.entry(slot)
	e.older, e.newer = anchor.older, overflowSlot
	t.entry(e.older).newer = slot
	anchor.older = slot
}

func (t *table[S]) unlink(slot uint32) {
	e := t.entry(slot)
	t.entry(e.older).newer = e.newer
	t.entry(e.newer).older = e.older
}

// bytes estimates the memory held.
func (t *table[S]) bytes() int {
	const (
		perSlot  = int(unsafe.Sizeof(label{}))
		perGroup = 2*int(unsafe.Sizeof(Key{})+unsafe.Sizeof(&group{})) + int(unsafe.Sizeof(group{})) // Go maps are half full.
	)
	slab := int(unsafe.Sizeof(*t.slabs[0])) + slabSize*perSlot
	return t.labelBytes + len(t.slabs)*slab + t.index.Bytes() + len(t.groups)*perGroup
}
