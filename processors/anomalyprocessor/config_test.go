// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
	"github.com/llm-guardian/otelcol-guardian/internal/grouping"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/processors/anomalyprocessor/internal/metadata"
)

func TestContract(t *testing.T) {
	testutil.ProcessorContract(t, NewFactory(), func(cfg component.Config) {
		d := defaultDetector()
		d.Name, d.Metrics, d.GroupBy = "d", []MetricConfig{{Name: "m"}}, []string{}
		cfg.(*Config).Detectors = []DetectorConfig{d}
	})
}

func TestReadmeExamples(t *testing.T) { testutil.ReadmeExamples(t, NewFactory(), "processors") }

// Every option stands in the README's table with its default, and so does every verdict metric, every reason and every metric of its own.
func TestReadmeTables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	d := defaultDetector()
	d.Metrics = []MetricConfig{{}}
	d.Alpha = new(d.settings().Decision.Alpha) // where no other rule is set
	config.Detectors = []DetectorConfig{d}
	testutil.ReadmeOptions(t, config)
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
			GroupBy: []string{"host.name", "gpu"}, Method: "pca", FalseAlarmsPerDay: new(0.5),
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
}

// The rule that decides is alpha at 0.001 unless another one is named. A rule that is named without a value has its usual one.
func TestOneRuleDecides(t *testing.T) {
	f := func(keys string, want anomaly.Decision) {
		t.Helper()
		cfg, err := testutil.LoadConfig(t, NewFactory(), "detectors:\n  - name: d\n    metrics: [m]\n    group_by: []\n"+keys)
		require.NoError(t, err, keys)
		got := cfg.(*Config).Detectors[0].settings().Decision
		assert.Equal(t, want, anomaly.Decision{Alpha: got.Alpha, FalseAlarmsPerDay: got.FalseAlarmsPerDay, Contamination: got.Contamination}, keys)
	}
	f("", anomaly.Decision{Alpha: 0.001})
	f("    alpha:", anomaly.Decision{Alpha: 0.001})
	f("    alpha: 0.01", anomaly.Decision{Alpha: 0.01})
	f("    false_alarms_per_day: 2", anomaly.Decision{FalseAlarmsPerDay: 2})
	f("    contamination:", anomaly.Decision{Contamination: 0.1})
	f("    contamination: null", anomaly.Decision{Contamination: 0.1})
	f("    contamination: 0.05", anomaly.Decision{Contamination: 0.05})
}

// All faults are reported at once, each with its key, its rule and what stands there, and each once.
func TestValidateReportsEverything(t *testing.T) {
	_, err := loadFile(t, "invalid.yaml")
	require.Error(t, err)
	assert.Equal(t, []string{
		"checkpoint_interval must be at least 1s (got 1ms)",
		"training_cpu must be above 0 and at most 1 (got 2)",
		"detectors::0 (): name is required",
		`detectors::0 (): group_by must not hold a key twice, an empty one, detector or metric (got ["a" "a" "a" ""])`,
		`detectors::0 (): details must be anomalies or always (got "never")`,
		"detectors::0 (): calm_interval must not be negative (got -1s)",
		`detectors::0 (): method must be isolation_forest, pca, robust_z or ewma (got "lstm")`,
		"detectors::0 (): min_observations must be 20 to 1048576 (got 1)",
		"detectors::0 (): one of alpha, false_alarms_per_day and contamination must be set, and no other (got 0.1, 2 and 0)",
		"detectors::0 (): metrics must have 1 to 64 values (got 0)",
		"detectors::0 (): limits::entities must be at least 1 (got 0)",
		"detectors::0 (): limits::series must be at least 1 (got 0)",
		"detectors::0 (): limits::memory_mib must be at least 1 (got 0)",
		"detectors::0 (): limits::idle_after must be at least 1m and two steps (got 1s)",
		"detectors::1 (twice): metrics::0 (): name is required",
		`detectors::1 (twice): metrics::1 (m): combine must be mean, sum, max or min (got "median")`,
		"detectors::1 (twice): metrics::2 (m): name must be unique, and is that of another of the metrics: list all values in one",
		"detectors::1 (twice): metrics::3 (guardian.anomaly.score): name must not be that of a verdict, which is not judged",
		`detectors::1 (twice): metrics::4 (h): values must be value, rate, mean or a quantile such as p95, none of them twice (got ["p100" "mean" "mean"])`,
		`detectors::1 (twice): metrics::5 (i): values must be value, rate, mean or a quantile such as p95, none of them twice (got ["p95" "p95.0"])`,
		"detectors::2 (twice): step must be 1ms to 24h (got 0s)",
		"detectors::2 (twice): name must be unique, and is that of another detector",
	}, strings.Split(err.Error(), "\n"))
}

// What cannot work is refused: one fault, which names the key, the rule and the value.
func TestValidateRefuses(t *testing.T) {
	f := func(keys, want string) {
		t.Helper()
		_, err := testutil.LoadConfig(t, NewFactory(), "detectors: [{name: d, "+keys+"}]")
		require.EqualError(t, err, "detectors::0 (d): "+want, keys)
	}
	g := func(keys, want string) { t.Helper(); f("metrics: [m], group_by: [], "+keys, want) }
	f("metrics: [m]", "group_by is required: the keys that make an entity, or [] for one entity of all")
	f("metrics: [], group_by: []", "metrics must have 1 to 64 values (got 0)")
	f("metrics: [m], group_by: [metric]", `group_by must not hold a key twice, an empty one, detector or metric (got ["metric"])`)
	f("metrics: [m], group_by: [a.b, c, a_b]",
		`group_by must not hold two keys that are the same label of Prometheus, as a.b and a_b are a_b (got ["a.b" "c" "a_b"])`)
	f("metrics: [x.rate, {name: x, values: [mean, rate]}], group_by: []",
		"metrics::1 (x): its value must have a name of its own, and x.rate is also one of metrics::0: judge one of them in another detector")
	f("metrics: ['ml.*'], group_by: []", "metrics::0 (ml.*): name must be the whole name of a metric: patterns are not known")
	g("alpha: 0", "alpha must be above 0 (got 0): leave it out for the default")
	g("contamination: 0.0", "contamination must be above 0 (got 0): leave it out for the default")
	g("false_alarms_per_day: null", "false_alarms_per_day must be above 0 (got 0): leave it out for the default")
	g("alpha: .nan", "alpha must be above 0 and at most 0.5 (got NaN)")
	g("alpha: 0.6", "alpha must be above 0 and at most 0.5 (got 0.6)")
	g("contamination: 0.6", "contamination must be above 0 and at most 0.5 (got 0.6)")
	g("false_alarms_per_day: 3000", "false_alarms_per_day must be above 0 and at most 2880, half of the steps of a day (got 3000)")
	g("alpha: 0.01, contamination: null", "one of alpha, false_alarms_per_day and contamination must be set, and no other (got 0.01, 0 and 0.1)")
	g("contamination: null, false_alarms_per_day: 1", "one of alpha, false_alarms_per_day and contamination must be set, and no other (got 0, 1 and 0.1)")
	g("contamination: null, method: ewma", "contamination is for isolation_forest and pca (got 0.1 for ewma)")
	g("false_alarms_per_day: 1, step: 0s", "step must be 1ms to 24h (got 0s)")
	g("step: -1s", "step must be 1ms to 24h (got -1s)")
	g("training: {reservoir: 128}", "forest::sub_sample must be at most training::reservoir, 128, of which a tree is a part (got 256)")
	g("training: {reservoir: 16384}, forest: {trees: 1000, sub_sample: 4096}, limits: {memory_mib: 15}",
		"limits::memory_mib must be at least 16, which one entity takes with its model (got 15)")
	g("limits: {memory_mib: 9000000000000}", "limits::memory_mib must be at most 1073741824 (got 9000000000000)")
	g("limits: {idle_after: 1h}, step: 2000000h", "step must be 1ms to 24h (got 2000000h0m0s)")
	g("season: {phases: 24, offset: 9000h}", "season::offset must be -8760h to 8760h (got 9000h0m0s)")
	g("limits: {memory_mib: -1}", "limits::memory_mib must be at least 1, which one entity takes with its model (got -1)")
}

// The least memory that is let pass has room for an entity.
func TestMemoryHasRoomForAnEntity(t *testing.T) {
	cfg, err := testutil.LoadConfig(t, NewFactory(),
		"detectors: [{name: d, metrics: [m], group_by: [], training: {reservoir: 16384}, forest: {trees: 1000, sub_sample: 4096}, limits: {memory_mib: 16}}]")
	require.NoError(t, err)
	d := newDetector(&cfg.(*Config).Detectors[0], nil, nil)
	assert.NotNil(t, d.entity(&grouping.Place{}, time.Now()))
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
	err = second.Start(t.Context(), storage)
	require.ErrorContains(t, err, "cannot start anomaly: it keeps state, so it may stand in one metrics pipeline only, and it stands in")
	require.ErrorContains(t, err, "give each its own name, such as anomaly/2")

	// One that has a name of its own may use the same storage.
	cfg, err = testutil.LoadConfig(t, NewFactory(), section)
	require.NoError(t, err)
	set.ID = component.NewIDWithName(metadata.Type, "2")
	third, err := createMetrics(t.Context(), set, cfg, &sink{})
	require.NoError(t, err)
	require.NoError(t, third.Start(t.Context(), storage))
	require.NoError(t, third.Shutdown(t.Context()))
}
