// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// explicit counts values into an explicit histogram.
func explicit(t testing.TB, values, edges []float64) Buckets {
	t.Helper()
	counts := make([]uint64, len(edges)+1)
	for _, v := range values {
		counts[sort.SearchFloat64s(edges, v)]++
	}
	b, err := NewHistogram(edges, counts)
	require.NoError(t, err)
	return b
}

// exponential counts values into an exponential histogram.
func exponential(t testing.TB, values []float64, scale int32, threshold float64) Buckets {
	t.Helper()
	index := func(v float64) int32 { return int32(math.Ceil(math.Ldexp(math.Log2(v), int(scale)))) - 1 }
	var zeros uint64
	sides := [2]map[int32]uint64{{}, {}}
	for _, v := range values {
		switch {
		case math.Abs(v) <= threshold:
			zeros++
		case v > 0:
			sides[1][index(v)]++
		default:
			sides[0][index(-v)]++
		}
	}
	dense := func(m map[int32]uint64) Exponential {
		low, high := int32(math.MaxInt32), int32(math.MinInt32)
		for i := range m {
			low, high = min(low, i), max(high, i)
		}
		if low > high {
			return Exponential{}
		}
		e := Exponential{Offset: low, Counts: make([]uint64, high-low+1)}
		for i, n := range m {
			e.Counts[i-low] = n
		}
		return e
	}
	b, err := NewExponential(scale, threshold, zeros, dense(sides[0]), dense(sides[1]))
	require.NoError(t, err)
	return b
}

// TestBoundsHold: the statistic of the values lies in the interval of their histograms, whatever the edges.
func TestBoundsHold(t *testing.T) {
	var width float64
	const trials = 1000
	for seed := range uint64(trials) {
		rng := seeded(seed)
		draw := rng.NormFloat64
		if seed%2 == 0 {
			draw = func() float64 { return math.Exp(rng.NormFloat64()) }
		}
		shift := rng.Float64() / 2
		a, b := sample(20+rng.IntN(400), draw), sample(20+rng.IntN(400), func() float64 { return draw() + shift })
		d := trueD(a, b)
		check := func(name string, reference, current Buckets) comparison {
			c := compareBuckets(&reference, &current)
			require.LessOrEqual(t, c.d.Low, d+1e-12, "%s, seed %d", name, seed)
			require.GreaterOrEqual(t, c.d.High, d-1e-12, "%s, seed %d", name, seed)
			return c
		}
		exact := numericReference(t, a).numbers.asBuckets()
		edges := sample(1+rng.IntN(12), draw)
		slices.Sort(edges)
		edges = slices.Compact(edges)
		check("explicit", exact, explicit(t, b, edges))
		check("explicit both", explicit(t, a, edges), explicit(t, b, edges))
		check("other edges", explicit(t, a, edges[:len(edges)/2+1]), explicit(t, b, edges))
		check("exponential both", exponential(t, a, 3, 0), exponential(t, b, 3, 0))
		check("zero bucket", exact, exponential(t, b, 2, 0.01))
		check("two scales", exponential(t, a, 4, 0), exponential(t, b, 1, 0))
		c := check("exponential", exact, exponential(t, b, 3, 0))
		width += (c.d.High - c.d.Low) / trials
		// Both sides exact is the statistic itself.
		c = check("exact", exact, numericReference(t, b).numbers.asBuckets())
		require.InDelta(t, d, c.d.Low, 1e-12)
		require.InDelta(t, d, c.d.High, 1e-12)
	}
	t.Logf("mean width at scale 3: %.4f", width)
	assert.Less(t, width, 0.08)
}

func TestHistogramsAddUp(t *testing.T) {
	rng := seeded(7)
	a, b := sample(300, rng.NormFloat64), sample(200, rng.ExpFloat64)
	all := append(slices.Clone(a), b...)
	f := func(name string, x, y, want Buckets) {
		x.Add(&y)
		assert.Equal(t, want, x, name)
		assert.EqualValues(t, 500, x.Total())
	}
	edges := []float64{-1, 0, 1, 2}
	f("same edges", explicit(t, a, edges), explicit(t, b, edges), explicit(t, all, edges))
	// Nothing of b lies below 0, so its count at -1 is known without an edge.
	f("common edges", explicit(t, a, []float64{-1, 0, 1.5}), explicit(t, b, []float64{0, 1}), explicit(t, all, []float64{-1, 0}))
	f("same scale", exponential(t, a, 2, 0), exponential(t, b, 2, 0), exponential(t, all, 2, 0))
	sum := exponential(t, a, 3, 0)
	coarse := exponential(t, b, 1, 0)
	sum.Add(&coarse)
	d := compareBuckets(&sum, &coarse)
	assert.Positive(t, d.d.Low, "the edges of the coarse scale are left")
	var none Buckets
	none.Add(&coarse)
	assert.Equal(t, coarse, none)
	none.Add(&Buckets{})
	assert.Equal(t, coarse, none)
}

func TestBadBuckets(t *testing.T) {
	_, err := NewHistogram([]float64{1}, []uint64{1})
	require.ErrorIs(t, err, ErrBuckets)
	_, err = NewHistogram([]float64{1, 1}, []uint64{1, 2, 3})
	require.ErrorIs(t, err, ErrBuckets)
	_, err = NewHistogram([]float64{math.NaN()}, []uint64{1, 2})
	require.ErrorIs(t, err, ErrBuckets)
	_, err = NewHistogram(nil, []uint64{math.MaxUint64})
	require.ErrorIs(t, err, ErrBuckets)
	_, err = NewExponential(21, 0, 0, Exponential{}, Exponential{})
	require.ErrorIs(t, err, ErrBuckets)
	_, err = NewExponential(0, math.NaN(), 0, Exponential{}, Exponential{})
	require.ErrorIs(t, err, ErrBuckets)
	_, err = NewExponential(0, 5, 1, Exponential{}, Exponential{Counts: []uint64{3}})
	require.ErrorIs(t, err, ErrBuckets, "a bucket within the zero bucket")
	_, err = NewExponential(0, 5, 1, Exponential{}, Exponential{Counts: []uint64{0, 0, 0, 7}})
	require.NoError(t, err, "one that holds nothing")
}

func TestManyEdgesAreThinned(t *testing.T) {
	edges, counts := make([]float64, 3*maxKnots), make([]uint64, 3*maxKnots+1)
	for i := range edges {
		edges[i] = float64(i)
		counts[i] = 1
	}
	b, err := NewHistogram(edges, counts)
	require.NoError(t, err)
	assert.LessOrEqual(t, len(b.knots), maxKnots)
	assert.Greater(t, len(b.knots), maxKnots/2)
	assert.EqualValues(t, 3*maxKnots, b.Total())
	for _, k := range b.knots {
		require.EqualValues(t, k.x+1, k.count)
	}
}

// FuzzHistograms: whatever the edges, the sum of two histograms holds the values of both, and a histogram is at no provable
// distance from itself.
func FuzzHistograms(f *testing.F) {
	f.Add(1.0, 2.0, 3.0, uint64(4), uint64(5), uint64(0), int32(2), int32(-3))
	f.Add(-1.0, 0.0, 1e300, uint64(1), uint64(0), uint64(9), int32(0), int32(1000))
	f.Fuzz(func(t *testing.T, x, y, z float64, i, j, k uint64, scale, offset int32) {
		a, err := NewHistogram([]float64{x, y}, []uint64{i, j, k})
		if err != nil {
			require.ErrorIs(t, err, ErrBuckets)
			return
		}
		b, err := NewExponential(scale, math.Abs(z), k, Exponential{offset, []uint64{i, j}}, Exponential{offset, []uint64{j, i}})
		if err != nil {
			require.ErrorIs(t, err, ErrBuckets)
			return
		}
		if a.total == 0 || b.total == 0 || a.total > maxReference || b.total > maxReference {
			return
		}
		require.Zero(t, compareBuckets(&a, &a).d.Low)
		c := compareBuckets(&a, &b)
		require.True(t, c.d.Low >= 0 && c.d.Low <= c.d.High && c.d.High <= 1, "%v", c.d)
		sum := a.clone()
		sum.Add(&b)
		require.Equal(t, a.total+b.total, sum.total)
		require.True(t, slices.IsSortedFunc(sum.knots, knot.compare))
	})
}
