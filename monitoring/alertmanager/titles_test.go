// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanager

import (
	"html"
	"testing"

	"github.com/prometheus/alertmanager/template"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// titles renders the titles of a group of alerts that have labels in common: as mail and pager have it, and as Slack does.
func titles(t *testing.T, status string, alerts int, common template.KV) (plain, slack string) {
	t.Helper()
	templates, err := template.FromGlobs([]string{"templates/*.tmpl"})
	require.NoError(t, err)
	data := template.Data{Status: status, CommonLabels: common}
	for range alerts {
		data.Alerts = append(data.Alerts, template.Alert{Status: status, Labels: common})
	}
	plain, err = templates.ExecuteTextString(`{{ template "guardian.title" . }}`, data)
	require.NoError(t, err)
	slack, err = templates.ExecuteTextString(`{{ template "guardian.slack.title" . }}`, data)
	require.NoError(t, err)
	return plain, slack
}

// Titles name what the alert is about by the narrowest label there is.
func TestTitlesNameTheNarrowest(t *testing.T) {
	narrowest := []string{"model_name", "feature_name", "specialist_type", "specialist_id", "component", "detector", "host", "service", "cluster"}
	for i, name := range narrowest {
		common := template.KV{"alertname": "X", "severity": "warning"}
		for _, label := range narrowest[i:] {
			common[label] = "the " + label
		}
		plain, slack := titles(t, "firing", 1, common)
		assert.Equal(t, "[WARNING] X: the "+name, plain)
		assert.Equal(t, plain, slack)
	}
	for _, test := range []struct {
		want, status string
		alerts       int
		common       template.KV
	}{
		{"[CRITICAL] X: churn 3", "firing", 1, template.KV{"alertname": "X", "severity": "critical", "model_name": "churn", "model_version": "3"}},
		{"[RESOLVED] PerformanceAlert: router", "resolved", 1, template.KV{"alertname": "PerformanceAlert", "severity": "critical", "component": "router", "service": "gateway"}},
		{"[FIRING x3] 3 alerts", "firing", 3, template.KV{}},
	} {
		plain, slack := titles(t, test.status, test.alerts, test.common)
		assert.Equal(t, test.want, plain)
		assert.Equal(t, test.want, slack)
	}
}

// No label makes Slack call a channel, and people see what the label says.
func TestSlackTitlesAreEscaped(t *testing.T) {
	for _, label := range []string{"alertname", "severity", "model_name", "model_version", "feature_name", "specialist_type", "component", "detector", "host", "service", "cluster"} {
		common := template.KV{"alertname": "X", "severity": "critical", label: "<!channel> & <@U1>"}
		if label == "model_version" {
			common["model_name"] = "churn"
		}
		plain, slack := titles(t, "firing", 1, common)
		assert.NotContains(t, slack, "<", label)
		assert.NotContains(t, slack, ">", label)
		assert.Equal(t, plain, html.UnescapeString(slack), label)
	}
	_, slack := titles(t, "firing", 1, template.KV{"alertname": "X", "severity": "critical", "component": "a&b<@channel>"})
	assert.Equal(t, "[CRITICAL] X: a&amp;b&lt;@channel&gt;", slack)
	config := load(t)
	for _, receiver := range config.Receivers {
		slacks, _ := receiver["slack_configs"].([]any)
		for _, one := range slacks {
			for _, field := range []string{"title", "fallback"} {
				assert.Equal(t, `{{ template "guardian.slack.title" . }}`, one.(map[string]any)[field], receiver["name"])
			}
		}
	}
}
