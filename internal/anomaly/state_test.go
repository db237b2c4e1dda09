// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// small are settings whose windows are soon full, so that short streams go through everything.
func small(m Method) Settings {
	s := DefaultSettings()
	s.Method, s.MinObservations, s.Window, s.Reservoir, s.Horizon, s.Retrain, s.Delay = m, 20, 64, 40, 80, 40, 5
	s.Decision = Decision{Alpha: 0.01, Calibration: 64, Raise: 1, Of: 1, Accept: 30, Step: time.Minute}
	s.Forest = Forest{Trees: 10, SubSample: 32}
	if m.Trained() {
		s.Features = Features{Lags: 2, Differences: true}
	}
	return s
}

// eventful is a stream with everything in it: calm, outliers, a change that stays, missing and infinite values, a metric that comes and
// goes, gaps, and a clock that was set back.
func eventful(rows int) (times []int64, values [][]float64) {
	rng := seeded(5)
	at := int64(1_700_000_000) * int64(time.Second)
	for i := range rows {
		at += int64(time.Minute)
		row := []float64{10 + rng.NormFloat64(), math.Exp(rng.NormFloat64()), 5}
		switch {
		case i%37 == 36:
			row[rng.IntN(3)] += 40
		case i%41 == 40:
			row[rng.IntN(2)] = []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[rng.IntN(3)]
		case i == 150:
			at += int64(time.Hour)
		case i == 160:
			at -= 30 * int64(time.Minute)
		case i%50 == 49:
			row = []float64{math.NaN(), math.NaN(), math.NaN()}
		}
		if i > 200 {
			row[0] += 25
		}
		if i < 60 || i > 260 {
			row[2] = math.NaN()
		}
		times, values = append(times, at), append(values, row)
	}
	return times, values
}

func allSettings() map[string]Settings {
	out := map[string]Settings{}
	for _, m := range []Method{IsolationForest, PCA, RobustZ, EWMA} {
		out[string(m)] = small(m)
		seasonal := small(m)
		seasonal.Season = Season{Phases: 4, Length: 10 * time.Minute}
		out[string(m)+" with a season"] = seasonal
	}
	quota := small(IsolationForest)
	quota.Decision.Alpha, quota.Decision.Contamination = 0, 0.1
	out["contamination"] = quota
	return out
}

// TestRestoredDetectorGoesOn cuts a stream at every row: what comes after is the same, bit for bit, and so is the state at the end.
func TestRestoredDetectorGoesOn(t *testing.T) {
	times, values := eventful(340)
	names := []string{"a", "b", "c"}
	for name, s := range allSettings() {
		t.Run(name, func(t *testing.T) {
			whole, err := NewDetector(s, names)
			require.NoError(t, err)
			var verdicts []string
			var states [][]byte
			for i := range times {
				states = append(states, whole.Append(nil))
				verdicts = append(verdicts, fmt.Sprintf("%+v", observe(whole, times[i], values[i])))
			}
			tally := whole.Tally()
			require.NotZero(t, tally.Judged)
			require.True(t, s.Season.on() || tally.Anomalous > 0)
			require.NotZero(t, tally.Incomplete)
			require.NotZero(t, tally.Relearned)
			end := whole.Append(nil)
			step := 1
			if testing.Short() {
				step = 17
			}
			for cut := 0; cut < len(times); cut += step {
				d, err := NewDetector(s, names)
				require.NoError(t, err)
				require.NoError(t, d.Restore(states[cut]))
				require.Equal(t, states[cut], d.Append(nil), "cut at %d", cut)
				train(d)
				for i := cut; i < min(cut+60, len(times)); i++ {
					if got := fmt.Sprintf("%+v", observe(d, times[i], values[i])); got != verdicts[i] {
						require.Equal(t, verdicts[i], got, "row %d after a cut at %d", i, cut)
					}
				}
				if cut+60 >= len(times) {
					require.Equal(t, end, d.Append(nil))
				}
			}
		})
	}
}

// The time at which a model is installed changes nothing, as long as it is there when its row comes.
func TestScoresDoNotDependOnTheWorker(t *testing.T) {
	times, values := eventful(340)
	s := small(IsolationForest)
	run := func(rng *rand.Rand) []string {
		d, err := NewDetector(s, []string{"a", "b", "c"})
		require.NoError(t, err)
		var out []string
		for i := range times {
			if d.Overdue() || rng != nil && rng.IntN(3) == 0 {
				train(d)
			}
			out = append(out, fmt.Sprintf("%+v", d.Observe(times[i], values[i])))
		}
		require.Zero(t, d.Tally().Overdue)
		return out
	}
	late := run(nil)
	for seed := range uint64(5) {
		assert.Equal(t, late, run(seeded(seed)))
	}
}

func TestOverdueModelsAreCounted(t *testing.T) {
	s := small(IsolationForest)
	d, err := NewDetector(s, []string{"a"})
	require.NoError(t, err)
	rng := seeded(1)
	row := []float64{0}
	next := func() Verdict {
		row[0] = rng.NormFloat64()
		return d.Observe(0, row)
	}
	for d.Training() == nil {
		require.False(t, d.Overdue())
		next()
	}
	training := d.Training()
	for !d.Overdue() {
		next()
	}
	assert.EqualValues(t, s.MinObservations, d.Tally().Rows, "the first model is there when enough rows have come")
	assert.False(t, next().Judged)
	assert.EqualValues(t, 1, d.Tally().Overdue)
	assert.Same(t, training, d.Training(), "rows after it was due change nothing about it")
	assert.False(t, d.Install(&Model{number: 99}), "a model of another training")
	require.True(t, d.Install(training.Fit()))
	assert.Nil(t, d.Training())
	assert.True(t, next().Judged)
	assert.EqualValues(t, 1, d.Tally().Models)
}

// A restart in the middle of a change that few calm rows speak against does not put off when it is accepted.
func TestRestartInTheMiddleOfAChange(t *testing.T) {
	for _, m := range []Method{IsolationForest, PCA, EWMA} {
		s := DefaultSettings()
		s.Method, s.Decision.Alpha = m, 0.02
		run := func(restart int) []string {
			d := newStream(t, s, "a", "b")
			rng := seeded(21)
			var verdicts []string
			accepted := 0
			for i := range 300 {
				if i == restart {
					restored := newStream(t, s, "a", "b")
					require.NoError(t, restored.Restore(d.Append(nil)))
					restored.at = d.at
					d = restored
				}
				off := 0.0
				if i >= 130 {
					off = 20
				}
				v := d.next(off+rng.NormFloat64(), off+rng.NormFloat64())
				if v.Accepted {
					accepted = i
				}
				verdicts = append(verdicts, fmt.Sprintf("%+v", v))
			}
			require.InDelta(t, 130+65, accepted, 8, m)
			return verdicts
		}
		want := run(-1)
		for _, restart := range []int{131, 160, 194, 195, 200, 215} {
			require.Equal(t, want, run(restart), "%s, a restart at %d", m, restart)
		}
	}
}

// A model that was trained before a quota was asked for knows none: until the next one the share of all calm scores stands in for it.
func TestAQuotaAfterARestart(t *testing.T) {
	for _, m := range []Method{IsolationForest, PCA} {
		s := DefaultSettings()
		s.Method = m
		before := newStream(t, s, "a", "b")
		rng := seeded(8)
		for range 600 {
			before.next(rng.NormFloat64(), rng.NormFloat64())
		}
		s.Decision.Alpha, s.Decision.Contamination = 0, 0.1
		after := newStream(t, s, "a", "b")
		require.NoError(t, after.Restore(before.Append(nil)))
		after.at = before.at
		anomalous := 0
		for range 100 {
			if after.next(rng.NormFloat64(), rng.NormFloat64()).Anomalous {
				anomalous++
			}
		}
		assert.InDelta(t, 10, anomalous, 9, m)
		assert.True(t, after.next(20, 20).Anomalous)
	}
}

func TestRestoreRefuses(t *testing.T) {
	s := small(RobustZ)
	d, err := NewDetector(s, []string{"a"})
	require.NoError(t, err)
	d.Observe(1, []float64{1})
	state := d.Append(nil)
	other, err := NewDetector(s, []string{"b"})
	require.NoError(t, err)
	require.ErrorIs(t, other.Restore(state), ErrSettings)
	require.ErrorIs(t, d.Restore(state[:len(state)-1]), codec.ErrDamaged)
	require.ErrorIs(t, d.Restore(append(state, 0)), codec.ErrDamaged)
	require.ErrorIs(t, d.Restore(nil), codec.ErrDamaged)
	assert.Equal(t, state, d.Append(nil), "the detector is as it was")

	s.Decision.Alpha = 0.2
	strict, err := NewDetector(s, []string{"a"})
	require.NoError(t, err)
	assert.NoError(t, strict.Restore(state), "decisions may change")
}
