// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func explicit(t testing.TB, bounds []float64, counts ...uint64) *Histogram {
	t.Helper()
	dp := pmetric.NewHistogramDataPoint()
	dp.ExplicitBounds().FromRaw(bounds)
	dp.BucketCounts().FromRaw(counts)
	dp.SetCount(totalOf(counts))
	dp.SetSum(float64(totalOf(counts)))
	h := new(Histogram)
	require.NoError(t, h.SetExplicit(dp, true))
	return h
}

func exponential(t testing.TB, scale, offset int32, zeros uint64, counts ...uint64) *Histogram {
	t.Helper()
	dp := pmetric.NewExponentialHistogramDataPoint()
	dp.SetScale(scale)
	dp.SetZeroCount(zeros)
	dp.Positive().SetOffset(offset)
	dp.Positive().BucketCounts().FromRaw(counts)
	dp.SetCount(zeros + totalOf(counts))
	dp.SetSum(float64(dp.Count()))
	h := new(Histogram)
	require.NoError(t, h.SetExponential(dp, true))
	return h
}

// The values are those of Prometheus' histogram_quantile for the same cumulative buckets, by its documentation.
func TestQuantile(t *testing.T) {
	f := func(want, q float64, bounds []float64, counts ...uint64) {
		t.Helper()
		assert.InDelta(t, want, explicit(t, bounds, counts...).Quantile(q), 1e-12)
	}
	f(0.5, 0.5, []float64{1, 2}, 10, 0, 0)         // the lower edge of the first bucket is 0
	f(1.5, 0.75, []float64{1, 2}, 10, 10, 0)       // half of the second bucket
	f(2, 0.99, []float64{1, 2}, 0, 0, 10)          // beyond the last bound
	f(-1, 0.5, []float64{-1, 2}, 10, 0, 0)         // a first bucket below 0
	f(1.25, 0.5, []float64{1, 1.5, 4}, 1, 4, 1, 0) // rank 3, two of four into the second: 1 + 0.5
}

func TestQuantileOfNothing(t *testing.T) {
	assert.True(t, math.IsNaN(explicit(t, []float64{1}, 0, 0).Quantile(0.5)))
	assert.True(t, math.IsNaN(explicit(t, nil, 5).Quantile(0.5)))
	assert.True(t, math.IsNaN(exponential(t, 0, 0, 0).Quantile(0.5)))
	assert.True(t, math.IsNaN(new(Histogram).Mean()))
}

// Quantiles of exponential histograms lie within the bucket of the exact ones, 2^(1/8) wide.
func TestExponentialQuantileIsNearTheExactOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var values []float64
	counts := make([]uint64, 400)
	for range 10_000 {
		v := math.Exp(rng.NormFloat64())
		values = append(values, v)
		counts[int(math.Ceil(math.Log2(v)*8)-1)+200]++
	}
	slices.Sort(values)
	h := exponential(t, 3, -200, 0, counts...)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99} {
		exact := values[int(q*float64(len(values)))]
		assert.InEpsilon(t, exact, h.Quantile(q), math.Exp2(1.0/8)-1, "%v", q)
	}
	assert.Zero(t, exponential(t, 0, 0, 9, 1).Quantile(0.5))
}

func TestSince(t *testing.T) {
	bounds := []float64{1, 2}
	var d Histogram
	require.True(t, d.Since(explicit(t, bounds, 3, 5, 1), explicit(t, bounds, 1, 5, 0)))
	assert.Equal(t, []uint64{2, 0, 1}, d.Counts)
	assert.EqualValues(t, 3, d.Count)
	assert.InDelta(t, 3, d.Sum, 0)

	again := explicit(t, bounds, 0, 1, 0)
	assert.False(t, d.Since(again, explicit(t, bounds, 1, 5, 0)), "it began again")
	assert.Equal(t, again.Counts, d.Counts)
	assert.False(t, d.Since(explicit(t, []float64{1, 3}, 3, 5, 1), explicit(t, bounds, 1, 5, 0)), "other bounds")
	assert.False(t, d.Since(explicit(t, bounds, 0, 9, 1), explicit(t, bounds, 1, 5, 0)), "a bucket fell")
}

// An exponential point whose scale has become smaller goes on from the one before.
func TestSinceAtAnotherScale(t *testing.T) {
	before := exponential(t, 1, 0, 1, 1, 2, 3, 4) // buckets 0..3
	now := exponential(t, 0, 0, 2, 4, 7, 1)       // buckets 0, 1, 2: twice as wide
	var d Histogram
	require.True(t, d.Since(now, before))
	assert.Equal(t, []uint64{1, 0, 1}, d.Positive.Counts)
	assert.EqualValues(t, 1, d.Zeros)
	assert.False(t, d.Since(before, now))

	// Buckets that the newer point has not; what lies in a bucket stays in it: those at −3 … 0 of scale 1 are at −2, −1, −1 and 0 of scale 0.
	before = &Histogram{Exponential: true, Scale: 1, Zeros: 1, Positive: Side{-3, []uint64{1, 0, 2, 4}}, Negative: Side{0, []uint64{5}}}
	now = &Histogram{Exponential: true, Scale: 0, Zeros: 3, Positive: Side{-2, []uint64{1, 9, 8}}, Negative: Side{0, []uint64{7}}}
	require.True(t, d.Since(now, before))
	assert.Equal(t, Side{-2, []uint64{0, 7, 4}}, d.Positive)
	assert.Equal(t, Side{0, []uint64{2}}, d.Negative)
	assert.EqualValues(t, 2, d.Zeros)
	f := func(change func(*Histogram)) {
		t.Helper()
		again := *now
		change(&again)
		assert.False(t, d.Since(&again, before))
		assert.Equal(t, again.Positive, d.Positive)
	}
	f(func(h *Histogram) { h.Zeros = 0 })
	f(func(h *Histogram) { h.Scale = 2 })
	f(func(h *Histogram) { h.ZeroThreshold = 1 })
	f(func(h *Histogram) { h.Positive = Side{-1, []uint64{9, 8}} })
	f(func(h *Histogram) { h.Exponential = false })
}

// Extreme scales and offsets, as a damaged state may have them, neither panic nor allocate.
func TestExtremes(t *testing.T) {
	before := &Histogram{Exponential: true, Scale: math.MaxInt32, Positive: Side{math.MaxInt32, []uint64{1, 2}}, Negative: Side{math.MinInt32, []uint64{3}}}
	now := &Histogram{Exponential: true, Scale: math.MinInt32, Positive: Side{0, []uint64{9}}, Negative: Side{-1, []uint64{4}}}
	var d Histogram
	require.True(t, d.Since(now, before))
	assert.Equal(t, Side{0, []uint64{6}}, d.Positive)
	assert.Equal(t, Side{-1, []uint64{1}}, d.Negative)
	before.Count, now.Count = 6, 13
	require.True(t, before.Add(now))
	assert.Equal(t, Side{0, []uint64{12}}, before.Positive)
	assert.Equal(t, Side{-1, []uint64{7}}, before.Negative)
}

func TestAdd(t *testing.T) {
	sum := new(Histogram)
	bounds := []float64{1, 2}
	require.True(t, sum.Add(explicit(t, bounds, 1, 2, 3)))
	require.True(t, sum.Add(explicit(t, bounds, 1, 0, 1)))
	assert.Equal(t, []uint64{2, 2, 4}, sum.Counts)
	assert.EqualValues(t, 8, sum.Count)
	assert.False(t, sum.Add(explicit(t, []float64{5}, 1, 1)))
	assert.EqualValues(t, 10, sum.Count)
	assert.Empty(t, sum.Counts)
}

// Adding at different scales keeps the total and moves nothing out of its bucket.
func TestAddAtDifferentScales(t *testing.T) {
	sum := exponential(t, 2, -3, 1, 1, 1, 1, 1, 1)
	require.True(t, sum.Add(exponential(t, 0, 1, 0, 5)))
	assert.EqualValues(t, 0, sum.Scale)
	assert.EqualValues(t, -1, sum.Positive.Offset)
	assert.Equal(t, []uint64{3, 2, 5}, sum.Positive.Counts)
	assert.EqualValues(t, 11, sum.Count)
}

func TestBucketsThatContradictThemselves(t *testing.T) {
	h := new(Histogram)
	dp := pmetric.NewHistogramDataPoint()
	dp.BucketCounts().FromRaw([]uint64{1, 2, 3})
	require.ErrorIs(t, h.SetExplicit(dp, true), ErrBuckets)
	require.NoError(t, h.SetExplicit(dp, false))
	dp.ExplicitBounds().FromRaw([]float64{2, 1})
	require.ErrorIs(t, h.SetExplicit(dp, true), ErrBuckets)
	dp.ExplicitBounds().FromRaw([]float64{1, math.NaN()})
	require.ErrorIs(t, h.SetExplicit(dp, true), ErrBuckets)
	exp := pmetric.NewExponentialHistogramDataPoint()
	exp.SetScale(60)
	require.ErrorIs(t, h.SetExponential(exp, true), ErrBuckets)
}

// Whatever is counted, the difference of two points and the older one add up to the newer one, and quantiles ascend.
func FuzzHistogram(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, int8(3), int8(-2), uint8(1))
	f.Fuzz(func(t *testing.T, counts []byte, scale, offset int8, shift uint8) {
		if len(counts) > 100 || scale < minScale+4 || scale > maxScale {
			return
		}
		var before, more []uint64
		for _, c := range counts {
			before = append(before, uint64(c>>4))
			more = append(more, uint64(c&15))
		}
		old := exponential(t, int32(scale), int32(offset), 1, before...)
		now := exponential(t, int32(scale), int32(offset), 2, more...)
		require.True(t, now.Add(old))
		now.coarsen(int32(scale) - int32(shift%4))
		var d, back Histogram
		require.True(t, d.Since(now, old))
		require.True(t, back.Add(&d))
		require.True(t, back.Add(old))
		assert.Equal(t, now.Count, back.Count)
		last := -math.MaxFloat64
		for q := 0.05; q < 1; q += 0.05 {
			v := now.Quantile(q)
			assert.GreaterOrEqual(t, v, last-1e-9*math.Abs(last))
			last = v
		}
	})
}
