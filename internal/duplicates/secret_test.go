// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReferenceIsSipHash uses the vectors of the authors' reference implementation (vectors_sip128), which are of SipHash-2-4: the
// secret is the bytes from 0 to 15, the message the bytes from 0 on.
func TestReferenceIsSipHash(t *testing.T) {
	var secret Secret
	message := make([]byte, 64)
	for i := range message {
		message[i] = byte(i)
	}
	copy(secret[:], message)
	for n, want := range map[int]string{
		0:  "a3817f04ba25a8e66df67214c7550293",
		1:  "da87c1d86b99af44347659119b22fc45",
		2:  "8177228da4a45dc7fca38bdef60affe4",
		15: "5493e99933b0a8117e08ec0f97cfc3d9",
	} {
		key := reference(2, 4, secret, message[:n])
		require.Equal(t, want, hex.EncodeToString(key[:]), "%d bytes", n)
	}
}

// reference is SipHash as the paper has it, with as many rounds per word and at the end as are asked for.
func reference(perWord, atEnd int, secret Secret, message []byte) (key Key) {
	k0, k1 := binary.LittleEndian.Uint64(secret[:8]), binary.LittleEndian.Uint64(secret[8:])
	v := [4]uint64{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	rounds := func(n int) {
		for range n {
			v[0] += v[1]
			v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
			v[0] = bits.RotateLeft64(v[0], 32)
			v[2] += v[3]
			v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
			v[0] += v[3]
			v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
			v[2] += v[1]
			v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
			v[2] = bits.RotateLeft64(v[2], 32)
		}
	}
	padded := slices.Concat(message, make([]byte, 8-len(message)%8))
	padded[len(padded)-1] = byte(len(message))
	for word := range slices.Chunk(padded, 8) {
		v[3] ^= binary.LittleEndian.Uint64(word)
		rounds(perWord)
		v[0] ^= binary.LittleEndian.Uint64(word)
	}
	v[2] ^= 0xee
	rounds(atEnd)
	binary.LittleEndian.PutUint64(key[:8], v[0]^v[1]^v[2]^v[3])
	v[1] ^= 0xdd
	rounds(atEnd)
	binary.LittleEndian.PutUint64(key[8:], v[0]^v[1]^v[2]^v[3])
	return key
}

func TestKeyIsSipHash(t *testing.T) {
	secret, rng := NewSecret(), rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		kind := byte(rng.Uint32())
		message, parts := []byte{kind}, make([]string, rng.IntN(4))
		for i := range parts {
			part := make([]byte, rng.IntN(300)>>rng.IntN(6))
			for j := range part {
				part[j] = byte(rng.Uint32())
			}
			parts[i] = string(part)
			message = append(binary.AppendUvarint(message, uint64(len(part))), part...)
		}
		require.Equal(t, reference(1, 3, secret, message), secret.KeyOf(kind, parts...), "%q", parts)
	}
}

func TestSecretTellsIdentitiesApart(t *testing.T) {
	secret, seen := NewSecret(), map[Key]int{}
	for n := range 64 {
		seen[secret.KeyOf(0, string(make([]byte, n)))]++
		seen[secret.KeyOf(0, string(make([]byte, n)), "")]++
	}
	seen[secret.KeyOf(0)]++
	seen[secret.KeyOf(1)]++
	require.Len(t, seen, 130)
	other := NewSecret()
	require.NotContains(t, seen, other.KeyOf(0))
}

func BenchmarkKey(b *testing.B) {
	id := "request-0123456789abcdef"
	b.Run("secret", func(b *testing.B) {
		b.ReportAllocs()
		secret := NewSecret()
		for b.Loop() {
			secret.KeyOf(1, id)
		}
	})
	b.Run("sha256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			KeyOf("request/event", id)
		}
	})
}
