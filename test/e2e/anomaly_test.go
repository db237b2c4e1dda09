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
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// A simulated second takes a twentieth of a real one, so a step of half a second has what ten seconds would have.
const anomalyConfig = `
receivers:
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}"}
processors:
  anomaly:
    storage: file_storage
    detectors:
      - name: specialists
        metrics: [specialist.request.duration, {name: specialist.errors, absent_is_zero: true}, specialist.quality_score]
        group_by: [specialist.type]
        alpha: 0.01 # two hundred calm steps, some of them as odd as the machine was busy, cannot show much less
        step: 500ms
        lateness: 250ms
        carry: 2s
        calm_interval: 500ms
connectors:
  guardian_metrics: {flush_interval: 100ms, storage: file_storage}
  guardian_events: {storage: file_storage}
exporters:
  prometheus: {endpoint: "127.0.0.1:${env:PAGE}", without_scope_info: true}
  elasticsearch: {endpoint: "${env:ELASTICSEARCH}", mapping: {allowed_modes: [otel]}, sending_queue: {enabled: true, block_on_overflow: true, batch: {flush_timeout: 200ms}}}
extensions:
  file_storage: {directory: "${env:DIR}/state", create_directory: true}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [guardian], exporters: [guardian_metrics]}
    metrics: {receivers: [guardian_metrics], processors: [anomaly], exporters: [prometheus, guardian_events]}
    logs/episodes: {receivers: [guardian_events], exporters: [elasticsearch]}
`

// anomalyEpisode is what Elasticsearch has of an event.
type anomalyEpisode struct {
	State      string    `json:"guardian.anomaly.state"`
	Severity   string    `json:"guardian.anomaly.severity"`
	Specialist string    `json:"specialist.type"`
	ID         string    `json:"guardian.anomaly.episode.id"`
	Start      time.Time `json:"guardian.anomaly.episode.start"`
	End        time.Time `json:"guardian.anomaly.episode.end"`
	EndReason  string    `json:"guardian.anomaly.episode.end_reason"`
	PeakScore  float64   `json:"guardian.anomaly.episode.peak_score"`
	Causes     []string  `json:"guardian.anomaly.causes.metric"`
	Z          []float64 `json:"guardian.anomaly.causes.z"`
}

// TestAnomalyEpisodeOfASlowSpecialist makes one specialist slow and wrong for two simulated minutes: there is one episode, of that specialist, with
// latency and error rate as causes; its score is in Prometheus and the events are in Elasticsearch. A restart in the middle of the trouble
// changes nothing of that, and the other specialists stay quiet.
func TestAnomalyEpisodeOfASlowSpecialist(t *testing.T) {
	elastic := startElasticsearch(t)
	collector := testutil.StartCollector(t, testutil.CollectorConfig{
		YAML: anomalyConfig, Ports: []string{"GUARDIAN", "PAGE"}, Env: []string{"ELASTICSEARCH=" + elastic.URL},
	})
	prometheus := servers.StartPrometheus(t, servers.PrometheusConfig{YAML: fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs: [{job_name: guardian, static_configs: [{targets: [%q]}]}]
`, collector.Address("PAGE"))})

	const speed = 20
	start := time.Now().Add(-time.Hour)
	from, to := 32*time.Minute, 34*time.Minute
	simulated, err := cluster.New(cluster.Config{
		Seed: 3, Start: start, Rate: 60, Troubles: []cluster.Trouble{{Specialist: "chat-1", From: from, To: to}},
	})
	require.NoError(t, err)
	run := func(until time.Duration) {
		guardian, err := sender.NewGuardian(sender.GuardianOptions{Endpoint: collector.URL("GUARDIAN")})
		require.NoError(t, err)
		s := sender.Sender{Cluster: simulated, Guardian: guardian, Until: start.Add(until), Speed: speed, Batch: 200, Linger: 20 * time.Millisecond}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
	}
	run(from)
	trouble := time.Now()
	run((from + to) / 2)
	require.Zero(t, collector.Stop(t))
	collector.Start(t)
	run(to)
	calm := time.Now()
	run(to + 4*time.Minute)

	events := func(query string) (all []anomalyEpisode) {
		for _, hit := range elastic.Search(t, "logs-*", query) {
			var document struct {
				Attributes anomalyEpisode `json:"attributes"`
			}
			require.NoError(t, json.Unmarshal(hit.Source, &document))
			all = append(all, document.Attributes)
		}
		return all
	}
	of := func(state string) string {
		return fmt.Sprintf(`{"bool":{"filter":[{"term":{"event_name":"guardian.anomaly"}},{"term":{"guardian.anomaly.state":%q}}]}}`, state)
	}
	defer func() {
		if t.Failed() {
			t.Logf("begin: %+v\nend: %+v", events(of("raised")), events(of("clear")))
			for _, what := range []string{"state", "score", "z_score"} {
				for at := trouble.Add(-10 * time.Second); at.Before(time.Now()); at = at.Add(time.Second) {
					t.Logf("%s %s: %v", what, at.Format(time.TimeOnly), prometheus.QueryAt(t, fmt.Sprintf(`guardian_anomaly_%s{specialist_type="chat"}`, what), at))
				}
			}
		}
	}()
	agentEventually(t, "the end of the episode in Elasticsearch", func() bool { return len(events(of("clear"))) > 0 })
	raised, ended := events(of("raised")), events(of("clear"))
	require.Len(t, raised, 1, "one episode: %+v", raised)
	require.Len(t, ended, 1)
	t.Logf("begin: %+v", raised[0])
	t.Logf("end: %+v", ended[0])
	assert.Equal(t, "chat", raised[0].Specialist)
	assert.Equal(t, raised[0].ID, ended[0].ID, "the restart has not made another one of it")
	assert.Equal(t, "calm", ended[0].EndReason)
	assert.WithinDuration(t, trouble, ended[0].Start, 5*time.Second)
	assert.WithinDuration(t, calm, ended[0].End, 5*time.Second)
	assert.Equal(t, "critical", ended[0].Severity)
	for _, cause := range []string{"specialist.request.duration", "specialist.errors"} {
		i := indexOf(ended[0].Causes, cause)
		if assert.GreaterOrEqual(t, i, 0, "%s is a cause: %v", cause, ended[0].Causes) {
			assert.Greater(t, ended[0].Z[i], 3.0, cause)
		}
	}

	// The score as Prometheus has it: higher in the trouble than ever before.
	score := func(at time.Time, specialist string) float64 {
		samples := prometheus.QueryAt(t, fmt.Sprintf(`max_over_time(guardian_anomaly_score{detector="specialists",specialist_type=%q}[30s])`, specialist), at)
		require.Len(t, samples, 1, specialist)
		return samples[0].Value
	}
	assert.InDelta(t, ended[0].PeakScore, score(calm.Add(2*time.Second), "chat"), 0.05)
	assert.Greater(t, score(calm.Add(2*time.Second), "chat"), score(trouble.Add(-time.Second), "chat"))
	states := prometheus.Query(t, `guardian_anomaly_state`)
	assert.Len(t, states, 5, "one of each type of specialist")
	for _, sample := range states {
		if sample.Metric["specialist_type"] == "chat" {
			assert.InDelta(t, 1, sample.Value, 0, "all is well again")
		}
	}
	assert.NotEmpty(t, prometheus.QueryAt(t, `guardian_anomaly_z_score{specialist_type="chat",metric="specialist.request.duration"} > 3`, calm.Add(-time.Second)))
}

func indexOf(all []string, one string) int {
	for i := range all {
		if all[i] == one {
			return i
		}
	}
	return -1
}
