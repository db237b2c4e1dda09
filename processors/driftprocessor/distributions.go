// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

// distribution is the counts of a histogram point: explicit bounds, or the buckets of an exponential histogram.
type distribution struct {
	bounds []float64
	counts []uint64

	exponential        bool
	scale              int32
	threshold          float64
	zeros              uint64
	negative, positive side

	start int64 // of the counting, Unix nanoseconds
}

// maxBuckets is the number of buckets of a point, which is kept for each cumulative series.
const maxBuckets = 1 << 14

// side is one side of an exponential histogram.
type side struct {
	offset int32
	counts []uint64
}

func explicit(dp pmetric.HistogramDataPoint) distribution {
	return distribution{bounds: dp.ExplicitBounds().AsRaw(), counts: dp.BucketCounts().AsRaw(), start: int64(dp.StartTimestamp())}
}

func exponential(dp pmetric.ExponentialHistogramDataPoint) distribution {
	return distribution{
		exponential: true, scale: dp.Scale(), threshold: dp.ZeroThreshold(), zeros: dp.ZeroCount(),
		negative: side{dp.Negative().Offset(), dp.Negative().BucketCounts().AsRaw()},
		positive: side{dp.Positive().Offset(), dp.Positive().BucketCounts().AsRaw()},
		start:    int64(dp.StartTimestamp()),
	}
}

// histograms keeps the last points of cumulative series under numbers counted from 1.
type histograms struct {
	last   []*distribution // by number; nil where there is none
	unused []uint32
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

// buckets gives the values that a point of a series stands for; ok is false where there are none to be sure of.
func (m *monitor) buckets(s *pointState, at int64, cumulative bool, d *distribution) (*drift.Buckets, bool) {
	if len(d.counts)+len(d.negative.counts)+len(d.positive.counts) > maxBuckets {
		m.tally.rejected[reasonBuckets]++
		return nil, false
	}
	if cumulative {
		if at <= s.at {
			m.tally.rejected[reasonOutOfOrder]++
			return nil, false
		}
		last := m.histograms.get(s.counts)
		kept := *d
		s.counts, s.at = m.histograms.put(s.counts, &kept), at
		if last == nil {
			return nil, false
		}
		if since, ok := d.since(last); ok {
			d = &since
		}
	}
	b, err := d.buckets()
	if err != nil {
		m.tally.rejected[reasonBuckets]++
		return nil, false
	}
	return &b, b.Total() > 0
}

func (d *distribution) buckets() (drift.Buckets, error) {
	if !d.exponential {
		return drift.NewHistogram(d.bounds, d.counts)
	}
	return drift.NewExponential(d.scale, d.threshold, d.zeros,
		drift.Exponential{Offset: d.negative.offset, Counts: d.negative.counts},
		drift.Exponential{Offset: d.positive.offset, Counts: d.positive.counts})
}

// since gives what was counted after an older point of the same series; ok is false where the counting began again since, so
// that the whole point is new.
func (d *distribution) since(last *distribution) (added distribution, ok bool) {
	if d.start != last.start || d.exponential != last.exponential {
		return added, false
	}
	if !d.exponential {
		added = distribution{bounds: d.bounds, start: d.start}
		added.counts, ok = difference(d.counts, last.counts)
		return added, ok && slices.Equal(d.bounds, last.bounds)
	}
	if d.scale > last.scale || d.threshold < last.threshold || d.zeros < last.zeros {
		return added, false
	}
	added = *d
	shift := int64(last.scale) - int64(d.scale)
	var negative, positive bool
	added.negative, negative = d.negative.since(last.negative.coarser(shift))
	added.positive, positive = d.positive.since(last.positive.coarser(shift))
	if d.threshold > last.threshold {
		// Small values have moved into the zero bucket: they cannot be told from new ones.
		return added, false
	}
	added.zeros -= last.zeros
	return added, negative && positive
}

func difference(now, before []uint64) ([]uint64, bool) {
	if len(now) != len(before) {
		return nil, false
	}
	added := make([]uint64, len(now))
	for i := range now {
		if now[i] < before[i] {
			return nil, false
		}
		added[i] = now[i] - before[i]
	}
	return added, true
}

// coarser gives the counts at a scale that is smaller by shift: 2^shift buckets become one.
func (s side) coarser(shift int64) side {
	if shift == 0 || len(s.counts) == 0 {
		return s
	}
	index := func(i int) int64 { return (int64(s.offset) + int64(i)) >> shift }
	first := index(0)
	merged := side{int32(first), make([]uint64, index(len(s.counts)-1)-first+1)}
	for i, n := range s.counts {
		merged.counts[index(i)-first] += n
	}
	return merged
}

// since gives what was counted after older counts of the same scale.
func (s side) since(last side) (added side, ok bool) {
	added = side{s.offset, slices.Clone(s.counts)}
	for i, n := range last.counts {
		at := int64(last.offset) + int64(i) - int64(s.offset)
		switch {
		case n == 0:
		case at < 0 || at >= int64(len(added.counts)) || added.counts[at] < n:
			return added, false
		default:
			added.counts[at] -= n
		}
	}
	return added, true
}
