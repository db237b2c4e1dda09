// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package histogram

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// MaxBuckets is the number of buckets that a Histogram may have.
const MaxBuckets = 1 << 14

// ErrBuckets is wrapped by errors about counts that contradict themselves.
var ErrBuckets = errors.New("the buckets of a histogram contradict themselves")

// Histogram is a point of a histogram. Methods that fill one use the memory that it has.
type Histogram struct {
	// Count and Sum are of all observations. Sum is NaN where the point has none.
	Count uint64
	Sum   float64

	// Bounds are the upper edges of the buckets but for the last, which has none, and Counts the buckets. Both are empty where only Count
	// and Sum are known.
	Bounds []float64
	Counts []uint64

	// Exponential says that the buckets are these instead: 2^Scale per doubling.
	Exponential        bool
	Scale              int32
	ZeroThreshold      float64
	Zeros              uint64
	Negative, Positive Side
}

// Side is the buckets of one sign of an exponential histogram, the first of which has the index Offset.
type Side struct {
	Offset int32
	Counts []uint64
}

// Reset makes the histogram one without observations, buckets and bounds.
func (h *Histogram) Reset() {
	*h = Histogram{
		Bounds: h.Bounds[:0], Counts: h.Counts[:0],
		Negative: Side{Counts: h.Negative.Counts[:0]}, Positive: Side{Counts: h.Positive.Counts[:0]},
	}
}

// Bytes is how much memory the histogram holds besides itself.
func (h *Histogram) Bytes() int {
	return 8 * (cap(h.Bounds) + cap(h.Counts) + cap(h.Negative.Counts) + cap(h.Positive.Counts))
}

// SetExplicit takes a point, with or without its buckets.
func (h *Histogram) SetExplicit(dp pmetric.HistogramDataPoint, buckets bool) error {
	h.Reset()
	h.Count, h.Sum = dp.Count(), math.NaN()
	if dp.HasSum() {
		h.Sum = dp.Sum()
	}
	bounds, counts := dp.ExplicitBounds(), dp.BucketCounts()
	if !buckets || counts.Len() == 0 {
		return nil
	}
	if counts.Len() != bounds.Len()+1 || counts.Len() > MaxBuckets {
		return fmt.Errorf("%d bounds and %d buckets: %w", bounds.Len(), counts.Len(), ErrBuckets)
	}
	h.Bounds = slices.Grow(h.Bounds, bounds.Len())
	for i := range bounds.Len() {
		if b := bounds.At(i); !(i == 0 || b > h.Bounds[i-1]) || b != b {
			return fmt.Errorf("bounds that do not ascend: %w", ErrBuckets)
		}
		h.Bounds = append(h.Bounds, bounds.At(i))
	}
	h.Counts = appendCounts(h.Counts, counts)
	return nil
}

// SetExponential takes a point, with or without its buckets.
func (h *Histogram) SetExponential(dp pmetric.ExponentialHistogramDataPoint, buckets bool) error {
	h.Reset()
	h.Count, h.Sum = dp.Count(), math.NaN()
	if dp.HasSum() {
		h.Sum = dp.Sum()
	}
	if !buckets {
		return nil
	}
	negative, positive := dp.Negative(), dp.Positive()
	if negative.BucketCounts().Len()+positive.BucketCounts().Len() > MaxBuckets || dp.Scale() < minScale || dp.Scale() > maxScale {
		return fmt.Errorf("scale %d and %d buckets: %w", dp.Scale(), negative.BucketCounts().Len()+positive.BucketCounts().Len(), ErrBuckets)
	}
	h.Exponential, h.Scale, h.Zeros, h.ZeroThreshold = true, dp.Scale(), dp.ZeroCount(), dp.ZeroThreshold()
	h.Negative = Side{negative.Offset(), appendCounts(h.Negative.Counts, negative.BucketCounts())}
	h.Positive = Side{positive.Offset(), appendCounts(h.Positive.Counts, positive.BucketCounts())}
	return nil
}

// Scales that the data model allows.
const (
	minScale = -10
	maxScale = 20
)

func appendCounts(dst []uint64, counts pcommon.UInt64Slice) []uint64 {
	dst = slices.Grow(dst, counts.Len())
	for i := range counts.Len() {
		dst = append(dst, counts.At(i))
	}
	return dst
}

// Since makes h what was counted from last to now, two cumulative points of one series. It returns false where now does not go on from
// last, because the counting began again or the buckets are others; h is now then.
func (h *Histogram) Since(now, last *Histogram) bool {
	h.copy(now)
	if now.Count < last.Count || now.Exponential != last.Exponential || !slices.Equal(now.Bounds, last.Bounds) ||
		now.Scale > last.Scale || now.ZeroThreshold != last.ZeroThreshold || now.Zeros < last.Zeros || len(now.Counts) != len(last.Counts) {
		return false
	}
	ok := subtract(h.Counts, last.Counts)
	if ok && h.Exponential {
		shift := int(last.Scale) - int(now.Scale)
		ok = h.Negative.subtract(&last.Negative, shift) && h.Positive.subtract(&last.Positive, shift)
	}
	if !ok {
		h.copy(now)
		return false
	}
	h.Count -= last.Count
	h.Sum -= last.Sum
	h.Zeros -= last.Zeros
	return true
}

func (h *Histogram) copy(o *Histogram) {
	h.Count, h.Sum, h.Exponential, h.Scale, h.ZeroThreshold, h.Zeros = o.Count, o.Sum, o.Exponential, o.Scale, o.ZeroThreshold, o.Zeros
	h.Bounds = append(h.Bounds[:0], o.Bounds...)
	h.Counts = append(h.Counts[:0], o.Counts...)
	h.Negative = Side{o.Negative.Offset, append(h.Negative.Counts[:0], o.Negative.Counts...)}
	h.Positive = Side{o.Positive.Offset, append(h.Positive.Counts[:0], o.Positive.Counts...)}
}

func subtract(counts, last []uint64) bool {
	for i := range counts {
		if counts[i] < last[i] {
			return false
		}
		counts[i] -= last[i]
	}
	return true
}

// subtract takes away older counts, of a scale that is larger by shift.
func (s *Side) subtract(last *Side, shift int) bool {
	for i, n := range last.Counts {
		if n == 0 {
			continue
		}
		at := (int64(last.Offset)+int64(i))>>shift - int64(s.Offset)
		if at < 0 || at >= int64(len(s.Counts)) || s.Counts[at] < n {
			return false
		}
		s.Counts[at] -= n
	}
	return true
}

// Add adds the observations of another histogram. It returns false, and changes only Count and Sum, where the buckets do not fit together;
// then h has none any more.
func (h *Histogram) Add(o *Histogram) bool {
	if h.Count == 0 {
		sum := h.Sum
		h.copy(o)
		h.Sum += sum
		return true
	}
	h.Count += o.Count
	h.Sum += o.Sum
	switch {
	case o.Count == 0:
		return true
	case h.Exponential != o.Exponential || !slices.Equal(h.Bounds, o.Bounds) || len(h.Counts) != len(o.Counts):
		h.dropBuckets()
		return false
	case !h.Exponential:
		for i, n := range o.Counts {
			h.Counts[i] += n
		}
		return true
	}
	scale := min(h.Scale, o.Scale)
	h.coarsen(scale)
	h.Zeros += o.Zeros
	h.ZeroThreshold = max(h.ZeroThreshold, o.ZeroThreshold)
	if !h.Negative.add(&o.Negative, int(o.Scale)-int(scale)) || !h.Positive.add(&o.Positive, int(o.Scale)-int(scale)) {
		h.dropBuckets()
		return false
	}
	return true
}

func (h *Histogram) dropBuckets() {
	count, sum := h.Count, h.Sum
	h.Reset()
	h.Count, h.Sum = count, sum
}

// coarsen merges buckets until the scale is that.
func (h *Histogram) coarsen(scale int32) {
	if h.Scale == scale {
		return
	}
	for _, s := range []*Side{&h.Negative, &h.Positive} {
		merged := Side{}
		merged.add(s, int(h.Scale)-int(scale))
		*s = merged
	}
	h.Scale = scale
}

// add adds counts of a scale that is larger by shift; false if there would be too many buckets.
func (s *Side) add(o *Side, shift int) bool {
	if len(o.Counts) == 0 {
		return true
	}
	first := int64(o.Offset) >> shift
	last := (int64(o.Offset) + int64(len(o.Counts)) - 1) >> shift
	if len(s.Counts) == 0 {
		s.Offset = int32(first)
	}
	low, high := min(first, int64(s.Offset)), max(last+1, int64(s.Offset)+int64(len(s.Counts)))
	if high-low > MaxBuckets {
		return false
	}
	if grow := int64(s.Offset) - low; grow > 0 {
		s.Counts = slices.Insert(s.Counts, 0, make([]uint64, grow)...)
		s.Offset = int32(low)
	}
	if grow := high - low - int64(len(s.Counts)); grow > 0 {
		s.Counts = append(s.Counts, make([]uint64, grow)...)
	}
	for i, n := range o.Counts {
		s.Counts[(int64(o.Offset)+int64(i))>>shift-low] += n
	}
	return true
}

// Mean is NaN without observations or without a sum.
func (h *Histogram) Mean() float64 {
	if h.Count == 0 {
		return math.NaN()
	}
	return h.Sum / float64(h.Count)
}

// Quantile gives the value that a share q, 0 to 1, of the observations lies below, by linear interpolation within buckets as Prometheus does
// for explicit bounds, and by exponential interpolation for exponential ones. It is NaN without observations or without buckets. What
// lies beyond the last bound is taken to lie at it.
func (h *Histogram) Quantile(q float64) float64 {
	if h.Exponential {
		return h.exponentialQuantile(q)
	}
	total := totalOf(h.Counts)
	if total == 0 || len(h.Bounds) == 0 {
		return math.NaN()
	}
	rank := q * float64(total)
	seen := 0.0
	for i, n := range h.Counts {
		if n == 0 || seen+float64(n) < rank {
			seen += float64(n)
			continue
		}
		if i == len(h.Bounds) {
			break
		}
		low, high := 0.0, h.Bounds[i]
		switch {
		case i > 0:
			low = h.Bounds[i-1]
		case high <= 0:
			return high
		}
		return low + (high-low)*(rank-seen)/float64(n)
	}
	return h.Bounds[len(h.Bounds)-1]
}

func totalOf(counts []uint64) (total uint64) {
	for _, n := range counts {
		total += n
	}
	return total
}

func (h *Histogram) exponentialQuantile(q float64) float64 {
	total := totalOf(h.Negative.Counts) + h.Zeros + totalOf(h.Positive.Counts)
	if total == 0 {
		return math.NaN()
	}
	rank, seen, last := q*float64(total), 0.0, 0.0
	edge := func(index int64) float64 { // within what a number can be
		return min(max(math.Exp2(float64(index)*math.Exp2(-float64(h.Scale))), 0x1p-1022), math.MaxFloat64)
	}
	for i, c := range slices.Backward(h.Negative.Counts) {
		n := float64(c)
		if n == 0 {
			continue
		}
		index := int64(h.Negative.Offset) + int64(i)
		if seen+n >= rank {
			return -between(edge(index+1), edge(index), (rank-seen)/n)
		}
		seen, last = seen+n, -edge(index)
	}
	if h.Zeros > 0 {
		if seen+float64(h.Zeros) >= rank {
			return 0
		}
		seen, last = seen+float64(h.Zeros), 0
	}
	for i, c := range h.Positive.Counts {
		n := float64(c)
		if n == 0 {
			continue
		}
		index := int64(h.Positive.Offset) + int64(i)
		if seen+n >= rank {
			return between(edge(index), edge(index+1), (rank-seen)/n)
		}
		seen, last = seen+n, edge(index+1)
	}
	return last
}

// between interpolates exponentially.
func between(from, to, share float64) float64 {
	return min(math.Exp2(math.Log2(from)*(1-share)+math.Log2(to)*share), math.MaxFloat64)
}
