// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"
)

// block is the number of values of a cache line.
const block = 8

// cuts divide the numbers into cells: cell 2i lies between cut i−1 and cut i, and cell 2i+1 is cut i itself. The cuts lie in blocks
// with the largest of each block one level up, so a search reads one cache line per level and has no branches to mispredict.
type cuts struct {
	// blocks are first those of the top level, then those of the middle, then the leaves; +Inf fills them up.
	blocks       [][block]float64
	middle, leaf int32 // where the levels start
	n            int32
}

// newCuts takes values in ascending order without duplicates; ±Inf are values like any other.
func newCuts(values []float64) cuts {
	leaves := blocks(values)
	middle := blocks(lasts(leaves))
	top := blocks(lasts(middle))
	return cuts{
		blocks: slices.Concat(top, middle, leaves),
		middle: int32(len(top)), leaf: int32(len(top) + len(middle)), n: int32(len(values)),
	}
}

func blocks(values []float64) [][block]float64 {
	out := make([][block]float64, (len(values)+block-1)/block)
	for i := range len(out) * block {
		out[i/block][i%block] = math.Inf(1)
		if i < len(values) {
			out[i/block][i%block] = values[i]
		}
	}
	return out
}

func lasts(in [][block]float64) []float64 {
	out := make([]float64, len(in))
	for i := range in {
		out[i] = in[i][block-1]
	}
	return out
}

func (c *cuts) len() int { return int(c.n) }

func (c *cuts) at(i int) float64 { return c.blocks[int(c.leaf)+i/block][i%block] }

// cells is the number of cells.
func (c *cuts) cells() int { return 2*int(c.n) + 1 }

// cell returns the cell of a number that is not NaN. A search on its own is over sooner with comparisons that need not wait for one
// another, though they are more.
func (c *cuts) cell(v float64) uint16 {
	at := int(c.middle)
	for i := range c.blocks[:c.middle] {
		at += allBelow(&c.blocks[i], v)
	}
	if at >= int(c.leaf) {
		return uint16(2 * c.n)
	}
	at = int(c.leaf) + (at-int(c.middle))*block + allBelow(&c.blocks[at], v)
	if at >= len(c.blocks) {
		return uint16(2 * c.n)
	}
	return c.in(at, allBelow(&c.blocks[at], v), v)
}

// search finds the cells of at most a batch of numbers, none of them NaN. The searches take turns, level by level, so that the
// processor does not wait for one after the other.
func (c *cuts) search(values []float64, cells *[batch]uint16) {
	var at [batch]int
	for i, v := range values {
		at[i&(batch-1)] = c.inTop(v)
	}
	for i, v := range values {
		at[i&(batch-1)] = c.inMiddle(at[i&(batch-1)], v)
	}
	for i, v := range values {
		cells[i&(batch-1)] = c.inLeaf(at[i&(batch-1)], v)
	}
}

// inTop returns the block of the middle level to go on in.
func (c *cuts) inTop(v float64) int {
	in := 0
	for i := range c.blocks[:c.middle-1] {
		in += less(c.blocks[i][block-1], v)
	}
	b := &c.blocks[in]
	return int(c.middle) + in*block + below(b, v) + less(b[block-1], v)
}

// inMiddle returns the leaf to go on in, given the block of the middle level.
func (c *cuts) inMiddle(at int, v float64) int {
	if at >= int(c.leaf) {
		return len(c.blocks)
	}
	return int(c.leaf) + (at-int(c.middle))*block + below(&c.blocks[at], v)
}

// inLeaf returns the cell, given the leaf.
func (c *cuts) inLeaf(at int, v float64) uint16 {
	if at >= len(c.blocks) {
		return uint16(2 * c.n)
	}
	return c.in(at, below(&c.blocks[at], v), v)
}

// in returns the cell, given the leaf and how many of its values are less.
func (c *cuts) in(at, inside int, v float64) uint16 {
	rank := (at-int(c.leaf))*block + inside
	if rank < int(c.n) && c.blocks[at][inside%block] == v {
		return uint16(2*rank + 1)
	}
	return uint16(2 * rank)
}

// below counts the values of a block that are less than v, but for the last: that is not less in a block that a search has come to.
func below(b *[block]float64, v float64) int {
	n := 4 * less(b[3], v)
	n += 2 * less(b[n+1], v)
	return n + less(b[n&(block-1)], v)
}

// allBelow counts the values of a block that are less than v.
func allBelow(b *[block]float64, v float64) int {
	return less(b[0], v) + less(b[1], v) + less(b[2], v) + less(b[3], v) +
		less(b[4], v) + less(b[5], v) + less(b[6], v) + less(b[7], v)
}

// less compiles to a comparison without a jump.
func less(a, b float64) int {
	n := 0
	if a < b {
		n = 1
	}
	return n
}
