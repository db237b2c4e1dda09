// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The form is that of what was saved before, byte for byte.
func TestForm(t *testing.T) {
	f := func(want string, write func(*Encoder)) {
		t.Helper()
		e := NewEncoder(nil)
		write(e)
		assert.Equal(t, want, hex.EncodeToString(e.Data()))
	}
	f("ff", func(e *Encoder) { e.Byte(255) })
	f("ac02", func(e *Encoder) { e.Uvarint(300) })
	f("09", func(e *Encoder) { e.Varint(-5) })
	f("04030201", func(e *Encoder) { e.Uint32(0x01020304) })
	f("0807060504030201", func(e *Encoder) { e.Uint64(0x0102030405060708) })
	f("000000000000f83f", func(e *Encoder) { e.Float64(1.5) })
	f("02000000000000f83f0000000000000080", func(e *Encoder) { e.Float64s([]float64{1.5, math.Copysign(0, -1)}) })
	f("02ac0200", func(e *Encoder) { e.Uvarints([]uint64{300, 0}) })
	f("0100", func(e *Encoder) { e.Bool(true); e.Bool(false) })
	f("02c3a4", func(e *Encoder) { e.String("ä") })
	f("020102", func(e *Encoder) { e.Bytes([]byte{1, 2}) })
	f("ac02", func(e *Encoder) { e.Count(300) })
}

func TestCodecRoundTrip(t *testing.T) {
	nan := math.Float64frombits(0x7ff8dead00000001)
	e := NewEncoder([]byte("prefix"))
	for _, v := range []uint64{0, 1, 127, 128, math.MaxUint64} {
		e.Uvarint(v)
		e.Uint64(v)
	}
	for _, v := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		e.Varint(v)
	}
	for _, v := range []float64{0, math.Copysign(0, -1), math.Inf(-1), nan, math.SmallestNonzeroFloat64} {
		e.Float64(v)
	}
	e.Bool(true)
	e.Bool(false)
	e.Count(2)
	e.String("größe\xff")
	e.String("")
	e.Bytes([]byte{1, 2})
	e.Bytes(nil)
	e.Uint32(math.MaxUint32)
	e.Uvarint(7)
	e.Float64(math.MaxFloat64)
	e.Float64s([]float64{-1, 0, 1})
	e.Float64s(nil)
	e.Uvarints([]uint64{1, 300})
	e.Uvarints(nil)
	e.Byte(200)

	d := NewDecoder(e.Data()[len("prefix"):])
	for _, v := range []uint64{0, 1, 127, 128, math.MaxUint64} {
		assert.Equal(t, v, d.Uvarint())
		assert.Equal(t, v, d.Uint64())
	}
	for _, v := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		assert.Equal(t, v, d.Varint())
	}
	for _, v := range []float64{0, math.Copysign(0, -1), math.Inf(-1), nan, math.SmallestNonzeroFloat64} {
		assert.Equal(t, math.Float64bits(v), math.Float64bits(d.Float64()))
	}
	assert.True(t, d.Bool())
	assert.False(t, d.Bool())
	assert.Equal(t, 2, d.Count(1))
	assert.Equal(t, "größe\xff", d.String())
	assert.Empty(t, d.String())
	assert.Equal(t, []byte{1, 2}, d.Bytes())
	assert.Empty(t, d.Bytes())
	assert.Equal(t, uint32(math.MaxUint32), d.Uint32())
	assert.EqualValues(t, 7, d.Below(8))
	assert.Equal(t, math.MaxFloat64, d.Finite())
	assert.Equal(t, []float64{-1, 0, 1}, d.Finites())
	assert.Empty(t, d.Finites())
	assert.Equal(t, []uint64{1, 300}, d.Uvarints())
	assert.Empty(t, d.Uvarints())
	assert.EqualValues(t, 200, d.Byte())
	d.Require(true)
	assert.Zero(t, d.Remaining())
	require.NoError(t, d.Finish())
}

func TestDecoderErrors(t *testing.T) {
	f := func(input []byte, want error, read func(*Decoder)) {
		t.Helper()
		d := NewDecoder(input)
		read(d)
		require.ErrorIs(t, d.Finish(), want)
		require.ErrorIs(t, d.Err(), want)
		require.ErrorIs(t, d.Err(), ErrDamaged)
		// The error sticks, and nothing but zero values come out.
		require.Zero(t, d.Uvarint())
		require.Zero(t, d.Varint())
		require.Zero(t, d.Float64())
		require.Zero(t, d.Byte())
		require.Zero(t, d.Uint32())
		require.Zero(t, d.Below(1))
		require.Zero(t, d.Finite())
		require.Empty(t, d.Finites())
		require.Empty(t, d.Uvarints())
		d.Require(false)
		require.False(t, d.Bool())
		require.Empty(t, d.String())
		require.Nil(t, d.Bytes())
		require.Zero(t, d.Count(1))
		require.ErrorIs(t, d.Finish(), want)
	}
	f(nil, ErrTruncated, func(d *Decoder) { d.Uvarint() })
	f([]byte{0x80}, ErrTruncated, func(d *Decoder) { d.Varint() })
	f([]byte{0x80, 0}, ErrInvalid, func(d *Decoder) { d.Uvarint() })
	f([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, ErrInvalid, func(d *Decoder) { d.Uvarint() })
	f(make([]byte, 7), ErrTruncated, func(d *Decoder) { d.Uint64() })
	f(make([]byte, 3), ErrTruncated, func(d *Decoder) { d.Uint32() })
	f([]byte{2}, ErrInvalid, func(d *Decoder) { d.Bool() })
	f([]byte{8}, ErrInvalid, func(d *Decoder) { d.Below(8) })
	f([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f}, ErrInvalid, func(d *Decoder) { d.Finite() })
	f([]byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, ErrInvalid, func(d *Decoder) { d.Finite() })
	f([]byte{1, 0, 0, 0, 0, 0, 0, 0xf0, 0xff}, ErrInvalid, func(d *Decoder) { d.Finites() })
	f([]byte{2, 0, 0, 0, 0, 0, 0, 0, 0}, ErrTruncated, func(d *Decoder) { d.Finites() })
	f([]byte{1}, ErrInvalid, func(d *Decoder) { d.Require(d.Uvarint() == 0) })
	f([]byte{2, 'a'}, ErrTruncated, func(d *Decoder) { _ = d.String() })
	f([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 'a'}, ErrTruncated, func(d *Decoder) { d.Bytes() })
	f([]byte{3, 0, 0, 0, 0, 0}, ErrTruncated, func(d *Decoder) { d.Count(2) })
	f([]byte{0}, ErrTrailing, func(*Decoder) {})
}

// FuzzDecoder reads any input in any order of types. It never panics, it never allocates more than the input, and what
// was read without an error is what an Encoder writes for it.
func FuzzDecoder(f *testing.F) {
	e := NewEncoder(nil)
	e.Uvarint(300)
	e.Varint(-5)
	e.Uint64(1)
	e.Float64(1.5)
	e.Bool(true)
	e.Bytes([]byte("abc"))
	e.String("def")
	e.Count(0)
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7}, e.Data())
	f.Add([]byte{8, 9, 10, 11, 12}, []byte{1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{5, 6}, []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, types, input []byte) {
		d, e := NewDecoder(input), NewEncoder(nil)
		for _, typ := range types {
			switch typ % 14 {
			case 0:
				e.Uvarint(d.Uvarint())
			case 1:
				e.Varint(d.Varint())
			case 2:
				e.Uint64(d.Uint64())
			case 3:
				e.Float64(d.Float64())
			case 4:
				e.Bool(d.Bool())
			case 5:
				b := d.Bytes()
				require.LessOrEqual(t, cap(b), len(input))
				e.Bytes(b)
			case 6:
				e.String(d.String())
			case 7:
				n := d.Count(3)
				require.LessOrEqual(t, 3*n, d.Remaining())
				e.Count(n)
			case 8:
				e.Uint32(d.Uint32())
			case 9:
				n := d.Below(1000)
				require.Less(t, n, uint64(1000))
				e.Uvarint(n)
			case 10:
				v := d.Finite()
				require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
				e.Float64(v)
			case 11:
				e.Float64s(d.Finites())
			case 12:
				list := d.Uvarints()
				require.LessOrEqual(t, len(list), len(input))
				e.Uvarints(list)
			case 13:
				e.Byte(d.Byte())
			}
			if d.Err() != nil {
				require.Zero(t, d.Remaining())
				return
			}
		}
		require.Equal(t, input[:len(input)-d.Remaining()], append([]byte{}, e.Data()...))
	})
}
