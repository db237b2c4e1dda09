// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"os"
	"path/filepath"
	"reflect"
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

// Every option stands in the README's table.
func TestReadmeNamesEveryOption(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var walk func(reflect.Type, string)
	walk = func(of reflect.Type, prefix string) {
		for field := range of.Fields() {
			key := field.Tag.Get("mapstructure")
			if key == "" {
				continue
			}
			kind := field.Type
			switch {
			case kind == reflect.TypeFor[LimitValues]():
				assert.Contains(t, string(readme), "| `"+prefix+key+"::{info,warning,critical}` |", "the README's table of options")
			case kind.Kind() == reflect.Struct:
				walk(kind, prefix+key+"::")
			case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct:
				walk(kind.Elem(), prefix+key+"::")
			default:
				assert.Contains(t, string(readme), "| `"+prefix+key+"` |", "the README's table of options")
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
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

// All faults are reported at once, each with its key, its rule and what stands there.
func TestValidateReportsEverything(t *testing.T) {
	_, err := loadFile(t, "invalid.yaml")
	require.Error(t, err)
	for _, fault := range []string{
		"checkpoint_interval must be at least 1s (got 1ms)",
		"flush_interval must be at least 1s (got 0s)",
		"monitors::0 (): name is required",
		`kind must be data or concept (got "both")`,
		`type must be auto, numeric or categorical (got "number")`,
		`events must be windows or changes (got "all")`,
		`input must be predictions, evaluations, requests, {attribute: …} or {metric: …} (got "prediction")`,
		"group_by must not hold a key twice, or an empty one",
		"reference needs a file, or first",
		"bins::range must be two ascending numbers, for equal_width only (got [0 1])",
		"limits::idle_after must be at least 1m (got 1s)",
		"monitors::0 (): alpha must lie between 0 and 1 (got 5)",
		`method must be ks, psi or js (got "wasserstein")`,
		"ks limits must not be negative and must ascend",
		"monitors::1 (twice): value is required: a concept monitor of evaluations looks at one field",
		"reference::file: {model.type} is not in group_by (model.name, model.version)",
		`monitors::2: the name "twice" is that of another monitor`,
		"input must be predictions, evaluations, requests, {attribute: …} or {metric: …}: exactly one of them",
		`reference::file: "refs/{model.name" has a { without a key and a }`,
		"monitors::4 (same): it looks at what confidence looks at, and their metrics would be the same series",
		"monitors::7 (certainty): ml_concept_drift_psi of a model has no label that tells it from prediction: give one of them kind: data with method: psi",
		"monitors::8 (hours): reference::file: {season.phase} needs season::phases",
		"monitors::9 (hidden): reference::file: {season.phase} is the number of the phase, which a key of group_by hides",
		"monitors of metrics may have 4 different keys in group_by and attributes together (got model.name, model.version, a, b, c, d, season.phase)",
	} {
		assert.ErrorContains(t, err, fault)
	}
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
