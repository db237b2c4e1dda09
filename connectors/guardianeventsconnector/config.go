// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
)

const (
	defaultCheckpointInterval = time.Minute
	defaultIdleAfter          = 15 * time.Minute
	defaultEpisodes           = 10_000
	defaultCauses             = 16
)

// maxPoints is the number of points that may be looked back on.
const maxPoints = 16

// Config is the configuration of a guardian_events connector.
type Config struct {
	// Storage names the storage extension that keeps open episodes, and events that were not taken yet, over a restart. By default
	// nothing is kept.
	Storage *component.ID `mapstructure:"storage"`

	// CheckpointInterval is the time between two saves. Default value is 1 m.
	CheckpointInterval time.Duration `mapstructure:"checkpoint_interval"`

	// Kinds are the kinds of verdicts that are looked at: anomaly and drift. Default value is both.
	Kinds []string `mapstructure:"kinds"`

	// Anomaly says what is an episode of anomalies.
	Anomaly AnomalyConfig `mapstructure:"anomaly"`

	// Drift says what is an episode of drift.
	Drift DriftConfig `mapstructure:"drift"`

	// IdleAfter is how long nothing may come about an open episode before it is ended as silent. It must be longer than the time
	// between two verdicts. Default value is 15 m.
	IdleAfter time.Duration `mapstructure:"idle_after"`

	// Limits bound the memory.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// AnomalyConfig says what is an episode of anomalies.
type AnomalyConfig struct {
	// Hysteresis says when an episode begins and ends. Default value is 3 of 5 points, and 5 to clear.
	Hysteresis HysteresisConfig `mapstructure:"hysteresis"`
	// Severities say how bad an episode is.
	Severities SeveritiesConfig `mapstructure:"severities"`

	_ struct{}
}

// HysteresisConfig says when an episode begins and ends.
type HysteresisConfig struct {
	// Raise of the last Of points must be anomalous for an episode to begin.
	Raise int `mapstructure:"raise"`
	// Of is the number of points that are looked back on, 1 to 16.
	Of int `mapstructure:"of"`
	// Clear normal points in a row end an episode, 1 to 16.
	Clear int `mapstructure:"clear"`

	_ struct{}
}

// SeveritiesConfig says how bad an episode is: none, info, warning or critical.
type SeveritiesConfig struct {
	// Low is for episodes in which no cause lies more than two standard deviations off its mean. Default value is info.
	Low string `mapstructure:"low"`
	// Medium is for those in which a cause lies more than two off, and none more than three. Default value is warning.
	Medium string `mapstructure:"medium"`
	// High is for those in which a cause lies more than three off. Default value is critical.
	High string `mapstructure:"high"`

	_ struct{}
}

// DriftConfig says what is an episode of drift.
type DriftConfig struct {
	// Score are the limits of ml.data_drift.score. Default value is 0.10, 0.15, 0.25.
	Score LimitValues `mapstructure:"score"`
	// PSI are the limits of ml.concept_drift.psi. Default value is 0.10, 0.20, 0.25.
	PSI LimitValues `mapstructure:"psi"`
	// Share is the ml.data_drift.share above which the whole is critical; 0 does not look at it. Default value is 0.3.
	Share float64 `mapstructure:"share"`
	// RaiseAt is the severity from which an episode begins: info, warning or critical. Default value is warning.
	RaiseAt string `mapstructure:"raise_at"`
	// ClearRatio times the limit of that severity is what an episode must fall below to end. Default value is 0.8.
	ClearRatio float64 `mapstructure:"clear_ratio"`
	// Significance is the p-value above which a score means nothing, where the p-value stands beside it. Default value is 0.05.
	Significance float64 `mapstructure:"significance"`
	// Hysteresis says when an episode begins and ends. The drift processor repeats the verdict of a window at each emission, so
	// points are not windows. Default value is 1 of 1, and 1 to clear.
	Hysteresis HysteresisConfig `mapstructure:"hysteresis"`

	_ struct{}
}

// LimitValues are the values from which a severity applies; 0 never applies.
type LimitValues struct {
	// Info is the value from which it is info.
	Info float64 `mapstructure:"info"`
	// Warning is the value from which it is a warning.
	Warning float64 `mapstructure:"warning"`
	// Critical is the value from which it is critical.
	Critical float64 `mapstructure:"critical"`

	_ struct{}
}

// LimitsConfig bounds the memory.
type LimitsConfig struct {
	// Episodes is the number of episodes that are open or may become one; points that would begin another are left out and counted.
	// Default value is 10,000.
	Episodes int `mapstructure:"episodes"`
	// Causes is the number of causes of an episode that are named, those furthest from their baselines. Default value is 16.
	Causes int `mapstructure:"causes"`

	_ struct{}
}

// Severities, from the least.
var severityNames = []string{"none", "info", "warning", "critical"}

func createDefaultConfig() component.Config {
	return &Config{
		CheckpointInterval: defaultCheckpointInterval,
		Kinds:              slices.Clone(kindNames[:]),
		Anomaly: AnomalyConfig{
			Hysteresis: HysteresisConfig{Raise: 3, Of: 5, Clear: 5},
			Severities: SeveritiesConfig{Low: "info", Medium: "warning", High: "critical"},
		},
		Drift: DriftConfig{
			Score:   LimitValues{Info: 0.10, Warning: 0.15, Critical: 0.25},
			PSI:     LimitValues{Info: 0.10, Warning: 0.20, Critical: 0.25},
			Share:   0.3,
			RaiseAt: "warning", ClearRatio: 0.8, Significance: 0.05,
			Hysteresis: HysteresisConfig{Raise: 1, Of: 1, Clear: 1},
		},
		IdleAfter: defaultIdleAfter,
		Limits:    LimitsConfig{Episodes: defaultEpisodes, Causes: defaultCauses},
	}
}

// Validate says everything that is wrong.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	oneOf := func(key, value string, values []string) {
		if !slices.Contains(values, value) {
			last := len(values) - 1
			fault("%s must be %s or %s (got %q)", key, strings.Join(values[:last], ", "), values[last], value)
		}
	}
	if c.CheckpointInterval < time.Second {
		fault("checkpoint_interval must be at least 1s (got %s)", c.CheckpointInterval)
	}
	if c.IdleAfter < time.Second {
		fault("idle_after must be at least 1s (got %s)", c.IdleAfter)
	}
	if len(c.Kinds) == 0 || slices.ContainsFunc(c.Kinds, func(k string) bool { return !slices.Contains(kindNames[:], k) }) {
		fault("kinds must be anomaly, drift or both (got %q)", c.Kinds)
	}
	faults = append(faults, c.Anomaly.Hysteresis.validate("anomaly::hysteresis"), c.Drift.Hysteresis.validate("drift::hysteresis"),
		c.Drift.Score.validate("drift::score"), c.Drift.PSI.validate("drift::psi"))
	oneOf("anomaly::severities::low", c.Anomaly.Severities.Low, severityNames)
	oneOf("anomaly::severities::medium", c.Anomaly.Severities.Medium, severityNames)
	oneOf("anomaly::severities::high", c.Anomaly.Severities.High, severityNames)
	oneOf("drift::raise_at", c.Drift.RaiseAt, severityNames[1:])
	if !(c.Drift.Share >= 0 && c.Drift.Share <= 1) {
		fault("drift::share must be from 0 to 1 (got %v)", c.Drift.Share)
	}
	if !(c.Drift.ClearRatio > 0 && c.Drift.ClearRatio <= 1) {
		fault("drift::clear_ratio must be above 0 and at most 1 (got %v)", c.Drift.ClearRatio)
	}
	if !(c.Drift.Significance > 0 && c.Drift.Significance <= 1) {
		fault("drift::significance must be above 0 and at most 1 (got %v)", c.Drift.Significance)
	}
	if c.Limits.Episodes < 1 {
		fault("limits::episodes must be at least 1 (got %d)", c.Limits.Episodes)
	}
	if c.Limits.Causes < 1 || c.Limits.Causes > 256 {
		fault("limits::causes must be 1 to 256 (got %d)", c.Limits.Causes)
	}
	return errors.Join(faults...)
}

func (h *HysteresisConfig) validate(key string) error {
	if h.Of < 1 || h.Of > maxPoints || h.Raise < 1 || h.Raise > h.Of || h.Clear < 1 || h.Clear > maxPoints {
		return fmt.Errorf("%s must raise at 1 to of points, of 1 to %d, and clear after 1 to %d (got %d of %d, and %d)",
			key, maxPoints, maxPoints, h.Raise, h.Of, h.Clear)
	}
	return nil
}

func (l *LimitValues) validate(key string) error {
	last := 0.0
	for _, limit := range []float64{l.Info, l.Warning, l.Critical} {
		if !(limit >= 0) || limit != 0 && limit < last {
			return fmt.Errorf("%s must not be negative and must ascend (got %v, %v, %v)", key, l.Info, l.Warning, l.Critical)
		}
		last = max(last, limit)
	}
	return nil
}

// severity gives the index of the severity that a value reaches.
func (l *LimitValues) severity(value float64) severity {
	reached := severityNone
	for i, limit := range []float64{l.Info, l.Warning, l.Critical} {
		if limit > 0 && value >= limit {
			reached = severity(i + 1)
		}
	}
	return reached
}

// limit gives the value from which a severity, or a greater one, applies; 0 if none does.
func (l *LimitValues) limit(s severity) float64 {
	for _, limit := range []float64{l.Info, l.Warning, l.Critical}[s-1:] {
		if limit > 0 {
			return limit
		}
	}
	return 0
}
