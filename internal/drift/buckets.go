// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	// maxKnots is the number of edges at which a Buckets knows its counts; of more, every other one is forgotten, which widens
	// intervals and falsifies none.
	maxKnots = 4096
	// maxExponentialBuckets bounds the input of NewExponential.
	maxExponentialBuckets = 1 << 16
)

// ErrBuckets means buckets that contradict themselves.
var ErrBuckets = errors.New("invalid buckets")

// knot is a place where the number of values to the left is known.
type knot struct {
	x     float64
	upTo  bool // values equal to x are counted to the left too
	count uint64
}

func (k knot) compare(other knot) int {
	switch {
	case k.x < other.x, k.x == other.x && !k.upTo && other.upTo:
		return -1
	case k.x == other.x && k.upTo == other.upTo:
		return 0
	}
	return 1
}

// Buckets is what histograms say of the values they were made of: how many lie to the left of some edges. The zero Buckets is
// empty.
type Buckets struct {
	knots []knot
	total uint64
}

// Total returns the number of values.
func (b *Buckets) Total() uint64 { return b.total }

func (b *Buckets) clone() Buckets { return Buckets{slices.Clone(b.knots), b.total} }

// NewHistogram makes Buckets of an explicit histogram: counts[i] values in (bounds[i−1], bounds[i]], one count more than bounds,
// and bounds that ascend. The error wraps ErrBuckets.
func NewHistogram(bounds []float64, counts []uint64) (Buckets, error) {
	if len(counts) != len(bounds)+1 {
		return Buckets{}, fmt.Errorf("cannot use %d counts with %d bounds: %w", len(counts), len(bounds), ErrBuckets)
	}
	b := builder{}
	for i, bound := range bounds {
		if math.IsNaN(bound) || i > 0 && !(bound > bounds[i-1]) {
			return Buckets{}, fmt.Errorf("cannot use bounds that do not ascend: %w", ErrBuckets)
		}
		b.add(counts[i])
		b.edge(bound, true)
	}
	b.add(counts[len(bounds)])
	return b.finish()
}

// Exponential is one side of an exponential histogram: Counts[i] values in (base^(Offset+i), base^(Offset+i+1)], or the mirror
// image of that below zero.
type Exponential struct {
	Offset int32
	Counts []uint64
}

// NewExponential makes Buckets of an exponential histogram with base 2^(2^−scale) and zeros values in [−threshold, threshold].
// Histograms of different scales can be added: the edges of the smaller scale are among those of the larger. The error wraps
// ErrBuckets.
func NewExponential(scale int32, threshold float64, zeros uint64, negative, positive Exponential) (Buckets, error) {
	if scale < -10 || scale > 20 || len(negative.Counts)+len(positive.Counts) > maxExponentialBuckets {
		return Buckets{}, fmt.Errorf("cannot use a histogram of scale %d with %d buckets: %w", scale,
			len(negative.Counts)+len(positive.Counts), ErrBuckets)
	}
	if !(threshold >= 0) || math.IsInf(threshold, 0) {
		return Buckets{}, fmt.Errorf("cannot use a zero threshold of %v: %w", threshold, ErrBuckets)
	}
	edge := func(index int64) float64 { return math.Exp2(math.Ldexp(float64(index), -int(scale))) }
	b := builder{}
	for i, count := range slices.Backward(negative.Counts) {
		index := int64(negative.Offset) + int64(i)
		b.edge(-edge(index+1), false)
		b.add(count)
		b.edge(min(-edge(index), -threshold), false)
	}
	b.edge(-threshold, false)
	b.add(zeros)
	b.edge(threshold, true)
	for i, count := range positive.Counts {
		index := int64(positive.Offset) + int64(i)
		b.edge(max(edge(index), threshold), true)
		b.add(count)
		b.edge(edge(index+1), true)
	}
	return b.finish()
}

// builder makes Buckets from left to right.
type builder struct {
	b       Buckets
	invalid bool
}

func (b *builder) add(count uint64) {
	b.b.total += count
	b.invalid = b.invalid || b.b.total < count || b.b.total > math.MaxInt64
}

// edge notes the count so far. Buckets without values may overlap, others may not.
func (b *builder) edge(x float64, upTo bool) {
	k := knot{x, upTo, b.b.total}
	if last := len(b.b.knots) - 1; last >= 0 && k.compare(b.b.knots[last]) <= 0 {
		b.invalid = b.invalid || b.b.knots[last].count != k.count
		return
	}
	b.b.knots = append(b.b.knots, k)
}

func (b *builder) finish() (Buckets, error) {
	if b.invalid {
		return Buckets{}, fmt.Errorf("cannot use buckets that overlap or hold more than 2⁶³ values: %w", ErrBuckets)
	}
	b.b.thin()
	return b.b, nil
}

// thin keeps the edges that bound a bucket with values, and of too many every other one.
func (b *Buckets) thin() {
	kept := b.knots[:0]
	for i, k := range b.knots {
		flatBefore := i > 0 && b.knots[i-1].count == k.count || i == 0 && k.count == 0
		flatAfter := i+1 < len(b.knots) && b.knots[i+1].count == k.count || i+1 == len(b.knots) && k.count == b.total
		if !flatBefore || !flatAfter {
			kept = append(kept, k)
		}
	}
	b.knots = kept
	for len(b.knots) > maxKnots {
		half := b.knots[:0]
		for i := 1; i < len(b.knots); i += 2 {
			half = append(half, b.knots[i])
		}
		b.knots = half
	}
}

// Add adds the values of another histogram, whose edges may differ: the sum is known where both are.
func (b *Buckets) Add(other *Buckets) {
	if b.total == 0 {
		*b = other.clone()
		return
	}
	sum := Buckets{total: b.total + other.total}
	walkKnots(b, other, func(at knot, left, right bounds) {
		if left.exact() && right.exact() {
			sum.knots = append(sum.knots, knot{at.x, at.upTo, left.low + right.low})
		}
	})
	sum.thin()
	*b = sum
}

// bounds say how many values lie to the left of a place, at least and at most.
type bounds struct{ low, high uint64 }

func (b bounds) exact() bool { return b.low == b.high }

// walkKnots visits the knots of both sides from left to right with what each side knows there.
func walkKnots(a, b *Buckets, visit func(at knot, left, right bounds)) {
	i, j := 0, 0
	for i < len(a.knots) || j < len(b.knots) {
		at := nextKnot(a, b, i, j)
		left, right := a.boundsAt(i, at), b.boundsAt(j, at)
		visit(at, left, right)
		if i < len(a.knots) && a.knots[i].compare(at) == 0 {
			i++
		}
		if j < len(b.knots) && b.knots[j].compare(at) == 0 {
			j++
		}
	}
}

func nextKnot(a, b *Buckets, i, j int) knot {
	switch {
	case i == len(a.knots):
		return b.knots[j]
	case j == len(b.knots) || a.knots[i].compare(b.knots[j]) <= 0:
		return a.knots[i]
	}
	return b.knots[j]
}

// boundsAt says what is known at a place where knot i is the first that does not lie before it.
func (b *Buckets) boundsAt(i int, at knot) bounds {
	if i < len(b.knots) && b.knots[i].compare(at) == 0 {
		return bounds{b.knots[i].count, b.knots[i].count}
	}
	known := bounds{0, b.total}
	if i > 0 {
		known.low = b.knots[i-1].count
	}
	if i < len(b.knots) {
		known.high = b.knots[i].count
	}
	return known
}

func (b *Buckets) encode(e *codec.Encoder) {
	e.Uvarint(b.total)
	e.Count(len(b.knots))
	before := uint64(0)
	for _, k := range b.knots {
		e.Float64(k.x)
		e.Bool(k.upTo)
		e.Uvarint(k.count - before)
		before = k.count
	}
}

func decodeBuckets(d *codec.Decoder) Buckets {
	b := Buckets{total: d.Below(1 << 63)}
	b.knots = make([]knot, d.Count(10))
	d.Require(len(b.knots) <= maxKnots)
	before := uint64(0)
	for i := range b.knots {
		k := knot{x: d.Float64(), upTo: d.Bool()}
		k.count = before + d.Below(1<<62)
		before = k.count
		d.Require(k.x == k.x && k.count <= b.total && (i == 0 || b.knots[i-1].compare(k) < 0))
		b.knots[i] = k
		if d.Err() != nil {
			return Buckets{}
		}
	}
	return b
}
