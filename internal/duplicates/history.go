// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"

	"github.com/llm-guardian/otelcol-guardian/internal/prefetch"
)

// history is the queue of the keys that are done, with an index from key to entry.
//
// The index is a hash table of lines, each as long as a line of the processor's caches: a key is in the line that its hash
// names or, if that was full, in one of the next. A cell holds half of a hash beside the position, so that most keys that are
// absent are told from those that are there without a look at the queue, and so that growing needs no look at it either. A cell
// whose position the queue has left behind is free: to forget a key is to pop it from the queue.
// The hash is seeded per process: nobody can send keys that fall into the same lines.
type history struct {
	fifo
	seed  Key
	lines []line // a power of two
	used  int    // entries that can be found
}

// line is 64 bytes.
type line struct {
	cells [lineCells]cell
	// spill is the newest entry that found the line full and went on to the next. While it is in the queue, searches go on too.
	spill cell
}

// cell is a position in the queue. Its hash is 0 if it holds none.
type cell struct{ hash, pos uint32 }

const (
	lineCells = 7
	minLines  = 1 << 7
	occupied  = 1 << 31
	// superseded is the time of an entry that cannot be found because its key was committed again. It lies before all others.
	superseded = math.MinInt64 / 2
)

func newHistory() history {
	h := history{lines: make([]line, minLines)}
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

// line returns a line by its number, which begins again after the last one.
func (h *history) line(number uint32) *line { return &h.lines[number&uint32(len(h.lines)-1)] }

// holds says whether the position of a cell is in the queue.
func (h *history) holds(c cell) bool { return c.hash != 0 && c.pos-h.head < h.tail-h.head }

// expect prefetches what adding keys will read: the lines where searches for them begin, and the oldest entries, which make room.
func (h *history) expect(keys []Key) {
	for i := range keys {
		prefetch.Lines(unsafe.Pointer(h.line(h.hash(&keys[i]))), 1)
	}
	for i := 0; i < min(len(keys), h.len()); i += entriesPerLine {
		prefetch.Lines(unsafe.Pointer(h.at(h.head+uint32(i))), 1)
	}
}

// entriesPerLine are no more than a line of the processor's caches holds.
const entriesPerLine = 2

// find returns the cell of a key, nil if there is none. It is valid until the next add.
func (h *history) find(key *Key, hash uint32) *cell {
	for number := hash; ; number++ {
		l := h.line(number)
		if c := h.among(&l.cells, key, hash); c != nil {
			return c
		}
		if !h.holds(l.spill) {
			return nil
		}
	}
}

// among returns the cell of a key among those of a line, nil if there is none.
func (h *history) among(cells *[lineCells]cell, key *Key, hash uint32) *cell {
	if cells[0].hash != hash && cells[1].hash != hash && cells[2].hash != hash && cells[3].hash != hash &&
		cells[4].hash != hash && cells[5].hash != hash && cells[6].hash != hash {
		return nil
	}
	for i := range cells {
		if c := &cells[i]; c.hash == hash && h.holds(*c) && h.at(c.pos).key == *key {
			return c
		}
	}
	return nil
}

// entry returns the entry of a key, nil if there is none. It is valid until it is popped.
func (h *history) entry(key *Key) *entry {
	c := h.find(key, h.hash(key))
	if c == nil {
		return nil
	}
	return h.at(c.pos)
}

// supersede makes an entry one that cannot be found. It stays in the queue.
func (h *history) supersede(c *cell) {
	h.at(c.pos).at = superseded
	c.hash = 0
	h.used--
}

// add adds an entry whose key cannot be found.
func (h *history) add(hash uint32, e entry) {
	if h.used >= len(h.lines)*maxLoad/2 {
		h.grow()
	}
	h.place(cell{hash, h.tail})
	h.push(e)
	h.used++
}

// maxLoad is how many cells of two lines are used before the table grows. One line in ten spills then.
const maxLoad = 9

// place puts a cell where searches look for it.
func (h *history) place(c cell) {
	for number := c.hash; ; number++ {
		l := h.line(number)
		if i := h.free(l); i < lineCells {
			l.cells[i] = c
			return
		}
		if !h.holds(l.spill) || l.spill.pos-h.head < c.pos-h.head {
			l.spill = c
		}
	}
}

// free returns the first cell of a line that holds nothing in the queue, lineCells if there is none. Which it is can be
// anything, so that a branch for each cell would often be mispredicted: there is none.
func (h *history) free(l *line) int {
	queued, used := uint64(h.tail-h.head), uint32(0)
	for i, c := range l.cells {
		isQueued := (uint64(c.pos-h.head) - queued) >> 63
		used |= uint32(isQueued) & (c.hash / occupied) << i
	}
	return bits.TrailingZeros32(^used)
}

func (h *history) grow() {
	old := h.lines
	h.lines = make([]line, 2*len(old))
	for i := range old {
		for _, c := range old[i].cells {
			if h.holds(c) {
				h.place(c)
			}
		}
	}
}

// forget pops the oldest entry, and says whether it was one that could be found.
func (h *history) forget() bool {
	current := h.at(h.head).at != superseded
	if current {
		h.used--
	}
	h.pop()
	return current
}
