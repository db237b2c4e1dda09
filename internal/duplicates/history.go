// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import "hash/maphash"

// history is the queue of the keys that are done, with an index from key to entry.
//
// The index is a hash table with linear probing. A cell holds half of a hash beside the position, so that most keys that are
// absent are told from those that are there without a look at the queue, and so that growing needs no look at it either.
// The hash is seeded per process: nobody can send keys that fall into neighbouring cells.
type history struct {
	fifo
	seed  maphash.Seed
	cells []cell // a power of two
	used  int
}

// cell is empty if its hash is 0.
type cell struct{ hash, pos uint32 }

const (
	occupied = 1 << 31
	minCells = 1 << 10
)

func newHistory() history {
	return history{seed: maphash.MakeSeed(), cells: make([]cell, minCells)}
}

func (h *history) hash(key *Key) uint32 { return uint32(maphash.Bytes(h.seed, key[:])) | occupied }

func (h *history) mask() uint32 { return uint32(len(h.cells) - 1) }

// find returns the entry of a key, nil if there is none. It is valid until the next put or pop.
func (h *history) find(key *Key) *entry {
	slot := h.slot(key, h.hash(key))
	if h.cells[slot].hash == 0 {
		return nil
	}
	return h.at(h.cells[slot].pos)
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
func (h *history) put(e entry) {
	if (h.used+1)*4 > len(h.cells)*3 {
		h.grow()
	}
	hash := h.hash(&e.key)
	slot := h.slot(&e.key, hash)
	if h.cells[slot].hash == 0 {
		h.used++
	}
	h.cells[slot] = cell{hash, h.push(e)}
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
