// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

type rule struct {
	Record      string            `json:"record,omitempty"`
	Alert       string            `json:"alert,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type group struct {
	Name     string `json:"name"`
	Interval string `json:"interval,omitempty"`
	Rules    []rule `json:"rules"`
}

type ruleFile struct {
	Groups []group `json:"groups"`
}

// renderRules gives the rules of the PrometheusRule objects, which promtool must accept.
func renderRules(t *testing.T, rulesValues string) []rule {
	t.Helper()
	all := renderObjects(t, parseValues(t, "monitoring: {rules: {enabled: true"+rulesValues+"}}"))
	var together ruleFile
	for _, one := range all.objects {
		if one.Kind == "PrometheusRule" {
			var object struct{ Spec ruleFile }
			require.NoError(t, yaml.Unmarshal([]byte(one.text), &object))
			together.Groups = append(together.Groups, object.Spec.Groups...)
		}
	}
	require.NotEmpty(t, together.Groups)
	checkWithPromtool(t, together)
	var rules []rule
	for _, group := range together.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

func checkWithPromtool(t *testing.T, file ruleFile) {
	t.Helper()
	text, err := yaml.Marshal(file)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	output, err := exec.Command(filepath.Join(root, "bin/tools/promtool"), "check", "rules", path).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func rulesOf(t *testing.T, pattern string) []rule {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "monitoring/rules", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var rules []rule
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var file ruleFile
		require.NoError(t, yaml.UnmarshalStrict(text, &file))
		for _, group := range file.Groups {
			rules = append(rules, group.Rules...)
		}
	}
	return rules
}

// Without overrides the cluster gets the rules as they are tested in monitoring/rules.
func TestRulesAreThoseOfMonitoring(t *testing.T) {
	assert.ElementsMatch(t, rulesOf(t, "*.yaml"), renderRules(t, ""))
	assert.ElementsMatch(t, append(rulesOf(t, "*.yaml"), rulesOf(t, "optional/*.yaml")...), renderRules(t, ", optional: [concept_drift_critical]"))
}

// keyOf is the narrowest name under which values may override a rule.
func keyOf(one rule) string {
	key := one.Alert + "/" + one.Labels["severity"]
	if level, has := one.Labels["level"]; has {
		key += "/" + level
	}
	return key
}

// Every alert can be switched off, by its name or more narrowly; the narrower override has the last word.
func TestEachAlertCanBeSwitchedOff(t *testing.T) {
	shipped := rulesOf(t, "*.yaml")
	for _, one := range shipped {
		if one.Alert == "" {
			continue
		}
		for _, rest := range renderRules(t, fmt.Sprintf(", overrides: {%s: {enabled: false}}", one.Alert)) {
			assert.NotEqual(t, one.Alert, rest.Alert)
		}
		rest := renderRules(t, fmt.Sprintf(", overrides: {%s: {enabled: false}, %s: {enabled: true}}", keyOf(one), one.Alert))
		for _, kept := range rest {
			assert.NotEqual(t, keyOf(one), keyOf(kept))
		}
		same := 0
		for _, other := range shipped {
			if other.Alert != "" && keyOf(other) == keyOf(one) {
				same++
			}
		}
		assert.Len(t, rest, len(shipped)-same)
	}
}

// hasThreshold finds a condition that ends in a comparison with one number.
var hasThreshold = regexp.MustCompile(`[<>] [0-9.]+\s*$`)

// Every alert's threshold, for and severity can be set; the description says the new threshold, and nothing of the old.
func TestEachAlertCanBeTuned(t *testing.T) {
	shipped := rulesOf(t, "*.yaml")
	for i, one := range shipped {
		if one.Alert == "" {
			continue
		}
		t.Run(keyOf(one), func(t *testing.T) {
			severity := map[string]string{"critical": "warning", "warning": "info", "info": "critical"}[one.Labels["severity"]]
			threshold := ", threshold: 0.123"
			if !hasThreshold.MatchString(one.Expr) {
				threshold = ""
			}
			rules := renderRules(t, fmt.Sprintf(", overrides: {%s: {for: 7m, severity: %s, labels: {team: x}, annotations: {dashboard_url: here}%s}}", keyOf(one), severity, threshold))
			require.Len(t, rules, len(shipped))
			tuned := same(t, rules, one)
			assert.Equal(t, "7m", tuned.For)
			assert.Equal(t, severity, tuned.Labels["severity"])
			assert.Equal(t, "x", tuned.Labels["team"])
			assert.Equal(t, "here", tuned.Annotations["dashboard_url"])
			if threshold == "" {
				assert.Equal(t, one.Expr, tuned.Expr)
			} else {
				assert.Regexp(t, `[<>] 0\.123$`, tuned.Expr)
				side := map[bool]string{true: "above", false: "below"}[strings.Contains(tuned.Expr, "> 0.123")]
				assert.True(t, strings.HasSuffix(tuned.Annotations["description"], ", "+side+" the threshold of 0.123."), tuned.Annotations["description"])
				assert.Contains(t, tuned.Annotations["description"], "$value")
			}
			for j, other := range shipped {
				if other.Alert != "" && i != j && keyOf(other) != keyOf(one) {
					assert.Equal(t, other, same(t, rules, other), "it changed another rule")
				}
			}
		})
	}
}

// same finds what has become of a rule: by its condition up to the threshold, and how it is summed up.
func same(t *testing.T, rules []rule, one rule) rule {
	t.Helper()
	condition := func(r rule) string { return hasThreshold.ReplaceAllString(strings.TrimSpace(r.Expr), "") }
	var found []rule
	for _, other := range rules {
		if other.Alert == one.Alert && other.Annotations["summary"] == one.Annotations["summary"] && condition(other) == condition(one) {
			found = append(found, other)
		}
	}
	for _, other := range found { // of rules that differ in the threshold alone
		if other.Expr == one.Expr && other.Labels["severity"] == one.Labels["severity"] {
			return other
		}
	}
	for _, other := range found {
		if other.Labels["team"] == "x" {
			return other
		}
	}
	t.Fatalf("%s is gone", keyOf(one))
	return rule{}
}

func TestRunbookURL(t *testing.T) {
	for _, one := range renderRules(t, `, runbookUrl: "https://runbooks.example.com/guardian/"`) {
		if one.Alert != "" {
			assert.Equal(t, "https://runbooks.example.com/guardian/"+one.Alert+".md", one.Annotations["runbook_url"])
		}
	}
}

// Monitors name ports and labels that are there, and ask as the gateway wants to be asked.
func TestMonitorsFindTheirTargets(t *testing.T) {
	for name, vals := range cases(t) {
		all := renderObjects(t, vals)
		for _, one := range all.objects {
			var monitor struct {
				Spec struct {
					Selector  struct{ MatchLabels map[string]string }
					Endpoints []struct {
						Port, Scheme  string
						HonorLabels   bool
						Authorization map[string]any
					}
					PodMetricsEndpoints []struct{ Port string }
				}
			}
			require.NoError(t, yaml.Unmarshal([]byte(one.text), &monitor))
			switch one.Kind {
			case "ServiceMonitor":
				found := 0
				for _, service := range all.services {
					if !selects(monitor.Spec.Selector.MatchLabels, service.Labels) {
						continue
					}
					found++
					for _, endpoint := range monitor.Spec.Endpoints {
						assert.True(t, all.hasPort(service.Name, endpoint.Port), "%s: %s", name, endpoint.Port)
						config := all.config(t, all.workload(t, "gateway"))
						if endpoint.Port == "metrics" {
							assert.True(t, endpoint.HonorLabels)
							assert.Equal(t, strings.Contains(config, "cert_file:"), endpoint.Scheme == "https", name)
							assert.Equal(t, strings.Contains(config, "authenticator:"), endpoint.Authorization != nil, name)
						}
					}
				}
				assert.Equal(t, 1, found, "%s: a gateway would be scraped %d times", name, found)
			case "PodMonitor":
				found := 0
				for _, workload := range all.workloads {
					if selects(monitor.Spec.Selector.MatchLabels, workload.pod.Labels) {
						found++
						for _, endpoint := range monitor.Spec.PodMetricsEndpoints {
							assert.Contains(t, portNames(workload), endpoint.Port)
						}
					}
				}
				assert.Equal(t, 1, found, name)
			}
		}
	}
}

func portNames(one workload) []string {
	var names []string
	for _, port := range one.container().Ports {
		names = append(names, port.Name)
	}
	return names
}

// Each dashboard of files/dashboards becomes a ConfigMap that Grafana's sidecar finds, with the dashboard unchanged.
func TestDashboards(t *testing.T) {
	all := renderObjects(t, parseValues(t, "monitoring: {dashboards: {enabled: true, label: grafana, labelValue: yes-please, folder: Models}}"))
	found := map[string]string{}
	for _, config := range all.configs {
		if config.Labels["grafana"] != "yes-please" {
			continue
		}
		assert.Equal(t, "Models", config.Annotations["grafana_folder"])
		for name, text := range config.Data {
			assert.True(t, json.Valid([]byte(text)), name)
			found[name] = strings.TrimSpace(text)
		}
	}
	want := read(t, filepath.Join(root, "monitoring/dashboards"), "*.json")
	for name, text := range want {
		want[name] = strings.TrimSpace(text)
	}
	assert.Equal(t, want, found)
	for name, text := range found {
		assert.Less(t, len(text), 1<<20, "%s is larger than a ConfigMap may be", name)
	}
}
