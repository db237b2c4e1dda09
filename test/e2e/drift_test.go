// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/cluster/sender"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

const driftConfig = `
receivers:
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}"}
processors:
  drift:
    storage: file_storage
    monitors:
      - {name: features, input: predictions, reference: {first: 1000}, window: {samples: 500}}
      - {name: confidence, kind: concept, input: predictions, value: confidence, reference: {first: 1000}, window: {samples: 500}}
connectors:
  guardian_metrics: {flush_interval: 1s}
exporters:
  prometheus: {endpoint: "127.0.0.1:${env:PAGE}", without_scope_info: true}
  elasticsearch: {endpoint: "${env:ELASTICSEARCH}", mapping: {allowed_modes: [otel]}, sending_queue: {enabled: true, block_on_overflow: true, batch: {flush_timeout: 200ms}}}
extensions:
  file_storage: {directory: "${env:DIR}/state", create_directory: true}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [guardian], processors: [drift], exporters: [elasticsearch, guardian_metrics]}
    metrics: {receivers: [guardian_metrics], exporters: [prometheus]}
`

// predictionCounter counts the predictions of a model until a moment.
type predictionCounter struct {
	model        string
	until        time.Time
	before, from int
}

// Observe implements sender.Observer.
func (c *predictionCounter) Observe(e event.Event) {
	p, ok := e.(*event.Prediction)
	switch {
	case !ok || p.Model.Name != c.model || p.Failed():
	case p.Time.Before(c.until):
		c.before++
	default:
		c.from++
	}
}

// TestDriftOfOneFeatureIsSeenWithinOneWindow has one feature of one model move by a standard deviation in the middle of a
// simulated run: its score passes the critical threshold in the window after that, the event is in Elasticsearch, and
// nothing else speaks up. A restart in the middle of the run does not make it forget what it learned.
func TestDriftOfOneFeatureIsSeenWithinOneWindow(t *testing.T) {
	const model, feature = "churn", "income"
	elastic := startElasticsearch(t)
	collector := testutil.StartCollector(t, testutil.CollectorConfig{
		YAML: driftConfig, Ports: []string{"GUARDIAN", "PAGE"}, Env: []string{"ELASTICSEARCH=" + elastic.URL},
	})
	prometheus := servers.StartPrometheus(t, servers.PrometheusConfig{YAML: fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs: [{job_name: guardian, static_configs: [{targets: [%q]}]}]
`, collector.Address("PAGE"))})

	start := time.Now().Add(-time.Hour)
	at := 120 * time.Second
	simulated, err := cluster.New(cluster.Config{
		Seed: 7, Start: start, Rate: 200, Drifts: []cluster.Drift{{Model: model, Feature: feature, At: at, Shift: 1}},
	})
	require.NoError(t, err)
	counter := &predictionCounter{model: model, until: start.Add(at)}
	run := func(events int) {
		guardian, err := sender.NewGuardian(sender.GuardianOptions{Endpoint: collector.URL("GUARDIAN")})
		require.NoError(t, err)
		s := sender.Sender{Cluster: simulated, Guardian: guardian, Events: events, Speed: 100, Batch: 200, Linger: 20 * time.Millisecond, Observers: []sender.Observer{counter}}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
	}
	run(14000)
	require.Zero(t, collector.Stop(t))
	collector.Start(t)
	run(24000)
	t.Logf("%d predictions of %s before the drift, %d after it", counter.before, model, counter.from)
	require.Greater(t, counter.before, 2000, "the reference and two windows")
	require.Greater(t, counter.from, 1000, "two windows")

	drifted := fmt.Sprintf(`ml_data_drift_score{model_name=%q,feature_name=%q} > 0.25`, model, feature)
	agentEventually(t, "the score of the feature", func() bool { return len(prometheus.Query(t, drifted)) == 1 })
	scores := prometheus.Query(t, `ml_data_drift_score`)
	assert.Greater(t, len(scores), 10, "features of three models")
	for _, sample := range scores {
		if sample.Metric["feature_name"] != feature {
			assert.Less(t, sample.Value, 0.15, "%v", sample.Metric)
		}
	}
	alerts := prometheus.Query(t, `ml_data_drift_alerts_total{severity=~"warning|critical"}`)
	require.NotEmpty(t, alerts)
	for _, sample := range alerts {
		assert.Equal(t, feature, sample.Metric["feature_name"])
		assert.Equal(t, model, sample.Metric["model_name"])
	}

	// What the optional rule for concept drift reads.
	for _, name := range []string{"ml_concept_drift_psi", "ml_concept_drift_p_value"} {
		assert.NotEmpty(t, prometheus.Query(t, name+`{model_name="churn"}`), name)
	}

	raised := `{"bool":{"filter":[{"term":{"event_name":"guardian.drift"}},{"term":{"guardian.drift.severity":"critical"}},{"term":{"guardian.drift.kind":"data"}}]}}`
	agentEventually(t, "the event in Elasticsearch", func() bool { return len(elastic.Search(t, "logs-*", raised)) > 0 })
	first := time.Time{}
	for _, hit := range elastic.Search(t, "logs-*", raised) {
		var document struct {
			Attributes map[string]any `json:"attributes"`
		}
		require.NoError(t, json.Unmarshal(hit.Source, &document))
		assert.Equal(t, feature, document.Attributes["feature.name"])
		end, err := time.Parse(time.RFC3339Nano, document.Attributes["guardian.drift.window.end"].(string))
		require.NoError(t, err)
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	require.False(t, first.IsZero(), "the event is in Elasticsearch")
	// 500 predictions of the model are a window; one may have begun before the drift.
	window := time.Duration(float64(500) / float64(counter.before) * float64(at))
	assert.Less(t, first.Sub(start.Add(at)), 2*window, "within the window after the drift")
}
