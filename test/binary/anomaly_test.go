// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package binary

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const anomalyConfig = `
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}}}
processors:
  anomaly:
    storage: file_storage
    detectors: [{name: load, metrics: [m], group_by: [host.name], method: ewma, step: 1s, accept: 30, min_observations: 30, calm_interval: 0s}]
connectors:
  guardian_events:
exporters:
  otlp_grpc: {endpoint: "${env:SINK}", tls: {insecure: true}, sending_queue: {num_consumers: 1}}
extensions:
  file_storage: {directory: "${env:DIR}/state", create_directory: true}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp], processors: [anomaly], exporters: [guardian_events]}
    logs: {receivers: [guardian_events], exporters: [otlp_grpc]}
`

// A peak ends as calm. A change that stays ends as accepted: the connector understands what the processor says of it.
func TestAnomalyEpisodesSayWhyTheyEnded(t *testing.T) {
	sink := testutil.StartSink(t)
	collector := testutil.StartCollector(t, testutil.CollectorConfig{YAML: anomalyConfig, Ports: []string{"OTLP_HTTP"}, Env: []string{"SINK=" + sink.Address}})
	rng := rand.New(rand.NewPCG(1, 1))
	at := time.Now().Add(-time.Hour)
	send := func(steps int, level float64) {
		for range steps {
			metrics := pmetric.NewMetrics()
			m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName("m")
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetDoubleValue(level + rng.NormFloat64())
			p.SetTimestamp(pcommon.NewTimestampFromTime(at))
			p.Attributes().PutStr("host.name", "a")
			body, err := pmetricotlp.NewExportRequestFromMetrics(metrics).MarshalProto()
			require.NoError(t, err)
			code, answer := post(t, collector.URL("OTLP_HTTP")+"/v1/metrics", "application/x-protobuf", body)
			require.Equal(t, http.StatusOK, code, answer)
			at = at.Add(time.Second)
		}
	}
	send(100, 0)
	send(10, 50)
	send(30, 0)
	send(80, 50)
	ended := func() (reasons []string) {
		for _, logs := range sink.Logs.AllLogs() {
			for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
				if reason, ok := record.Attributes().Get("guardian.anomaly.episode.end_reason"); ok {
					reasons = append(reasons, reason.Str())
				}
			}
		}
		return reasons
	}
	require.Eventually(t, func() bool { return len(ended()) == 2 }, 20*time.Second, 50*time.Millisecond, "%v", ended())
	assert.Equal(t, []string{"calm", "accepted"}, ended())
}

// A processor with a state stands in one pipeline: what the collector says names both, and what to do.
func TestAnomalyProcessorWithStateInTwoPipelines(t *testing.T) {
	config := strings.Replace(anomalyConfig, "    logs: ", "    metrics/more: {receivers: [otlp], processors: [anomaly], exporters: [guardian_events]}\n    logs: ", 1)
	code, output := testutil.RunCollector(t, testutil.CollectorConfig{YAML: config, Ports: []string{"OTLP_HTTP"}, Env: []string{"SINK=127.0.0.1:1"}})
	assert.NotZero(t, code)
	assert.Contains(t, output, "it keeps state, so it may stand in one metrics pipeline only")
	assert.Contains(t, output, `"metrics/more"`)
	assert.Contains(t, output, "give each its own name, such as anomaly/2")
}
