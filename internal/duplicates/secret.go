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

// KeyOf returns the key of an identity: SipHash-2-4 with 128 bits of it (Aumasson and Bernstein 2012, and their reference
// implementation for the 128 bits).
func (s *Secret) KeyOf(identity []byte) (key Key) {
	k0, k1 := binary.LittleEndian.Uint64(s[:8]), binary.LittleEndian.Uint64(s[8:])
	h := sip{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	length := len(identity)
	for ; len(identity) >= 8; identity = identity[8:] {
		h = h.word(binary.LittleEndian.Uint64(identity))
	}
	last := uint64(length) << 56
	for i, b := range identity {
		last |= uint64(b) << (8 * i)
	}
	h = h.word(last)
	h.v2 ^= 0xee
	h = h.round().round().round().round()
	binary.LittleEndian.PutUint64(key[:8], h.v0^h.v1^h.v2^h.v3)
	h.v1 ^= 0xdd
	h = h.round().round().round().round()
	binary.LittleEndian.PutUint64(key[8:], h.v0^h.v1^h.v2^h.v3)
	return key
}

// sip is the state of SipHash.
type sip struct{ v0, v1, v2, v3 uint64 }

func (h sip) word(m uint64) sip {
	h.v3 ^= m
	h = h.round().round()
	h.v0 ^= m
	return h
}

func (h sip) round() sip {
	h.v0 += h.v1
	h.v2 += h.v3
	h.v1 = bits.RotateLeft64(h.v1, 13) ^ h.v0
	h.v3 = bits.RotateLeft64(h.v3, 16) ^ h.v2
	h.v0 = bits.RotateLeft64(h.v0, 32)
	h.v2 += h.v1
	h.v0 += h.v3
	h.v1 = bits.RotateLeft64(h.v1, 17) ^ h.v2
	h.v3 = bits.RotateLeft64(h.v3, 21) ^ h.v0
	h.v2 = bits.RotateLeft64(h.v2, 32)
	return h
}
