// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) {
	testutil.ProcessorContract(t, NewFactory(), func(cfg component.Config) {
		d := defaultDetector()
		d.Name, d.Metrics, d.GroupBy = "d", []MetricConfig{{Name: "m"}}, []string{}
		cfg.(*Config).Detectors = []DetectorConfig{d}
	})
}

func TestReadmeExamples(t *testing.T) { testutil.ReadmeExamples(t, NewFactory(), "processors") }

// Every option and every verdict metric stands in the README's tables.
func TestReadmeNamesEveryOption(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var walk func(reflect.Type, string)
	walk = func(of reflect.Type, prefix string) {
		for field := range of.Fields() {
			key := field.Tag.Get("mapstructure")
			kind := field.Type
			switch {
			case key == "":
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
	for _, m := range verdictMetrics {
		assert.Contains(t, string(readme), "`"+m.name+"`")
	}
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
	short := defaultDetector()
	short.Name, short.Metrics, short.GroupBy = "short", []MetricConfig{{Name: "m"}}, []string{}
	assert.Equal(t, &Config{
		Storage: &storage, CheckpointInterval: 30 * time.Second, TrainingCPU: 0.5,
		Detectors: []DetectorConfig{{
			Name: "full",
			Metrics: []MetricConfig{
				{Name: "a", Values: []string{"mean", "rate", "p99.9"}}, {Name: "b", Combine: "max"}, {Name: "c", AbsentIsZero: true}, {Name: "d"},
			},
			GroupBy: []string{"host.name", "gpu"}, Method: "pca", FalseAlarmsPerDay: 0.5,
			Hysteresis: HysteresisConfig{Raise: 2, Of: 3}, Accept: 500, MinObservations: 100,
			Step: time.Minute, Lateness: 10 * time.Second, Carry: 3 * time.Minute, Ahead: 5 * time.Second,
			Season: SeasonConfig{Phases: 24, Length: time.Hour, Offset: 30 * time.Minute}, Lags: 2, Differences: true,
			Forest: ForestConfig{Trees: 50, SubSample: 128}, PCA: PCAConfig{Variance: 0.8}, Window: 256, HalfLife: 100, Calibration: 512, Floor: 0.01, Seed: 7,
			Training: TrainingConfig{Retrain: 100, Delay: 8, Reservoir: 300, Horizon: 1000},
			Details:  "always", CalmInterval: time.Minute,
			Limits: LimitsConfig{Entities: 1, Series: 2, MemoryMiB: 3, IdleAfter: time.Hour},
		}, short},
	}, config)
}

// The defaults are those of the requirements: an isolation forest that says nothing before 50 observations.
func TestDefaultsAreThoseOfTheRequirements(t *testing.T) {
	d := defaultDetector()
	s := d.settings()
	assert.Equal(t, anomaly.IsolationForest, s.Method)
	assert.Equal(t, 50, s.MinObservations)
	assert.Equal(t, 0.001, s.Decision.Alpha)
	require.NoError(t, s.Validate())
	d.Contamination = 0.1
	s = d.settings()
	assert.Zero(t, s.Decision.Alpha, "one rule decides")
	require.NoError(t, s.Validate())
}

// All faults are reported at once, each with its key, its rule and what stands there.
func TestValidateReportsEverything(t *testing.T) {
	_, err := loadFile(t, "invalid.yaml")
	require.Error(t, err)
	for _, fault := range []string{
		"checkpoint_interval must be at least 1s (got 1ms)",
		"training_cpu must be above 0 and at most 1 (got 2)",
		"detectors::0 (): name is required",
		"detectors::0 (): metrics must not be empty",
		"group_by must not hold a key twice, an empty one, detector or metric (got [\"a\" \"a\"])",
		`method must be isolation_forest, pca, robust_z or ewma (got "lstm")`,
		`details must be anomalies or always (got "never")`,
		"calm_interval must not be negative (got -1s)",
		"limits::entities, limits::series and limits::memory_mib must be at least 1 (got 0, 0 and 0)",
		"limits::idle_after must be at least 1m and two steps (got 1s)",
		"exactly one of alpha, false alarms per day and contamination must be set (got 0.1, 2, 0)",
		"min observations must be 20 to",
		"detectors::1 (twice): metrics::0: name is required",
		"metrics::2: m is there twice",
		"metrics::3: guardian.anomaly.score is a verdict, which is not judged",
		`metrics::1 (m): combine must be mean, sum, max or min (got "median")`,
		`metrics::4 (h): values must be value, rate, mean or a quantile such as p95, none of them twice (got ["p100" "mean" "mean"])`,
		`detectors::2: the name "twice" is that of another detector`,
		"step must be",
	} {
		assert.ErrorContains(t, err, fault)
	}
}

func TestNothingToJudge(t *testing.T) {
	_, err := testutil.LoadConfig(t, NewFactory(), "{}")
	require.ErrorContains(t, err, "detectors must not be empty")
	_, err = testutil.LoadConfig(t, NewFactory(), "detectors: [{name: d, metrics: [m]}]")
	require.ErrorContains(t, err, "group_by is required")
}

func TestUnknownKeysAreErrors(t *testing.T) {
	_, err := testutil.LoadConfig(t, NewFactory(), "detectors: [{name: d, metrics: [m], group_by: [], treshold: 3}]")
	require.ErrorContains(t, err, "treshold")
}

// A processor that keeps state may stand in one pipeline.
func TestOneStateOnePipeline(t *testing.T) {
	section := "{storage: file_storage, detectors: [{name: d, metrics: [m], group_by: []}]}"
	cfg, err := testutil.LoadConfig(t, NewFactory(), section)
	require.NoError(t, err)
	set, _ := newSettings(t)
	storage := newStorage(t, t.TempDir())
	defer func() { require.NoError(t, storage.Shutdown(t.Context())) }()
	first, err := createMetrics(t.Context(), set, cfg, &sink{})
	require.NoError(t, err)
	require.NoError(t, first.Start(t.Context(), storage))
	defer func() { require.NoError(t, first.Shutdown(t.Context())) }()
	second, err := createMetrics(t.Context(), set, cfg, &sink{})
	require.NoError(t, err)
	require.ErrorContains(t, second.Start(t.Context(), storage), "one metrics pipeline only")
}
