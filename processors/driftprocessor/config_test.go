// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) {
	testutil.ProcessorContract(t, NewFactory(), func(cfg component.Config) {
		m := defaultMonitor()
		m.Name, m.Input.Events, m.Reference.First = "features", inputPredictions, 2000
		cfg.(*Config).Monitors = []MonitorConfig{m}
	})
}

func TestReadmeExamples(t *testing.T) {
	testutil.ReadmeExamples(t, NewFactory(), "processors")
}

// Every option stands in the README's table with its default, and so does every reason.
func TestReadmeTables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	config.Monitors = []MonitorConfig{defaultMonitor()}
	testutil.ReadmeOptions(t, config)
	for _, reason := range reasonNames {
		assert.Contains(t, string(readme), "`"+reason+"`")
	}
}

func loadFile(t *testing.T, name string) (*Config, error) {
	t.Helper()
	section, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	cfg, err := testutil.LoadConfig(t, NewFactory(), string(section))
	if cfg == nil {
		return nil, err
	}
	return cfg.(*Config), err
}

func TestEveryOptionIsRead(t *testing.T) {
	config, err := loadFile(t, "config.yaml")
	require.NoError(t, err)
	storage := component.MustNewID("file_storage")
	yes := true
	limits := func(info, warning, critical float64) LimitValues {
		return LimitValues{Info: info, Warning: warning, Critical: critical}
	}
	assert.Equal(t, &Config{
		Storage: &storage, CheckpointInterval: 30 * time.Second, FlushInterval: 10 * time.Second,
		Monitors: []MonitorConfig{{
			Name: "features", Kind: "data", Input: InputConfig{Events: "predictions"}, Value: "features.age", Type: "numeric",
			GroupBy:   []string{"model.name", "segments.region"},
			Reference: ReferenceConfig{File: "s3://bucket/{model.name}.parquet", ReloadInterval: time.Hour, Ordered: true, First: 500, Doublings: 2},
			Window:    WindowConfig{Samples: 100, MaxAge: time.Minute, Lateness: time.Second, Ahead: 2 * time.Second},
			Season:    SeasonConfig{Phases: 168, Length: time.Hour, Offset: 96 * time.Hour},
			Method:    "js",
			Thresholds: ThresholdsConfig{
				KS: limits(0.1, 0.15, 0.3), PSI: limits(0.1, 0.2, 0.4), JS: limits(0.11, 0.15, 0.25), Categories: limits(0.12, 0.15, 0.25),
				Missing: limits(0.13, 0.15, 0.25), Unseen: limits(0.14, 0.15, 0.25), Tail: limits(0.02, 0.05, 0.1), Share: 0.5,
			},
			Bins:         BinsConfig{Type: "equal_width", Count: 20, Range: []float64{0, 1}},
			Significance: 0.01, FalseAlarmsPerDay: 0.5, MinEffective: 50,
			Hysteresis:      HysteresisConfig{Raise: 2, Of: 3, Clear: 4, ClearRatio: 0.5},
			AbsentIsMissing: &yes, Events: "changes", Muted: true,
			Attributes: map[string]string{"team": "risk"},
			Limits:     LimitsConfig{Groups: 1, Features: 2, Series: 3, IdleAfter: time.Hour},
		}, {
			Name: "short", Kind: "concept", Input: InputConfig{Events: "predictions"}, Value: "confidence", Type: "auto",
			GroupBy:   []string{"model.name", "model.version"},
			Reference: ReferenceConfig{ReloadInterval: time.Minute, First: 2000, Doublings: 3},
			Window:    WindowConfig{Samples: 1000, SubWindows: 4, Lateness: time.Minute, Ahead: time.Minute},
			Season:    SeasonConfig{Length: time.Hour},
			Thresholds: ThresholdsConfig{
				KS: limits(0.1, 0.15, 0.25), PSI: limits(0.1, 0.2, 0.25), JS: limits(0.1, 0.15, 0.25), Categories: limits(0.1, 0.15, 0.25),
				Missing: limits(0.1, 0.15, 0.25), Unseen: limits(0.1, 0.15, 0.25), Share: 0.3,
			},
			Bins:         BinsConfig{Type: "equal_width"},
			Significance: 0.05, MinEffective: 30,
			Hysteresis: HysteresisConfig{Raise: 1, Of: 1, Clear: 1, ClearRatio: 0.8},
			Events:     "windows",
			Limits:     LimitsConfig{Groups: 1000, Features: 1000, Series: 100_000, IdleAfter: 168 * time.Hour},
		}, {
			Name: "metric", Kind: "data", Input: InputConfig{Metric: "queue.length", Sums: "rate"}, Type: "auto",
			GroupBy:   []string{"model.name", "model.version"},
			Reference: ReferenceConfig{ReloadInterval: time.Minute, First: 2000, Doublings: 3},
			Window:    WindowConfig{Samples: 1000, Lateness: time.Minute, Ahead: time.Minute},
			Season:    SeasonConfig{Length: time.Hour},
			Thresholds: ThresholdsConfig{
				KS: limits(0.1, 0.15, 0.25), PSI: limits(0.1, 0.2, 0.25), JS: limits(0.1, 0.15, 0.25), Categories: limits(0.1, 0.15, 0.25),
				Missing: limits(0.1, 0.15, 0.25), Unseen: limits(0.1, 0.15, 0.25), Share: 0.3,
			},
			Bins:         BinsConfig{Type: "equal_share"},
			Significance: 0.05, MinEffective: 30,
			Hysteresis: HysteresisConfig{Raise: 1, Of: 1, Clear: 1, ClearRatio: 0.8},
			Events:     "windows",
			Limits:     LimitsConfig{Groups: 1000, Features: 1000, Series: 100_000, IdleAfter: 168 * time.Hour},
		}},
	}, config)
}

// The defaults are the figures of the requirements, section 3.
func TestDefaultsAreThoseOfTheRequirements(t *testing.T) {
	m := defaultMonitor()
	s := m.settings()
	assert.Equal(t, 1000, s.Window.Samples)
	assert.Equal(t, drift.Limits{Info: 0.10, Warning: 0.15, Critical: 0.25}, s.Thresholds.KS)
	assert.Equal(t, drift.Limits{Info: 0.10, Warning: 0.20, Critical: 0.25}, s.Thresholds.PSI)
	assert.Equal(t, 0.3, s.DriftedShare)
	assert.Equal(t, drift.KolmogorovSmirnov, s.Method)
	m.Kind = kindConcept
	assert.Equal(t, drift.PopulationStability, m.method())
}

// All faults are reported at once, each with its key, its rule and what stands there, and each once.
func TestValidateReportsEverything(t *testing.T) {
	_, err := loadFile(t, "invalid.yaml")
	require.Error(t, err)
	assert.Equal(t, []string{
		"checkpoint_interval must be at least 1s (got 1ms)",
		"flush_interval must be at least 1s (got 0s)",
		"monitors::0 (): name is required",
		`monitors::0 (): kind must be data or concept (got "both")`,
		`monitors::0 (): type must be auto, numeric or categorical (got "number")`,
		`monitors::0 (): events must be windows or changes (got "all")`,
		`monitors::0 (): input must be predictions, evaluations, requests, {attribute: …} or {metric: …} (got "prediction")`,
		`monitors::0 (): group_by must not hold a key twice, an empty one, feature.name or severity, which verdicts have (got ["model.name" "model.name" "model.name" ""])`,
		`monitors::0 (): attributes must not have an empty key, feature.name or severity, which verdicts have (got "feature.name")`,
		`monitors::0 (): attributes::model.name must not be a key of group_by, which verdicts have (got "x")`,
		"monitors::0 (): reference::file is required, or reference::first: the number of values of production that make a reference",
		"monitors::0 (): reference::reload_interval must be at least 1s (got 1ms)",
		"monitors::0 (): reference::ordered is for reference::file, which is not set (got true)",
		"monitors::0 (): bins::range is for bins::type equal_width (got [0 1] for equal_share)",
		"monitors::0 (): limits::groups must be at least 1 (got 0)",
		"monitors::0 (): limits::series must be at least 1 (got -1)",
		"monitors::0 (): limits::idle_after must be at least 1m (got 1s)",
		`monitors::0 (): method must be ks, psi or js (got "wasserstein")`,
		"monitors::0 (): window::samples must be 0 to 16777216 (got -1)",
		"monitors::0 (): thresholds::ks must not be negative and must ascend, but for 0, which never applies (got 0.5, 0.15, 0.25)",
		"monitors::0 (): significance must be above 0 and below 1 (got 5)",
		"monitors::0 (): thresholds::share must be at least 0 and below 1 (got 1)",
		"monitors::1 (twice): value is required: a concept monitor of evaluations looks at one field",
		"monitors::1 (twice): reference::file: {model.type} is not in group_by (model.name, model.version)",
		"monitors::2 (twice): input must be one of predictions, evaluations, requests, {attribute: …} or {metric: …} (got attribute: a and metric: b)",
		`monitors::2 (twice): reference::file: "refs/{model.name" has a { without a key and a }`,
		"monitors::2 (twice): name must be unique, and is that of another monitor",
		"monitors::8 (hours): reference::file: {season.phase} needs season::phases: a file for each phase",
		"monitors::9 (hidden): reference::file: {season.phase} is the number of the phase, which a key of group_by hides",
		"monitors::10 (): name is required",
		"monitors::10 (): input is required: predictions, evaluations, requests, {attribute: …} or {metric: …}",
		"monitors::4 (same): it looks at what confidence looks at, and their metrics would be the same series: set attributes to tell them apart",
		"monitors::6 (prediction): ml_concept_drift_psi of a model has no label that tells it from twice: give one of them kind: data with method: psi, which shows it as the ml_data_drift_score of its feature",
		"monitors::7 (certainty): ml_concept_drift_psi of a model has no label that tells it from prediction: give one of them kind: data with method: psi, which shows it as the ml_data_drift_score of its feature",
		"monitors of metrics must have at most 4 different keys in group_by and attributes together (got model.name, model.version, a, b, c, d, season.phase)",
	}, strings.Split(err.Error(), "\n"))
}

// What cannot work is refused: one fault, which names the key, the rule and the value.
func TestValidateRefuses(t *testing.T) {
	f := func(keys, want string) {
		t.Helper()
		_, err := testutil.LoadConfig(t, NewFactory(), "monitors: [{name: m, "+keys+"}]")
		require.EqualError(t, err, want, keys)
	}
	g := func(keys, want string) {
		t.Helper()
		f("reference: {first: 100}, "+keys, "monitors::0 (m): "+want)
	}
	const verdicts = "group_by must not hold a key twice, an empty one, feature.name or severity, which verdicts have "
	g("input: {metric: a}, group_by: [feature.name]", verdicts+`(got ["feature.name"])`)
	g("input: {metric: a}, group_by: [feature_name]", verdicts+`(got ["feature_name"])`)
	g("input: {metric: a}, group_by: [severity]", verdicts+`(got ["severity"])`)
	g("input: predictions, window: {samples: 20}", "min_effective must be at most window::samples, 20: no window has more values (got 30)")
	g("input: predictions, window: {samples: 20, max_age: 1h}", "min_effective must be at most window::samples, 20: no window has more values (got 30)")
	g("input: predictions, min_effective: 0", "min_effective must be 1 to 16777216 (got 0)")
	g("input: predictions, window: {samples: 0}", "window::samples or window::max_age must be set: nothing else ends a window (got 0 and 0s)")
	g("input: predictions, bins: {type: equal_width, range: [1, 0]}", "bins::range must be two finite numbers that ascend (got [1 0])")
	g("input: predictions, bins: {type: equal_width, range: [0, 0]}", "bins::range must be two finite numbers that ascend (got [0 0])")
	g("input: predictions, bins: {type: equal_width, range: [.nan, 1]}", "bins::range must be two finite numbers that ascend (got [NaN 1])")
	g("input: {events: predictions, sums: rate}", `input::sums is for input::metric, which is not set (got "rate")`)
	g("input: {metric: a, sums: total}", `input::sums must be delta or rate (got "total")`)
	g("input: {metric: a, event_name: e}", `input::event_name is for input::attribute, which is not set (got "e")`)
	g("input: {metric: a}, value: v", `value is for predictions, evaluations and requests, of which it is a field (got "v")`)
	g("input: {metric: a}, type: categorical", "type must not be categorical: the points of a metric are numbers")
	g("input: {metric: a}, events: changes", `events must be windows with input::metric, of which no events are made (got "changes")`)
	const whole = "absent_is_missing is for predictions, requests, and an input::attribute with input::event_name: no other record must have every value (got true)"
	g("input: evaluations, absent_is_missing: true", whole)
	g("input: {attribute: a}, absent_is_missing: true", whole)
	g("input: {metric: a}, absent_is_missing: true", whole)
	f("input: predictions, reference: {file: 'https://host/ref.csv?key=secret'}",
		"monitors::0 (m): reference::file must be a path, or a URL of file, s3 or gs (got one of https)")
	f("input: predictions, reference: {first: 5}", "monitors::0 (m): reference::first must be 0, or 20 to 131072, which may be doubled 3 times (got 5)")
	f("input: {metric: a}, reference: {first: 100}, group_by: [a.b, a_b]",
		"monitors of metrics must not have two keys in group_by and attributes that are the same label of Prometheus, as a.b and a_b are a_b")
	f("input: {metric: a}, reference: {first: 100}, group_by: [model.name], attributes: {model_name: x}",
		"monitors of metrics must not have two keys in group_by and attributes that are the same label of Prometheus, as model.name and model_name are model_name")
	f("input: {metric: a}, reference: {first: 100}, attributes: {otel.metric.overflow: x}",
		`monitors of metrics must have keys in group_by and attributes that can be labels of Prometheus, and not otel_metric_overflow (got "otel.metric.overflow")`)
}

// Points of histograms bring many values at once, so a window may have more than window::samples of them.
func TestWindowsOfHistogramsMayHaveMoreThanSamples(t *testing.T) {
	_, err := testutil.LoadConfig(t, NewFactory(), "monitors: [{name: m, input: {metric: a}, reference: {first: 100}, window: {samples: 20}}]")
	require.NoError(t, err)
}

// Concept monitors may stand side by side where labels tell their metrics apart, or where one says nothing.
func TestConceptMonitorsThatAreToldApart(t *testing.T) {
	f := func(fault, first, second string) {
		t.Helper()
		text := "monitors: [{name: a, kind: concept, reference: {first: 100}, " + first + "}, {name: b, kind: concept, reference: {first: 100}, " + second + "}]"
		_, err := testutil.LoadConfig(t, NewFactory(), text)
		if fault == "" {
			require.NoError(t, err)
			return
		}
		require.ErrorContains(t, err, fault)
	}
	const shared = "monitors::1 (b): ml_concept_drift_psi of a model has no label that tells it from a"
	f(shared, "input: predictions", "input: predictions, value: confidence")
	f(shared, "input: predictions", "input: {attribute: verdict}, group_by: [model.version, tenant, model.name]")
	f(shared, "input: predictions", "input: predictions, value: confidence, attributes: {team: search}") // which no label shows
	f(shared, "input: {metric: m}", "input: {metric: n}")
	f("", "input: predictions", "input: predictions, value: confidence, muted: true")
	f("", "input: predictions", "input: {metric: m}")
	f("", "input: {metric: m}", "input: {metric: n}, attributes: {team: search}")
	f("", "input: predictions, group_by: [tenant], attributes: {model.name: x}", "input: predictions, group_by: [tenant], attributes: {model.name: y}")
}

func TestUnknownKeysAreErrors(t *testing.T) {
	_, err := loadFile(t, "unknown.yaml")
	require.ErrorContains(t, err, "thresold")
}
