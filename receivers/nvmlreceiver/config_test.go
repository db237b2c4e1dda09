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

func TestConfigRefuses(t *testing.T) {
	for section, says := range map[string]string{
		"collection_interval: 100ms":                                        "collection_interval must be at least 200ms (got 100ms)",
		"initial_delay: -1s":                                                "initial_delay must not be negative (got -1s)",
		"timeout: 0s":                                                       "timeout must be positive (got 0s)",
		"retry_interval: 1ms":                                               "retry_interval must be at least 200ms (got 1ms)",
		"max_scrape_cost: -1ms":                                             "max_scrape_cost must not be negative (got -1ms)",
		"max_processes: 0":                                                  "max_processes must be from 1 to 4096 (got 0)",
		"compat: [nvidia_smi, dcmg]":                                        `compat[1] must be nvidia_smi or dcgm (got "dcmg")`,
		"metrics: {hw.gpu.utilisation: {enabled: false}}":                   `metrics must be among those in the README (got "hw.gpu.utilisation")`,
		"metrics: {hw.energy: {enable: false}}":                             "enable",
		"kubernetes: {enabled: true, socket: ''}":                           "kubernetes::socket must not be empty",
		"kubernetes: {enabled: true, interval: 10ms}":                       "kubernetes::interval must be at least 1s (got 10ms)",
		"specialists: [{type: sql}]":                                        "specialists[0]: one of process and pod must be set, and not both",
		"specialists: [{process: vllm}]":                                    "specialists[0]: type must not be empty",
		"specialists: [{type: sql, pod: sql}]":                              "specialists[0]: pod needs kubernetes::enabled",
		"specialists: [{type: sql, process: '('}]":                          "specialists[0]: not a regular expression",
		"colection_interval: 5s":                                            "colection_interval",
		"kubernetes: {enabled: true}\nspecialists: [{type: a, pod: b}, {}]": "specialists[1]: type must not be empty",
	} {
		_, err := testutil.LoadConfig(t, NewFactory(), section)
		assert.ErrorContains(t, err, says, section)
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
