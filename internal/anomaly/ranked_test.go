// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

func TestRankedKeepsTheLastValuesInOrder(t *testing.T) {
	rng := seeded(1)
	r := newRanked[float64](64)
	var all []float64
	for i := range 1000 {
		v := math.Floor(rng.NormFloat64() * 5) // With ties.
		all = append(all, v)
		if !r.add(v) {
			require.Less(t, len(r.fresh), block)
			continue
		}
		want := slices.Clone(all[max(0, len(all)-64):])
		var recent []float64
		r.each(func(v float64) { recent = append(recent, v) })
		require.Equal(t, want, recent)
		slices.Sort(want)
		require.Equal(t, want, r.sorted, "after %d values", i+1)
	}
}

func TestLowerBound(t *testing.T) {
	sorted := []float64{1, 2, 2, 2, 5}
	for v, want := range map[float64]int{0: 0, 1: 0, 1.5: 1, 2: 1, 3: 4, 5: 4, 6: 5} {
		assert.Equal(t, want, lowerBound(sorted, v), "%v", v)
	}
	assert.Zero(t, lowerBound(nil, 1.0))
}

func TestMedianDeviation(t *testing.T) {
	rng := seeded(2)
	for n := 1; n < 60; n++ {
		values := make([]float64, n)
		for i := range values {
			values[i] = math.Floor(rng.ExpFloat64() * 10)
		}
		slices.Sort(values)
		center := (values[(n-1)/2] + values[n/2]) / 2
		off := make([]float64, n)
		for i, v := range values {
			off[i] = math.Abs(v - center)
		}
		slices.Sort(off)
		require.Equal(t, off[n/2], medianDeviation(values, center), "%v", values)
	}
}

// The baseline must come near what gonum says of the last rows of a stream.
func TestBaseline(t *testing.T) {
	rng := seeded(3)
	for name, draw := range map[string]func() float64{
		"normal":      func() float64 { return 100 + 5*rng.NormFloat64() },
		"exponential": rng.ExpFloat64,
		"uniform":     rng.Float64,
	} {
		var b baseline
		values := make([]float64, 20_000)
		for i := range values {
			values[i] = draw()
			b.learn(values[i], forgetting(1000), 1e-3)
		}
		got := b.export()
		slices.Sort(values)
		mean, std := stat.MeanStdDev(values, nil)
		assert.InDelta(t, mean, got.Mean, 0.1*std, name)
		assert.InDelta(t, std, got.Std, 0.1*std, name)
		assert.InDelta(t, stat.Quantile(0.95, stat.Empirical, values, nil), got.P95, 0.2*std, name)
	}
}
