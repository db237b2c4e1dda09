// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

// index is an open-addressing hash table from keys to slots. A cell takes 8 bytes and holds a part of the key, so that a
// search rarely reads a series that it does not want, and growing reads none.
type index struct {
	cells []uint64 // upper a part of the key above, slot below; 0 is empty, since no indexed series has slot 0
	used  int
}

const minCells = 16 // A power of two, as every number of cells is.

func newIndex() index { return index{cells: make([]uint64, minCells)} }

func cellOf(key key, slot uint32) uint64 { return key.hi&^(1<<32-1) | uint64(slot) }

func (x *index) mask() int { return len(x.cells) - 1 }

// home is where the search for a cell begins.
func (x *index) home(cell uint64) int { return int(cell>>32) & x.mask() }

func (x *index) next(at int) int { return (at + 1) & x.mask() }

func (x *index) insert(key key, slot uint32) {
	if 4*(x.used+1) > 3*len(x.cells) {
		x.grow()
	}
	x.place(cellOf(key, slot))
	x.used++
}

func (x *index) place(cell uint64) {
	at := x.home(cell)
	for x.cells[at] != 0 {
		at = x.next(at)
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

// remove closes the gap that it leaves: it takes out the rest of the run and places it again.
func (x *index) remove(key key, slot uint32) {
	removed := cellOf(key, slot)
	at := x.home(removed)
	for x.cells[at] != removed {
		at = x.next(at)
	}
	x.cells[at] = 0
	x.used--
	for at = x.next(at); x.cells[at] != 0; at = x.next(at) {
		cell := x.cells[at]
		x.cells[at] = 0
		x.place(cell)
	}
}
