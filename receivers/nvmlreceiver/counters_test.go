// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

func TestStep(t *testing.T) {
	for _, of := range []struct {
		name      string
		last, now uint64
		bits      int
		want      uint64
	}{
		{"grows", 5, 8, 64, 3},
		{"stands", 5, 5, 32, 0},
		{"wraps_at_32", 1<<32 - 10, 5, 32, 15},
		{"wraps_at_32_in_64", 1<<32 - 10, 5, 64, 15},
		{"wraps_at_16", 1<<16 - 1, 0, 16, 1},
		{"reset_in_the_lower_half", 1000, 5, 32, 5},
		{"reset_of_64", 1 << 40, 7, 64, 7},
	} {
		assert.Equal(t, of.want, step(of.last, of.now, of.bits), of.name)
	}
}

// A sum never goes down, whatever the counter does.
func FuzzCountersGrow(f *testing.F) {
	f.Add(uint64(1), uint64(1<<32-1), uint64(3), true)
	f.Add(uint64(1<<50), uint64(7), uint64(1<<33), false)
	f.Fuzz(func(t *testing.T, a, b, c uint64, narrow bool) {
		bits, mask := 64, uint64(1<<52-1) // sums beyond that are no whole float64
		if narrow {
			bits, mask = 32, 1<<32-1
		}
		var counters counters
		last := 0.0
		for _, value := range []uint64{a & mask, b & mask, c & mask} {
			total := counters.total(figPCIeSent, driver.Field{Count: value, Bits: bits})
			assert.GreaterOrEqual(t, total, last)
			last = total
		}
	})
}
