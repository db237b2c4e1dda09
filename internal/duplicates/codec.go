// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
)

// Every stored value is a header of 12 bytes, a body and a checksum of 8 bytes, all little-endian.
const (
	magic         = 0x4755_4150_0a1a_0044 // "GUAP", bytes that text conversions change, "D".
	formatVersion = 1
	headerBytes   = 12
	checksumBytes = 8
)

// errDamaged marks a stored value that does not verify.
var errDamaged = errors.New("stored value is damaged")

var (
	little   = binary.LittleEndian
	crcTable = crc64.MakeTable(crc64.ECMA)
)

// checksum covers the name, so that a value that turns up under another name does not verify.
func checksum(name string, b []byte) uint64 {
	return crc64.Update(crc64.Checksum([]byte(name), crcTable), crcTable, b)
}

// seal makes a value of a body that begin has started.
func seal(name string, b []byte) []byte { return little.AppendUint64(b, checksum(name, b)) }

func begin(bodyBytes int) []byte {
	b := make([]byte, 0, headerBytes+bodyBytes+checksumBytes)
	return little.AppendUint32(little.AppendUint64(b, magic), formatVersion)
}

// unseal returns the body of a value. The error wraps errDamaged.
func unseal(name string, b []byte) ([]byte, error) {
	if b == nil {
		return nil, fmt.Errorf("%s is missing: %w", name, errDamaged)
	}
	if len(b) < headerBytes+checksumBytes {
		return nil, fmt.Errorf("%s has %d bytes: %w", name, len(b), errDamaged)
	}
	sealed := b[:len(b)-checksumBytes]
	if little.Uint64(b[len(sealed):]) != checksum(name, sealed) {
		return nil, fmt.Errorf("checksum of %s does not match: %w", name, errDamaged)
	}
	if m, v := little.Uint64(b), little.Uint32(b[8:]); m != magic || v != formatVersion {
		return nil, fmt.Errorf("%s has magic %#x and format version %d: %w", name, m, v, errDamaged)
	}
	return sealed[headerBytes:], nil
}

func encodeRecords(name string, records []record) []byte {
	b := begin(len(records) * recordBytes)
	for _, r := range records {
		b = appendRecord(b, r)
	}
	return seal(name, b)
}

func decodeRecords(name string, value []byte) ([]record, error) {
	body, err := unseal(name, value)
	if err != nil {
		return nil, err
	}
	if len(body)%recordBytes != 0 {
		return nil, fmt.Errorf("%s has %d bytes of records: %w", name, len(body), errDamaged)
	}
	return parseRecords(body), nil
}

// span is a range of numbers from first to before next.
type span struct{ first, next uint64 }

// maxSpan is far above what MaxLimit needs.
const maxSpan = 1 << 20

func (s span) len() int { return int(s.next - s.first) }

func (s span) valid() bool { return s.first <= s.next && s.next-s.first <= maxSpan }

// meta says which values there are.
type meta struct{ segments, pieces span }

const metaName = "meta"

func (m meta) encode() []byte {
	b := begin(32)
	for _, n := range []uint64{m.segments.first, m.segments.next, m.pieces.first, m.pieces.next} {
		b = little.AppendUint64(b, n)
	}
	return seal(metaName, b)
}

func decodeMeta(value []byte) (meta, error) {
	body, err := unseal(metaName, value)
	if err != nil {
		return meta{}, err
	}
	if len(body) != 32 {
		return meta{}, fmt.Errorf("%s has a body of %d bytes: %w", metaName, len(body), errDamaged)
	}
	m := meta{
		segments: span{little.Uint64(body), little.Uint64(body[8:])},
		pieces:   span{little.Uint64(body[16:]), little.Uint64(body[24:])},
	}
	if !m.segments.valid() || !m.pieces.valid() {
		return meta{}, fmt.Errorf("%s has the ranges %v: %w", metaName, m, errDamaged)
	}
	return m, nil
}
