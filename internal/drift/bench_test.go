// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

// benchGroup has features that each have a reference of their own, as large as one gets.
func benchGroup(b *testing.B, features int) *Group {
	b.Helper()
	s := DefaultSettings()
	s.MaxFeatures = features
	g, err := NewGroup(s)
	require.NoError(b, err)
	rng := seeded(1)
	values := sample(MaxCells, rng.NormFloat64)
	for i := range features {
		values[i%MaxCells] = rng.NormFloat64()
		r, err := NewNumericReference(values, ReferenceSettings{})
		require.NoError(b, err)
		require.NoError(b, g.SetReference(g.Feature(fmt.Sprint(i), Numeric), 0, r))
	}
	return g
}

// BenchmarkObserve commits rows with a value of every feature, verdicts included; ns/value is what counts. With many features
// their references do not fit into the cache of the processor. The baselines find the cell by binary search over the same values,
// and do what a window without a reference must do: keep the value.
func BenchmarkObserve(b *testing.B) {
	rng := seeded(2)
	for _, features := range []int{1, 20, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("features=%d", features), func(b *testing.B) {
			if features > 10_000 && testing.Short() {
				b.Skip("takes 1.5 GB")
			}
			g := benchGroup(b, features)
			row := make([]Value, features)
			draws := sample(1<<12, rng.NormFloat64)
			for i, f := range g.Features() {
				row[i].Feature = f
			}
			at := day.UnixNano()
			for range 300 { // The list of a window takes its memory bit by bit.
				g.Observe(at, at, row)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for i := range row {
					row[i].Number = draws[(n+i)&(len(draws)-1)]
				}
				at++
				g.Observe(at, at, row)
				n += features
				if len(g.reports) > 0 {
					g.reports = g.reports[:0]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/value")
		})
	}
	values := sample(MaxCells, rng.NormFloat64)
	slices.Sort(values)
	draws := sample(1<<12, rng.NormFloat64)
	b.Run("baseline=binary-search", func(b *testing.B) {
		counts := make([]uint32, 2*MaxCells+1)
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			i, found := slices.BinarySearch(values, draws[n&(len(draws)-1)])
			if found {
				counts[2*i+1]++
			} else {
				counts[2*i]++
			}
			n++
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/value")
	})
	b.Run("cell", func(b *testing.B) {
		c := newCuts(values)
		b.ReportAllocs()
		n, sum := 0, 0
		for b.Loop() {
			sum += int(c.cell(draws[n&(len(draws)-1)]))
			n++
		}
		require.NotZero(b, sum)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/value")
	})
}

// BenchmarkObserveCategory commits a category; the baseline counts it in a map.
func BenchmarkObserveCategory(b *testing.B) {
	names := make([]string, 64)
	for i := range names {
		names[i] = fmt.Sprintf("gen_ai.response.finish_reason.%02d", i)
	}
	b.Run("observe", func(b *testing.B) {
		g, err := NewGroup(DefaultSettings())
		require.NoError(b, err)
		f := g.Feature("x", Categorical)
		r, err := NewCategoricalReference(names, 0, ReferenceSettings{})
		require.NoError(b, err)
		require.NoError(b, g.SetReference(f, 0, r))
		at, n := day.UnixNano(), 0
		row := []Value{{Feature: f}}
		b.ReportAllocs()
		for b.Loop() {
			row[0] = f.Category(names[n%len(names)])
			at++
			g.Observe(at, at, row)
			n++
			g.reports = g.reports[:0]
		}
	})
	b.Run("baseline=map", func(b *testing.B) {
		counts, n := map[string]int{}, 0
		b.ReportAllocs()
		for b.Loop() {
			counts[names[n%len(names)]]++
			n++
		}
	})
}

// BenchmarkEvaluate judges one window of 1,000 values against 1,024 cells: everything that a verdict says. The baseline sorts the
// values and lets gonum compute D, without a p-value.
func BenchmarkEvaluate(b *testing.B) {
	rng := seeded(3)
	reference := sample(2000, rng.NormFloat64)
	r, err := NewNumericReference(reference, ReferenceSettings{})
	require.NoError(b, err)
	for _, shift := range []float64{0, 0.05, 0.2, 1, 5} {
		values := sample(1000, func() float64 { return rng.NormFloat64() + shift })
		w := windowOf(r, values...)
		b.Run(fmt.Sprintf("shift=%v", shift), func(b *testing.B) {
			var scratch []uint32
			b.ReportAllocs()
			var e Evidence
			for b.Loop() {
				e = collect(r, []window{w}, 0, &scratch)
			}
			b.ReportMetric(e.KS.Effect, "D")
			b.ReportMetric(e.KS.P, "p")
		})
	}
	slices.Sort(reference)
	values := sample(1000, rng.NormFloat64)
	b.Run("baseline=gonum-D", func(b *testing.B) {
		sorted := make([]float64, len(values))
		b.ReportAllocs()
		var d float64
		for b.Loop() {
			copy(sorted, values)
			slices.Sort(sorted)
			d = stat.KolmogorovSmirnov(reference, nil, sorted, nil)
		}
		b.ReportMetric(d, "D")
	})
}

// BenchmarkP computes p-values in each of the regions that have a method of their own.
func BenchmarkP(b *testing.B) {
	for _, c := range []struct {
		name string
		d    float64
		m, n float64
	}{
		{"exact/40x1000", 0.1, 40, 1000},
		{"durbin/n=100", 0.13, 200, 200},
		{"durbin/n=500", 0.015, 1000, 1000},
		{"pelz-good/n=500", 0.05, 1000, 1000},
		{"smirnov/n=500", 0.1, 1000, 1000},
		{"smirnov/n=1000", 0.1, 2000, 2000},
		{"smirnov/n=50000", 0.02, 1e5, 1e5},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			p := math.NaN()
			for b.Loop() {
				p = KolmogorovSmirnovP(c.d, c.m, c.n)
			}
			b.ReportMetric(p, "p")
		})
	}
}
