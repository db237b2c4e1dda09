// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"os"
	"path/filepath"
	"reflect"
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
			case kind.Kind() == reflect.Struct:
				walk(kind, prefix+key+"::")
			case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct:
				walk(kind.Elem(), prefix+key+"::")
			case kind.Kind() == reflect.Map:
				walk(kind.Elem(), prefix+key+"::<name>::")
			default:
				assert.Contains(t, string(readme), "| `"+prefix+key+"` |", "the README's table of options")
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
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

// All faults are reported at once, each with its key, its rule and what stands there.
func TestValidateReportsEverything(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "invalid.yaml"))
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(config))
	err = config.Validate()
	require.Error(t, err)
	for _, fault := range []string{
		"flush_interval must be at least 100ms (got 1ms)",
		`temporality must be cumulative or delta (got "both")`,
		"checkpoint_interval is 1m0s, but there is no storage to save to",
		"series::limit must be at least 1 (got 0)",
		"metrics::ml.request: there is no metric of that name",
		`metrics::ml.requests::attributes: "batch_size" is not an optional attribute of it; it has none`,
		"quality_tier::wait must not be negative (got -1s)",
		"quality_tier::medium must not be above quality_tier::high (got 0.9 and 0.5)",
		"low_confidence must be from 0 to 1 (got 70)",
		"duplicates::window must be positive (got 0s)",
		"limits::open_requests must be at least 1 (got 0)",
		"spans::0: conditions must not be empty",
		"one of model_name and specialist_type is required",
		"spans::1: conditions:",
		"endpoint:",
	} {
		assert.ErrorContains(t, err, fault)
	}
}

func TestUnknownKeysAreErrors(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "unknown.yaml"))
	require.NoError(t, err)
	err = conf.Unmarshal(createDefaultConfig())
	require.ErrorContains(t, err, "qualty_tier")
	assert.True(t, strings.Contains(err.Error(), "invalid keys") || strings.Contains(err.Error(), "unknown"), err)
}
