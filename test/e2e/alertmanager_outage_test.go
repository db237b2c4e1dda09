// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

const alertOutageConfig = `
receivers:
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}"}
exporters:
  alertmanager:
    endpoints: ["${env:FIRST}", "${env:SECOND}"]
    storage: file_storage
    retry_on_failure: {max_elapsed_time: 0, max_interval: 1s}
    sending_queue: {storage: file_storage, block_on_overflow: true}
  otlp_grpc:
    endpoint: "${env:SINK}"
    tls: {insecure: true}
    retry_on_failure: {max_elapsed_time: 0, max_interval: 1s}
    sending_queue: {storage: file_storage, block_on_overflow: true}
extensions:
  file_storage: {directory: "${env:DIR}/state", create_directory: true, fsync: true}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [guardian], exporters: [alertmanager, otlp_grpc]}
`

// TestAlertmanagerOutage takes one of two Alertmanagers away, and kills the collector meanwhile. The other one and the other exporter
// have everything at once, and the one that was away has it when it is back.
func TestAlertmanagerOutage(t *testing.T) {
	const batches, size = 20, 10
	sink := testutil.StartSink(t)
	first, second := servers.StartAlertmanager(t, ""), servers.StartAlertmanager(t, "")
	collector := testutil.StartCollector(t, testutil.CollectorConfig{
		YAML: alertOutageConfig, Ports: []string{"GUARDIAN"},
		Env: []string{"FIRST=" + first.URL, "SECOND=" + second.URL, "SINK=" + sink.Address},
	})
	sent := 0
	send := func(n int) {
		for range n {
			var lines strings.Builder
			for range size {
				fmt.Fprintf(&lines, `{"metric":"queue_length","value":120,"threshold":50,"component":"c%d"}`+"\n", sent)
				sent++
			}
			answer, err := http.Post(collector.URL("GUARDIAN")+"/v1/performance_alerts", "application/x-ndjson", strings.NewReader(lines.String()))
			require.NoError(t, err)
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode, "%s", body)
		}
	}
	components := func(of *servers.Alertmanager) int {
		found := map[string]bool{}
		for _, alert := range of.Alerts(t) {
			found[alert.Labels["component"]] = true
		}
		return len(found)
	}

	second.Stop()
	send(batches / 2)
	collector.Kill()
	collector.Start(t)
	send(batches - batches/2)
	agentEventually(t, "the Alertmanager that is there has all alerts", func() bool { return components(first) == batches*size })
	agentEventually(t, "the other exporter has all events", func() bool { return sink.Logs.LogRecordCount() >= batches*size })
	second.Start()
	agentEventually(t, "the Alertmanager that was away has all alerts", func() bool { return components(second) == batches*size })
}
