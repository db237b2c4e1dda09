// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// metricsConfig has every source of the connector, and a Prometheus page. It keeps everything over a restart.
const metricsConfig = `
receivers:
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}", storage: file_storage}
  otlp: {protocols: {http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}}}
connectors:
  guardian_metrics:
    flush_interval: ${env:FLUSH}
    storage: file_storage
    quality_tier: {wait: "${env:TIER_WAIT}"}
exporters:
  prometheus:
    endpoint: "127.0.0.1:${env:PAGE}"
    without_scope_info: true
    resource_to_telemetry_conversion: {enabled: false}
extensions:
  file_storage: {directory: "${env:DIR}/state", create_directory: true, fsync: true}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [guardian, otlp], exporters: [guardian_metrics]}
    traces: {receivers: [otlp], exporters: [guardian_metrics]}
    metrics: {receivers: [guardian_metrics], exporters: [prometheus]}
`

// metered is a collector that makes metrics of events, and the Prometheus that scrapes it each second.
type metered struct {
	*testutil.Collector
	prometheus *servers.Prometheus
}

type meteredSetup struct {
	flush, tierWait time.Duration
	rules           []string // files for Prometheus
	overlay         string   // is merged into the configuration
}

func startMetered(t *testing.T, setup meteredSetup) metered {
	t.Helper()
	config := testutil.CollectorConfig{
		YAML:  metricsConfig,
		Ports: []string{"GUARDIAN", "OTLP_HTTP", "PAGE"},
		Env:   []string{"FLUSH=" + setup.flush.String(), "TIER_WAIT=" + setup.tierWait.String()},
	}
	if setup.overlay != "" {
		overlay := filepath.Join(t.TempDir(), "overlay.yaml")
		require.NoError(t, os.WriteFile(overlay, []byte(setup.overlay), 0o600))
		config.Files = []string{overlay}
	}
	collector := testutil.StartCollector(t, config)
	return metered{collector, startScraper(t, collector, setup.rules)}
}

// startScraper starts a Prometheus that reads the collector's page and evaluates rules each second, and waits until it does.
// It takes some seconds after its start, and would miss a zero that is shown meanwhile.
func startScraper(t *testing.T, collector *testutil.Collector, ruleFiles []string) *servers.Prometheus {
	t.Helper()
	rules, err := json.Marshal(append([]string{}, ruleFiles...)) // JSON is YAML.
	require.NoError(t, err)
	prometheus := servers.StartPrometheus(t, servers.PrometheusConfig{YAML: fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: %s
scrape_configs: [{job_name: guardian, honor_labels: true, static_configs: [{targets: [%q]}]}]
`, rules, collector.Address("PAGE"))})
	require.Eventually(t, func() bool { return len(prometheus.Query(t, `up == 1`)) == 1 }, gatewayWait, gatewayPoll)
	return prometheus
}

// shown gives every owed metric's series as Prometheus has them now.
func (m metered) shown(t *testing.T) map[string]float64 {
	t.Helper()
	shown := map[string]float64{}
	for _, sample := range m.prometheus.Query(t, `{job="guardian"}`) {
		if name := sample.Metric["__name__"]; isOwed[name] {
			shown[seriesName(name, ownLabels(sample.Metric))] = sample.Value
		}
	}
	return shown
}

// isOwed holds the sample names of the owed metrics.
var isOwed = func() map[string]bool {
	names := map[string]bool{}
	for i := range owedMetrics {
		for _, name := range owedMetrics[i].samples() {
			names[name] = true
		}
	}
	return names
}()

// ownLabels gives the labels that a series has from the collector, edges in their shortest spelling.
func ownLabels(metric map[string]string) map[string]string {
	labels := maps.Clone(metric)
	for _, name := range []string{"__name__", "job", "instance"} {
		delete(labels, name)
	}
	if edge, err := strconv.ParseFloat(labels["le"], 64); err == nil {
		labels["le"] = formatEdge(edge)
	}
	return labels
}

// closeEnough tolerates that sums of many numbers depend on their order in the last digits.
func closeEnough(want, got float64) bool {
	return math.Abs(want-got) <= 1e-9*max(1, math.Abs(want))
}

// bounds are what a series must lie within. One whose least value is 0 may be absent if optional.
type bounds struct {
	least, most float64
	optional    bool
}

// exactly is the bounds of series whose values are known.
func exactly(series map[string]float64) map[string]bounds {
	want := make(map[string]bounds, len(series))
	for name, value := range series {
		want[name] = bounds{least: value, most: value}
	}
	return want
}

// differences says what is not as it must be.
func differences(want map[string]bounds, got map[string]float64) []string {
	var found []string
	for series, b := range want {
		value, ok := got[series]
		switch {
		case !ok && !(b.optional && b.least == 0):
			found = append(found, fmt.Sprintf("%s is absent, want %v to %v", series, b.least, b.most))
		case value < b.least && !closeEnough(b.least, value), value > b.most && !closeEnough(b.most, value):
			found = append(found, fmt.Sprintf("%s is %v, want %v to %v", series, value, b.least, b.most))
		}
	}
	for series, value := range got {
		if _, ok := want[series]; !ok {
			found = append(found, fmt.Sprintf("%s is %v, and nothing was sent for it", series, value))
		}
	}
	slices.Sort(found)
	return found
}

// awaitSeries waits until Prometheus shows every series within its bounds, and no other one, in a view of what it shows.
func (m metered) awaitSeries(t *testing.T, want map[string]bounds, view func(map[string]float64) map[string]float64) {
	t.Helper()
	var found []string
	for deadline := time.Now().Add(gatewayWait); time.Now().Before(deadline); time.Sleep(gatewayPoll) {
		if found = differences(want, view(m.shown(t))); len(found) == 0 {
			return
		}
	}
	require.Failf(t, "the metrics are not what was sent", "%d series differ from the %d that must be there:\n%s",
		len(found), len(want), strings.Join(found[:min(len(found), maxShown)], "\n"))
}

// maxShown keeps reports of failures readable.
const maxShown = 30

// grown and states are views of the series whose value at the end is known.
func grown(series map[string]float64) map[string]float64 {
	return only(series, func(m *owedMetric) bool { return m.grows() })
}

func states(series map[string]float64) map[string]float64 {
	return only(series, func(m *owedMetric) bool { return !m.grows() && m.name != throughput })
}

// throughput depends on when the events came.
const throughput = "ml_throughput_requests_per_second"

func only(series map[string]float64, of func(*owedMetric) bool) map[string]float64 {
	kept := map[string]float64{}
	for name, value := range series {
		if of(metricOf(name)) {
			kept[name] = value
		}
	}
	return kept
}

// metricOf gives the metric of a series that is owed.
func metricOf(series string) *owedMetric {
	name, _, _ := strings.Cut(series, "{")
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		if metric, cut := strings.CutSuffix(name, suffix); cut && owed(metric) != nil {
			return owed(metric)
		}
	}
	return nil
}

// assertNoResets holds that no counter has stepped back, as Prometheus sees it.
func (m metered) assertNoResets(t *testing.T) {
	t.Helper()
	for i := range owedMetrics {
		if !owedMetrics[i].grows() {
			continue
		}
		for _, name := range owedMetrics[i].samples() {
			if name == "model_prediction_value_sum" {
				continue // The numbers may be negative.
			}
			require.Empty(t, m.prometheus.Query(t, `resets(`+name+`{job="guardian"}[30m]) > 0`), name)
		}
	}
}

// kinds gives the types of the metrics, by name.
func (m metered) kinds(t *testing.T) map[string]string {
	t.Helper()
	answer, err := http.Get(m.prometheus.URL + "/api/v1/metadata")
	require.NoError(t, err)
	defer answer.Body.Close()
	var metadata struct {
		Data map[string][]struct{ Type string }
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&metadata))
	kinds := map[string]string{}
	for name, entries := range metadata.Data {
		kinds[name] = entries[0].Type
	}
	return kinds
}

// postLines posts events as NDJSON, of which none may be rejected, and gives the number of those that the receiver knew.
func (m metered) postLines(t *testing.T, lines io.Reader) (duplicates int) {
	t.Helper()
	answer, err := http.Post(m.URL("GUARDIAN")+"/v1/events", "application/x-ndjson", lines)
	require.NoError(t, err)
	defer answer.Body.Close()
	var counts struct {
		Duplicates int
		Rejected   []any
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&counts))
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Empty(t, counts.Rejected)
	return counts.Duplicates
}

// sendOTLP posts an OTLP request.
func (m metered) sendOTLP(t *testing.T, path string, request interface{ MarshalProto() ([]byte, error) }) {
	t.Helper()
	body, err := request.MarshalProto()
	require.NoError(t, err)
	status, err := post(t.Context(), http.DefaultClient, m.URL("OTLP_HTTP")+path, "", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
}

var pageRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

// documentedMetrics are the names of the connector's METRICS.md.
func documentedMetrics(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(testutil.Root(t), "connectors", "guardianmetricsconnector", "METRICS.md"))
	require.NoError(t, err)
	var names []string
	for _, row := range pageRow.FindAllStringSubmatch(string(page), -1) {
		names = append(names, row[1])
	}
	return names
}
