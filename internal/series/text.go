// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

// text is anything that holds the bytes of a string, so that data and encoded labels are hashed by the same code.
type text interface{ string | []byte }

// hashString hashes the bytes of s, sixteen at a time, into both halves of a key at once; hash/maphash would take two
// passes and more than twice the time. Nobody can choose strings that collide without knowledge of the secrets: every word
// meets a secret before it is multiplied, and strings of different lengths begin at different secrets.
func hashString[T text](s T) Key { return hashOn(secret.text, s) }

// hashOn hashes s from a secret, or from the hash of something, on.
func hashOn[T text](from Key, s T) Key {
	n := uint64(len(s))
	h := Key{from.hi + n*secret.length.hi, from.lo + n*secret.length.lo}
	for len(s) > 16 {
		h = h.thenWords(word64(s[:8]), word64(s[8:16]))
		s = s[16:]
	}
	// What is left is covered by two words, which overlap unless it is full length.
	switch n := len(s); {
	case n >= 8:
		return h.thenWords(word64(s[:8]), word64(s[n-8:]))
	case n >= 4:
		return h.thenWords(word32(s[:4]), word32(s[n-4:]))
	case n > 0:
		return h.thenWords(uint64(s[0])<<16|uint64(s[n/2])<<8|uint64(s[n-1]), 0)
	default:
		return h.thenWords(0, 0)
	}
}

// thenWords appends two words to a sequence.
func (k Key) thenWords(first, second uint64) Key {
	return Key{
		fold(first^secret.words.hi, second^k.hi),
		fold(first^secret.words.lo, second^k.lo),
	}
}

func word64[T text](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func word32[T text](s T) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
