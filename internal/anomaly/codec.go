// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrDamaged means that encoded bytes are not what this package wrote.
var ErrDamaged = errors.New("anomaly data is damaged")

// ErrSettings means that a state was written with other settings or metrics than there are now.
var ErrSettings = errors.New("settings or metrics are others")

// encoder appends values in a compact form without names and types. It is the form of checkpoint.Encoder, which this room may
// not import.
type encoder struct{ buf []byte }

func (e *encoder) uvarint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) varint(v int64)   { e.buf = binary.AppendVarint(e.buf, v) }
func (e *encoder) count(n int)      { e.uvarint(uint64(n)) }

func (e *encoder) float(v float64) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(v))
}

func (e *encoder) uint32(v uint32) { e.buf = binary.LittleEndian.AppendUint32(e.buf, v) }

func (e *encoder) floats(list []float64) {
	e.count(len(list))
	for _, v := range list {
		e.float(v)
	}
}

func (e *encoder) bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	e.buf = append(e.buf, b)
}

func (e *encoder) string(v string) {
	e.count(len(v))
	e.buf = append(e.buf, v...)
}

// decoder reads what an encoder wrote. The first error sticks and makes every later value zero, so the end of the input is the
// place to look at it. It allocates nothing that the input does not hold.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) finish() error {
	d.require(len(d.rest) == 0)
	return d.err
}

func (d *decoder) require(ok bool) {
	if !ok && d.err == nil {
		d.err, d.rest = ErrDamaged, nil
	}
}

func (d *decoder) take(n int) []byte {
	d.require(d.err == nil && n <= len(d.rest))
	if d.err != nil {
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	return checked(d, v, n)
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	return checked(d, v, n)
}

// checked refuses padded forms too, so that a value has one encoding.
func checked[T int64 | uint64](d *decoder, v T, n int) T {
	d.require(n > 0 && (n == 1 || d.rest[n-1] != 0))
	if d.err != nil {
		return 0
	}
	d.take(n)
	return v
}

// below reads a number that must be less than limit.
func (d *decoder) below(limit uint64) uint64 {
	v := d.uvarint()
	d.require(v < limit)
	if d.err != nil {
		return 0
	}
	return v
}

// count reads the length of a list whose elements take at least size bytes each.
func (d *decoder) count(size int) int { return int(d.below(uint64(len(d.rest)/size) + 1)) }

func (d *decoder) float() float64 {
	b := d.take(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

func (d *decoder) uint32() uint32 {
	b := d.take(4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// floats reads a list of numbers.
func (d *decoder) floats() []float64 {
	list := make([]float64, d.count(8))
	for i := range list {
		list[i] = d.finite()
	}
	return list
}

// finite reads a float that is a number.
func (d *decoder) finite() float64 {
	v := d.float()
	d.require(!math.IsNaN(v) && !math.IsInf(v, 0))
	if d.err != nil {
		return 0
	}
	return v
}

// float32 reads a number that fits into 32 bits.
func (d *decoder) float32() float32 {
	v := d.finite()
	d.require(float64(float32(v)) == v)
	return float32(v)
}

func (d *decoder) bool() bool {
	b := d.take(1)
	d.require(len(b) == 1 && b[0] <= 1)
	return d.err == nil && b[0] == 1
}

func (d *decoder) string() string { return string(d.take(d.count(1))) }
