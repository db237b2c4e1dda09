// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

// entry is a key that is done.
type entry struct {
	key Key
	at  int64 // nanoseconds since the table's epoch
}

// chunkEntries divides 2^32, so that positions may wrap.
const chunkEntries = 4096

// fifo is a queue of entries in order of commit. An entry keeps its position until it is popped. Memory comes and goes in
// chunks of 96 KiB: a queue that grows is never copied.
type fifo struct {
	chunks     []*[chunkEntries]entry
	spare      *[chunkEntries]entry
	head, tail uint32 // positions of the oldest entry and after the newest; they wrap
}

func (f *fifo) len() int { return int(f.tail - f.head) }

// at returns the entry at a position between head and tail.
func (f *fifo) at(pos uint32) *entry {
	offset := pos - f.head&^(chunkEntries-1)
	return &f.chunks[offset/chunkEntries][offset%chunkEntries]
}

// push returns the position of the new entry.
func (f *fifo) push(e entry) uint32 {
	pos := f.tail
	if used := pos - f.head&^(chunkEntries-1); int(used/chunkEntries) == len(f.chunks) {
		f.chunks = append(f.chunks, f.chunk())
	}
	f.tail++
	*f.at(pos) = e
	return pos
}

func (f *fifo) chunk() *[chunkEntries]entry {
	if f.spare == nil {
		return new([chunkEntries]entry)
	}
	chunk := f.spare
	f.spare = nil
	return chunk
}

// pop removes the oldest entry of a queue that is not empty.
func (f *fifo) pop() {
	f.head++
	if f.head%chunkEntries == 0 {
		f.spare, f.chunks[0] = f.chunks[0], nil
		f.chunks = f.chunks[1:]
	}
}
