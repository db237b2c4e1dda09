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

// noise is a detector of metrics that are normal around 100, one row every 15 s.
type noise struct {
	*Detector
	rng *rand.Rand
	row []float64
	at  int64
}

func newNoise(t *testing.T, method Method, metrics []string, seed uint64) *noise {
	t.Helper()
	s := DefaultSettings()
	s.Method, s.Seed = method, seed
	d, err := NewDetector(s, metrics)
	require.NoError(t, err)
	return &noise{Detector: d, rng: rand.New(rand.NewPCG(seed, 1)), row: make([]float64, len(metrics))}
}

// next says whether the next row is called an anomaly, of which the first metrics are off by so many standard deviations.
func (n *noise) next(sigmas float64, first int) bool {
	for m := range n.row {
		n.row[m] = 100 + 5*n.rng.NormFloat64()
		if m < first {
			n.row[m] += 5 * sigmas
		}
	}
	n.at += 15e9
	return observe(n.Detector, n.at, n.row).Anomalous
}

// TestAnIncidentDoesNotHideTheNext has two incidents of eight rows, 200 rows apart, after 1,500 calm ones. Both are found by all seeds: at
// least three of five rows in a row are called anomalies, which is what makes an episode.
func TestAnIncidentDoesNotHideTheNext(t *testing.T) {
	const seeds, lasts = 25, 8
	starts := []int{1500, 1700}
	f := func(method Method, metrics []string, sigmas float64) {
		t.Helper()
		missed := make([]int, len(starts))
		for seed := range uint64(seeds) {
			n := newNoise(t, method, metrics, seed)
			found := make([]bool, len(starts))
			var recent uint8
			for i := range starts[1] + lasts {
				incident, off := -1, 0.0
				for j, at := range starts {
					if at <= i && i < at+lasts {
						incident, off = j, sigmas
					}
				}
				recent <<= 1
				if n.next(off, 2) {
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

// TestSpikesThatComeBack has spikes of two rows, one every 150 rows, after 1,500 calm ones: the twelfth is called an anomaly as the first was,
// and so is most of an incident of eight rows after them that is not as large. A forest of one metric is not as good.
func TestSpikesThatComeBack(t *testing.T) {
	const seeds, calm, every, spikes = 10, 1500, 150, 12
	f := func(method Method, metrics []string) {
		t.Helper()
		last, incident := 0, 0
		for seed := range uint64(seeds) {
			n := newNoise(t, method, metrics, seed)
			for range calm {
				n.next(0, 0)
			}
			called := false
			for range spikes {
				called = n.next(25, 2)
				called = n.next(25, 2) && called
				for range every - 2 {
					n.next(0, 0)
				}
			}
			if called {
				last++
			}
			rows := 0
			for range 8 {
				if n.next(15, 2) {
					rows++
				}
			}
			if rows >= 5 {
				incident++
			}
		}
		t.Logf("%s, %d metrics: the last spike is called by %d, the incident after it by %d of %d", method, len(metrics), last, incident, seeds)
		assert.Equal(t, seeds, last, "%s, %d metrics: the last spike", method, len(metrics))
		assert.GreaterOrEqual(t, incident, seeds-2, "%s, %d metrics: the incident", method, len(metrics))
	}
	one, three := []string{"a"}, []string{"a", "b", "c"}
	f(RobustZ, one)
	f(RobustZ, three)
	f(EWMA, one)
	f(PCA, three)
	f(IsolationForest, three)
}

// TestIncidentsThatComeBackToAForestWithLags has incidents of eight rows, one every 200 rows, after 1,500 calm ones: with lags, too, the sixth is
// called as the first was. Only of short runs, as edges make, the fourth is usual.
func TestIncidentsThatComeBackToAForestWithLags(t *testing.T) {
	const lasts, incidents = 8, 6
	for _, features := range []Features{{Lags: 1}, {Lags: 3}, {Lags: 3, Differences: true}} {
		for seed := range uint64(5) {
			s := DefaultSettings()
			s.Features, s.Seed = features, seed
			d, err := NewDetector(s, []string{"a"})
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(seed, 1))
			called := make([]int, incidents)
			for i := range 1500 + 200*incidents {
				incident, off := (i-1500)/200, 0.0
				if i >= 1500 && (i-1500)%200 < lasts {
					off = 75
				}
				if observe(d, int64(i)*15e9, []float64{100 + 5*rng.NormFloat64() + off}).Anomalous && off > 0 {
					called[incident]++
				}
			}
			assert.GreaterOrEqual(t, called[0], lasts-1, "%v, seed %d", features, seed)
			assert.GreaterOrEqual(t, called[incidents-1], lasts-1, "%v, seed %d: %v", features, seed, called)
		}
	}
}

// TestALastingShiftIsAnAnomalyUntilItIsAccepted has a shift that stays, after few and many calm rows: each of its rows is called an anomaly, until
// the change is accepted: after half as many rows as there were calm ones, 240 at most. The median of the robust z follows it sooner.
func TestALastingShiftIsAnAnomalyUntilItIsAccepted(t *testing.T) {
	f := func(method Method, metrics []string, calm, accepted int) {
		t.Helper()
		for seed := range uint64(5) {
			n := newNoise(t, method, metrics, seed)
			for range calm {
				n.next(0, 0)
			}
			called, last := 0, 0
			for i := range 2 * n.settings.Decision.Accept {
				if n.next(10, len(metrics)) {
					called, last = called+1, i
				}
			}
			assert.GreaterOrEqual(t, called, accepted*9/10, "%s, %d metrics, seed %d, after %d calm rows", method, len(metrics), seed, calm)
			assert.Less(t, last, accepted*11/10+n.settings.Delay, "%s, %d metrics, seed %d, after %d calm rows", method, len(metrics), seed, calm)
			assert.EqualValues(t, 1, n.Tally().Accepted)
		}
	}
	for _, c := range []struct{ calm, accepted int }{{150, 75}, {400, 200}, {1500, 240}} {
		f(EWMA, []string{"a"}, c.calm, c.accepted)
		f(PCA, []string{"a", "b", "c"}, c.calm, c.accepted)
		f(IsolationForest, []string{"a", "b", "c"}, c.calm, c.accepted)
		if c.calm >= 400 { // With fewer a forest of one metric is not that sure.
			f(IsolationForest, []string{"a"}, c.calm, c.accepted)
		}
	}
}
