// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"encoding/binary"
	"math"
	"time"
)

// Field is one of NVML's numbered values.
type Field struct {
	// ID is NVML's number, Scope a link or another part of the GPU, 0 by default.
	ID, Scope uint32
	// Value is in NVML's unit for the field.
	Value float64
	// Count is the value of a counter, and Bits says at how many bits it wraps.
	// Both are 0 for a value that is not an unsigned integer.
	Count uint64
	Bits  int
	// Latency is how long the driver says that the value took.
	Latency time.Duration
	// Err says why there is no value.
	Err error
}

// AllLinks is the Scope that adds up all NVLinks.
const AllLinks = math.MaxUint32

// The types of a field's value, as NVML numbers them.
const (
	typeDouble = iota
	typeUint32
	typeUnsignedLong
	typeUint64
	typeInt64
	typeInt32
	typeUint16
)

// decode reads the eight bytes of a field. What is no number that can be
// reported, such as the all-ones that stands for "not available", is ErrNoData.
func (f *Field) decode(valueType uint32, raw [8]byte) {
	bits := binary.NativeEndian.Uint64(raw[:])
	half, quarter := binary.NativeEndian.Uint32(raw[:]), binary.NativeEndian.Uint16(raw[:])
	f.Value, f.Count, f.Bits, f.Err = 0, 0, 0, nil
	switch valueType {
	case typeDouble:
		f.Value = math.Float64frombits(bits)
		if math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
			f.Value, f.Err = 0, ErrNoData
		}
	case typeUint32:
		f.count(uint64(half), 32)
	case typeUint16:
		f.count(uint64(quarter), 16)
	case typeUnsignedLong, typeUint64:
		if bits == math.MaxUint64 {
			f.Err = ErrNoData
			return
		}
		f.count(bits, 64)
	case typeInt64:
		f.Value = float64(int64(bits))
	case typeInt32:
		f.Value = float64(int32(half))
	default:
		f.Err = ErrNoData
	}
}

func (f *Field) count(value uint64, bits int) {
	f.Value, f.Count, f.Bits = float64(value), value, bits
}
