// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 6)) }

// sample draws n numbers.
func sample(n int, draw func() float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = draw()
	}
	return out
}

// trueD is the Kolmogorov–Smirnov statistic as gonum computes it from all values.
func trueD(a, b []float64) float64 {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return stat.KolmogorovSmirnov(a, nil, b, nil)
}

func upToShare(values []float64, x float64) float64 {
	n := 0
	for _, v := range values {
		if v <= x {
			n++
		}
	}
	return float64(n) / float64(len(values))
}

func TestCellIsTheRank(t *testing.T) {
	rng := seeded(1)
	for _, n := range []int{1, 2, 7, 8, 9, 63, 64, 65, 511, 512, 513, 1024, 1088} {
		values := sample(n, func() float64 { return math.Round(rng.NormFloat64()*1e6) / 8 })
		values[0] = math.Inf(1 - 2*(n%2))
		slices.Sort(values)
		values = slices.Compact(values)
		c := newCuts(values)
		for _, v := range append(values, -1e300, 0, 1e300, math.Inf(1), math.Inf(-1), 0.1) {
			i, found := slices.BinarySearch(values, v)
			want := 2 * i
			if found {
				want++
			}
			require.Equal(t, want, int(c.cell(v)), "%v among %d", v, n)
		}
		for _, v := range values {
			near := math.Nextafter(v, math.Inf(1))
			i, found := slices.BinarySearch(values, near)
			if !found {
				require.Equal(t, 2*i, int(c.cell(near)))
			}
		}
	}
}

// TestDIsExact compares the counts by cells with the definition, on pairs with and without ties and infinite values.
func TestDIsExact(t *testing.T) {
	for seed := range uint64(400) {
		rng := seeded(seed)
		draw := func() float64 {
			v := rng.NormFloat64()
			if seed%2 == 0 {
				v = math.Round(2 * v)
			}
			if seed%5 == 0 && rng.IntN(20) == 0 {
				v = math.Inf(rng.IntN(2)*2 - 1)
			}
			return v
		}
		a, b := sample(1+rng.IntN(300), draw), sample(1+rng.IntN(300), draw)
		r := numericReference(t, a)
		e := evidenceOf(r, windowOf(r, b...))
		require.InDelta(t, trueD(a, b), e.KS.Effect, 1e-12, "seed %d", seed)
		require.Equal(t, Interval{e.KS.Effect, e.KS.Effect}, e.KSBounds)
		if e.KS.Effect > 0 {
			gap := math.Max(math.Abs(upToShare(a, e.KSAt)-upToShare(b, e.KSAt)),
				math.Abs(upToShare(a, math.Nextafter(e.KSAt, math.Inf(-1)))-upToShare(b, math.Nextafter(e.KSAt, math.Inf(-1)))))
			require.InDelta(t, e.KS.Effect, gap, 1e-12, "seed %d: the place of D", seed)
		}
	}
}

func TestThinnedReferencesSayHowFarOff(t *testing.T) {
	rng := seeded(2)
	f := func(name string, n int, draw func() float64) {
		t.Run(name, func(t *testing.T) {
			a := sample(n, draw)
			r := numericReference(t, a)
			assert.Positive(t, r.Error())
			assert.LessOrEqual(t, r.Error(), 1.0/1024)
			for range 20 {
				shift := rng.NormFloat64() / 4
				b := sample(500, func() float64 { return draw() + shift })
				e := evidenceOf(r, windowOf(r, b...))
				d := trueD(a, b)
				require.LessOrEqual(t, e.KSBounds.Low, d+1e-12)
				require.GreaterOrEqual(t, e.KSBounds.High, d-1e-12)
				require.InDelta(t, d, e.KS.Effect, r.Error()+1e-12)
			}
		})
	}
	f("normal", 5000, rng.NormFloat64)
	f("a value with a third of the weight", 20_000, func() float64 { return math.Max(0, rng.NormFloat64()-0.4) })
	f("log-normal", 3000, func() float64 { return math.Exp(2 * rng.NormFloat64()) })
	f("just too many values", 1026, rng.Float64)
	f("many ties", 50_000, func() float64 { return math.Round(rng.ExpFloat64() * 400) })
}

func TestBinsFollowTheReference(t *testing.T) {
	f := func(name string, values []float64, s BinSettings, edges []float64, counts []uint32) {
		t.Run(name, func(t *testing.T) {
			r, err := NewNumericReference(values, ReferenceSettings{Bins: s})
			require.NoError(t, err)
			b := &r.numbers.bins
			assert.Equal(t, edges, b.edges(&r.numbers.cuts))
			assert.Equal(t, counts, b.counts)
			w := evidenceOf(r, windowOf(r, values...))
			assert.Zero(t, w.PSI.Effect, "the reference itself")
		})
	}
	ten := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	f("deciles", ten, BinSettings{}, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, []uint32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
	f("quarters", ten, BinSettings{Count: 4}, []float64{3, 5, 8}, []uint32{3, 2, 3, 2})
	f("few values", []float64{0, 0, 0, 1, 1, 2}, BinSettings{}, []float64{0, 1}, []uint32{3, 2, 1})
	f("one value", []float64{7, 7}, BinSettings{}, []float64{7, 7}, []uint32{0, 2, 0})
	f("equal width", []float64{0, 0.25, 0.5, 1}, BinSettings{Count: 4, EqualWidth: true, High: 1}, []float64{0.25, 0.5, 0.75}, []uint32{1, 1, 1, 1})
	f("equal width over the reference", []float64{2, 3, 4, 6}, BinSettings{Count: 2, EqualWidth: true}, []float64{4}, []uint32{2, 2})
	f("equal width, one value", []float64{2, 2}, BinSettings{Count: 2, EqualWidth: true}, []float64{2}, []uint32{0, 2})
	f("equal width, infinite values", []float64{math.Inf(-1), 0, 2, math.Inf(1)}, BinSettings{Count: 2, EqualWidth: true}, []float64{1}, []uint32{2, 2})
}

// TestEqualWidthIsTheUsersPSI computes PSI over [0, 1] as users have: histogram, 0.0001 for empty bins, sum.
func TestEqualWidthIsTheUsersPSI(t *testing.T) {
	rng := seeded(3)
	a := sample(5000, func() float64 { return math.Pow(rng.Float64(), 0.2) })
	b := sample(700, func() float64 { return math.Pow(rng.Float64(), 0.4) })
	shares := func(values []float64) [10]float64 {
		var s [10]float64
		for _, v := range values {
			s[min(9, int(v*10))] += 1 / float64(len(values))
		}
		for i := range s {
			s[i] = max(s[i], 0.0001)
		}
		return s
	}
	p, q := shares(a), shares(b)
	want := 0.0
	for i := range p {
		want += (q[i] - p[i]) * math.Log(q[i]/p[i])
	}
	r, err := NewNumericReference(a, ReferenceSettings{Bins: BinSettings{EqualWidth: true, High: 1}})
	require.NoError(t, err)
	e := evidenceOf(r, windowOf(r, b...))
	assert.InDelta(t, want, e.PSI.Effect, 1e-9)
	assert.Len(t, e.Bins.Current, 10)
}

func TestTails(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	r := numericReference(t, hundred)
	e := evidenceOf(r, windowOf(r, 96, 1, 97, 4, 98, 50, 99, 60, 100, 1e9))
	assert.Equal(t, 0.05, e.Upper.Reference, "96 to 100")
	assert.Equal(t, 0.6, e.Upper.Current)
	assert.Equal(t, 0.04, e.Lower.Reference, "1 to 4")
	assert.Equal(t, 0.2, e.Lower.Current)
	assert.InDelta(t, (&proportions{5, 100, 6, 10}).greater(), e.Upper.P, 1e-12)
}

func TestBadReferences(t *testing.T) {
	f := func(name string, values []float64, s BinSettings, want string) {
		_, err := NewNumericReference(values, ReferenceSettings{Bins: s})
		assert.ErrorContains(t, err, want, name)
	}
	f("empty", nil, BinSettings{}, "no values")
	f("only NaN", []float64{math.NaN()}, BinSettings{}, "no values")
	f("one bin", []float64{1}, BinSettings{Count: 1}, "bins must be 2 to 64")
	f("range", []float64{1}, BinSettings{Low: 2, High: 1}, "must be finite and ascend")
	_, err := NewCategoricalReference(nil, 3, ReferenceSettings{})
	require.ErrorIs(t, err, ErrNoValues)
	_, err = NewAggregatedReference(Buckets{}, ReferenceSettings{})
	require.ErrorIs(t, err, ErrNoValues)
}

// TestOddReferences: whatever the reference and the window, no number is NaN.
func TestOddReferences(t *testing.T) {
	inf, huge := math.Inf(1), math.MaxFloat64
	odd := [][]float64{{5}, {5, 5, 5}, {-inf}, {inf, inf}, {-inf, inf}, {-huge, huge}, {0, math.Copysign(0, -1)}, {-inf, 1, inf}, {1, 2, math.NaN()}, {5e-324, -5e-324}}
	for _, a := range odd {
		for _, s := range []BinSettings{{}, {EqualWidth: true}, {EqualWidth: true, High: 1}} {
			r, err := NewNumericReference(a, ReferenceSettings{Ordered: true, Bins: s})
			require.NoError(t, err)
			for _, b := range append(odd, nil, []float64{math.NaN()}) {
				e := evidenceOf(r, windowOf(r, b...))
				requireNoNaN(t, &e, fmt.Sprint(a, b, s))
				clean := slices.DeleteFunc(slices.Clone(b), math.IsNaN)
				if len(clean) > 0 {
					reference := slices.DeleteFunc(slices.Clone(a), math.IsNaN)
					require.InDelta(t, trueD(reference, clean), e.KS.Effect, 1e-12, "%v %v", a, b)
				}
			}
		}
	}
}

func requireNoNaN(t testing.TB, e *Evidence, name string) {
	t.Helper()
	numbers := []float64{
		e.NEffective, e.KS.Effect, e.KS.P, e.KSBounds.Low, e.KSBounds.High, e.KSAt, e.PSI.Effect, e.PSI.P, e.JS.Effect, e.JS.P,
		e.ChiSquare.Effect, e.ChiSquare.P, e.Wasserstein.Low, e.Wasserstein.High, e.Lower.P, e.Upper.P, e.Missing.P, e.Missing.Current, e.Unseen.P,
	}
	for i, v := range numbers {
		require.False(t, math.IsNaN(v), "number %d of %s", i, name)
	}
	for _, p := range []float64{e.KS.P, e.PSI.P, e.JS.P, e.ChiSquare.P, e.Lower.P, e.Upper.P, e.Missing.P, e.Unseen.P} {
		require.True(t, p >= 0 && p <= 1, "p %v of %s", p, name)
	}
}

func references(t testing.TB) map[string]*Reference {
	t.Helper()
	rng := seeded(4)
	s := ReferenceSettings{ID: "refs/m/1.parquet", Created: day, Provisional: true, Ordered: true}
	out := map[string]*Reference{}
	var err error
	out["exact"], err = NewNumericReference(append(sample(60, rng.NormFloat64), math.NaN(), math.Inf(1)), s)
	require.NoError(t, err)
	out["thinned"], err = NewNumericReference(sample(4000, rng.NormFloat64), s)
	require.NoError(t, err)
	s.Bins = BinSettings{EqualWidth: true, High: 1}
	out["equal width"], err = NewNumericReference(sample(4000, rng.Float64), s)
	require.NoError(t, err)
	out["categories"], err = NewCategoricalReference([]string{"stop", "stop", "length", "", "tool"}, 2, s)
	require.NoError(t, err)
	b, err := NewHistogram([]float64{0, 1, 10}, []uint64{0, 4, 3, 1})
	require.NoError(t, err)
	out["buckets"], err = NewAggregatedReference(b, s)
	require.NoError(t, err)
	return out
}

func TestReferencesSurviveEncoding(t *testing.T) {
	hashes := map[string]bool{}
	for name, r := range references(t) {
		b := r.Append(nil)
		got, err := DecodeReference(b)
		require.NoError(t, err, name)
		assert.Equal(t, r, got, name)
		assert.Equal(t, b, got.Append(nil), name)
		assert.Less(t, len(b), 16<<10, name)
		assert.Len(t, r.Hash(), 32)
		assert.True(t, r.Created().Equal(day) && r.Provisional() && r.ID() == "refs/m/1.parquet")
		hashes[r.Hash()] = true
		assert.Equal(t, r.Hash(), r.accepted().Hash(), "the hash is that of the content")
		for i := range b {
			_, err := DecodeReference(b[:i])
			require.ErrorIs(t, err, codec.ErrDamaged, "%s cut to %d bytes", name, i)
		}
	}
	assert.Len(t, hashes, 5)
}

func FuzzDecodeReference(f *testing.F) {
	for _, r := range references(f) {
		// Long inputs take the fuzzer long to make smaller.
		if b := r.Append(nil); len(b) < 1024 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReference(b)
		if err != nil {
			require.ErrorIs(t, err, codec.ErrDamaged)
			return
		}
		require.Equal(t, b, r.Append(nil), "one encoding for each reference")
		w := newWindow(r)
		buckets, err := NewHistogram([]float64{1}, []uint64{3, 4})
		require.NoError(t, err)
		for _, v := range []float64{-1, 0, math.Pi, math.Inf(1), math.NaN()} {
			w.add(&Value{Number: v, Category: "stop", Buckets: &buckets})
		}
		e := evidenceOf(r, w)
		requireNoNaN(t, &e, "fuzz")
	})
}

func TestCategoriesBeyondTheLimit(t *testing.T) {
	var names []string
	for i := range 300 {
		for range 300 - i {
			names = append(names, fmt.Sprintf("%03d", i))
		}
	}
	r, err := NewCategoricalReference(names, 0, ReferenceSettings{})
	require.NoError(t, err)
	assert.Len(t, r.categories.names, MaxCategories)
	assert.True(t, sort.StringsAreSorted(r.categories.names), "the most frequent ones")
	assert.EqualValues(t, 44*45/2, r.categories.counts[MaxCategories])
	w := newWindow(r)
	w.add(&Value{Category: "new"})
	e := evidenceOf(r, w)
	assert.Zero(t, e.Unseen.Current, "it cannot be told from a rare one")
	assert.Equal(t, 1.0, e.Unseen.P)
}
