// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCodec(t *testing.T) {
	records := appendRecords(nil, numbered(7, 10), start)
	value := encodeRecords("piece-1", records)
	require.Len(t, value, 12+3*24+8)
	got, err := decodeRecords("piece-1", value)
	require.NoError(t, err)
	require.Equal(t, records, got)

	m := meta{segments: span{3, 120}, pieces: span{1 << 40, 1<<40 + 64}}
	decoded, err := decodeMeta(m.encode())
	require.NoError(t, err)
	require.Equal(t, m, decoded)
}

// TestCodecFindsDamage flips each bit and cuts at each byte.
func TestCodecFindsDamage(t *testing.T) {
	value := encodeRecords("piece-1", appendRecords(nil, numbered(0, 2), start))
	for i := range value {
		for bit := range 8 {
			damaged := bytes.Clone(value)
			damaged[i] ^= 1 << bit
			_, err := decodeRecords("piece-1", damaged)
			require.ErrorIs(t, err, errDamaged)
		}
		_, err := decodeRecords("piece-1", value[:i])
		require.ErrorIs(t, err, errDamaged)
	}
	_, err := decodeRecords("piece-2", value)
	require.ErrorIs(t, err, errDamaged, "under another name")
}

func TestCodecErrors(t *testing.T) {
	f := func(value []byte, want string) {
		t.Helper()
		_, err := decodeMeta(value)
		require.EqualError(t, err, want+": stored value is damaged")
	}
	newer := little.AppendUint32(little.AppendUint64(nil, magic), formatVersion+1)
	other := little.AppendUint32(little.AppendUint64(nil, magic+1), formatVersion)
	f(nil, "meta is missing")
	f([]byte{}, "meta has 0 bytes")
	f(make([]byte, 30), "checksum of meta does not match")
	f(seal(metaName, newer), "meta has magic 0x475541500a1a0044 and format version 2")
	f(seal(metaName, other), "meta has magic 0x475541500a1a0045 and format version 1")
	f(seal(metaName, begin(0)), "meta has a body of 0 bytes")
	f(meta{segments: span{2, 1}}.encode(), "meta has the ranges {{2 1} {0 0}}")
	f(meta{pieces: span{0, 1 << 63}}.encode(), "meta has the ranges {{0 0} {0 9223372036854775808}}")

	_, err := decodeRecords("piece-1", seal("piece-1", append(begin(1), 0)))
	require.EqualError(t, err, "piece-1 has 1 bytes of records: stored value is damaged")
}

// FuzzDecode shows that what verifies is what would be encoded.
func FuzzDecode(f *testing.F) {
	f.Add(encodeRecords("x", appendRecords(nil, numbered(0, 2), start)))
	f.Add(meta{}.encode())
	f.Fuzz(func(t *testing.T, value []byte) {
		if records, err := decodeRecords("x", value); err == nil {
			require.Equal(t, value, encodeRecords("x", records))
		}
		// As an attacker would, who can compute a checksum.
		value = seal(metaName, append(begin(len(value)), value...))
		if m, err := decodeMeta(value); err == nil {
			require.Equal(t, value, m.encode())
			require.LessOrEqual(t, m.segments.len(), maxSpan)
			require.LessOrEqual(t, m.pieces.len(), maxSpan)
		}
	})
}
