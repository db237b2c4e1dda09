// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"hash/fnv"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
)

const (
	defaultCheckpointInterval = time.Minute
	defaultTrainingCPU        = 0.1
	defaultContamination      = 0.1
	defaultStep               = 15 * time.Second
	defaultLateness           = 5 * time.Second
	defaultCarry              = time.Minute
	defaultAhead              = time.Minute
	defaultCalmInterval       = 15 * time.Second
	defaultEntities           = 10_000
	defaultSeries             = 100_000
	defaultMemoryMiB          = 512
	defaultIdleAfter          = 24 * time.Hour
)

// defaultDetector is a detector as nobody has changed it: its statistics are those of internal/anomaly.
func defaultDetector() DetectorConfig {
	s := anomaly.DefaultSettings()
	return DetectorConfig{
		Method:          string(s.Method),
		Hysteresis:      HysteresisConfig{Raise: s.Decision.Raise, Of: s.Decision.Of},
		Accept:          s.Decision.Accept,
		MinObservations: s.MinObservations,
		Step:            defaultStep,
		Lateness:        defaultLateness,
		Carry:           defaultCarry,
		Ahead:           defaultAhead,
		Season:          SeasonConfig{Length: time.Hour},
		Forest:          ForestConfig{Trees: s.Forest.Trees, SubSample: s.Forest.SubSample},
		PCA:             PCAConfig{Variance: s.PCA.Variance},
		Window:          s.Window,
		HalfLife:        s.HalfLife,
		Calibration:     s.Decision.Calibration,
		Floor:           s.Floor,
		Training:        TrainingConfig{Retrain: s.Retrain, Delay: s.Delay, Reservoir: s.Reservoir, Horizon: s.Horizon},
		Details:         detailsAnomalies,
		CalmInterval:    defaultCalmInterval,
		Limits:          LimitsConfig{Entities: defaultEntities, Series: defaultSeries, MemoryMiB: defaultMemoryMiB, IdleAfter: defaultIdleAfter},
	}
}

// settings says it in terms of internal/anomaly.
func (c *DetectorConfig) settings() anomaly.Settings {
	s := anomaly.Settings{
		Method: anomaly.Method(c.Method),
		Decision: anomaly.Decision{
			Step: c.Step, Calibration: c.Calibration, Raise: c.Hysteresis.Raise, Of: c.Hysteresis.Of, Accept: c.Accept,
		},
		// A row has the time of the end of its step, which is of the phase that ends with it.
		Season:          anomaly.Season{Phases: c.Season.Phases, Length: c.Season.Length, Offset: c.Season.Offset + time.Nanosecond},
		Features:        anomaly.Features{Lags: c.Lags, Differences: c.Differences},
		Forest:          anomaly.Forest{Trees: c.Forest.Trees, SubSample: c.Forest.SubSample},
		PCA:             anomaly.Components{Variance: c.PCA.Variance},
		MinObservations: c.MinObservations,
		Window:          c.Window,
		HalfLife:        c.HalfLife,
		Reservoir:       c.Training.Reservoir,
		Horizon:         c.Training.Horizon,
		Retrain:         c.Training.Retrain,
		Delay:           c.Training.Delay,
		Floor:           c.Floor,
		Seed:            c.Seed,
	}
	d := &s.Decision
	d.Alpha, d.FalseAlarmsPerDay, d.Contamination = orZero(c.Alpha), orZero(c.FalseAlarmsPerDay), orZero(c.Contamination)
	if d.Alpha == 0 && d.FalseAlarmsPerDay == 0 && d.Contamination == 0 {
		d.Alpha = anomaly.DefaultSettings().Decision.Alpha
	}
	return s
}

func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// expectedBytes is about what an entity will take once it has learned.
func (c *DetectorConfig) expectedBytes() int {
	s := c.settings()
	return entityBytes + len(c.Metrics)*metricBytes + s.Bytes(len(c.columnNames()))
}

func (c *DetectorConfig) alignment() anomaly.Alignment {
	return anomaly.Alignment{Step: c.Step, Lateness: c.Lateness, Carry: c.Carry, Ahead: c.Ahead}
}

// seed makes the random choices of an entity its own, and the same in every life.
func seed(of uint64, detector, entity string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(detector + "\x00" + entity)) // it never fails
	return of ^ h.Sum64()
}
