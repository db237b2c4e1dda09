// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testHeader() header {
	return header{
		owner: "Processor drift/eu state", schema: math.MaxUint32, generation: 7, savedAt: time.Unix(1_700_000_000, 5),
		length: 3*maxChunkBytes + 1, chunkBytes: maxChunkBytes, checksum: 0x0102030405060708,
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	h := testHeader()
	got, err := parseHeader(h.encode())
	require.NoError(t, err)
	require.Equal(t, h, got)
	require.Equal(t, 4, got.chunks())
}

func TestHeaderRefusesEveryBitFlip(t *testing.T) {
	h := testHeader()
	good := h.encode()
	for i := range len(good) * 8 {
		bad := append([]byte(nil), good...)
		bad[i/8] ^= 1 << (i % 8)
		_, err := parseHeader(bad)
		require.ErrorIs(t, err, errDamaged)
	}
	for i := range good {
		_, err := parseHeader(good[:i])
		require.ErrorIs(t, err, errDamaged)
	}
}

func TestHeaderRefusesFields(t *testing.T) {
	f := func(change func(*header)) {
		t.Helper()
		h := testHeader()
		change(&h)
		_, err := parseHeader(h.encode())
		require.ErrorIs(t, err, errDamaged)
	}
	f(func(h *header) { h.generation = 0 })
	f(func(h *header) { h.length = maxBlobBytes + 1 })
	f(func(h *header) { h.chunkBytes = 0 })
	f(func(h *header) { h.chunkBytes = math.MaxUint64 })
}

// FuzzParseHeader puts a right checksum on any bytes: what is accepted then is exactly what encode writes.
func FuzzParseHeader(f *testing.F) {
	h := testHeader()
	good := h.encode()
	f.Add(good[:len(good)-checksumBytes])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		b := binary.LittleEndian.AppendUint64(append([]byte(nil), body...), checksum(body))
		h, err := parseHeader(b)
		if err != nil {
			require.ErrorIs(t, err, errDamaged)
			return
		}
		require.Equal(t, b, h.encode())
		require.LessOrEqual(t, h.length, uint64(maxBlobBytes))
		require.GreaterOrEqual(t, uint64(h.chunks())*h.chunkBytes, h.length)
	})
}
