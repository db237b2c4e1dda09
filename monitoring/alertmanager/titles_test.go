// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanager

import (
	"fmt"
	"html"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/template"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// titles renders the titles of a group of alerts that have labels in common: as mail and pager have it, and as Slack does.
func titles(t *testing.T, status string, alerts int, common template.KV) (plain, slack string) {
	t.Helper()
	data := template.Data{Status: status, CommonLabels: common}
	for range alerts {
		data.Alerts = append(data.Alerts, template.Alert{Status: status, Labels: common})
	}
	return rendered(t, data)
}

func rendered(t *testing.T, data template.Data) (plain, slack string) {
	t.Helper()
	templates, err := template.FromGlobs([]string{"templates/*.tmpl"})
	require.NoError(t, err)
	plain, err = templates.ExecuteTextString(`{{ template "guardian.title" . }}`, data)
	require.NoError(t, err)
	slack, err = templates.ExecuteTextString(`{{ template "guardian.slack.title" . }}`, data)
	require.NoError(t, err)
	letter, err := templates.ExecuteHTMLString(`{{ template "guardian.title" . }}`, data)
	require.NoError(t, err)
	assert.Equal(t, plain, html.UnescapeString(letter))
	assert.Equal(t, plain, html.UnescapeString(slack))
	return plain, slack
}

// group is what Alertmanager makes of alerts of one name.
func group(status string, alerts ...template.KV) template.Data {
	data := template.Data{Status: "resolved", CommonLabels: template.KV{"alertname": "X", "severity": "warning"}}
	add(&data, status, alerts...)
	return data
}

func add(data *template.Data, status string, alerts ...template.KV) {
	for _, labels := range alerts {
		maps.Copy(labels, data.CommonLabels)
		data.Alerts = append(data.Alerts, template.Alert{Status: status, Labels: labels})
	}
	if len(data.Alerts.Firing()) > 0 {
		data.Status = "firing"
	}
}

func each(label string, values ...string) (alerts []template.KV) {
	for _, value := range values {
		alerts = append(alerts, template.KV{label: value})
	}
	return alerts
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("c%02d", i+1))
	}
	return names
}

// A title names what the alerts of a group are about, each once, five at most.
func TestTitlesOfGroups(t *testing.T) {
	halfOver := group("firing", each("component", "router")...)
	add(&halfOver, "resolved", each("component", "ranker", "judge")...)
	long := strings.Repeat("ü", 99)
	for want, data := range map[string]template.Data{
		"[WARNING x3] X: router, ranker, judge":                group("firing", each("component", "router", "ranker", "judge")...),
		"[RESOLVED] X: router, ranker, judge":                  group("resolved", each("component", "router", "ranker", "judge")...),
		"[WARNING x5] X: c01, c02, c03, c04, c05":              group("firing", each("component", numbered(5)...)...),
		"[WARNING x6] X: c01, c02, c03, c04, c05 and 1 more":   group("firing", each("component", numbered(6)...)...),
		"[WARNING x12] X: c01, c02, c03, c04, c05 and 7 more":  group("firing", each("component", numbered(12)...)...),
		"[WARNING x4] X: a, b":                                 group("firing", each("component", "a", "b", "a", "b")...),
		"[WARNING x4] X: a, aa, a.*":                           group("firing", each("component", "a", "aa", "a.*", "a.*")...),
		"[WARNING x5] X: \\E(, é[, ^$_, a\nb, b":               group("firing", each("component", `\E(`, "é[", "^$_", "a\nb", "b")...),
		"[WARNING x2] X: a&b, <!channel>":                      group("firing", each("component", "a&b", "<!channel>")...),
		"[WARNING] X: router":                                  halfOver,
		"[WARNING x3] X: churn 3, churn 4, fraud":              group("firing", template.KV{"model_name": "churn", "model_version": "3", "component": "a"}, template.KV{"model_name": "churn", "model_version": "4"}, template.KV{"model_name": "fraud"}),
		"[WARNING x3] X: churn 3":                              group("firing", template.KV{"model_name": "churn", "model_version": "3", "feature_name": "a"}, template.KV{"model_name": "churn", "model_version": "3", "feature_name": "b"}, template.KV{"model_name": "churn", "model_version": "3", "feature_name": "c"}),
		"[WARNING x2] X: safety, tone":                         group("firing", each("guardian_type", "safety", "tone")...),
		"[WARNING x2] X: db-1, eu":                             group("firing", template.KV{"instance": "db-1", "cluster": "eu"}, template.KV{"cluster": "eu"}),
		"[WARNING x2] X":                                       group("firing", template.KV{}, template.KV{}),
		"[WARNING x2] X: " + long + "…, " + long + "ü":         group("firing", each("component", long+"üü", long+"ü")...),
		"[WARNING x99] X: c01, c02, c03, c04, c05 and 94 more": group("firing", each("component", numbered(99)...)...),
	} {
		plain, _ := rendered(t, data)
		assert.Equal(t, want, plain)
	}
}

// A storm of alerts neither makes a title longer than PagerDuty and Slack take, nor takes longer than people wait.
func TestTitlesOfStorms(t *testing.T) {
	var alerts []template.KV
	for i := range 10000 {
		alerts = append(alerts, template.KV{"component": fmt.Sprintf("%05d", i) + strings.Repeat("&", 251)})
	}
	plain, slack := rendered(t, group("firing", alerts...))
	assert.Less(t, utf8.RuneCountInString(plain), 1024)
	assert.Contains(t, plain, "… and at least 95 more")
	assert.Contains(t, slack, "… and at least 95 more")
}

// Titles name what the alert is about by the narrowest label there is.
func TestTitlesNameTheNarrowest(t *testing.T) {
	narrowest := []string{
		"model_name", "feature_name", "specialist_type", "specialist_id", "guardian_type", "component", "detector", "host", "service", "instance", "cluster",
	}
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
	for _, label := range []string{"alertname", "severity", "model_name", "model_version", "feature_name", "specialist_type", "guardian_type", "component", "detector", "host", "service", "instance", "cluster"} {
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
