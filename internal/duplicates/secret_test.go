// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSecretIsSipHash uses the vectors of the authors' reference implementation (vectors_sip128): the secret is the bytes
// from 0 to 15, the message the bytes from 0 on.
func TestSecretIsSipHash(t *testing.T) {
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
		key := sipHashOf(&secret, message[:n])
		require.Equal(t, want, hex.EncodeToString(key[:]), "%d bytes", n)
	}
}

// sipHashOf takes the message byte by byte.
func sipHashOf(secret *Secret, message []byte) Key {
	h, rest, length := secret.sip(), uint64(0), 0
	for _, b := range message {
		h, rest, length = h.add(rest, length, uint64(b), 1)
	}
	return h.sum(rest, length)
}

func TestKeyOfIdentity(t *testing.T) {
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
		require.Equal(t, sipHashOf(&secret, message), secret.KeyOf(kind, parts...), "%q", parts)
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
