// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
)

// Config is the configuration of an anomaly processor.
type Config struct {
	// Storage names the storage extension that keeps what was learned over a restart. By default nothing is kept.
	Storage *component.ID `mapstructure:"storage"`

	// CheckpointInterval is the time between two saves. Default value is 1 m.
	CheckpointInterval time.Duration `mapstructure:"checkpoint_interval"`

	// TrainingCPU is how much of one core training may take, above 0 and at most 1. Default value is 0.1.
	TrainingCPU float64 `mapstructure:"training_cpu"`

	// Detectors say what to judge, and how.
	Detectors []DetectorConfig `mapstructure:"detectors"`

	_ struct{}
}

// DetectorConfig says what to judge, and how.
type DetectorConfig struct {
	// Name of the detector, unique in the processor. Required.
	Name string `mapstructure:"name"`
	// Metrics of an entity that are judged together. Required.
	Metrics []MetricConfig `mapstructure:"metrics"`
	// GroupBy are attributes of the point, its scope or its resource; every combination of values is an entity, judged on its own. An empty
	// list makes one entity of all. Required.
	GroupBy []string `mapstructure:"group_by"`
	// Method is isolation_forest, pca, robust_z or ewma. Default value is isolation_forest.
	Method string `mapstructure:"method"`
	// Alpha is the probability that a calm step is called an anomaly, above 0 and at most 0.5. It, or one of the following two, decides.
	// Default value is 0.001, unless one of them is set.
	Alpha *float64 `mapstructure:"alpha"`
	// FalseAlarmsPerDay is how many calm steps of an entity may be called anomalies in a day. By default alpha decides.
	FalseAlarmsPerDay *float64 `mapstructure:"false_alarms_per_day"`
	// Contamination is scikit-learn's: about that share of all steps will be called anomalies, whatever they are. By default alpha decides;
	// the key without a value is 0.1.
	Contamination *float64 `mapstructure:"contamination"`
	// Hysteresis says when the state changes. Default value is 1 of 1.
	Hysteresis HysteresisConfig `mapstructure:"hysteresis"`
	// Accept is the number of anomalous steps after which a change that stays is the new normal; 0 is never. Default value is 240.
	Accept int `mapstructure:"accept"`
	// MinObservations is the number of complete steps before which nothing is said. Default value is 50.
	MinObservations int `mapstructure:"min_observations"`
	// Step is the length of the steps in which the metrics of an entity are aligned. Default value is 15 s.
	Step time.Duration `mapstructure:"step"`
	// Lateness is how long after the end of a step its points may come. Default value is 5 s.
	Lateness time.Duration `mapstructure:"lateness"`
	// Carry is how long the last value of a series stands in for one that is missing. Default value is 1 m.
	Carry time.Duration `mapstructure:"carry"`
	// Ahead is how far ahead of the clock a point may lie. Default value is 1 m.
	Ahead time.Duration `mapstructure:"ahead"`
	// Season is a number of phases that return, such as the hours of a day. Default value is none.
	Season SeasonConfig `mapstructure:"season"`
	// Lags is the number of earlier values that are judged beside each value, of isolation_forest and pca. Default value is 0.
	Lags int `mapstructure:"lags"`
	// Differences says that the difference to the value before is judged beside each value, of isolation_forest and pca. Default value is false.
	Differences bool `mapstructure:"differences"`
	// Forest are the settings of isolation_forest.
	Forest ForestConfig `mapstructure:"forest"`
	// PCA are the settings of pca.
	PCA PCAConfig `mapstructure:"pca"`
	// Window is the number of steps of which robust_z knows the median. Default value is 400.
	Window int `mapstructure:"window"`
	// HalfLife is the number of steps after which a step counts half, in ewma and in baselines. Default value is 256.
	HalfLife float64 `mapstructure:"half_life"`
	// Calibration is the number of recent calm scores that a score is compared with. Default value is 1,024.
	Calibration int `mapstructure:"calibration"`
	// Floor is the least standard deviation of a metric, as a share of its level. Default value is 0.001.
	Floor float64 `mapstructure:"floor"`
	// Seed makes the random choices. Default value is 0.
	Seed uint64 `mapstructure:"seed"`
	// Training says when models are trained, and on what.
	Training TrainingConfig `mapstructure:"training"`
	// Details says when causes and baselines are shown: anomalies or always. Default value is anomalies.
	Details string `mapstructure:"details"`
	// CalmInterval is the time between two emissions about an entity that is calm; anomalies, and what follows them, are emitted step by
	// step. Default value is 15 s.
	CalmInterval time.Duration `mapstructure:"calm_interval"`
	// Limits bound the memory.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// MetricConfig is a metric of an entity. Written as a string it is Name.
type MetricConfig struct {
	// Name is OpenTelemetry's name of the metric, such as specialist.request.duration. Required.
	Name string `mapstructure:"name"`
	// Values are what is made of its points: value (of gauges), rate (per second, of sums and of the count of histograms), mean, and quantiles
	// such as p95 (of histograms). Default value is the one of value, rate and mean that the type has.
	Values []string `mapstructure:"values"`
	// Combine says what is made of several series of an entity: mean, sum, max or min. Default value is mean for gauges and sum for sums;
	// histograms are added up.
	Combine string `mapstructure:"combine"`
	// AbsentIsZero says that an entity without the metric has 0 of it, as of an error counter that has counted nothing yet. Default
	// value is false.
	AbsentIsZero bool `mapstructure:"absent_is_zero"`

	_ struct{}
}

// UnmarshalText reads the short form.
func (c *MetricConfig) UnmarshalText(text []byte) error {
	*c = MetricConfig{Name: string(text)}
	return nil
}

// HysteresisConfig says when the state changes.
type HysteresisConfig struct {
	// Raise of the last Of steps must be anomalous for the state anomaly_detected, and none for normal. Default value is 1.
	Raise int `mapstructure:"raise"`
	// Of is the number of steps that are looked back on. Default value is 1.
	Of int `mapstructure:"of"`

	_ struct{}
}

// SeasonConfig is a number of phases of equal length that return.
type SeasonConfig struct {
	// Phases is their number, up to 168: 24 are the hours of a day, 7 the days and 168 the hours of a week. Default value is 0: no season.
	Phases int `mapstructure:"phases"`
	// Length of a phase. Default value is 1 h.
	Length time.Duration `mapstructure:"length"`
	// Offset of the first phase from 1970-01-01 UTC, a Thursday. Default value is 0.
	Offset time.Duration `mapstructure:"offset"`

	_ struct{}
}

// ForestConfig are the settings of an isolation forest.
type ForestConfig struct {
	// Trees is their number. Default value is 100.
	Trees int `mapstructure:"trees"`
	// SubSample is the number of steps that a tree is made of. Default value is 256.
	SubSample int `mapstructure:"sub_sample"`

	_ struct{}
}

// PCAConfig are the settings of a principal component analysis.
type PCAConfig struct {
	// Variance is the share of the variance that the first components explain. Default value is 0.9.
	Variance float64 `mapstructure:"variance"`

	_ struct{}
}

// TrainingConfig says when models are trained, and on what. Steps that are not calm do not count.
type TrainingConfig struct {
	// Retrain is the number of steps from one training to the next; at first the number doubles. Default value is 256.
	Retrain int `mapstructure:"retrain"`
	// Delay is the number of steps after which a model replaces the one before. Training has that long: the number makes scores the same
	// whenever it is done. Default value is 16.
	Delay int `mapstructure:"delay"`
	// Reservoir is the number of steps that a model is trained on. Default value is 512.
	Reservoir int `mapstructure:"reservoir"`
	// Horizon is their mean age, in steps. Default value is 2,048.
	Horizon int `mapstructure:"horizon"`

	_ struct{}
}

// LimitsConfig bounds the memory of a detector.
type LimitsConfig struct {
	// Entities is the number of combinations of the values of group_by; what comes beyond is left out and counted. Default value is 10,000.
	Entities int `mapstructure:"entities"`
	// Series is the number of series of the metrics; what comes beyond is left out and counted. Default value is 100,000.
	Series int `mapstructure:"series"`
	// MemoryMiB is what entities may take; what would need more is left out and counted. Default value is 512.
	MemoryMiB int `mapstructure:"memory_mib"`
	// IdleAfter is the time after which an entity, or a series, that nothing comes for is forgotten, with what it has learned. Default value
	// is 24 h.
	IdleAfter time.Duration `mapstructure:"idle_after"`

	_ struct{}
}

// When causes and baselines are shown.
const (
	detailsAnomalies = "anomalies"
	detailsAlways    = "always"
)

// What is made of several series.
const (
	combineMean = "mean"
	combineSum  = "sum"
	combineMax  = "max"
	combineMin  = "min"
)

// Unmarshal reads a detector over the defaults, which elements of a list do not have otherwise.
func (c *DetectorConfig) Unmarshal(conf *confmap.Conf) error {
	*c = defaultDetector()
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	for _, r := range c.rules() {
		if *r.value == nil && conf.IsSet(r.key) { // a key without a value
			*r.value = &r.usual
		}
	}
	return nil
}

// rule is a rule that decides what is an anomaly. At most one is set.
type rule struct {
	key   string
	value **float64
	usual float64 // that the key has without a value; 0 if it must have one
}

func (c *DetectorConfig) rules() []rule {
	return []rule{
		{"alpha", &c.Alpha, anomaly.DefaultSettings().Decision.Alpha},
		{"false_alarms_per_day", &c.FalseAlarmsPerDay, 0},
		{"contamination", &c.Contamination, defaultContamination},
	}
}
