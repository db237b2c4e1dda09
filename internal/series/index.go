// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

// index is an open-addressing hash table from keys to slots. A cell takes 8 bytes, half of them a part of the key: a
// search reads one or two cache lines of the index and, but for rare exceptions, only the entry that it finds; growing
// reads no entry at all. A Go map that has outgrown the cache takes several times the memory and the time, see
// BenchmarkIndex.
type index struct {
	cells []uint64 // part of the key above, slot below; 0 is empty, since no indexed series has slot 0
	used  int
}

const minCells = 16 // A power of two, as every number of cells is.

func newIndex() index { return index{cells: make([]uint64, minCells)} }

func cellOf(key Key, slot uint32) uint64 { return key.hi&^(1<<32-1) | uint64(slot) }

// home is where the search for a cell begins.
func (x *index) home(cell uint64) int { return int(cell>>32) & x.mask() }

func (x *index) mask() int { return len(x.cells) - 1 }

func (x *index) insert(key Key, slot uint32) {
	if 4*(x.used+1) > 3*len(x.cells) {
		x.grow()
	}
	x.used++
	x.place(cellOf(key, slot))
}

func (x *index) place(cell uint64) {
	at := x.home(cell)
	for x.cells[at] != 0 {
		at = (at + 1) & x.mask()
	}
	x.cells[at] = cell
}

func (x *index) grow() {
	old := x.cells
	x.cells = make([]uint64, 2*len(old))
	for _, cell := range old {
		if cell != 0 {
			x.place(cell)
		}
	}
}

// remove closes the gap that it leaves: every cell of the run that the gap would cut off from its home moves into it.
func (x *index) remove(key Key, slot uint32) {
	removed := cellOf(key, slot)
	gap := x.home(removed)
	for x.cells[gap] != removed {
		gap = (gap + 1) & x.mask()
	}
	for at := (gap + 1) & x.mask(); x.cells[at] != 0; at = (at + 1) & x.mask() {
		cell := x.cells[at]
		if (at-x.home(cell))&x.mask() >= (at-gap)&x.mask() {
			x.cells[gap] = cell
			gap = at
		}
	}
	x.cells[gap] = 0
	x.used--
}
