// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestReadmeExamples(t *testing.T) {
	testutil.ReadmeExamples(t, NewFactory(), "connectors")
}

// Every option stands in the README's table with its default.
func TestReadmeTables(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Metrics = map[string]MetricConfig{"<name>": {Enabled: new(MetricConfig{}.enabled())}}
	config.Spans = []SpanConfig{{}}
	testutil.ReadmeOptions(t, config)
}

func TestEveryOptionIsRead(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(config))
	require.NoError(t, config.Validate())
	off := false
	storage := component.MustNewID("file_storage")
	assert.Equal(t, &Config{
		FlushInterval: 10 * time.Second, Temporality: "delta", Storage: &storage, CheckpointInterval: time.Minute,
		Series: SeriesConfig{Limit: 500, IdleAfter: time.Hour},
		Metrics: map[string]MetricConfig{
			"ml.requests":              {Enabled: &off},
			"model.inference.duration": {Attributes: []string{"batch_size", "sequence_length"}},
		},
		QualityTier:   QualityTierConfig{Wait: time.Minute, Limit: 7, High: 0.9, Medium: 0.5},
		Results:       ResultsConfig{Quality: []string{"quality", "overall"}, Confidence: []string{"certainty"}},
		LowConfidence: 0.6,
		Duplicates:    DuplicatesConfig{Window: 2 * time.Hour, Limit: 1000},
		Limits:        LimitsConfig{Tenants: 1, Classes: 2, Features: 3, OpenRequests: 4, Improvements: 5},
		Spans: []SpanConfig{{
			Conditions: []string{`kind == SPAN_KIND_SERVER`}, ModelName: `attributes["model"]`, ModelVersion: `"1"`,
			SpecialistType: `resource.attributes["specialist"]`, Endpoint: `name`,
		}},
	}, config)
}

// All faults are reported at once, each with its key, its rule and what stands there, and each once.
func TestValidateReportsEverything(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "invalid.yaml"))
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(config))
	err = config.Validate()
	require.Error(t, err)
	assert.Equal(t, []string{
		"flush_interval must be at least 100ms (got 1ms)",
		`temporality must be cumulative or delta (got "both")`,
		"checkpoint_interval is for storage, which is not set (got 1m0s)",
		"series::limit must be at least 1 (got 0)",
		"series::idle_after must be positive, and not shorter than flush_interval, 1ms (got -1s)",
		`metrics must have names of METRICS.md, such as ml.requests (got "ml.request")`,
		`metrics::ml.requests::attributes must be empty: it has no optional attributes (got ["batch_size" "model"])`,
		`metrics::model.inference.duration::attributes must be among batch_size, sequence_length (got "batch")`,
		`metrics::model.inference.duration::attributes must not hold one twice (got "batch_size")`,
		"quality_tier::wait must not be negative (got -1s)",
		"quality_tier::limit must be at least 1 (got 0)",
		"quality_tier::medium must not be above quality_tier::high, 0.5 (got 0.9)",
		`results::quality must not hold an empty name (got ["quality" ""])`,
		`results::confidence must not hold an empty name (got [""])`,
		"low_confidence must be from 0 to 1 (got 70)",
		"duplicates::window must be positive (got 0s)",
		"duplicates::limit must be from 1 to 1073741824 (got 2000000000)",
		"limits::tenants must be at least 0 (got -1)",
		"limits::classes must be at least 0 (got -1)",
		"limits::features must be at least 0 (got -1)",
		"limits::open_requests must be at least 1 (got 0)",
		"limits::improvements must be at least 1 (got 0)",
		"spans::0::conditions is required: OTTL conditions that must all hold",
		"spans::0::model_name is required, or specialist_type",
		`spans::1::conditions::1 must be an OTTL condition (got "kind = SPAN_KIND_SERVER"): `,
		`spans::1::endpoint must be an OTTL value (got "nonsense("): `,
	}, withoutCauses(err))
}

// withoutCauses gives the faults of an error without what OTTL says of them.
func withoutCauses(err error) []string {
	faults := strings.Split(err.Error(), "\n")
	for i, fault := range faults {
		if before, _, found := strings.Cut(fault, "\"): "); found {
			faults[i] = before + "\"): "
		}
	}
	return faults
}

// One fault is not a reason for another one.
func TestFaultsAreNotRepeated(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.QualityTier.High, config.QualityTier.Medium = -1, 0.5
	require.EqualError(t, config.Validate(), "quality_tier::high must be from 0 to 1 (got -1)")
	config = createDefaultConfig().(*Config)
	config.CheckpointInterval = -time.Second
	require.EqualError(t, config.Validate(), "checkpoint_interval must not be negative (got -1s)")
}

func TestUnknownKeysAreErrors(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "unknown.yaml"))
	require.NoError(t, err)
	err = conf.Unmarshal(createDefaultConfig())
	require.ErrorContains(t, err, "qualty_tier")
	assert.True(t, strings.Contains(err.Error(), "invalid keys") || strings.Contains(err.Error(), "unknown"), err)
}
