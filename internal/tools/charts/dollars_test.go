// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// What is plain text in the values is that text in the collector, though Kubernetes and the collector both take dollars for references.
func TestDollarsArePlain(t *testing.T) {
	const dollars = "/a$b/$$c/${d}/$${e}/${env:POD_NAME}/$(POD_NAME)/$$(LISTEN)/$"
	all := renderObjects(t, parseValues(t, strings.ReplaceAll(`
exporters:
  elasticsearch: {enabled: true, endpoint: "http://e:9200DOLLARS", logsIndex: "indexDOLLARS", existingSecret: secret}
  prometheusRemoteWrite: {enabled: true, endpoint: "http://p:9090DOLLARS"}
  alertmanager: {enabled: true, endpoint: "http://a:9093DOLLARS"}
  influxdb: {enabled: true, endpoint: "http://i:8086DOLLARS", org: "orgDOLLARS", bucket: "bucketDOLLARS", existingSecret: token}
monitoring: {rules: {runbookUrl: "https://runbooks.exampleDOLLARS"}}
agent:
  gpu: {access: hostPath, hostPath: {library: "/libDOLLARS"}}
  httpChecks: ["http://checkDOLLARS", "http://other"]
logs: {enabled: true, include: ["/inDOLLARS"], exclude: ["/outDOLLARS"]}
`, "DOLLARS", dollars)))

	gateway := resolved(t, &all, "gateway")
	for path, want := range map[string]string{
		"exporters elasticsearch endpoint":           "http://e:9200" + dollars,
		"exporters elasticsearch logs_index":         "index" + dollars,
		"exporters alertmanager endpoint":            "http://a:9093" + dollars,
		"exporters alertmanager links runbooks":      "https://runbooks.example" + dollars + "/",
		"exporters influxdb endpoint":                "http://i:8086" + dollars,
		"exporters influxdb org":                     "org" + dollars,
		"exporters influxdb bucket":                  "bucket" + dollars,
		"exporters influxdb token":                   "of-token", // a secret is read as ever
		"exporters prometheus_remote_write endpoint": "http://p:9090" + dollars,
		"exporters elasticsearch api_key":            "of-secret",
	} {
		require.Equal(t, want, at(t, gateway, path), path)
	}

	agent := resolved(t, &all, "agent")
	checks := at(t, agent, "receivers http_check targets").([]any)
	require.Contains(t, checks[0].(map[string]any)["endpoints"], "http://check"+dollars)
	require.Contains(t, checks[0].(map[string]any)["endpoints"], "http://other")
	require.True(t, strings.HasSuffix(at(t, agent, "receivers nvml library_path").(string), "/driver-root/lib"+dollars))

	logs := resolved(t, &all, "logs")
	require.Equal(t, []any{"/in" + dollars}, at(t, logs, "receivers file_log include"))
	require.Contains(t, at(t, logs, "receivers file_log exclude"), "/out"+dollars)
}

// Where values are the collector's configuration, its references work.
func TestReferencesInConfig(t *testing.T) {
	all := renderObjects(t, parseValues(t, `
gateway:
  config: {exporters: {prometheus: {const_labels: {pod: "${env:POD_NAME}", price: "5$$"}}}}
presets: {drift: {monitors: [{name: "of-${env:POD_NAME}", input: predictions, reference: {first: 1000}}]}}
`))
	gateway := resolved(t, &all, "gateway")
	require.Equal(t, map[string]any{"pod": "metadata-name", "price": "5$"}, at(t, gateway, "exporters prometheus const_labels"))
	monitors := at(t, gateway, "processors drift monitors").([]any)
	require.Equal(t, "of-metadata-name", monitors[0].(map[string]any)["name"])
}

// resolved is the configuration as the collector of a role reads it.
func resolved(t *testing.T, all *rendered, role string) map[string]any {
	t.Helper()
	command := collector(t, all, all.workload(t, role), nil, "print-config", "--mode=unredacted", "--validate=false")
	output, err := command.Output()
	require.NoError(t, err, "%s", command.Stderr)
	var config map[string]any
	require.NoError(t, yaml.Unmarshal(output, &config))
	return config
}

// at follows keys, which spaces separate.
func at(t *testing.T, config any, path string) any {
	t.Helper()
	for key := range strings.FieldsSeq(path) {
		section, ok := config.(map[string]any)
		require.True(t, ok && section[key] != nil, "%s: no %s in %v", path, key, config)
		config = section[key]
	}
	return config
}
