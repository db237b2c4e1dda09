// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each fault is one line, which names the key, the rule and the value; what follows from another fault is not said.
func TestValidate(t *testing.T) {
	f := func(change func(*Settings), want ...string) {
		t.Helper()
		s := DefaultSettings()
		change(&s)
		var got []string
		if err := s.ValidateFor(3); err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		assert.Equal(t, want, got)
	}
	f(func(*Settings) {})
	f(func(s *Settings) { s.Method = "guess" }, `method must be isolation_forest, pca, robust_z or ewma (got "guess")`)
	f(func(s *Settings) {
		s.Method, s.Features.Lags, s.Decision.Alpha, s.Decision.Contamination = "guess", 1, 0, 0.1
	},
		`method must be isolation_forest, pca, robust_z or ewma (got "guess")`)
	f(func(s *Settings) { s.MinObservations = 1 }, "min_observations must be 20 to 1048576 (got 1)")
	f(func(s *Settings) { s.MinObservations = 1 << 21 }, "min_observations must be 20 to 1048576 (got 2097152)")
	f(func(s *Settings) { s.MinObservations = 500 }, "accept must be 0, or min_observations, 500, to 1048576 (got 240)")
	f(func(s *Settings) { s.Decision.Accept = -1 }, "accept must be 0, or min_observations, 50, to 1048576 (got -1)")
	f(func(s *Settings) { s.Window = 1 }, "window must be 64 to 65536 (got 1)")
	f(func(s *Settings) { s.Forest.Trees = 0 }, "forest::trees must be 1 to 1000 (got 0)")
	f(func(s *Settings) { s.Forest.SubSample = 1 }, "forest::sub_sample must be 2 to 4096 (got 1)")
	f(func(s *Settings) { s.Forest.SubSample = 5000 }, "forest::sub_sample must be 2 to 4096 (got 5000)")
	f(func(s *Settings) { s.Reservoir = 100 }, "forest::sub_sample must be at most training::reservoir, 100, of which a tree is a part (got 256)")
	f(func(s *Settings) { s.Reservoir, s.Method = 100, PCA })
	f(func(s *Settings) { s.Reservoir = 19 }, "training::reservoir must be 20 to 16384 (got 19)")
	f(func(s *Settings) { s.Horizon = 0 }, "training::horizon must be 1 to 1073741824 (got 0)")
	f(func(s *Settings) { s.Retrain = 0 }, "training::retrain must be 1 to 1073741824 (got 0)")
	f(func(s *Settings) { s.Delay = -1 }, "training::delay must be 0 to 1073741824 (got -1)")
	f(func(s *Settings) { s.Features.Lags = 17 }, "lags must be 0 to 16 (got 17)")
	f(func(s *Settings) { s.Features.Lags, s.Method = 1, RobustZ }, "lags and differences are for isolation_forest and pca (got 1 and false for robust_z)")
	f(func(s *Settings) { s.PCA.Variance = 1 }, "pca::variance must lie between 0 and 1 (got 1)")
	f(func(s *Settings) { s.HalfLife = 0.5 }, "half_life must be 1 to 1e9 (got 0.5)")
	f(func(s *Settings) { s.Floor = math.NaN() }, "floor must be above 0 and at most 1 (got NaN)")
	f(func(s *Settings) { s.Season = Season{Phases: 169, Length: time.Hour} }, "season::phases must be 0 to 168 (got 169)")
	f(func(s *Settings) { s.Season = Season{Phases: 7} }, "season::length must be at least 1s (got 0s)")
	f(func(s *Settings) { s.Season.Offset = math.MinInt64 }, "season::offset must be -8760h to 8760h (got -2562047h47m16.854s)")
	f(func(s *Settings) { s.Decision.Calibration = 1 }, "calibration must be 64 to 65536 (got 1)")
	f(func(s *Settings) { s.Decision.Raise = 4 }, "hysteresis::raise must be 1 to hysteresis::of, and that at most 64 (got 4 of 1)")
	f(func(s *Settings) { s.Decision.Step = -1 }, "step must not be negative (got -1ns)")
}

// One rule decides; what is wrong with it is said of it alone.
func TestValidateDecision(t *testing.T) {
	f := func(d Decision, want ...string) {
		t.Helper()
		s := DefaultSettings()
		s.Decision.Alpha, s.Decision.FalseAlarmsPerDay, s.Decision.Contamination, s.Decision.Step = d.Alpha, d.FalseAlarmsPerDay, d.Contamination, d.Step
		var got []string
		if err := s.Validate(); err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		assert.Equal(t, want, got, "%+v", d)
	}
	nan := math.NaN()
	f(Decision{Alpha: 0.5})
	f(Decision{FalseAlarmsPerDay: 720, Step: time.Minute})
	f(Decision{Contamination: 0.5})
	f(Decision{}, "one of alpha, false_alarms_per_day and contamination must be set, and no other (got 0, 0 and 0)")
	f(Decision{Alpha: 0.1, Contamination: 0.1}, "one of alpha, false_alarms_per_day and contamination must be set, and no other (got 0.1, 0 and 0.1)")
	for _, rate := range []float64{-1, 0.51, nan, math.Inf(1)} {
		f(Decision{Alpha: rate}, fmt.Sprintf("alpha must be above 0 and at most 0.5 (got %v)", rate))
		f(Decision{Contamination: rate}, fmt.Sprintf("contamination must be above 0 and at most 0.5 (got %v)", rate))
	}
	f(Decision{FalseAlarmsPerDay: 1}, "false_alarms_per_day needs step, the time between rows (got 0s)")
	f(Decision{FalseAlarmsPerDay: 721, Step: time.Minute}, "false_alarms_per_day must be above 0 and at most 720, half of the steps of a day (got 721)")
	f(Decision{FalseAlarmsPerDay: nan, Step: time.Minute}, "false_alarms_per_day must be above 0 and at most 720, half of the steps of a day (got NaN)")
}

func TestValidateForMetrics(t *testing.T) {
	f := func(metrics int, features Features, want string) {
		t.Helper()
		s := DefaultSettings()
		s.Features = features
		_, err := NewDetector(s, make([]string, metrics))
		require.EqualError(t, err, "cannot judge anomalies: "+want)
	}
	f(0, Features{}, "metrics must have 1 to 64 values (got 0)")
	f(65, Features{}, "metrics must have 1 to 64 values (got 65)")
	f(20, Features{Lags: 16, Differences: true}, "metrics must have at most 256 values, their lags and differences among them (got 20 of 18 each)")
}

// What a detector is expected to take is no less than what it takes, and not much more.
func TestExpectedBytes(t *testing.T) {
	for _, s := range everyMethod() {
		for _, metrics := range []int{1, 12} {
			for _, lags := range []int{0, 3} {
				for _, phases := range []int{0, 24} {
					if s.Season = (Season{Phases: phases, Length: time.Minute}); s.Method.Trained() {
						s.Features.Lags = lags
					}
					d := newStream(t, s, make([]string, metrics)...)
					rng := seeded(15)
					row := make([]float64, metrics)
					for range 2500 {
						for i := range row {
							row[i] = rng.NormFloat64()
						}
						d.next(row...)
					}
					took, expected := float64(d.Bytes()), float64(s.Bytes(metrics))
					assert.LessOrEqual(t, took, 1.05*expected, "%s of %d metrics, %d lags, %d phases", s.Method, metrics, lags, phases)
					assert.GreaterOrEqual(t, took, 0.4*expected, "%s of %d metrics, %d lags, %d phases", s.Method, metrics, lags, phases)
				}
			}
		}
	}
}

// The threshold of contamination is the score that this share of the training rows lies above.
func TestContaminationIsAShareOfTheTrainingRows(t *testing.T) {
	for _, share := range []float64{0.1, 0.25} {
		for _, method := range []Method{IsolationForest, PCA} {
			s := DefaultSettings()
			s.Method, s.Decision.Alpha, s.Decision.Contamination = method, 0, share
			d := newStream(t, s, "x", "y")
			rng := seeded(16)
			for d.Training() == nil || d.Training().Rows() < 200 {
				d.at += int64(time.Minute)
				d.Observe(d.at, []float64{rng.NormFloat64(), rng.ExpFloat64()})
				if training := d.Training(); training != nil && training.Rows() < 200 {
					d.Install(training.Fit())
				}
			}
			training := d.Training()
			model := training.Fit()
			beyond := 0
			for i := range training.Rows() {
				model.scaleRow(training.values[2*i:2*i+2], d.scaled)
				if model.raw(d.scaled, d.point) > model.offset {
					beyond++
				}
			}
			assert.InDelta(t, share, float64(beyond)/float64(training.Rows()), 1.5/float64(training.Rows()), "%s", method)
		}
	}
}
