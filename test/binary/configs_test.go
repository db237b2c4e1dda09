// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package binary

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// shippedConfig is what the tests look at in a configuration.
type shippedConfig struct {
	Exporters  map[string]map[string]any `yaml:"exporters"`
	Extensions map[string]map[string]any `yaml:"extensions"`
	Connectors map[string]any            `yaml:"connectors"`
	Service    struct {
		Extensions []string `yaml:"extensions"`
		Pipelines  map[string]struct {
			Receivers  []string `yaml:"receivers"`
			Processors []string `yaml:"processors"`
		} `yaml:"pipelines"`
	} `yaml:"service"`
}

// shippedConfigs are the texts of the files under configs/, by path.
func shippedConfigs(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(testutil.Root(t), "configs", "*.yaml"))
	require.NoError(t, err)
	require.Contains(t, paths, filepath.Join(testutil.Root(t), "configs", "gateway.yaml"))
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[path] = string(text)
	}
	return texts
}

// besides finds the base of a configuration that is one more --config beside another.
var besides = regexp.MustCompile(`One more --config beside ([a-z_]+\.yaml)`)

// baseOf gives the path and the text of the configuration that this one stands beside, or nothing.
func baseOf(t *testing.T, path, text string) (base, baseText string) {
	t.Helper()
	match := besides.FindStringSubmatch(text)
	if match == nil {
		return "", ""
	}
	base = filepath.Join(filepath.Dir(path), match[1])
	content, err := os.ReadFile(base)
	require.NoError(t, err)
	return base, string(content)
}

// mandatory finds the variables that a configuration wants and gives no default.
var mandatory = regexp.MustCompile(`\$\{env:([A-Z0-9_]+)\}`)

func TestEveryShippedConfigurationIsValid(t *testing.T) {
	for path, text := range shippedConfigs(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			paths := []string{path}
			if base, baseText := baseOf(t, path, text); base != "" {
				paths, text = []string{base, path}, baseText+text
			}
			environment := []string{"KUBELET_AUTH=none"} // The default reads files that only a pod has.
			for _, match := range mandatory.FindAllStringSubmatch(text, -1) {
				environment = append(environment, match[1]+"="+dummy(match[1]))
			}
			code, output := testutil.RunCollector(t, testutil.CollectorConfig{
				Files: paths,
				Args:  []string{"validate"},
				Env:   environment,
			})
			assert.Zero(t, code, output)
		})
	}
}

// dummy is a value that passes as an address, by the ending of a variable's name, or as a word.
func dummy(variable string) string {
	switch {
	case variable == "JAEGER_ENDPOINT", variable == "UPSTREAM":
		return "localhost:4317"
	case strings.HasSuffix(variable, "_ENDPOINT"), strings.HasSuffix(variable, "_URL"):
		return "http://localhost:9"
	default:
		return "dummy"
	}
}

func TestShippedConfigurationsSayHowMuchMemoryTheyTake(t *testing.T) {
	for path, text := range shippedConfigs(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			config := parseConfig(t, text)
			base, baseText := baseOf(t, path, text)
			if _, onlyPrints := config.Exporters["debug"]; !onlyPrints {
				assert.Contains(t, text+baseText, "GOMEMLIMIT=", "a stated GOMEMLIMIT")
			}
			for name, pipeline := range config.Service.Pipelines {
				if base != "" && (pipeline.Receivers == nil || pipeline.Processors == nil) {
					continue // It changes a pipeline of its base.
				}
				fromConnector := slices.ContainsFunc(pipeline.Receivers, func(receiver string) bool {
					_, is := config.Connectors[receiver]
					return is
				})
				if fromConnector {
					continue // The pipeline before the connector has it.
				}
				require.NotEmpty(t, pipeline.Processors, "pipeline %s", name)
				assert.Equal(t, "memory_limiter", pipeline.Processors[0], "pipeline %s", name)
			}
		})
	}
}

// withoutQueue are exporters that hand nothing to a server over a network, or that have no queue of their own.
var withoutQueue = []string{"debug", "file", "prometheus", "prometheus_remote_write"}

func TestShippedExportersLoseNothing(t *testing.T) {
	for path, text := range shippedConfigs(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			config := parseConfig(t, text)
			for name, exporter := range config.Exporters {
				kind, _, _ := strings.Cut(name, "/")
				if kind == "prometheus_remote_write" {
					assert.Equal(t, map[string]any{"enabled": false}, exporter["remote_write_queue"], "%s: its queue is in memory", name)
					assert.Equal(t, "0s", exporter["timeout"], "%s: what times out is not tried again", name)
				}
				if slices.Contains(withoutQueue, kind) {
					continue
				}
				if kind == "load_balancing" {
					assertNoInnerQueue(t, name, exporter)
					if exporter["sending_queue"] == nil {
						continue // It hands each answer back, so the client or the queue before it tries again.
					}
				}
				assertQueue(t, name, exporter)
				if kind == "elasticsearch" {
					assertElasticsearchRetries(t, name, exporter)
				} else {
					retry, _ := exporter["retry_on_failure"].(map[string]any)
					assert.Equal(t, 0, retry["max_elapsed_time"], "%s retries without end", name)
					assert.NotEqual(t, false, retry["enabled"], "%s retries", name)
				}
			}
			for name, extension := range config.Extensions {
				if strings.HasPrefix(name, "file_storage") {
					assert.Equal(t, true, extension["fsync"], name)
					assert.Equal(t, true, extension["recreate"], name)
					assert.Equal(t, true, extension["create_directory"], name)
					assert.Contains(t, config.Service.Extensions, name)
				}
			}
		})
	}
}

func assertQueue(t *testing.T, name string, exporter map[string]any) {
	t.Helper()
	queue, isMap := exporter["sending_queue"].(map[string]any)
	if !assert.True(t, isMap, "%s has a sending_queue", name) {
		return
	}
	storage, _ := queue["storage"].(string)
	assert.True(t, strings.HasPrefix(storage, "file_storage"), "the queue of %s is on disk", name)
	assert.Equal(t, true, queue["block_on_overflow"], "%s blocks rather than drops", name)
	assert.NotEqual(t, true, queue["wait_for_result"], "%s cannot wait for results with storage", name)
}

// assertNoInnerQueue: the exporters inside load_balancing would keep their queues in memory.
func assertNoInnerQueue(t *testing.T, name string, exporter map[string]any) {
	t.Helper()
	protocol, _ := exporter["protocol"].(map[string]any)
	inner, _ := protocol["otlp"].(map[string]any)
	queue, _ := inner["sending_queue"].(map[string]any)
	assert.Equal(t, false, queue["enabled"], "%s has no queue inside", name)
}

func assertElasticsearchRetries(t *testing.T, name string, exporter map[string]any) {
	t.Helper()
	assert.Equal(t, "0s", exporter["timeout"], "%s: a timeout ends all attempts together", name)
	retry, isMap := exporter["retry"].(map[string]any)
	require.True(t, isMap, name)
	assert.GreaterOrEqual(t, retry["max_retries"], 1_000_000_000, name)
	assert.Equal(t, "30s", retry["max_interval"], name)
	assert.ElementsMatch(t, []any{429, 500, 502, 503, 504}, retry["retry_on_status"], name)
}

func parseConfig(t *testing.T, text string) shippedConfig {
	t.Helper()
	var config shippedConfig
	require.NoError(t, yaml.Unmarshal([]byte(text), &config))
	return config
}
