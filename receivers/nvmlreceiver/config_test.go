// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) { testutil.ReceiverContract(t, NewFactory()) }

func TestReadme(t *testing.T) { testutil.ReadmeExamples(t, NewFactory(), "receivers") }

// Every option stands in the README's table with its default.
func TestReadmeTables(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Metrics = map[string]MetricConfig{"<name>": {Enabled: true}}
	config.Specialists = []SpecialistConfig{{}}
	testutil.ReadmeOptions(t, config)
}

// All faults are reported at once, each with its key, its rule and what stands there, and each once.
func TestValidateReportsEverything(t *testing.T) {
	_, err := testutil.LoadConfig(t, NewFactory(), `
collection_interval: 100ms
initial_delay: -1s
timeout: 0s
retry_interval: 1ms
max_scrape_cost: -1ms
max_processes: 0
compat: [nvidia_smi, dcmg, nvidia_smi]
metrics: {hw.gpu.utilisation: {enabled: false}, hw.energie: {enabled: true}, specialist.gpu.utilization: {enabled: true}}
kubernetes: {enabled: true, socket: '', interval: 10ms}
`)
	require.EqualError(t, err, strings.Join([]string{
		"collection_interval must be at least 200ms (got 100ms)",
		"initial_delay must not be negative (got -1s)",
		"timeout must be positive (got 0s)",
		"retry_interval must be at least 200ms (got 1ms)",
		"max_scrape_cost must not be negative (got -1ms)",
		"max_processes must be from 1 to 4096 (got 0)",
		`compat::1 must be nvidia_smi or dcgm (got "dcmg")`,
		`compat must not hold nvidia_smi twice (got ["nvidia_smi" "dcmg" "nvidia_smi"])`,
		`metrics must have names of the README (got "hw.energie")`,
		`metrics must have names of the README (got "hw.gpu.utilisation")`,
		"metrics::specialist.gpu.utilization::enabled is for specialists, which are not set (got true)",
		"kubernetes::socket is required: the path of the kubelet's pod-resources socket",
		"kubernetes::interval must be at least 1s (got 10ms)",
	}, "\n"))
	_, err = testutil.LoadConfig(t, NewFactory(), `
specialists:
  - {}
  - {type: sql}
  - {type: sql, pod: sql}
  - {type: sql, process: '('}
  - {type: sql, process: 'a)', pod: '['}
  - {type: sql, process: vllm}
`)
	require.EqualError(t, err, strings.Join([]string{
		"specialists::0 (): type is required",
		"specialists::0 (): process is required, or pod",
		"specialists::1 (sql): process is required, or pod",
		`specialists::2 (sql): pod is for kubernetes::enabled, which is false (got "sql")`,
		"specialists::3 (sql): process must be a regular expression (got \"(\"): missing closing ): `(`",
		`specialists::4 (sql): process and pod must not both be set (got "a)" and "[")`,
		"specialists::4 (sql): process must be a regular expression (got \"a)\"): unexpected ): `a)`",
		"specialists::4 (sql): pod must be a regular expression (got \"[\"): missing closing ]: `[`",
	}, "\n"))
}

func TestUnknownKeysAreErrors(t *testing.T) {
	for section, key := range map[string]string{
		"metrics: {hw.energy: {enable: false}}": "enable",
		"colection_interval: 5s":                "colection_interval",
	} {
		_, err := testutil.LoadConfig(t, NewFactory(), section)
		assert.ErrorContains(t, err, key, section)
	}
}

// A receiver in a binary without GPU support says so, and harms nothing.
func TestBuiltWithoutGPUSupport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		factory := newFactory(func(config *Config, set component.TelemetrySettings) *engine { return newEngine(config, nil, set) })
		metrics, err := factory.CreateMetrics(t.Context(), receivertest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
		require.NoError(t, err)
		var host host
		require.NoError(t, metrics.Start(t.Context(), &host))
		assert.Equal(t, "StatusPermanentError: "+errNotBuilt.Error(), host.status())
		require.NoError(t, metrics.Shutdown(t.Context()))
		require.NoError(t, componenttest.CheckConfigStruct(factory.CreateDefaultConfig()))
	})
}

// The table of metrics in the README is made from the catalogue.
func TestReadmeListsTheMetrics(t *testing.T) {
	var table bytes.Buffer
	table.WriteString("| metric | unit | attributes beside the GPU's | meaning |\n|---|---|---|---|\n")
	for _, metric := range catalogue {
		attributes := make([]string, 0, len(metric.attributes))
		for _, attribute := range metric.attributes {
			attributes = append(attributes, "`"+attribute+"`")
		}
		off := ""
		if metric.off {
			off = " Off by default."
		}
		fmt.Fprintf(&table, "| `%s` %s | `%s` | %s | %s%s |\n", metric.name, metric.kind, metric.unit, strings.Join(attributes, ", "), metric.description, off)
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	const begin, end = "<!-- metrics -->\n", "<!-- /metrics -->"
	before, rest, found := strings.Cut(string(readme), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	testutil.Golden(t, "README.md", []byte(before+begin+table.String()+end+after))
}
