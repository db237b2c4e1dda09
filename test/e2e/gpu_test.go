// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/nvmltest"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// TestAgentWatchesEightGPUs runs the shipped agent against a library of the NVIDIA driver that says it has eight GPUs, of
// which GPU i is busy (i+1)·10 % and uses i+1 of 80 GiB. Pulling one away changes its status and leaves the others alone.
func TestAgentWatchesEightGPUs(t *testing.T) {
	elastic := startElasticsearch(t)
	control := nvmltest.NewControl(t)
	collector := testutil.StartCollector(t, agentConfig(t, agentSetup{
		companions: []string{"gpu"},
		overlay:    "receivers:\n  nvml: {collection_interval: 1s}\n",
		env:        []string{control.Env(), "NVML_LIBRARY=" + nvmltest.Library(t), "ELASTICSEARCH_ENDPOINT=" + elastic.URL},
	}))
	prometheus := servers.StartPrometheus(t, servers.PrometheusConfig{YAML: fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs: [{job_name: agent, honor_labels: true, static_configs: [{targets: [%q]}]}]
`, filepath.Join(testutil.Root(t), "monitoring", "rules", "recording.yaml"), collector.Address("PAGE"))})

	agentEventually(t, "the recording rules of eight GPUs", func() bool {
		return len(prometheus.Query(t, `gpu:utilization:avg5m`)) == 8 && len(prometheus.Query(t, `gpu:memory_utilization:ratio`)) == 8
	})
	values := func(expression string) (sorted []float64) {
		for _, sample := range prometheus.Query(t, expression) {
			sorted = append(sorted, sample.Value)
		}
		return sorted
	}
	assert.InDeltaSlice(t, []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8}, values(`sort(gpu:utilization:avg5m)`), 1e-9)
	assert.InDeltaSlice(t, []float64{1 / 80., 2 / 80., 3 / 80., 4 / 80., 5 / 80., 6 / 80., 7 / 80., 8 / 80.}, values(`sort(gpu:memory_utilization:ratio)`), 1e-9)
	for _, name := range []string{
		"hw_gpu_utilization_ratio", "hw_gpu_memory_usage_bytes", "hw_gpu_memory_limit_bytes", "hw_gpu_memory_utilization_ratio", "hw_energy_joules_total",
		"hw_power_watts", "hw_temperature_celsius", "hw_errors_total", "hw_status",
	} {
		assert.NotEmpty(t, prometheus.Query(t, fmt.Sprintf(`{__name__=%q}`, name)), name)
	}
	require.Empty(t, prometheus.Query(t, `hw_status{hw_state="failed",hw_type="gpu"} == 1`))
	require.Len(t, prometheus.Query(t, `hw_status{hw_state="ok",hw_type="gpu"} == 1`), 8)

	control.Order("lost 3")
	agentEventually(t, "GPU 3 as failed", func() bool { return len(prometheus.Query(t, `hw_status{hw_state="failed",hw_type="gpu"} == 1`)) == 1 })
	assert.Len(t, prometheus.Query(t, `hw_status{hw_state="ok",hw_type="gpu"} == 1`), 7)
	assert.InDeltaSlice(t, []float64{0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8}, values(`sort(hw_gpu_utilization_ratio{hw_gpu_task="general"} and on (hw_id) hw_status{hw_state="ok",hw_type="gpu"} == 1)`), 1e-9)
	awaitDocuments(t, elastic, "llm-guardian-logs", `{"query_string":{"query":"\"guardian.gpu.lost\""}}`, 1)
}
