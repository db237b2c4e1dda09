// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanager

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var alertOfRule = regexp.MustCompile(`(?s)- alert: (\w+)\s+expr: max by \(([^)]*)\)`)

// Alertmanager takes an alert of a rule and one of the collector for one if their labels are the same: what the rule groups by is what
// the exporter's golden alerts have.
func TestRulesAndCollectorMakeTheSameAlerts(t *testing.T) {
	rules, err := os.ReadFile("../rules/drift.yaml")
	require.NoError(t, err)
	byName := map[string][]string{}
	for _, match := range alertOfRule.FindAllStringSubmatch(string(rules), -1) {
		byName[match[1]] = slices.Sorted(slices.Values(append(strings.Split(match[2], ", "), "alertname", "severity")))
	}
	require.Len(t, byName, 3)
	seen := map[string]bool{}
	for _, file := range []string{"drift_feature.json", "drift_model.json"} {
		text, err := os.ReadFile("../../exporters/alertmanagerexporter/testdata/alerts/" + file)
		require.NoError(t, err)
		var alerts []struct{ Labels map[string]string }
		require.NoError(t, json.Unmarshal(text, &alerts))
		for _, alert := range alerts {
			delete(alert.Labels, "team") // configured there
			name := alert.Labels["alertname"]
			seen[name] = true
			alert.Labels["model_version"] = "" // a label that is empty is none
			assert.Equal(t, byName[name], slices.Sorted(maps.Keys(alert.Labels)), name)
		}
	}
	assert.Len(t, seen, 3)
}
