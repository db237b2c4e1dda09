// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runbooks is where the runbook of an alert is found by those who get the alert.
const runbooks = "https://github.com/llm-guardian/otelcol-guardian/blob/main/monitoring/runbooks/"

// owed is an alert that users know: its name, for, severity and threshold are a contract, from the table "Alerts in use".
type owed struct {
	file, alert, severity, level string
	condition                    string // in words, for the README
	threshold                    string // how the expression ends
	wait                         string // the rule's for; "0s" if it has none
}

var contract = []owed{
	{"specialists.yaml", "HighErrorRate", "warning", "", "errors of a specialist, over 5 min, > 0.1/s", "> 0.1", "2m"},
	{"models.yaml", "HighErrorRate", "critical", "", "share of failed requests of a model's endpoint, over 5 min, > 5 %", "> 0.05", "5m"},
	{"models.yaml", "HighErrorRate", "warning", "", "the same > 2 %", "> 0.02", "10m"},
	{"models.yaml", "HighErrorRate", "info", "", "the same > 1 %", "> 0.01", "0s"},
	{"specialists.yaml", "LowQualityScore", "critical", "", "mean quality of a specialist, over 10 min, < 0.7", "< 0.7", "5m"},
	{"specialists.yaml", "HighResponseTime", "warning", "", "P95 of a specialist's response time, over 5 min, > 10 s", "> 10", "3m"},
	{"models.yaml", "HighLatencyP95", "critical", "", "P95 of the request time of a model's endpoint, over 5 min, > 1 s (2 × SLO)", "> 1", "10m"},
	{"models.yaml", "HighLatencyP95", "warning", "", "the same > 0.75 s (1.5 × SLO)", "> 0.75", "15m"},
	{"models.yaml", "latency_spike", "warning", "", "P99 of a model's request time (without requests: of its prediction time), over 15 min, > 0.5 s", "> 0.5", "0s"},
	{"gpu.yaml", "HighGPUUtilization", "warning", "", "mean utilization of all GPUs > 90 %", "> 90", "10m"},
	{"hosts.yaml", "HighMemoryUsage", "critical", "", "mean memory use of all machines > 90 %", "> 0.9", "5m"},
	{"guardians.yaml", "GuardianEvaluationFailure", "critical", "", "errors of a guardian in 5 min > 5", "> 5", "1m"},
	{"guardians.yaml", "ImprovementBacklog", "warning", "", "pending suggestions > 50", "> 50", "30m"},
	{"databases.yaml", "DatabaseConnectionLimit", "warning", "", "connections of a PostgreSQL server > 80 % of its limit", "> 0.8", "5m"},
	{"databases.yaml", "SlowQueries", "warning", "", "P95 of a PostgreSQL server's statement means, weighted by calls, > 5 s", "> 5", "3m"},
	{"drift.yaml", "DataDriftDetected", "warning", "", "drift score of a feature > 0.15", "> 0.15", "1h"},
	{"drift.yaml", "DataDriftDetected", "info", "", "the same > 0.1", "> 0.1", "1h"},
	{"drift.yaml", "ConceptDriftDetected", "warning", "", "PSI of a model's predictions > 0.2", "> 0.2", "1h"},
	{"drift.yaml", "ConceptDriftDetected", "info", "", "the same > 0.1", "> 0.1", "1h"},
	{"optional/concept_drift_critical.yaml", "ConceptDriftDetected", "critical", "", "PSI > 0.1, or KS p-value of a model's predictions < 0.05", "< 0.05", "1h"},
	{"drift.yaml", "high_drift", "critical", "", "share of a model's features that drifted, mean over 60 min, > 30 %", "> 0.3", "0s"},
	{"accuracy.yaml", "LowModelAccuracy", "critical", "", "accuracy on the review sample < 0.70", "< 0.7", "30m"},
	{"accuracy.yaml", "LowModelAccuracy", "critical", "catastrophic", "the same < 0.60", "< 0.6", "30m"},
	{"accuracy.yaml", "accuracy_drop", "critical", "", "accuracy on the review sample, mean over 60 min, < 0.85", "< 0.85", "0s"},
	{"accuracy.yaml", "HighLowConfidencePredictions", "info", "", "share of unsure predictions, over 1 h, > 20 %", "> 0.2", "1h"},
	{"services.yaml", "ServiceDown", "critical", "", "no health check succeeded within 1 min", "== 0", "0s"},
	{"services.yaml", "ServiceDown", "critical", "", "a service that used to speak is silent > 10 min", "> 600", "0s"},
}

func (o *owed) is(r *rule) bool {
	return o.file == r.file && o.alert == r.Alert && o.severity == r.Labels["severity"] && o.level == r.level() &&
		strings.HasSuffix(strings.TrimSpace(r.Expr), " "+o.threshold)
}

func TestEveryAlertInUseIsThere(t *testing.T) {
	alerts := loadAlerts(t)
	for _, o := range contract {
		var found []rule
		for _, r := range alerts {
			if o.is(&r) {
				found = append(found, r)
			}
		}
		if assert.Len(t, found, 1, "%s %s %s %s in %s", o.alert, o.severity, o.level, o.threshold, o.file) {
			assert.Equal(t, o.wait, found[0].For.String(), "for of %s %s in %s", o.alert, o.severity, o.file)
		}
	}
	assert.Len(t, alerts, len(contract), "an alert that nobody asked for")
}

func TestAlertsSayWhatWhyAndWhereToLook(t *testing.T) {
	for _, r := range loadAlerts(t) {
		assert.Contains(t, []string{"critical", "warning", "info"}, r.Labels["severity"], r.Alert)
		assert.Len(t, r.Annotations, 3, r.Alert)
		assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
		assert.Contains(t, r.Annotations["description"], "$value", r.Alert)
		assert.Equal(t, runbooks+r.Alert+".md", r.Annotations["runbook_url"], r.Alert)
	}
}

// Alertmanager takes alerts with the same labels for one.
func TestAlertsCanBeToldApart(t *testing.T) {
	type identity struct{ alert, severity, level, service, file string }
	seen := map[identity]bool{}
	for _, r := range loadAlerts(t) {
		// Files differ in what their alerts are about, and so in labels.
		id := identity{r.Alert, r.Labels["severity"], r.level(), r.Labels["service"], r.file}
		require.NotContains(t, seen, id)
		seen[id] = true
	}
}
