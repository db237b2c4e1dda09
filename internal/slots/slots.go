// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package slots finds where tables keep what belongs to a key, by the hash of the key.
package slots

// Index is an open-addressing hash table from hashes to slots. A cell takes 8 bytes, half of them the upper half of the hash: a search
// reads one or two cache lines of the index and, but for rare exceptions, only the entry that it finds; growing reads no entry at all. A Go
// map that has outgrown the cache takes several times the memory and the time, see BenchmarkIndex of internal/series.
//
//	for place := index.Home(hash); ; place = index.Next(place) {
//		slot, maybe := index.At(place, hash)
//		if slot == 0 || maybe && keyOf(slot) == key {
//			return slot
//		}
//	}
type Index struct {
	cells []uint64 // part of the hash above, slot below; 0 is empty
	used  int
}

const minCells = 16 // A power of two, as every number of cells is.

// New returns an empty Index.
func New() Index { return Index{cells: make([]uint64, minCells)} }

// Len returns the number of slots.
func (x *Index) Len() int { return x.used }

// Bytes returns the memory held.
func (x *Index) Bytes() int { return 8 * len(x.cells) }

// half is what a cell has of a hash.
func half(hash uint64) uint64 { return hash &^ (1<<32 - 1) }

func (x *Index) mask() int { return len(x.cells) - 1 }

// Insert adds a slot, which must not be 0.
func (x *Index) Insert(hash uint64, slot uint32) {
	if 4*(x.used+1) > 3*len(x.cells) {
		x.grow()
	}
	x.used++
	x.place(half(hash) | uint64(slot))
}

func (x *Index) place(cell uint64) {
	at := x.Home(cell)
	for x.cells[at] != 0 {
		at = x.Next(at)
	}
	x.cells[at] = cell
}

func (x *Index) grow() {
	old := x.cells
	x.cells = make([]uint64, 2*len(old))
	for _, cell := range old {
		if cell != 0 {
			x.place(cell)
		}
	}
}

// Remove takes a slot out that is there. It closes the gap that it leaves: every cell of the run that the gap would cut off from its home
// moves into it.
func (x *Index) Remove(hash uint64, slot uint32) {
	removed := half(hash) | uint64(slot)
	gap := x.Home(removed)
	for x.cells[gap] != removed {
		gap = x.Next(gap)
	}
	for at := x.Next(gap); x.cells[at] != 0; at = x.Next(at) {
		cell := x.cells[at]
		if (at-x.Home(cell))&x.mask() >= (at-gap)&x.mask() {
			x.cells[gap] = cell
			gap = at
		}
	}
	x.cells[gap] = 0
	x.used--
}

// Home is the place at which the search for the slots of a hash begins, and Next the place that follows one. The search ends where [Index.At]
// gives no slot.
func (x *Index) Home(hash uint64) int { return int(hash>>32) & x.mask() }

// Next is the place after one.
func (x *Index) Next(place int) int { return (place + 1) & x.mask() }

// At gives the slot at a place, 0 if there is none, and whether it may be one of the hash.
func (x *Index) At(place int, hash uint64) (slot uint32, maybe bool) {
	cell := x.cells[place]
	return uint32(cell), cell>>32 == hash>>32
}
