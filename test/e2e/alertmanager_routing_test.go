// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// TestAmtoolAgreesWithTheRoutes has Alertmanager's own tool check the shipped configuration, and say for each line of the table of
// routes whom the alert reaches.
func TestAmtoolAgreesWithTheRoutes(t *testing.T) {
	folder := filepath.Join(testutil.Root(t), "monitoring", "alertmanager")
	config := filepath.Join(folder, "alertmanager.yml")
	output, ok := servers.Amtool(t, "check-config", config)
	require.True(t, ok, output)
	require.Contains(t, output, "1 templates")

	text, err := os.ReadFile(filepath.Join(folder, "routes.yaml"))
	require.NoError(t, err)
	var table []struct {
		Labels    map[string]string `yaml:"labels"`
		Receivers []string          `yaml:"receivers"`
	}
	require.NoError(t, yaml.Unmarshal(text, &table))
	require.Greater(t, len(table), 30)
	for _, line := range table {
		args := []string{"config", "routes", "test", "--config.file=" + config, "--verify.receivers=" + strings.Join(line.Receivers, ",")}
		for _, name := range slices.Sorted(maps.Keys(line.Labels)) {
			args = append(args, name+"="+line.Labels[name])
		}
		output, ok := servers.Amtool(t, args...)
		assert.True(t, ok, "%v: %s", line, output)
	}
	output, ok = servers.Amtool(t, "config", "routes", "test", "--config.file="+config, "--verify.receivers=critical", "severity=info")
	require.False(t, ok, "the check can fail: %s", output)
}

// longAgo is when the alerts began whose messages are compared. Alertmanager does not wait with what began that long ago.
var longAgo = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// posted is an alert as the API takes it, in force for a minute, or over.
func posted(labels string, began time.Time, firing bool) string {
	const text = `[{"labels":{%s},"annotations":{"summary":"Feature <income> of model churn 3 has drifted.","description":"Drift score 0.382, limit 0.250, over 500 values & more.",` +
		`"runbook_url":"https://example.com/runbooks/DataDriftDetected.md","dashboard_url":"https://example.com/d/drift?var-model_name=churn"},` +
		`"generatorURL":"https://example.com/d/drift","startsAt":%q,"endsAt":%q}]`
	ends := time.Now().Add(time.Minute)
	if !firing {
		ends = time.Now()
	}
	return fmt.Sprintf(text, labels, began.UTC().Format(time.RFC3339Nano), ends.UTC().Format(time.RFC3339Nano))
}

const driftLabels = `"alertname":"DataDriftDetected","severity":"critical","model_name":"churn","model_version":"3","feature_name":"income"`

// What differs from run to run.
var changing = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`http://[^/"<>\s=]+:\d+`), "http://alertmanager:9093"},
	{regexp.MustCompile(`(?m)^(Date|Message-Id): .*$`), "$1: ..."},
	{regexp.MustCompile(`\b[0-9a-f]{60}\b`), "BOUNDARY"},
	{regexp.MustCompile(`"endsAt": "2[^"]+"`), `"endsAt": "..."`},
}

func golden(t *testing.T, name string, told any) {
	t.Helper()
	text, isText := told.(string)
	if !isText {
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		require.NoError(t, encoder.Encode(told))
		text = b.String()
	}
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.with)
	}
	testutil.Golden(t, filepath.Join("testdata", "alertmanager", name), []byte(text))
}

// inOrder sorts the headers of a letter, which Alertmanager writes in any order.
func inOrder(letter string) string {
	header, body, _ := strings.Cut(letter, "\n\n")
	lines := strings.Split(header, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n\n" + body
}

// TestWhatPeopleAreTold has a real Alertmanager tell Slack, PagerDuty, a mail server and a remediation controller of a critical alert
// about a model and of its end, word for word.
func TestWhatPeopleAreTold(t *testing.T) {
	alertmanager, r := startRouting(t)
	everybody := func(times int) func() bool {
		return func() bool {
			slack, pagerduty, webhook, letters := r.told()
			return len(slack) >= times && len(pagerduty) >= times && len(webhook) >= times && len(letters) >= times
		}
	}
	alertmanager.Post(t, posted(driftLabels, longAgo, true))
	agentEventually(t, "everybody is told", everybody(1))
	alertmanager.Post(t, posted(driftLabels, longAgo, false))
	agentEventually(t, "everybody is told of the end", everybody(2))
	slack, pagerduty, webhook, letters := r.told()
	r.noFaults(t)
	for i, name := range []string{"firing", "resolved"} {
		golden(t, "slack_"+name+".json", slack[i])
		golden(t, "pagerduty_"+name+".json", pagerduty[i])
		golden(t, "webhook_"+name+".json", webhook[i])
		golden(t, "mail_"+name+".txt", inOrder(letters[i]))
	}
	require.Len(t, slack, 2)
	require.Len(t, pagerduty, 2)
}

// TestWhoIsTold has a real Alertmanager route one alert of each kind, and keep quiet about what is told already.
func TestWhoIsTold(t *testing.T) {
	alertmanager, r := startRouting(t)
	for _, labels := range []string{
		`"alertname":"HighErrorRate","severity":"warning","specialist_type":"code"`,
		`"alertname":"HighErrorRate","severity":"warning","model_name":"churn","endpoint":"/a"`,
		`"alertname":"HighLowConfidencePredictions","severity":"info","model_name":"churn"`,
		`"alertname":"Unknown"`,
		`"alertname":"high_drift","severity":"critical","model_name":"fraud","model_version":"7"`,
		`"alertname":"DataDriftDetected","severity":"critical","model_name":"fraud","model_version":"7","feature_name":"amount"`,
		`"alertname":"GPULost","severity":"critical","host":"node-7","hw_id":"GPU-1"`,
		`"alertname":"GPUXIDError","severity":"critical","host":"node-7","hw_id":"GPU-1","xid":"79"`,
	} {
		alertmanager.Post(t, posted(labels, time.Now(), true))
	}
	titles := func() map[string]int {
		found := map[string]int{}
		slack, _, _, _ := r.told()
		for _, message := range slack {
			found[message.Channel+" "+message.Attachments[0].Title]++
		}
		return found
	}
	want := map[string]int{
		"#llm-guardian-warnings [WARNING] HighErrorRate: code":       1,
		"#ml-alerts-warnings [WARNING] HighErrorRate: churn":         1,
		"#ml-alerts-info [INFO] HighLowConfidencePredictions: churn": 1,
		"#llm-guardian-alerts [FIRING] Unknown":                      1,
		"#llm-guardian-alerts [CRITICAL] high_drift: fraud 7":        1,
		"#llm-guardian-alerts [CRITICAL] GPULost: node-7":            1,
	}
	agentEventually(t, "the channels are told", func() bool { return len(titles()) >= len(want) })
	time.Sleep(5 * time.Second) // two more intervals
	assert.Equal(t, want, titles())
	_, pagerduty, webhook, letters := r.told()
	assert.Len(t, pagerduty, 2)
	assert.Len(t, letters, 2)
	assert.Len(t, webhook, 2)
	r.noFaults(t)
}
