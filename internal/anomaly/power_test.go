// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnIncidentDoesNotHideTheNext has two incidents of eight rows, 200 rows apart, after 1,500 calm ones. Both are found by all seeds: at
// least three of five rows in a row are called anomalies, which is what makes an episode.
func TestAnIncidentDoesNotHideTheNext(t *testing.T) {
	const seeds, lasts = 25, 8
	starts := []int{1500, 1700}
	f := func(method Method, metrics []string, sigmas float64) {
		t.Helper()
		missed := make([]int, len(starts))
		for seed := range uint64(seeds) {
			s := DefaultSettings()
			s.Method, s.Seed = method, seed
			d, err := NewDetector(s, metrics)
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(seed, 1))
			found := make([]bool, len(starts))
			var recent uint8
			row := make([]float64, len(metrics))
			for i := range starts[1] + lasts {
				incident := -1
				for j, at := range starts {
					if at <= i && i < at+lasts {
						incident = j
					}
				}
				for m := range row {
					row[m] = 100 + 5*rng.NormFloat64()
					if incident >= 0 && m < 2 {
						row[m] += 5 * sigmas
					}
				}
				recent <<= 1
				if observe(d, int64(i)*15e9, row).Anomalous {
					recent |= 1
				}
				if incident >= 0 && bits.OnesCount8(recent&31) >= 3 {
					found[incident] = true
				}
			}
			for j, ok := range found {
				if !ok {
					missed[j]++
				}
			}
		}
		t.Logf("%s, %d metrics, %.0f sigma: %d and %d of %d missed", method, len(metrics), sigmas, missed[0], missed[1], seeds)
		if sigmas >= 10 {
			assert.Equal(t, []int{0, 0}, missed, "%s, %d metrics, %.0f sigma", method, len(metrics), sigmas)
		}
	}
	one, three := []string{"a"}, []string{"a", "b", "c"}
	for _, sigmas := range []float64{6, 8, 10, 15} {
		f(RobustZ, one, sigmas)
		f(RobustZ, three, sigmas)
		f(EWMA, one, sigmas)
		f(PCA, three, sigmas)
		f(IsolationForest, three, sigmas)
		f(IsolationForest, one, sigmas)
	}
}

// TestALastingShiftIsAnAnomalyUntilItIsAccepted has a shift that stays, after few and many calm rows: each of its rows is called an anomaly, until
// the change is accepted. The median of the robust z follows it sooner.
func TestALastingShiftIsAnAnomalyUntilItIsAccepted(t *testing.T) {
	f := func(method Method, metrics []string, calm int) {
		t.Helper()
		for seed := range uint64(5) {
			s := DefaultSettings()
			s.Method, s.Seed = method, seed
			d, err := NewDetector(s, metrics)
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(seed, 1))
			row := make([]float64, len(metrics))
			called := 0
			for i := range calm + s.Decision.Accept {
				for m := range row {
					row[m] = 100 + 5*rng.NormFloat64()
					if i >= calm {
						row[m] += 50
					}
				}
				if v := observe(d, int64(i)*15e9, row); i >= calm && v.Anomalous {
					called++
				}
			}
			assert.GreaterOrEqual(t, called, s.Decision.Accept*9/10, "%s, %d metrics, seed %d, after %d calm rows", method, len(metrics), seed, calm)
		}
	}
	for _, calm := range []int{150, 400, 1500} {
		f(EWMA, []string{"a"}, calm)
		f(PCA, []string{"a", "b", "c"}, calm)
		f(IsolationForest, []string{"a", "b", "c"}, calm)
	}
}
