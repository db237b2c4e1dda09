// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// Secret makes keys in a quarter of the time that KeyOf takes, of which nobody who does not know it can make two the same.
// Keys that outlive the process need their Secret to do so too.
type Secret [16]byte

// NewSecret returns a random Secret.
func NewSecret() (s Secret) {
	_, _ = rand.Read(s[:]) // Never fails, as its documentation promises.
	return s
}

// KeyOf returns the key of an identity of a kind that consists of the given parts. Each part counts with its length. It is
// SipHash-1-3 with 128 bits (Aumasson and Bernstein 2012, and their reference implementation for the 128 bits) of the kind and,
// for each part, of its length as a varint and itself.
func (s *Secret) KeyOf(kind byte, parts ...string) Key {
	h, rest, length := s.sip(), uint64(kind), 1
	for _, part := range parts {
		size := uint64(len(part))
		for ; size >= 0x80; size >>= 7 {
			h, rest, length = h.add(rest, length, size&0x7f|0x80, 1)
		}
		h, rest, length = h.add(rest, length, size, 1)
		shift := 8 * (length & 7)
		for ; len(part) >= 8; part = part[8:] {
			w := word(part)
			h = h.word(rest | w<<shift)
			rest = w >> (64 - shift)
			length += 8
		}
		if len(part) > 0 {
			h, rest, length = h.add(rest, length, lastWord(part), len(part))
		}
	}
	return h.sum(rest, length)
}

// word is the first eight bytes of a string.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// lastWord is a string of fewer than eight bytes.
func lastWord(s string) (w uint64) {
	for i := range len(s) {
		w |= uint64(s[i]) << (8 * i)
	}
	return w
}

// sip is the state of SipHash. With it go the bytes that fill no word yet and the length in bytes of all. They are passed by value:
// so they stay in registers.
type sip struct{ v0, v1, v2, v3 uint64 }

func (s *Secret) sip() sip {
	k0, k1 := binary.LittleEndian.Uint64(s[:8]), binary.LittleEndian.Uint64(s[8:])
	return sip{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
}

// add adds the lowest n bytes of b, whose others are 0.
func (h sip) add(rest uint64, length int, b uint64, n int) (sip, uint64, int) {
	shift := 8 * (length & 7)
	rest |= b << shift
	length += n
	if shift+8*n >= 64 {
		h = h.word(rest)
		rest = b >> (64 - shift)
	}
	return h, rest, length
}

func (h sip) word(m uint64) sip {
	v0, v1, v2, v3 := round(h.v0, h.v1, h.v2, h.v3^m)
	return sip{v0 ^ m, v1, v2, v3}
}

func (h sip) sum(rest uint64, length int) (key Key) {
	h = h.word(uint64(length)<<56 | rest)
	h.v2 ^= 0xee
	h = h.last()
	binary.LittleEndian.PutUint64(key[:8], h.v0^h.v1^h.v2^h.v3)
	h.v1 ^= 0xdd
	h = h.last()
	binary.LittleEndian.PutUint64(key[8:], h.v0^h.v1^h.v2^h.v3)
	return key
}

func (h sip) last() sip {
	v0, v1, v2, v3 := round(h.v0, h.v1, h.v2, h.v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	return sip{v0, v1, v2, v3}
}

func round(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0, v1, v2, v3 = halfRound(v0, v1, v2, v3, 13, 16)
	v2, v1, v0, v3 = halfRound(v2, v1, v0, v3, 17, 21)
	return v0, v1, v2, v3
}

func halfRound(a, b, c, d uint64, i, j int) (uint64, uint64, uint64, uint64) {
	a += b
	c += d
	return bits.RotateLeft64(a, 32), bits.RotateLeft64(b, i) ^ a, c, bits.RotateLeft64(d, j) ^ c
}
