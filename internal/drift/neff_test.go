// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

// ar1 makes the next value of an autoregressive process with unit variance.
func ar1(rho float64, noise func() float64) func() float64 {
	state, scale := noise(), math.Sqrt(1-rho*rho)
	return func() float64 {
		state = rho*state + scale*noise()
		return state
	}
}

// TestSerialCorrelation compares the sums with the textbook formula, on whole sequences and on ones put together.
func TestSerialCorrelation(t *testing.T) {
	for seed := range uint64(50) {
		rng := seeded(seed)
		next := ar1(float64(seed)/50, rng.NormFloat64)
		n := 3 + rng.IntN(400)
		values := sample(n, func() float64 { return math.Round(500 + 100*min(max(next(), -4), 4)) })
		mean := stat.Mean(values, nil)
		var product, square float64
		for i, v := range values {
			square += (v - mean) * (v - mean)
			if i > 0 {
				product += (v - mean) * (values[i-1] - mean)
			}
		}
		var whole, head, tail serial
		cut := rng.IntN(n + 1)
		for i, v := range values {
			whole.add(uint16(v))
			if i < cut {
				head.add(uint16(v))
			} else {
				tail.add(uint16(v))
			}
		}
		head.append(&tail)
		require.Equal(t, whole, head)
		require.InDelta(t, product/square, whole.correlation(), 1e-9)
	}
}

func TestRunsCorrelation(t *testing.T) {
	names := []uint32{0, 0, 0, 1, 1, 0, 2, 2, 2, 2}
	for cut := range len(names) + 1 {
		var whole, head, tail runs
		for i, c := range names {
			whole.add(c)
			if i < cut {
				head.add(c)
			} else {
				tail.add(c)
			}
		}
		head.append(&tail)
		require.Equal(t, whole, head)
		// 6 of 9 neighbours agree; by chance 0.4² + 0.2² + 0.4² would.
		require.InDelta(t, (6.0/9-0.36)/0.64, whole.correlation(0.36), 1e-12)
	}
}

func TestEffectiveShare(t *testing.T) {
	assert.Equal(t, 1.0, effectiveShare(0.9, 2), "too short to tell")
	assert.Equal(t, 1.0, effectiveShare(-0.5, 1000))
	assert.InDelta(t, 1.0/3, effectiveShare(0.5, 1e9), 1e-6)
	assert.Positive(t, effectiveShare(1, 10))
}

// TestDependentValuesRaiseNoFalseAlarms: windows and references of an AR(1) process at α = 0.05. Without the discount, the test
// below would find up to 90 % of them different.
func TestDependentValuesRaiseNoFalseAlarms(t *testing.T) {
	const trials, n = 1000, 500
	for _, rho := range []float64{0, 0.3, 0.5, 0.8, 0.95} {
		rng := seeded(uint64(1000 * rho))
		raw, discounted := 0, 0
		for range trials {
			next := ar1(rho, rng.NormFloat64)
			r, err := NewNumericReference(sample(n, next), ReferenceSettings{Ordered: true})
			require.NoError(t, err)
			next = ar1(rho, rng.NormFloat64)
			e := evidenceOf(r, windowOf(r, sample(n, next)...))
			if e.KS.P < 0.05 {
				discounted++
			}
			if KolmogorovSmirnovP(e.KS.Effect, n, n) < 0.05 {
				raw++
			}
		}
		t.Logf("ρ %.2f: %.1f %% false alarms, %.1f %% without the discount", rho, 100*float64(discounted)/trials, 100*float64(raw)/trials)
		assert.LessOrEqual(t, discounted, trials*5/100, "ρ %v", rho)
		if rho >= 0.8 {
			assert.Greater(t, raw, trials*30/100, "ρ %v: the test has nothing to tell", rho)
		}
	}
}

// TestBinnedTestsHoldTheirLevel: the χ² laws of PSI and Jensen–Shannon give 3 to 9 % at α = 0.05.
func TestBinnedTestsHoldTheirLevel(t *testing.T) {
	const trials = 2000
	for _, size := range [][2]int{{100, 100}, {1000, 100}, {1000, 1000}} {
		rng := seeded(uint64(size[0] + size[1]))
		psi, js := 0, 0
		for range trials {
			r := numericReference(t, sample(size[0], rng.NormFloat64))
			e := evidenceOf(r, windowOf(r, sample(size[1], rng.NormFloat64)...))
			if e.PSI.P < 0.05 {
				psi++
			}
			if e.JS.P < 0.05 {
				js++
			}
		}
		t.Logf("%v: PSI %.1f %%, JS %.1f %%", size, 100*float64(psi)/trials, 100*float64(js)/trials)
		assert.LessOrEqual(t, max(psi, js), trials*9/100, "%v", size)
		assert.GreaterOrEqual(t, min(psi, js), trials*1/100, "%v", size)
	}
}

// TestCategoriesHoldTheirLevel: χ² of independent and of clustered names.
func TestCategoriesHoldTheirLevel(t *testing.T) {
	const trials, n = 1000, 600
	names := []string{"stop", "length", "tool_calls", "content_filter"}
	for _, stay := range []float64{0, 0.5, 0.8} {
		rng := seeded(uint64(100 * stay))
		last := names[0]
		next := func() string {
			if rng.Float64() >= stay {
				last = names[min(3, int(rng.ExpFloat64()))]
			}
			return last
		}
		found := 0
		for range trials {
			var list []string
			for range n {
				list = append(list, next())
			}
			r, err := NewCategoricalReference(list, 0, ReferenceSettings{Ordered: true})
			require.NoError(t, err)
			w := newWindow(r)
			for range n {
				w.add(&Value{Category: next()})
			}
			if evidenceOf(r, w).ChiSquare.P < 0.05 {
				found++
			}
		}
		t.Logf("stay %.1f: %.1f %%", stay, 100*float64(found)/trials)
		assert.LessOrEqual(t, found, trials*7/100, "stay %v", stay)
	}
}

// TestWindowsAddUp: windows one after the other are one window, list or not.
func TestWindowsAddUp(t *testing.T) {
	for _, n := range []int{40, 900, 9000} {
		rng := seeded(uint64(n))
		r := numericReference(t, sample(300, rng.NormFloat64))
		values := sample(n, func() float64 { return 0.3 + rng.NormFloat64() })
		values[n/2] = math.NaN()
		whole := windowOf(r, values...)
		cuts := []int{0, rng.IntN(n), rng.IntN(n), n}
		slices.Sort(cuts)
		var parts []window
		for i := range cuts[1:] {
			parts = append(parts, windowOf(r, values[cuts[i]:cuts[i+1]]...))
		}
		want, got := evidenceOf(r, whole), evidenceOf(r, parts...)
		assert.InDelta(t, want.Wasserstein.High, got.Wasserstein.High, 1e-12)
		want.Wasserstein, got.Wasserstein = Interval{}, Interval{}
		assert.Equal(t, want, got)
	}
}
