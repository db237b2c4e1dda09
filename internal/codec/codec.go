// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package codec writes values in a compact binary form without types and names, and reads them again without trusting a byte. It is the
// form of references, and of every state that is kept over a restart.
package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Encoder appends values to a buffer in the compact binary form that [Decoder] reads. Values carry no type and no name:
// reader and writer agree on the order, and a changed order is a new schema version.
type Encoder struct{ buf []byte }

// NewEncoder returns an Encoder that appends to buf, which may be nil or a buffer to reuse.
func NewEncoder(buf []byte) *Encoder { return &Encoder{buf: buf} }

// Data returns everything in the buffer. It is valid until the next append.
func (e *Encoder) Data() []byte { return e.buf }

// Uvarint appends v in 1 to 10 bytes, small values in few.
func (e *Encoder) Uvarint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

// Varint appends v in 1 to 10 bytes, values near zero in few.
func (e *Encoder) Varint(v int64) { e.buf = binary.AppendVarint(e.buf, v) }

// Byte appends v.
func (e *Encoder) Byte(v byte) { e.buf = append(e.buf, v) }

// Uint32 appends v in 4 bytes.
func (e *Encoder) Uint32(v uint32) { e.buf = binary.LittleEndian.AppendUint32(e.buf, v) }

// Uint64 appends v in 8 bytes; use it for hashes and other values without small ones.
func (e *Encoder) Uint64(v uint64) { e.buf = binary.LittleEndian.AppendUint64(e.buf, v) }

// Float64 appends the 8 bytes of v, NaN and its payload included.
func (e *Encoder) Float64(v float64) { e.Uint64(math.Float64bits(v)) }

// Float64s appends a list with its length.
func (e *Encoder) Float64s(list []float64) {
	e.Count(len(list))
	for _, v := range list {
		e.Float64(v)
	}
}

// Uvarints appends a list with its length, each number in 1 to 10 bytes.
func (e *Encoder) Uvarints(list []uint64) {
	e.Count(len(list))
	for _, v := range list {
		e.Uvarint(v)
	}
}

// Bool appends v in one byte.
func (e *Encoder) Bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	e.Byte(b)
}

// Count appends the number of elements of the list that follows.
func (e *Encoder) Count(n int) { e.Uvarint(uint64(n)) }

// Bytes appends v with its length.
func (e *Encoder) Bytes(v []byte) {
	e.Count(len(v))
	e.buf = append(e.buf, v...)
}

// String appends v with its length.
func (e *Encoder) String(v string) {
	e.Count(len(v))
	e.buf = append(e.buf, v...)
}

// Decoding errors. They are returned by [Decoder.Err] and [Decoder.Finish].
var (
	// ErrDamaged is wrapped by the others.
	ErrDamaged = errors.New("data is damaged")
	// ErrTruncated means that the input ended inside a value, or that a length exceeds what is left of the input.
	ErrTruncated = fmt.Errorf("%w: it ends inside a value", ErrDamaged)
	// ErrInvalid means a value that is never written.
	ErrInvalid = fmt.Errorf("%w: it holds a value that is never written", ErrDamaged)
	// ErrTrailing means that input is left after the last value.
	ErrTrailing = fmt.Errorf("%w: more follows the last value", ErrDamaged)
)

// Decoder reads values that an [Encoder] wrote, in the same order. It never panics, whatever the input, and allocates nothing
// but the strings and lists it returns, whose elements all stand in the input. The first error sticks: from then on every method returns
// the zero value, so a caller may check [Decoder.Err] or [Decoder.Finish] once, at the end of each loop.
type Decoder struct {
	rest []byte
	err  error
}

// NewDecoder returns a Decoder that reads b and keeps references to it.
func NewDecoder(b []byte) *Decoder { return &Decoder{rest: b} }

// Err returns the first error, or nil.
func (d *Decoder) Err() error { return d.err }

// Remaining returns the number of bytes not read yet; 0 after an error.
func (d *Decoder) Remaining() int { return len(d.rest) }

// Finish returns the first error, or ErrTrailing if input is left.
func (d *Decoder) Finish() error {
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("%w: %d bytes", ErrTrailing, len(d.rest))
	}
	return d.err
}

// Require makes it an error, ErrInvalid, if something that must hold for the values read so far does not.
func (d *Decoder) Require(ok bool) {
	if !ok {
		d.fail(ErrInvalid)
	}
}

// Uvarint reads what [Encoder.Uvarint] wrote.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if !d.varint(n) {
		return 0
	}
	return v
}

// Below reads what [Encoder.Uvarint] wrote of a number that must be less than limit.
func (d *Decoder) Below(limit uint64) uint64 {
	v := d.Uvarint()
	if v >= limit {
		d.fail(ErrInvalid)
		return 0
	}
	return v
}

// Varint reads what [Encoder.Varint] wrote.
func (d *Decoder) Varint() int64 {
	v, n := binary.Varint(d.rest)
	if !d.varint(n) {
		return 0
	}
	return v
}

// varint consumes a varint of n bytes, where n is as encoding/binary returns it. Padded forms are refused, so that there is
// one encoding for each value.
func (d *Decoder) varint(n int) bool {
	switch {
	case n == 0:
		d.fail(ErrTruncated)
	case n < 0 || n > 1 && d.rest[n-1] == 0:
		d.fail(ErrInvalid)
	default:
		d.take(n)
		return true
	}
	return false
}

// Byte reads what [Encoder.Byte] wrote.
func (d *Decoder) Byte() byte {
	b := d.take(1)
	if b == nil {
		return 0
	}
	return b[0]
}

// Uint32 reads what [Encoder.Uint32] wrote.
func (d *Decoder) Uint32() uint32 {
	b := d.take(4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// Uint64 reads what [Encoder.Uint64] wrote.
func (d *Decoder) Uint64() uint64 {
	b := d.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// Float64 reads what [Encoder.Float64] wrote.
func (d *Decoder) Float64() float64 { return math.Float64frombits(d.Uint64()) }

// Finite reads what [Encoder.Float64] wrote of a number that must be neither NaN nor infinite.
func (d *Decoder) Finite() float64 {
	v := d.Float64()
	if v-v != 0 {
		d.fail(ErrInvalid)
		return 0
	}
	return v
}

// Finites reads what [Encoder.Float64s] wrote of numbers that must be neither NaN nor infinite.
func (d *Decoder) Finites() []float64 {
	list := make([]float64, d.Count(8))
	for i := range list {
		list[i] = d.Finite()
	}
	return list
}

// Uvarints reads what [Encoder.Uvarints] wrote.
func (d *Decoder) Uvarints() []uint64 {
	list := make([]uint64, d.Count(1))
	for i := range list {
		list[i] = d.Uvarint()
	}
	return list
}

// Bool reads what [Encoder.Bool] wrote.
func (d *Decoder) Bool() bool {
	v := d.Byte()
	d.Require(v <= 1)
	return v == 1
}

// Count reads what [Encoder.Count] wrote, for elements of at least elementBytes bytes each (at least 1): a count that the rest
// of the input cannot hold is ErrTruncated, so the caller may allocate for that many elements.
func (d *Decoder) Count(elementBytes int) int {
	n := d.Uvarint()
	if n > uint64(len(d.rest)/max(elementBytes, 1)) {
		d.fail(ErrTruncated)
		return 0
	}
	return int(n)
}

// Bytes reads what [Encoder.Bytes] wrote. The result refers to the input.
func (d *Decoder) Bytes() []byte { return d.take(d.Count(1)) }

// String reads what [Encoder.String] wrote. The result is a copy.
func (d *Decoder) String() string { return string(d.Bytes()) }

// take consumes n bytes, or fails and returns nil.
func (d *Decoder) take(n int) []byte {
	if d.err != nil || n > len(d.rest) {
		d.fail(ErrTruncated)
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}
