// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"errors"
	"fmt"
	"hash/crc64"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	headerMagic   = 0x47434b5054000a1a // "GCKPT", then bytes that text conversions change
	formatVersion = 1
	checksumBytes = 8
	maxBlobBytes  = 1 << 30
)

// errDamaged marks stored data that does not verify.
var errDamaged = errors.New("stored data is damaged")

// crcTable is CRC-64: at a gigabyte a second on any processor it costs little beside the disk, and 64 bits leave no room for
// a wrong state to pass by chance.
var crcTable = crc64.MakeTable(crc64.ECMA)

func checksum(b []byte) uint64 { return crc64.Checksum(b, crcTable) }

// header describes one stored blob. The zero header means that nothing is stored.
type header struct {
	owner      string
	schema     uint32
	generation uint64 // from 1
	savedAt    time.Time
	length     uint64
	chunkBytes uint64
	checksum   uint64
}

// chunks returns the number of chunks that the blob is stored in.
func (h *header) chunks() int {
	if h.length == 0 {
		return 0
	}
	return int((h.length-1)/h.chunkBytes + 1)
}

func (h *header) encode() []byte {
	e := codec.NewEncoder(nil)
	e.Uint64(headerMagic)
	e.Uvarint(formatVersion)
	e.String(h.owner)
	e.Uvarint(uint64(h.schema))
	e.Uvarint(h.generation)
	e.Varint(h.savedAt.UnixNano())
	e.Uvarint(h.length)
	e.Uvarint(h.chunkBytes)
	e.Uint64(h.checksum)
	e.Uint64(checksum(e.Data()))
	return e.Data()
}

// parseHeader is the inverse of encode. Every error wraps errDamaged.
func parseHeader(b []byte) (header, error) {
	if len(b) < checksumBytes {
		return header{}, fmt.Errorf("header of %d bytes: %w", len(b), errDamaged)
	}
	body := b[:len(b)-checksumBytes]
	if codec.NewDecoder(b[len(body):]).Uint64() != checksum(body) {
		return header{}, fmt.Errorf("header checksum mismatch: %w", errDamaged)
	}
	d := codec.NewDecoder(body)
	magic, version := d.Uint64(), d.Uvarint()
	if magic != headerMagic || version != formatVersion {
		return header{}, fmt.Errorf("unknown header magic %#x or format version %d: %w", magic, version, errDamaged)
	}
	h := header{owner: d.String()}
	schema := d.Uvarint()
	h.schema = uint32(schema)
	h.generation = d.Uvarint()
	h.savedAt = time.Unix(0, d.Varint())
	h.length = d.Uvarint()
	h.chunkBytes = d.Uvarint()
	h.checksum = d.Uint64()
	if err := d.Finish(); err != nil {
		return header{}, fmt.Errorf("header: %w: %w", err, errDamaged)
	}
	if schema != uint64(h.schema) || h.generation == 0 || h.length > maxBlobBytes || h.chunkBytes == 0 || h.chunkBytes > maxBlobBytes {
		return header{}, fmt.Errorf("header field out of range: %w", errDamaged)
	}
	return h, nil
}
