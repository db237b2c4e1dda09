// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
		// The error sticks, and nothing but zero values come out.
		require.Zero(t, d.Uvarint())
		require.Zero(t, d.Varint())
		require.Zero(t, d.Float64())
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
	f([]byte{2}, ErrInvalid, func(d *Decoder) { d.Bool() })
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
	f.Add([]byte{5, 6}, []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, types, input []byte) {
		d, e := NewDecoder(input), NewEncoder(nil)
		for _, typ := range types {
			switch typ % 8 {
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
			}
			if d.Err() != nil {
				require.Zero(t, d.Remaining())
				return
			}
		}
		require.Equal(t, input[:len(input)-d.Remaining()], append([]byte{}, e.Data()...))
	})
}
