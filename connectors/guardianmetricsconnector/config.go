// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
)

// Config is the configuration of a guardian_metrics connector.
type Config struct {
	// FlushInterval is the time between two emissions of all metrics. Default value is 15 s. A new counter shows 0 for one
	// interval before its first value, so Prometheus should scrape at least as often.
	FlushInterval time.Duration `mapstructure:"flush_interval"`

	// Temporality is cumulative or delta. Default value is cumulative.
	Temporality string `mapstructure:"temporality"`

	// Storage names the storage extension that keeps counters, joins and windows over a restart. By default nothing is kept.
	Storage *component.ID `mapstructure:"storage"`

	// CheckpointInterval is the time between two saves, made before the emission that follows. Default value is 0: one save
	// per flush, after which a crash loses at most one flush interval. A longer one lets counters step back after a crash.
	CheckpointInterval time.Duration `mapstructure:"checkpoint_interval"`

	// Series bounds the series.
	Series SeriesConfig `mapstructure:"series"`

	// Metrics switches metrics, by their OpenTelemetry names.
	Metrics map[string]MetricConfig `mapstructure:"metrics"`

	// QualityTier says how a request gets its quality tier.
	QualityTier QualityTierConfig `mapstructure:"quality_tier"`

	// Results names the evaluation results that are shown as a specialist's scores.
	Results ResultsConfig `mapstructure:"results"`

	// LowConfidence is the confidence, 0 to 1, below which a prediction counts as one of low confidence. Default value is 0.7.
	LowConfidence float64 `mapstructure:"low_confidence"`

	// Duplicates bounds what is remembered so that nothing counts twice.
	Duplicates DuplicatesConfig `mapstructure:"duplicates"`

	// Limits bounds labels and joins.
	Limits LimitsConfig `mapstructure:"limits"`

	// Spans turns spans that are no GenAI spans into requests: the first mapping whose conditions hold is used. Default value is none.
	Spans []SpanConfig `mapstructure:"spans"`

	_ struct{}
}

// SeriesConfig bounds the series.
type SeriesConfig struct {
	// Limit is the number of series per metric; what comes beyond shares one series with otel.metric.overflow=true. Default value is 10,000.
	Limit int `mapstructure:"limit"`
	// IdleAfter is the time after which a series that nothing has changed goes away. Default value is 24 h.
	IdleAfter time.Duration `mapstructure:"idle_after"`

	_ struct{}
}

// MetricConfig switches one metric.
type MetricConfig struct {
	// Enabled is whether the metric is made. Default value is true.
	Enabled *bool `mapstructure:"enabled"`
	// Attributes are optional attributes to add, such as batch_size. Default value is none.
	Attributes []string `mapstructure:"attributes"`

	_ struct{}
}

func (m MetricConfig) enabled() bool { return m.Enabled == nil || *m.Enabled }

// QualityTierConfig says how a request gets its quality tier.
type QualityTierConfig struct {
	// Wait is how long a request without a tier is held for an evaluation that brings one; then it counts as unknown. 0 does not wait. Default value is 30 s.
	Wait time.Duration `mapstructure:"wait"`
	// Limit is the number of requests that are held; beyond it the one that waits longest counts as unknown at once. Default value is 100,000.
	Limit int `mapstructure:"limit"`
	// High is the quality score from which a tier is high. Default value is 0.8.
	High float64 `mapstructure:"high"`
	// Medium is the quality score from which a tier is medium, else it is low. Default value is 0.6.
	Medium float64 `mapstructure:"medium"`

	_ struct{}
}

// ResultsConfig names evaluation results.
type ResultsConfig struct {
	// Quality are the names of results that are quality scores. Default value is [quality].
	Quality []string `mapstructure:"quality"`
	// Confidence are the names of results that are confidence scores. Default value is [confidence].
	Confidence []string `mapstructure:"confidence"`

	_ struct{}
}

// DuplicatesConfig bounds what is remembered.
type DuplicatesConfig struct {
	// Window is how long an id is remembered. Default value is 1 h.
	Window time.Duration `mapstructure:"window"`
	// Limit is the number of ids that are remembered, about 40 bytes each; the oldest are forgotten first. Default value is 1,000,000.
	Limit int `mapstructure:"limit"`

	_ struct{}
}

// LimitsConfig bounds labels and joins.
type LimitsConfig struct {
	// Tenants is the number of values of tenant_id; others become _OTHER. Default value is 100.
	Tenants int `mapstructure:"tenants"`
	// Classes is the number of predicted classes per model; others become _OTHER. Default value is 50.
	Classes int `mapstructure:"classes"`
	// Features is the number of features per model of which statistics are kept; others are counted as skipped. Default value is 200.
	Features int `mapstructure:"features"`
	// OpenRequests is the number of requests in progress that are remembered. Default value is 100,000.
	OpenRequests int `mapstructure:"open_requests"`
	// Improvements is the number of improvements whose state is remembered; the one that was changed longest ago is forgotten first. Default value is 100,000.
	Improvements int `mapstructure:"improvements"`

	_ struct{}
}

// SpanConfig turns spans into requests. Conditions and values are written in OTTL, in the span context.
type SpanConfig struct {
	// Conditions must all hold. Required.
	Conditions []string `mapstructure:"conditions"`
	// ModelName gives model.name. One of model_name and specialist_type is required.
	ModelName string `mapstructure:"model_name"`
	// ModelVersion gives model.version. Default value is none.
	ModelVersion string `mapstructure:"model_version"`
	// SpecialistType gives specialist.type. Default value is none.
	SpecialistType string `mapstructure:"specialist_type"`
	// Endpoint gives the endpoint. Default value is http.route, else rpc.method, else the span's name.
	Endpoint string `mapstructure:"endpoint"`

	_ struct{}
}

const (
	temporalityCumulative = "cumulative"
	temporalityDelta      = "delta"
)

// Validate says everything that is wrong.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	atLeast := func(key string, value, least int) {
		if value < least {
			fault("%s must be at least %d (got %d)", key, least, value)
		}
	}
	share := func(key string, value float64) (ok bool) {
		if ok = value >= 0 && value <= 1; !ok {
			fault("%s must be from 0 to 1 (got %v)", key, value)
		}
		return ok
	}
	if c.FlushInterval < time.Second/10 {
		fault("flush_interval must be at least 100ms (got %s)", c.FlushInterval)
	}
	if c.Temporality != temporalityCumulative && c.Temporality != temporalityDelta {
		fault("temporality must be cumulative or delta (got %q)", c.Temporality)
	}
	if c.CheckpointInterval < 0 {
		fault("checkpoint_interval must not be negative (got %s)", c.CheckpointInterval)
	}
	if c.CheckpointInterval > 0 && c.Storage == nil {
		fault("checkpoint_interval is for storage, which is not set (got %s)", c.CheckpointInterval)
	}
	atLeast("series::limit", c.Series.Limit, 1)
	if c.Series.IdleAfter <= 0 || c.Series.IdleAfter < c.FlushInterval {
		fault("series::idle_after must be positive, and not shorter than flush_interval, %s (got %s)", c.FlushInterval, c.Series.IdleAfter)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Metrics)) {
		faults = append(faults, c.Metrics[name].faults(name)...)
	}
	if c.QualityTier.Wait < 0 {
		fault("quality_tier::wait must not be negative (got %s)", c.QualityTier.Wait)
	}
	atLeast("quality_tier::limit", c.QualityTier.Limit, 1)
	high, medium := share("quality_tier::high", c.QualityTier.High), share("quality_tier::medium", c.QualityTier.Medium)
	if high && medium && c.QualityTier.Medium > c.QualityTier.High {
		fault("quality_tier::medium must not be above quality_tier::high, %v (got %v)", c.QualityTier.High, c.QualityTier.Medium)
	}
	for _, names := range []struct {
		key string
		of  []string
	}{{"quality", c.Results.Quality}, {"confidence", c.Results.Confidence}} {
		if slices.Contains(names.of, "") {
			fault("results::%s must not hold an empty name (got %q)", names.key, names.of)
		}
	}
	share("low_confidence", c.LowConfidence)
	if c.Duplicates.Window <= 0 {
		fault("duplicates::window must be positive (got %s)", c.Duplicates.Window)
	}
	if c.Duplicates.Limit < 1 || c.Duplicates.Limit > duplicates.MaxLimit {
		fault("duplicates::limit must be from 1 to %d (got %d)", duplicates.MaxLimit, c.Duplicates.Limit)
	}
	atLeast("limits::tenants", c.Limits.Tenants, 0)
	atLeast("limits::classes", c.Limits.Classes, 0)
	atLeast("limits::features", c.Limits.Features, 0)
	atLeast("limits::open_requests", c.Limits.OpenRequests, 1)
	atLeast("limits::improvements", c.Limits.Improvements, 1)
	for i := range c.Spans {
		for _, err := range c.Spans[i].faults() {
			fault("spans::%d::%w", i, err)
		}
	}
	return errors.Join(faults...)
}

func (m MetricConfig) faults(name string) (faults []error) {
	known := find(name)
	if known == nil {
		return []error{fmt.Errorf("metrics must have names of METRICS.md, such as ml.requests (got %q)", name)}
	}
	for i, attribute := range m.Attributes {
		switch {
		case len(known.optional) == 0:
			return []error{fmt.Errorf("metrics::%s::attributes must be empty: it has no optional attributes (got %q)", name, m.Attributes)}
		case !slices.Contains(known.optional, attribute):
			faults = append(faults, fmt.Errorf("metrics::%s::attributes must be among %s (got %q)", name, strings.Join(known.optional, ", "), attribute))
		case slices.Contains(m.Attributes[:i], attribute):
			faults = append(faults, fmt.Errorf("metrics::%s::attributes must not hold one twice (got %q)", name, attribute))
		}
	}
	return faults
}
