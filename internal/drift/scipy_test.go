// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scipy are the expected numbers that testdata/vectors.py computed with SciPy. Cases K1 to K8, C1 to C3 and P1 are those of the
// project's list of test vectors.
type scipy struct {
	Versions map[string]string
	KS       []struct {
		Name                         string
		A, B                         []float64
		D, Exact, Asymp, Wasserstein float64
	}
	KSTwo     [][3]float64
	ChiSquare []struct {
		Reference, Current []uint32
		Statistic, P       float64
		DF                 int
	} `json:"chi_square"`
	Shares []struct {
		P, Q                      []float64
		PSI, Divergence, Distance float64
	}
	Fisher []struct {
		Table   [4]float64
		Greater float64
	}
	BenjaminiHochberg []struct{ P, Adjusted []float64 } `json:"benjamini_hochberg"`
}

func loadSciPy(t testing.TB) scipy {
	t.Helper()
	body, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var v scipy
	require.NoError(t, json.Unmarshal(body, &v))
	require.NotEmpty(t, v.Versions["scipy"])
	return v
}

// closeTo asserts equality to 1e-9, and to a relative 1e-6 where numbers are smaller than that.
func closeTo(t testing.TB, want, got float64, name string, args ...any) {
	t.Helper()
	name = fmt.Sprintf(name, args...)
	assert.InDelta(t, want, got, 1e-9, name)
	if want > 1e-300 {
		assert.InEpsilon(t, want, got, 1e-6, name)
	}
}

func TestKolmogorovSurvivalIsSciPys(t *testing.T) {
	for _, c := range loadSciPy(t).KSTwo {
		if c[2] > 1e-10 {
			closeTo(t, c[2], kolmogorovSurvival(int(c[0]), c[1]), "n %v, d %v", c[0], c[1])
			continue
		}
		assert.InDelta(t, c[2], kolmogorovSurvival(int(c[0]), c[1]), 1e-15, "n %v, d %v", c[0], c[1])
	}
}

// windowOf counts values against a reference.
func windowOf(r *Reference, values ...float64) window {
	w := newWindow(r)
	for _, v := range values {
		w.add(&Value{Number: v})
	}
	return w
}

func evidenceOf(r *Reference, windows ...window) Evidence {
	var scratch []uint32
	return collect(r, windows, 0, &scratch)
}

func numericReference(t testing.TB, values []float64) *Reference {
	t.Helper()
	r, err := NewNumericReference(values, ReferenceSettings{ID: "test"})
	require.NoError(t, err)
	return r
}

func TestKolmogorovSmirnovIsSciPys(t *testing.T) {
	for _, c := range loadSciPy(t).KS {
		r := numericReference(t, c.A)
		e := evidenceOf(r, windowOf(r, c.B...))
		closeTo(t, c.D, e.KS.Effect, "%s: D", c.Name)
		m, n := float64(len(c.A)), float64(len(c.B))
		p := KolmogorovSmirnovP(e.KS.Effect, m, n)
		if m*n/(m+n) < exactBelow {
			closeTo(t, c.Exact, p, "%s: exact", c.Name)
		} else {
			closeTo(t, c.Asymp, p, "%s: asymp", c.Name)
		}
		if c.D > 0 {
			closeTo(t, c.Exact, exactSurvival(c.D, len(c.A), len(c.B)), "%s: exact", c.Name)
			closeTo(t, c.Asymp, kolmogorovSurvival(int(math.RoundToEven(m*n/(m+n))), c.D), "%s: asymp", c.Name)
		}
		assert.LessOrEqual(t, e.Wasserstein.Low, c.Wasserstein+1e-9, "%s: Wasserstein", c.Name)
		assert.GreaterOrEqual(t, e.Wasserstein.High, c.Wasserstein-1e-9, "%s: Wasserstein", c.Name)
	}
}

// TestWassersteinIsSciPys: the distance is exact where no value of the window lies between two values of the reference.
func TestWassersteinIsSciPys(t *testing.T) {
	exact := 0
	for _, c := range loadSciPy(t).KS {
		r := numericReference(t, append(slices.Clone(c.A), c.B...))
		if r.Error() > 0 {
			continue // Thinned: K8.
		}
		// The reference has the values of b as cuts and none of their weight.
		r.numbers.upTo = upToOf(r, c.A)
		r.n = uint64(len(c.A))
		e := evidenceOf(r, windowOf(r, c.B...))
		if e.Wasserstein.Low == e.Wasserstein.High {
			exact++
		}
		closeTo(t, c.Wasserstein, e.Wasserstein.Low, "%s", c.Name)
		closeTo(t, c.Wasserstein, e.Wasserstein.High, "%s", c.Name)
	}
	assert.Positive(t, exact)
}

func upToOf(r *Reference, values []float64) []uint32 {
	out := make([]uint32, r.numbers.cuts.len())
	for i := range out {
		for _, v := range values {
			if v <= r.numbers.cuts.at(i) {
				out[i]++
			}
		}
	}
	return out
}

func TestHomogeneityIsSciPys(t *testing.T) {
	for _, c := range loadSciPy(t).ChiSquare {
		got := homogeneity(c.Reference, c.Current, 1)
		closeTo(t, c.Statistic, got.Statistic, "%v", c.Reference)
		closeTo(t, c.P, got.P, "%v", c.Reference)
		assert.Equal(t, c.DF, got.Degrees, "%v", c.Reference)
	}
}

func TestSharesAreSciPys(t *testing.T) {
	for _, c := range loadSciPy(t).Shares {
		closeTo(t, c.PSI, PSI(c.P, c.Q), "PSI of %v", c.P)
		closeTo(t, c.Divergence, JensenShannon(c.P, c.Q), "divergence of %v", c.P)
		closeTo(t, c.Distance, JensenShannonDistance(c.P, c.Q), "distance of %v", c.P)
	}
}

func TestFisherIsSciPys(t *testing.T) {
	for _, c := range loadSciPy(t).Fisher {
		p := proportions{c.Table[0], c.Table[0] + c.Table[1], c.Table[2], c.Table[2] + c.Table[3]}
		closeTo(t, c.Greater, p.greater(), "%v", c.Table)
	}
}

func TestBenjaminiHochbergIsSciPys(t *testing.T) {
	for _, c := range loadSciPy(t).BenjaminiHochberg {
		BenjaminiHochberg(c.P)
		for i, want := range c.Adjusted {
			closeTo(t, want, c.P[i], "%d", i)
		}
	}
}

// TestListedVectors holds the package to the project's own list of test vectors, which was computed with another version of SciPy.
func TestListedVectors(t *testing.T) {
	f := func(name string, want, got float64) {
		t.Helper()
		closeTo(t, want, got, "%s", name)
	}
	f("K9", 0.664, kolmogorovSurvival(5, 0.3))
	f("K9", 0.03143877776953241, kolmogorovSurvival(50, 0.2))
	f("K9", 0.11353657290090946, kolmogorovSurvival(140, 0.1))
	f("K9", 0.11128445516467933, kolmogorovSurvival(141, 0.1))
	f("K9", 0.15866260223815387, kolmogorovSurvival(500, 0.05))
	f("K10", 0.9859871786857471, kolmogorovSurvival(500, 0.02))
	f("K10", 0.03613941395325637, kolmogorovSurvival(5000, 0.02))
	f("K10", 0.9995858441477996, kolmogorovSurvival(5000, 0.005))
	f("K10", 0.052098088068805115, kolmogorovSurvival(45900, 0.0063))
	f("K10", 4.093278023549254e-09, kolmogorovSurvival(100_000, 0.01))
	f("K10", 1.9531250000000172e-13, kolmogorovSurvival(10, 0.95))
	c1 := homogeneity([]uint32{16, 18, 16, 14, 12, 12}, []uint32{16, 16, 16, 16, 16, 8}, 1)
	f("C1", 1.6224089635854342, c1.Statistic)
	f("C1", 0.8985262394026607, c1.P)
	f("C2", 0.15521848968468005, homogeneity([]uint32{50, 50}, []uint32{40, 60}, 1).P)
	f("C3", 0.037100766579617805, homogeneity([]uint32{90, 10, 0}, []uint32{80, 15, 5}, 1).P)
	f("C3: one shared category", 1, homogeneity([]uint32{0, 9}, []uint32{0, 5}, 1).P)
	f("P2", 0.32169397043273334, PSI(smoothedShares([]uint32{50, 50, 0}), smoothedShares([]uint32{40, 50, 10})))
	widths := bins{equalWidth: true}
	f("P2: 0.0001 for an empty bin", 0.7123991075017365, PSI(widths.shares([]uint32{50, 50, 0}), widths.shares([]uint32{40, 50, 10})))
	w1 := numericReference(t, []float64{0, 1, 3})
	e := evidenceOf(w1, windowOf(w1, 5, 6, 8))
	f("W1", 5, e.Wasserstein.Low)
	f("W1", 5, e.Wasserstein.High)
	assert.InDelta(t, 0.136, Detectable(0.05, 200, 200), 5e-4, "100 values after all: c(0.05)/10")
	assert.InDelta(t, 0.195, Detectable(0.001, 200, 200), 5e-4)
}
