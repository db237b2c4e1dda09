// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "github.com/llm-guardian/otelcol-guardian/internal/codec"

// counts are the values of a window by cell. As long as that takes less memory, it is the list of their cells, 2 B each.
type counts struct {
	list  []uint16
	dense []uint32 // by cell, once the list would take more
}

func (c *counts) add(cell uint16, cells int) {
	if c.dense != nil {
		c.dense[cell]++
		return
	}
	if len(c.list) >= 2*cells {
		c.spread(cells)
		c.dense[cell]++
		return
	}
	c.list = append(c.list, cell)
}

// addAll is add for many cells.
func (c *counts) addAll(added []uint16, cells int) {
	if room := 2*cells - len(c.list); c.dense == nil && room >= len(added) {
		c.list = append(c.list, added...)
		return
	}
	for _, cell := range added {
		c.add(cell, cells)
	}
}

func (c *counts) spread(cells int) {
	dense := make([]uint32, cells)
	c.addTo(dense)
	c.list, c.dense = nil, dense
}

// addTo adds the counts to those of sum.
func (c *counts) addTo(sum []uint32) {
	for _, cell := range c.list {
		sum[cell]++
	}
	for cell, n := range c.dense {
		sum[cell] += n
	}
}

// reset keeps the memory, since the next window will likely be as large.
func (c *counts) reset() {
	c.list = c.list[:0]
	clear(c.dense)
}

func (c *counts) encode(e *codec.Encoder) {
	e.Bool(c.dense != nil)
	if c.dense != nil {
		for _, n := range c.dense {
			e.Uvarint(uint64(n))
		}
		return
	}
	e.Count(len(c.list))
	for _, cell := range c.list {
		e.Uvarint(uint64(cell))
	}
}

func decodeCounts(d *codec.Decoder, cells int) counts {
	if d.Bool() {
		dense := make([]uint32, cells)
		for i := range dense {
			dense[i] = uint32(d.Below(1 << 32))
		}
		return counts{dense: dense}
	}
	list := make([]uint16, d.Count(1))
	d.Require(len(list) <= 2*cells)
	for i := range list {
		list[i] = uint16(d.Below(uint64(cells)))
	}
	return counts{list: list}
}
