// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import "math/bits"

// bitmap is a set of small non-negative integers. It grows when needed.
type bitmap []uint64

// add puts i into the set and reports whether it was absent.
func (b *bitmap) add(i int) bool {
	word, mask := i>>6, uint64(1)<<(i&63)
	if grow := word + 1 - len(*b); grow > 0 {
		*b = append(*b, make([]uint64, grow)...)
	}
	absent := (*b)[word]&mask == 0
	(*b)[word] |= mask
	return absent
}

// word returns the membership of the integers 64*i to 64*i+63, one bit each.
func (b bitmap) word(i int) uint64 {
	if i >= len(b) {
		return 0
	}
	return b[i]
}

// count returns the number of members that are less than end.
func (b bitmap) count(end int) int {
	n := 0
	for i := 0; i<<6 < end && i < len(b); i++ {
		n += bits.OnesCount64(b[i] & below(end-i<<6))
	}
	return n
}

// below returns a mask of the bits 0 to n-1.
func below(n int) uint64 {
	if n >= 64 {
		return ^uint64(0)
	}
	return uint64(1)<<n - 1
}
