// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func raw(bits uint64) (bytes [8]byte) {
	binary.NativeEndian.PutUint64(bytes[:], bits)
	return bytes
}

// The types and the all-ones for "not available" are those of nvml.h.
func TestDecode(t *testing.T) {
	for _, of := range []struct {
		name      string
		valueType uint32
		bits      uint64
		want      Field
	}{
		{"double", 0, math.Float64bits(1.5), Field{Value: 1.5}},
		{"not_a_number", 0, math.Float64bits(math.NaN()), Field{Err: ErrNoData}},
		{"uint32", 1, 7 | 9<<32, Field{Value: 7, Count: 7, Bits: 32}},
		{"unsigned_long", 2, 1 << 40, Field{Value: 1 << 40, Count: 1 << 40, Bits: 64}},
		{"uint64", 3, 5, Field{Value: 5, Count: 5, Bits: 64}},
		{"not_available", 3, math.MaxUint64, Field{Err: ErrNoData}},
		{"int64", 4, math.MaxUint64, Field{Value: -1}},
		{"int32", 5, 0xFFFFFFFE, Field{Value: -2}},
		{"uint16", 6, 0x1FFFF, Field{Value: 0xFFFF, Count: 0xFFFF, Bits: 16}},
		{"unknown_type", 7, 5, Field{Err: ErrNoData}},
	} {
		var got Field
		got.decode(of.valueType, raw(of.bits))
		assert.Equal(t, of.want, got, of.name)
	}
}

// Whatever a driver says, a value is a number that can be reported, or an error.
func FuzzDecode(f *testing.F) {
	f.Add(uint32(0), uint64(0x7FF8000000000001))
	f.Add(uint32(3), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, valueType uint32, bits uint64) {
		var got Field
		got.decode(valueType, raw(bits))
		assert.False(t, math.IsNaN(got.Value) || math.IsInf(got.Value, 0))
		if got.Err != nil {
			assert.Zero(t, got.Value)
			assert.Zero(t, got.Bits)
		}
		if got.Bits > 0 {
			assert.Equal(t, float64(got.Count), got.Value)
			assert.LessOrEqual(t, math.Log2(got.Value+1), float64(got.Bits))
		}
	})
}

// Percent and MiB/s become shares and bytes per second.
func TestProfileUnit(t *testing.T) {
	share, err := profileUnit(ProfileSM, 25)
	assert.NoError(t, err)
	assert.Equal(t, 0.25, share)
	share, err = profileUnit(ProfileDRAM, 100.5)
	assert.NoError(t, err)
	assert.Equal(t, 1.0, share, "counters that are read one after the other can pass 100 %")
	rate, err := profileUnit(ProfilePCIeSent, 2)
	assert.NoError(t, err)
	assert.Equal(t, 2097152.0, rate)
	for _, bad := range []float64{math.NaN(), math.Inf(1), -1} {
		_, err = profileUnit(ProfileSM, bad)
		assert.ErrorIs(t, err, ErrNoData)
	}
}

func TestThrottleFieldsOf(t *testing.T) {
	old, renumbered := ThrottleFields{251, 252, 253}, ThrottleFields{269, 270, 271}
	for version, want := range map[string]ThrottleFields{
		"535.104.05": old, "580": old, "580.65.06": old, "580.81": old, "580.82": renumbered, "580.82.07": renumbered,
		"580.159.03": renumbered, "610.43.02": renumbered, "": renumbered, "beta": renumbered,
	} {
		assert.Equal(t, want, ThrottleFieldsOf(version), version)
	}
}

func TestReturns(t *testing.T) {
	assert.EqualError(t, CodeError(12345), "the driver answered with code 12345")
	assert.Equal(t, "other", CodeError(12345).Name())
	assert.Equal(t, "gpu_is_lost", ErrGPUIsLost.Name())
	for code := range texts {
		assert.NotEmpty(t, code.Error())
		assert.NotEmpty(t, code.Name())
	}
	assert.True(t, ErrNotSupported.Absent())
	assert.False(t, ErrGPUIsLost.Absent(), "a lost GPU has not lost its abilities")
}

// Every function that may be called has a name to be looked up.
func TestSymbols(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Symbols() {
		assert.Regexp(t, "^nvml[A-Z]", name)
		assert.False(t, seen[name], name)
		seen[name] = true
	}
}
