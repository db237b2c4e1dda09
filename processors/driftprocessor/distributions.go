// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
)

// distribution is a point of a histogram.
type distribution struct {
	histogram.Histogram
	start int64 // of the counting, Unix nanoseconds
}

// histograms keeps the last points of cumulative series under numbers counted from 1.
type histograms struct {
	last   []*distribution // by number; nil where there is none
	unused []uint32
	since  histogram.Histogram // scratch: what was counted between two points
}

// get gives what is kept under a number, nil if that is nothing.
func (h *histograms) get(number uint32) *distribution {
	if number == 0 {
		return nil
	}
	return h.last[number]
}

// put keeps a point under a number, or a new one in place of 0, which it returns.
func (h *histograms) put(number uint32, d *distribution) uint32 {
	switch last := len(h.unused) - 1; {
	case number != 0:
	case last >= 0:
		number, h.unused = h.unused[last], h.unused[:last]
	default:
		number = uint32(max(1, len(h.last)))
		h.last = append(h.last, make([]*distribution, int(number)+1-len(h.last))...)
	}
	h.last[number] = d
	return number
}

// drop forgets what is kept under a number.
func (h *histograms) drop(number uint32) {
	if number != 0 {
		h.last[number] = nil
		h.unused = append(h.unused, number)
	}
}

// advance keeps a point in place of the last one of its series, with which it changes memory, and gives what was counted between them: nil
// after the first point, all of it where the counting has begun again.
func (h *histograms) advance(number *uint32, d *distribution) *histogram.Histogram {
	last := h.get(*number)
	if last == nil {
		kept := *d
		*d = distribution{}
		*number = h.put(*number, &kept)
		return nil
	}
	*last, *d = *d, *last
	if last.start == d.start && h.since.Since(&last.Histogram, &d.Histogram) {
		return &h.since
	}
	return &last.Histogram
}

// buckets gives the values that a point of a series stands for; ok is false where there are none to be sure of.
func (m *monitor) buckets(s *pointState, at int64, cumulative bool, d *distribution) (*drift.Buckets, bool) {
	counted := &d.Histogram
	if cumulative {
		if at <= s.at {
			m.tally.rejected[reasonOutOfOrder]++
			return nil, false
		}
		s.at = at
		if counted = m.histograms.advance(&s.counts, d); counted == nil {
			return nil, false
		}
	}
	b, err := bucketsOf(counted)
	if err != nil {
		m.tally.rejected[reasonBuckets]++
		return nil, false
	}
	return &b, b.Total() > 0
}

func bucketsOf(h *histogram.Histogram) (drift.Buckets, error) {
	if !h.Exponential {
		return drift.NewHistogram(h.Bounds, h.Counts)
	}
	return drift.NewExponential(h.Scale, h.ZeroThreshold, h.Zeros, drift.Exponential(h.Negative), drift.Exponential(h.Positive))
}
