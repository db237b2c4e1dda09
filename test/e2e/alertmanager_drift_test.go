// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/cluster/sender"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const driftAlertConfig = `
receivers:
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}"}
processors:
  drift:
    storage: file_storage
    monitors:
      - {name: features, input: predictions, reference: {first: 1000}, window: {samples: 500}}
      - {name: confidence, kind: concept, input: predictions, value: confidence, reference: {first: 1000}, window: {samples: 500}}
exporters:
  alertmanager:
    endpoint: "${env:ALERTMANAGER}"
    storage: file_storage
    labels: {cluster: test}
    min_severity: warning
    resend_interval: 5s
    expire_after: 20s
    retry_on_failure: {max_elapsed_time: 0}
    sending_queue: {storage: file_storage, block_on_overflow: true}
extensions:
  file_storage: {directory: "${env:DIR}/state", create_directory: true}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [guardian], processors: [drift], exporters: [alertmanager]}
`

// TestDriftBecomesOneSlackMessage has one feature of one model move by a standard deviation for two minutes of a simulated run. The
// channel hears of it once, with what it needs to know, and once of its end; so do the pager, the mailbox and the remediation
// controller. Neither a restart of the collector meanwhile nor what a Prometheus says of the same fault makes it two.
func TestDriftBecomesOneSlackMessage(t *testing.T) {
	const model, feature = "churn", "income"
	alertmanager, r := startRouting(t)
	collector := testutil.StartCollector(t, testutil.CollectorConfig{
		YAML: driftAlertConfig, Ports: []string{"GUARDIAN"}, Env: []string{"ALERTMANAGER=" + alertmanager.URL},
	})
	simulated, err := cluster.New(cluster.Config{
		Seed: 7, Start: time.Now().Add(-time.Hour), Rate: 200,
		Drifts: []cluster.Drift{{Model: model, Feature: feature, At: 120 * time.Second, Until: 240 * time.Second, Shift: 1}},
	})
	require.NoError(t, err)
	run := func(events int) {
		guardian, err := sender.NewGuardian(sender.GuardianOptions{Endpoint: collector.URL("GUARDIAN")})
		require.NoError(t, err)
		s := sender.Sender{Cluster: simulated, Guardian: guardian, Events: events, Speed: 100, Batch: 200, Linger: 20 * time.Millisecond}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
	}
	// The simulated applications find queues too long themselves, which the channel of the cluster hears of.
	messages := func() []slackMessage {
		slack, _, _, _ := r.told()
		return slices.DeleteFunc(slack, func(m slackMessage) bool { return m.Channel == "#llm-guardian-warnings" })
	}

	run(23000) // to second 115
	time.Sleep(3 * time.Second)
	require.Empty(t, messages(), "nothing is wrong yet")
	run(17000) // to second 200
	agentEventually(t, "the channel hears of it", func() bool { return len(messages()) > 0 })

	require.Zero(t, collector.Stop(t))
	// What a rule of monitoring/rules makes of the same fault: the same alert, and a milder one.
	const fault = `"alertname":"DataDriftDetected","cluster":"test","model_name":"churn","model_version":"12","feature_name":"income"`
	alertmanager.Post(t, posted(fault+`,"severity":"critical"`, time.Now(), true))
	alertmanager.Post(t, posted(fault+`,"severity":"warning"`, time.Now(), true))
	agentEventually(t, "the milder alert is inhibited", func() bool {
		states := map[string]string{}
		for _, alert := range alertmanager.Alerts(t) {
			if alert.Labels["alertname"] == "DataDriftDetected" {
				states[alert.Labels["severity"]] = alert.Status.State
			}
		}
		return len(states) == 2 && states["critical"] == "active" && states["warning"] == "suppressed"
	})
	collector.Start(t)
	time.Sleep(6 * time.Second) // the collector tells it again, and Alertmanager has three more intervals
	alertmanager.Post(t, posted(fault+`,"severity":"warning"`, time.Now(), false))
	require.Len(t, messages(), 1)

	run(30000) // to second 350
	agentEventually(t, "the channel hears of the end", func() bool { return len(messages()) > 1 })
	time.Sleep(6 * time.Second)
	require.Len(t, messages(), 2)
	for i, want := range []string{"[CRITICAL] DataDriftDetected: churn 12", "[RESOLVED] DataDriftDetected: churn 12"} {
		message := messages()[i]
		require.Len(t, message.Attachments, 1)
		said := message.Attachments[0]
		assert.Equal(t, "#llm-guardian-alerts", message.Channel)
		assert.Equal(t, want, said.Title)
		assert.Equal(t, "https://github.com/llm-guardian/otelcol-guardian/blob/main/monitoring/runbooks/DataDriftDetected.md", said.TitleLink)
		assert.Equal(t, 1, strings.Count(said.Text, "*Feature "), said.Text)
	}
	text := messages()[0].Attachments[0].Text
	assert.Contains(t, text, "*Feature income of model churn 12 has drifted.*")
	assert.Regexp(t, `Drift score 0\.[34]\d\d, limit 0\.250, p \S+ after correction, over \d+ values against first`, text)
	assert.Contains(t, text, "`feature_name=income` `model_name=churn` `model_version=12`")
	assert.Contains(t, text, "monitoring/runbooks/DataDriftDetected.md|Runbook>")

	_, pagerduty, webhook, letters := r.told()
	assert.Len(t, letters, 2)
	assert.Len(t, webhook, 2)
	if assert.Len(t, pagerduty, 2) {
		assert.Equal(t, "trigger", pagerduty[0]["event_action"])
		assert.Equal(t, "resolve", pagerduty[1]["event_action"])
		assert.Equal(t, pagerduty[0]["dedup_key"], pagerduty[1]["dedup_key"])
	}
	r.noFaults(t)
}
