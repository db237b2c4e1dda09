// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanager

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
)

// matches says whether all matchers fit, a label that is not there being empty.
func matches(t *testing.T, texts []string, of map[string]string) bool {
	t.Helper()
	for _, text := range texts {
		matcher, err := labels.ParseMatcher(text)
		require.NoError(t, err, text)
		if !matcher.Matches(of[matcher.Name]) {
			return false
		}
	}
	return true
}

// find gives the routes that an alert takes, as Alertmanager walks them: into the first child that fits, and on to the next one
// where it says continue; the parent where none fits. What a child does not say it has from its parent.
func (r route) find(t *testing.T, of map[string]string) (found []route) {
	t.Helper()
	for _, child := range r.Routes {
		if !matches(t, child.Matchers, of) {
			continue
		}
		found = append(found, child.from(r).find(t, of)...)
		if !child.Continue {
			break
		}
	}
	if len(found) == 0 {
		return []route{r}
	}
	return found
}

func (r route) from(parent route) route {
	inherit := func(own *string, of string) {
		if *own == "" {
			*own = of
		}
	}
	inherit(&r.Receiver, parent.Receiver)
	inherit(&r.GroupWait, parent.GroupWait)
	inherit(&r.GroupInterval, parent.GroupInterval)
	inherit(&r.RepeatInterval, parent.RepeatInterval)
	if r.GroupBy == nil {
		r.GroupBy = parent.GroupBy
	}
	return r
}

// profiles are the promises: group_by, group_wait, group_interval, repeat_interval.
var profiles = map[string]string{
	"cluster": "alertname,cluster,service 10s 10s 1h",
	"models":  "model_name,severity 30s 5m 4h",
}

func TestRoutes(t *testing.T) {
	config := load(t)
	for _, e := range expectations(t) {
		found := config.Route.find(t, e.Labels)
		var receivers []string
		for _, r := range found {
			receivers = append(receivers, r.Receiver)
		}
		assert.Equal(t, e.Receivers, receivers, "%v", e.Labels)
		last := found[len(found)-1]
		assert.Equal(t, profiles[e.Profile], fmt.Sprintf("%s %s %s %s", strings.Join(last.GroupBy, ","), last.GroupWait, last.GroupInterval, last.RepeatInterval), "%v", e.Labels)
	}
}

// Every alert of the rules and every alert of the exporter stands in the table of routes, with each of its severities.
func TestEveryAlertHasARoute(t *testing.T) {
	known := map[string]bool{}
	for _, e := range expectations(t) {
		known[e.Labels["alertname"]+" "+e.Labels["severity"]+" "+e.Labels["level"]] = true
	}
	files, err := filepath.Glob("../rules/*.yaml")
	require.NoError(t, err)
	optional, err := filepath.Glob("../rules/optional/*.yaml")
	require.NoError(t, err)
	n := 0
	for _, file := range append(files, optional...) {
		var rules struct {
			Groups []struct {
				Rules []struct {
					Alert  string            `yaml:"alert"`
					Labels map[string]string `yaml:"labels"`
				} `yaml:"rules"`
			} `yaml:"groups"`
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, &rules))
		for _, group := range rules.Groups {
			for _, rule := range group.Rules {
				if rule.Alert != "" {
					n++
					assert.True(t, known[rule.Alert+" "+rule.Labels["severity"]+" "+rule.Labels["level"]], "%s %v of %s is not in routes.yaml", rule.Alert, rule.Labels, file)
				}
			}
		}
	}
	require.NotZero(t, n)
	for _, name := range alerting.Names {
		severities := []string{"info", "warning", "critical"}
		if name == alerting.HighDrift || name == alerting.GPULost {
			severities = []string{"critical"}
		}
		for _, severity := range severities {
			assert.True(t, known[name+" "+severity+" "], "%s %s of the exporter is not in routes.yaml", name, severity)
		}
	}
}

// inhibits says whether one alert, while it fires, keeps another one quiet.
func (r routing) inhibits(t *testing.T, source, target map[string]string) bool {
	t.Helper()
	return slices.ContainsFunc(r.Inhibit, func(i inhibition) bool {
		return matches(t, i.Source, source) && matches(t, i.Target, target) &&
			!slices.ContainsFunc(i.Equal, func(name string) bool { return source[name] != target[name] })
	})
}

func alert(name, severity string, pairs ...string) map[string]string {
	labels := map[string]string{"alertname": name, "severity": severity}
	for i := 0; i < len(pairs); i += 2 {
		labels[pairs[i]] = pairs[i+1]
	}
	return labels
}

func TestOneFaultDoesNotPageTwice(t *testing.T) {
	config := load(t)
	churn := []string{"model_name", "churn", "model_version", "3"}
	income := append(slices.Clone(churn), "feature_name", "income")
	for name, pair := range map[string][2]map[string]string{
		"a worse alert of that name":       {alert("DataDriftDetected", "critical", income...), alert("DataDriftDetected", "warning", income...)},
		"critical over info":               {alert("HighErrorRate", "critical", churn...), alert("HighErrorRate", "info", churn...)},
		"warning over info":                {alert("HighErrorRate", "warning", churn...), alert("HighErrorRate", "info", churn...)},
		"catastrophic over critical":       {alert("LowModelAccuracy", "critical", append(slices.Clone(churn), "level", "catastrophic")...), alert("LowModelAccuracy", "critical", churn...)},
		"catastrophic over a drop":         {alert("LowModelAccuracy", "critical", append(slices.Clone(churn), "level", "catastrophic")...), alert("accuracy_drop", "critical", churn...)},
		"low accuracy over a drop":         {alert("LowModelAccuracy", "critical", churn...), alert("accuracy_drop", "critical", churn...)},
		"slow for most over slow for some": {alert("HighLatencyP95", "warning", "model_name", "churn", "endpoint", "/a"), alert("latency_spike", "warning", "model_name", "churn")},
		"the whole over its parts":         {alert("high_drift", "critical", churn...), alert("DataDriftDetected", "critical", income...)},
		"gone over why":                    {alert("GPULost", "critical", "host", "n", "hw_id", "g"), alert("GPUXIDError", "critical", "host", "n", "hw_id", "g", "xid", "79")},
	} {
		assert.True(t, config.inhibits(t, pair[0], pair[1]), name)
		assert.False(t, config.inhibits(t, pair[1], pair[0]), "%s, the other way round", name)
		other := maps.Clone(pair[1])
		for _, label := range []string{"model_name", "host", "cluster"} {
			other[label] = "another"
		}
		assert.False(t, config.inhibits(t, pair[0], other), "%s, of something else", name)
	}
	// What differs is told of.
	for name, pair := range map[string][2]map[string]string{
		"another feature": {alert("DataDriftDetected", "critical", income...), alert("DataDriftDetected", "warning", append(slices.Clone(churn), "feature_name", "age")...)},
		"another figure":  {alert("PerformanceAlert", "critical", "metric", "a"), alert("PerformanceAlert", "warning", "metric", "b")},
		"another name":    {alert("ConceptDriftDetected", "critical", churn...), alert("DataDriftDetected", "warning", income...)},
		"itself":          {alert("high_drift", "critical", churn...), alert("high_drift", "critical", churn...)},
	} {
		assert.False(t, config.inhibits(t, pair[0], pair[1]), name)
	}
}

// A label that the exporter or a rule puts on alerts, and that the first two inhibitions do not compare, would let one thing's alert
// keep quiet that of another.
func TestInhibitionsCompareEveryLabel(t *testing.T) {
	config := load(t)
	for _, e := range expectations(t) {
		for label := range e.Labels {
			if label != "severity" && label != "level" {
				assert.Contains(t, config.Inhibit[0].Equal, label)
				assert.Contains(t, config.Inhibit[1].Equal, label)
			}
		}
	}
}

// Secrets come from files, and every receiver is used.
func TestNoSecretsAndNoUnusedReceivers(t *testing.T) {
	text, err := os.ReadFile("alertmanager.yml")
	require.NoError(t, err)
	for _, key := range []string{"api_url:", "routing_key:", "service_key:", "smtp_auth_password:", "auth_password:", "credentials:", "bearer_token:", "password:"} {
		assert.NotContains(t, string(text), " "+key)
	}
	for _, file := range []string{"slack_api_url", "smtp_password", "pagerduty_routing_key", "remediation_token"} {
		assert.Contains(t, string(text), "/etc/alertmanager/secrets/"+file)
		readme, err := os.ReadFile("README.md")
		require.NoError(t, err)
		assert.Contains(t, string(readme), "| `"+file+"` |")
	}
	used := map[string]bool{}
	for _, e := range expectations(t) {
		for _, receiver := range e.Receivers {
			used[receiver] = true
		}
	}
	for _, receiver := range load(t).Receivers {
		assert.True(t, used[receiver["name"].(string)], "no route leads to %s", receiver["name"])
	}
}
