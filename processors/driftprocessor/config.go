// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of a drift processor.
type Config struct {
	// Storage names the storage extension that keeps windows, learned references and alarms over a restart. By default nothing is kept.
	Storage *component.ID `mapstructure:"storage"`

	// CheckpointInterval is the time between two saves. Default value is 1 m. A crash loses at most what came since.
	CheckpointInterval time.Duration `mapstructure:"checkpoint_interval"`

	// FlushInterval is the time between two emissions of the verdict metrics, in metrics pipelines. Default value is 15 s.
	FlushInterval time.Duration `mapstructure:"flush_interval"`

	// Monitors say what to compare with what. Those with a metric as input work in metrics pipelines, the others in logs pipelines.
	Monitors []MonitorConfig `mapstructure:"monitors"`

	_ struct{}
}

// MonitorConfig says what to compare with what.
type MonitorConfig struct {
	// Name of the monitor, unique in the processor. Required.
	Name string `mapstructure:"name"`
	// Kind is data for what goes into a model, concept for what comes out of it. Default value is data.
	Kind string `mapstructure:"kind"`
	// Input says what to look at: predictions, evaluations or requests, an attribute of any log record, or a metric. Required.
	Input InputConfig `mapstructure:"input"`
	// Value is the one field of the input to look at. Default value is every feature of predictions, every result of evaluations,
	// duration, tokens, quality and confidence of requests; the prediction for concept.
	Value string `mapstructure:"value"`
	// Type of the values: numeric, categorical, or auto, which is that of the reference file, else of the first value. Default value is auto.
	Type string `mapstructure:"type"`
	// GroupBy are attributes of the record or point, its scope or its resource: every combination of values is judged on its
	// own. Default value is [model.name, model.version].
	GroupBy []string `mapstructure:"group_by"`
	// Reference is what windows are compared with. Required.
	Reference ReferenceConfig `mapstructure:"reference"`
	// Window says when a window is complete.
	Window WindowConfig `mapstructure:"window"`
	// Season makes references for phases that return, such as the hours of a week. Default value is none.
	Season SeasonConfig `mapstructure:"season"`
	// Method is the statistic that gives the score: ks, psi or js. Default value is ks for data, psi for concept.
	Method string `mapstructure:"method"`
	// Thresholds are the effects from which a severity applies.
	Thresholds ThresholdsConfig `mapstructure:"thresholds"`
	// Bins cut up numbers for PSI and Jensen–Shannon.
	Bins BinsConfig `mapstructure:"bins"`
	// Significance is the level, above 0 and below 1, that p-values after correction must reach. Default value is 0.05.
	Significance float64 `mapstructure:"significance"`
	// FalseAlarmsPerDay is how many false alarms of the monitor per day are acceptable. If it is set, significance alone decides,
	// instead of thresholds. Default value is 0: thresholds.
	FalseAlarmsPerDay float64 `mapstructure:"false_alarms_per_day"`
	// MinEffective is the number of independent values without which the answer is insufficient_data. Default value is 30.
	MinEffective float64 `mapstructure:"min_effective"`
	// Hysteresis says when an alarm is raised and when it is cleared.
	Hysteresis HysteresisConfig `mapstructure:"hysteresis"`
	// AbsentIsMissing counts a known feature that a record lacks as a missing value. Default value is true for the features of
	// predictions, else false.
	AbsentIsMissing *bool `mapstructure:"absent_is_missing"`
	// Events says which verdicts become events: windows, every one, or changes, those that raise or clear an alarm and the
	// summary of the window. Default value is windows, which guardian_metrics needs.
	Events string `mapstructure:"events"`
	// Muted keeps windows and references going and says nothing. Default value is false.
	Muted bool `mapstructure:"muted"`
	// Attributes are added to events and metrics, to tell monitors of the same thing apart. Default value is none.
	Attributes map[string]string `mapstructure:"attributes"`
	// Limits bound the memory.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// InputConfig says what to look at. Written as a string it is Events.
type InputConfig struct {
	// Events is predictions, evaluations or requests. `input: predictions` is short for it.
	Events string `mapstructure:"events"`
	// Attribute is the key of an attribute of any log record.
	Attribute string `mapstructure:"attribute"`
	// EventName restricts attribute to records of that event name. Default value is any record.
	EventName string `mapstructure:"event_name"`
	// Metric is the name of a metric.
	Metric string `mapstructure:"metric"`
	// Sums says what to make of monotonic sums: delta or rate (per second). Default value is delta.
	Sums string `mapstructure:"sums"`

	_ struct{}
}

// UnmarshalText reads the short form.
func (c *InputConfig) UnmarshalText(text []byte) error {
	*c = InputConfig{Events: string(text)}
	return nil
}

// ReferenceConfig says what windows are compared with.
type ReferenceConfig struct {
	// File is a path or a URL (file, s3, gs) of Parquet, CSV or JSON Lines, or of what `reference build` wrote. {key} stands for the value
	// of a key of group_by, {season.phase} for the number of the phase of the season, counted from 0. Default value is none.
	File string `mapstructure:"file"`
	// ReloadInterval is the time between two looks at the file. Default value is 1 m.
	ReloadInterval time.Duration `mapstructure:"reload_interval"`
	// Ordered says that the rows of the file stand in the order of their time, so that their autocorrelation counts. Default value is false.
	Ordered bool `mapstructure:"ordered"`
	// First is the number of values of production that make a reference where there is no file, or none yet. Default value is 0: none.
	First int `mapstructure:"first"`
	// Doublings is how often a learned reference is tried again with twice as many values, until its halves agree. Default value is 3.
	Doublings int `mapstructure:"doublings"`

	_ struct{}
}

// WindowConfig says when a window is complete: with so many values or after so much event time, whichever comes first.
type WindowConfig struct {
	// Samples is the number of values of the fullest feature; 0 leaves it to max_age. Default value is 1,000.
	Samples int `mapstructure:"samples"`
	// MaxAge is the event time from the start to the end of a window; 0 leaves it to samples. Default value is 0.
	MaxAge time.Duration `mapstructure:"max_age"`
	// SubWindows cut a window into as many parts; a verdict falls at the end of each, over the last window. Default value is 0: tumbling windows.
	SubWindows int `mapstructure:"sub_windows"`
	// Lateness is how long before the start of the window a value may lie and still count. Default value is 1 m.
	Lateness time.Duration `mapstructure:"lateness"`
	// Ahead is how far ahead of the clock a value may lie. Default value is 1 m.
	Ahead time.Duration `mapstructure:"ahead"`

	_ struct{}
}

// SeasonConfig is a number of phases of equal length that return.
type SeasonConfig struct {
	// Phases is their number, up to 168. Default value is 0: no season.
	Phases int `mapstructure:"phases"`
	// Length of a phase. Default value is 1 h.
	Length time.Duration `mapstructure:"length"`
	// Offset of the first phase from 1970-01-01 UTC, a Thursday. Default value is 0.
	Offset time.Duration `mapstructure:"offset"`

	_ struct{}
}

// ThresholdsConfig are the effects from which a severity applies.
type ThresholdsConfig struct {
	// KS are limits of the Kolmogorov–Smirnov D. Default value is 0.10, 0.15, 0.25.
	KS LimitValues `mapstructure:"ks"`
	// PSI are limits of the Population Stability Index. Default value is 0.10, 0.20, 0.25.
	PSI LimitValues `mapstructure:"psi"`
	// JS are limits of the Jensen–Shannon distance, base 2. Default value is 0.10, 0.15, 0.25.
	JS LimitValues `mapstructure:"js"`
	// Categories are limits of the total variation distance of categories. Default value is 0.10, 0.15, 0.25.
	Categories LimitValues `mapstructure:"categories"`
	// Missing are limits of the difference of the shares of missing values. Default value is 0.10, 0.15, 0.25.
	Missing LimitValues `mapstructure:"missing"`
	// Unseen are limits of the share of categories that the reference lacks. Default value is 0.10, 0.15, 0.25.
	Unseen LimitValues `mapstructure:"unseen"`
	// Tail are limits of the difference of the shares beyond a 5 % tail of the reference. Default value is 0: none.
	Tail LimitValues `mapstructure:"tail"`
	// Share is the share of drifted features above which the whole is critical; 0 does not judge it. Default value is 0.3.
	Share float64 `mapstructure:"share"`

	_ struct{}
}

// LimitValues are the effects from which a severity applies; 0 never applies.
type LimitValues struct {
	// Info is the effect from which it is info.
	Info float64 `mapstructure:"info"`
	// Warning is the effect from which it is a warning.
	Warning float64 `mapstructure:"warning"`
	// Critical is the effect from which it is critical.
	Critical float64 `mapstructure:"critical"`

	_ struct{}
}

// BinsConfig cuts up numbers for PSI and Jensen–Shannon. Written as a string it is Type.
type BinsConfig struct {
	// Type is equal_share, bins with equal shares of the reference and half a count added to each, or equal_width, where an empty bin has
	// a share of 0.0001. `bins: equal_width` is short for it. Default value is equal_share.
	Type string `mapstructure:"type"`
	// Count is the number of bins, 2 to 64. Default value is 10.
	Count int `mapstructure:"count"`
	// Range of bins of equal width. Default value is that of the reference.
	Range []float64 `mapstructure:"range"`

	_ struct{}
}

// UnmarshalText reads the short form.
func (c *BinsConfig) UnmarshalText(text []byte) error {
	*c = BinsConfig{Type: string(text)}
	return nil
}

// HysteresisConfig says when an alarm is raised and when it is cleared.
type HysteresisConfig struct {
	// Raise of the last Of windows must reach warning to raise an alarm. Default value is 1.
	Raise int `mapstructure:"raise"`
	// Of is the number of windows that are looked back on. Default value is 1.
	Of int `mapstructure:"of"`
	// Clear windows in a row must stay below the lower limits to clear an alarm. Default value is 1.
	Clear int `mapstructure:"clear"`
	// ClearRatio times the limits are the lower limits, above 0 and at most 1. Default value is 0.8.
	ClearRatio float64 `mapstructure:"clear_ratio"`

	_ struct{}
}

// LimitsConfig bounds the memory of a monitor.
type LimitsConfig struct {
	// Groups is the number of combinations of the values of group_by; what comes beyond is left out and counted. Default value is 1,000.
	Groups int `mapstructure:"groups"`
	// Features is the number of features of a group; what comes beyond is left out and counted. Default value is 1,000.
	Features int `mapstructure:"features"`
	// Series is the number of series of a metric, as far as its points are cumulative, else of what group_by, resource and scope tell
	// apart; what comes beyond is left out and counted. Default value is 100,000.
	Series int `mapstructure:"series"`
	// IdleAfter is the time after which a group, or a series of a metric, that nothing comes for is forgotten, with what it has learned. Default
	// value is 168 h.
	IdleAfter time.Duration `mapstructure:"idle_after"`

	_ struct{}
}

// Kinds of monitors.
const (
	kindData    = "data"
	kindConcept = "concept"
)

// Inputs.
const (
	inputPredictions = "predictions"
	inputEvaluations = "evaluations"
	inputRequests    = "requests"
)

// Types of values.
const (
	typeAuto        = "auto"
	typeNumeric     = "numeric"
	typeCategorical = "categorical"
)

// What becomes of verdicts.
const (
	eventsWindows = "windows"
	eventsChanges = "changes"
)

// What is made of sums.
const (
	sumsDelta = "delta"
	sumsRate  = "rate"
)

// Types of bins.
const (
	binsEqualShare = "equal_share"
	binsEqualWidth = "equal_width"
)

// Unmarshal reads a monitor over the defaults, which elements of a list do not have otherwise.
func (m *MonitorConfig) Unmarshal(conf *confmap.Conf) error {
	*m = defaultMonitor()
	return conf.Unmarshal(m)
}

// many says whether the monitor has several features in a group.
func (m *MonitorConfig) many() bool {
	return m.Kind == kindData && m.Value == "" && m.Input.Events != ""
}

func (m *MonitorConfig) absentIsMissing() bool {
	if m.AbsentIsMissing != nil {
		return *m.AbsentIsMissing
	}
	return m.many() && m.Input.Events == inputPredictions
}
