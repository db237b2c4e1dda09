// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// history is the queue of the keys that are done, with an index from key to entry.
//
// The index is a hash table with linear probing. A cell holds half of a hash beside the position, so that most keys that are
// absent are told from those that are there without a look at the queue, and so that growing needs no look at it either.
// The hash is seeded per process: nobody can send keys that fall into neighbouring cells.
type history struct {
	fifo
	seed  Key
	cells []cell // a power of two
	used  int
	read  uint32 // keeps the compiler from leaving reads out
}

// cell is empty if its hash is 0.
type cell struct{ hash, pos uint32 }

const (
	occupied = 1 << 31
	minCells = 1 << 10
)

func newHistory() history {
	h := history{cells: make([]cell, minCells)}
	_, _ = rand.Read(h.seed[:]) // Never fails, as its documentation promises.
	return h
}

// hash mixes both halves of a key, which are random already unless somebody has chosen them, through all bits of their
// product.
func (h *history) hash(key *Key) uint32 {
	hi, lo := bits.Mul64(key.half(0)^h.seed.half(0), key.half(8)^h.seed.half(8))
	return uint32(hi^lo) | occupied
}

func (k *Key) half(from int) uint64 { return binary.LittleEndian.Uint64(k[from:]) }

func (h *history) mask() uint32 { return uint32(len(h.cells) - 1) }

// find returns the entry of a key, nil if there is none. It is valid until the next put or pop.
func (h *history) find(key *Key) *entry {
	slot := h.slot(key, h.hash(key))
	if h.cells[slot].hash == 0 {
		return nil
	}
	return h.at(h.cells[slot].pos)
}

// maxExpected is how many keys it is of use to expect: what is read for more may be gone when it is needed.
const maxExpected = 32

// expect reads the cells where searches for the keys begin, and for as many of the oldest entries, which are forgotten
// next. The reads follow closely on one another, so that the processor waits for many of them at once.
func (h *history) expect(keys []Key) {
	var slots [2 * maxExpected]uint32
	n := 0
	for i := range keys {
		slots[n] = h.hash(&keys[i])
		n++
	}
	for i := range min(len(keys), h.len()) {
		slots[n] = h.hash(&h.at(h.head + uint32(i)).key)
		n++
	}
	mask, read := h.mask(), uint32(0)
	for _, slot := range slots[:n] {
		read |= h.cells[slot&mask].hash
	}
	h.read = read
}

// slot returns where the cell of a key is, or the empty one where it belongs.
func (h *history) slot(key *Key, hash uint32) uint32 {
	mask := h.mask()
	for slot := hash & mask; ; slot = (slot + 1) & mask {
		c := h.cells[slot]
		if c.hash == 0 || c.hash == hash && h.at(c.pos).key == *key {
			return slot
		}
	}
}

// put adds an entry, which takes the place of an older one of the same key: that stays in the queue, but is not found any more.
// It returns the older one, nil if there is none.
func (h *history) put(e entry) (old *entry) {
	h.reserve()
	hash := h.hash(&e.key)
	return h.putAt(h.slot(&e.key, hash), hash, e)
}

// putAt does that where the slot is known.
func (h *history) putAt(slot, hash uint32, e entry) (old *entry) {
	if h.cells[slot].hash == 0 {
		h.used++
	} else {
		old = h.at(h.cells[slot].pos)
	}
	h.cells[slot] = cell{hash, h.push(e)}
	return old
}

// reserve makes room for one more entry.
func (h *history) reserve() {
	if (h.used+1)*4 > len(h.cells)*3 {
		h.grow()
	}
}

func (h *history) grow() {
	old := h.cells
	h.cells = make([]cell, 2*len(old))
	mask := h.mask()
	for _, c := range old {
		if c.hash == 0 {
			continue
		}
		slot := c.hash & mask
		for h.cells[slot].hash != 0 {
			slot = (slot + 1) & mask
		}
		h.cells[slot] = c
	}
}

// forget pops the oldest entry, and says whether it was one that could be found.
func (h *history) forget() bool {
	key := &h.at(h.head).key
	slot := h.slot(key, h.hash(key))
	current := h.cells[slot].hash != 0 && h.cells[slot].pos == h.head
	if current {
		h.remove(slot)
	}
	h.pop()
	return current
}

// remove empties a cell and moves those behind it that were displaced, so that probing still finds them.
func (h *history) remove(hole uint32) {
	mask := h.mask()
	for slot := (hole + 1) & mask; h.cells[slot].hash != 0; slot = (slot + 1) & mask {
		c := h.cells[slot]
		if displaced := (slot - c.hash) & mask; displaced >= (slot-hole)&mask {
			h.cells[hole] = c
			hole = slot
		}
	}
	h.cells[hole] = cell{}
	h.used--
}
