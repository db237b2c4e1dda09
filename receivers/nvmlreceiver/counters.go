// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// counters add up what wrapping counters of a GPU say, so that the sums only grow.
type counters struct {
	last  [figureCount]uint64
	sum   [figureCount]uint64
	known [figureCount]bool
}

// total gives the sum of a counter, which begins with the first value seen.
func (c *counters) total(id figureID, field driver.Field) float64 {
	if !c.known[id] {
		c.known[id], c.sum[id] = true, field.Count
	} else {
		c.sum[id] += step(c.last[id], field.Count, field.Bits)
	}
	c.last[id] = field.Count
	return float64(c.sum[id])
}

// step says by how much a counter has grown. One that went down has wrapped if
// it was in the upper half of its range, and has been reset if it was not. A
// counter of 64 bits may wrap at 32: NVML does not say.
func step(last, now uint64, bits int) uint64 {
	if now >= last {
		return now - last
	}
	if bits == 64 && last < 1<<32 {
		bits = 32
	}
	if bits < 64 && last >= 1<<(bits-1) {
		return 1<<bits - last + now
	}
	return now
}
