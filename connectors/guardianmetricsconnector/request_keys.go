// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// requestKey identifies the labels of requests within this process. Its secret is random, so that nobody can engineer labels
// with the same key. The chance that two combinations have it is 2^-64.
type requestKey struct{ hi, lo uint64 }

// keyedLabels are labels and their key.
type keyedLabels struct {
	requestLabels
	key requestKey
}

// requestKeys makes keys by NH, the universal hash of UMAC (Black et al., 1999), in words of 64 bits: the sum of the products of
// pairs of words, to each of which a word of the secret is added. It takes one multiplication per label, and none waits for another.
type requestKeys struct {
	secret [requestLabelCount + 1][2]uint64 // for each label, and for their lengths
	long   [2]maphash.Seed                  // of what stands for a label that is longer than two words
}

func newRequestKeys() *requestKeys {
	keys := &requestKeys{long: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for i := range keys.secret {
		for j := range keys.secret[i] {
			var random [8]byte
			_, _ = rand.Read(random[:]) // Never fails, as its documentation promises.
			keys.secret[i][j] = binary.LittleEndian.Uint64(random[:])
		}
	}
	return keys
}

// bitsPerLength are enough for the lengths up to two words and for one that stands for all the longest.
const bitsPerLength = 5

const _ = 64 - bitsPerLength*requestLabelCount // not negative: the lengths of all labels are one word

// of gives the key of labels.
func (k *requestKeys) of(labels *requestLabels) (key requestKey) {
	lengths := uint64(0)
	for i, label := range labels.all() {
		n := uint64(len(label))
		lengths = lengths<<bitsPerLength | min(n, 1<<bitsPerLength-1)
		switch {
		case n == 0:
		case n >= 8 && n <= 16:
			key.add(word64(label), word64(label[n-8:]), &k.secret[i])
		case n >= 4 && n < 8:
			key.add(uint64(word32(label)), uint64(word32(label[n-4:])), &k.secret[i])
		case n < 4:
			key.add(uint64(label[0])|uint64(label[n/2])<<8|uint64(label[n-1])<<16, 0, &k.secret[i])
		default:
			key.add(maphash.String(k.long[0], label), maphash.String(k.long[1], label), &k.secret[i])
		}
	}
	key.add(lengths, 0, &k.secret[requestLabelCount])
	return key
}

func (k *requestKey) add(first, second uint64, secret *[2]uint64) {
	hi, lo := bits.Mul64(first+secret[0], second+secret[1])
	var carry uint64
	k.lo, carry = bits.Add64(k.lo, lo, 0)
	k.hi, _ = bits.Add64(k.hi, hi, carry)
}

func word64(s string) uint64 { return uint64(word32(s)) | uint64(word32(s[4:]))<<32 }

func word32(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// hash gives the bits of a key in which the keys of a table differ.
func (k *requestKey) hash() uint64 { return k.hi ^ k.lo }
