// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSecretIsSipHash uses the vectors of the authors' reference implementation (vectors_sip128): the secret is the bytes
// from 0 to 15, the identity the bytes from 0 on.
func TestSecretIsSipHash(t *testing.T) {
	var secret Secret
	identity := make([]byte, 64)
	for i := range identity {
		identity[i] = byte(i)
	}
	copy(secret[:], identity)
	for n, want := range map[int]string{
		0:  "a3817f04ba25a8e66df67214c7550293",
		1:  "da87c1d86b99af44347659119b22fc45",
		2:  "8177228da4a45dc7fca38bdef60affe4",
		15: "5493e99933b0a8117e08ec0f97cfc3d9",
	} {
		key := secret.KeyOf(identity[:n])
		require.Equal(t, want, hex.EncodeToString(key[:]), "%d bytes", n)
	}
}

func TestSecretTellsLengthsApart(t *testing.T) {
	secret, seen := NewSecret(), map[Key]int{}
	for n := range 64 {
		seen[secret.KeyOf(make([]byte, n))]++
	}
	require.Len(t, seen, 64)
	other := NewSecret()
	require.NotContains(t, seen, other.KeyOf(nil))
}

func BenchmarkKey(b *testing.B) {
	id := "request-0123456789abcdef"
	b.Run("secret", func(b *testing.B) {
		b.ReportAllocs()
		secret, identity := NewSecret(), []byte(id)
		for b.Loop() {
			secret.KeyOf(identity)
		}
	})
	b.Run("sha256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			KeyOf("request/event", id)
		}
	})
}
