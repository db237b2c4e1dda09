// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// names are the metrics that queries may read, with their labels; nil where any may be.
type names map[string][]string

// others are metrics that no page of ours lists: of upstream's components, and of Prometheus.
var others = names{
	"ALERTS":                 nil,
	"httpcheck_status":       {"http_url", "http_status_class", "http_method"},
	"node_cpu_seconds_total": {"cpu", "mode"}, // of configs/agent.yaml
	// The collector's own, https://opentelemetry.io/docs/collector/internal-telemetry.
	"otelcol_process_uptime_seconds_total":             {},
	"otelcol_process_cpu_seconds_total":                {},
	"otelcol_process_memory_rss_bytes":                 {},
	"otelcol_process_runtime_heap_alloc_bytes":         {},
	"otelcol_receiver_accepted_spans_total":            {"receiver", "transport"},
	"otelcol_receiver_accepted_metric_points_total":    {"receiver", "transport"},
	"otelcol_receiver_accepted_log_records_total":      {"receiver", "transport"},
	"otelcol_receiver_refused_spans_total":             {"receiver", "transport"},
	"otelcol_receiver_refused_metric_points_total":     {"receiver", "transport"},
	"otelcol_receiver_refused_log_records_total":       {"receiver", "transport"},
	"otelcol_processor_incoming_items_total":           {"processor", "otel_signal"},
	"otelcol_processor_outgoing_items_total":           {"processor", "otel_signal"},
	"otelcol_exporter_sent_spans_total":                {"exporter"},
	"otelcol_exporter_sent_metric_points_total":        {"exporter"},
	"otelcol_exporter_sent_log_records_total":          {"exporter"},
	"otelcol_exporter_send_failed_spans_total":         {"exporter"},
	"otelcol_exporter_send_failed_metric_points_total": {"exporter"},
	"otelcol_exporter_send_failed_log_records_total":   {"exporter"},
	"otelcol_exporter_queue_size":                      {"exporter", "data_type"},
	"otelcol_exporter_queue_capacity":                  {"exporter", "data_type"},
}

// everywhere are labels that any series may have.
var everywhere = []string{"__name__", "cluster", "job", "instance", "le"}

// known reads the pages that are made of the components' tables, and the recording rules.
func known(t *testing.T) names {
	t.Helper()
	n := maps.Clone(others)
	n.connector(t)
	n.gpus(t)
	n.own(t)
	n.recorded(t)
	return n
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{testutil.Root(t)}, strings.Split(path, "/")...)...))
	require.NoError(t, err)
	return string(text)
}

// label gives Prometheus' name of an attribute.
func label(t *testing.T, attribute string) string {
	t.Helper()
	namer := otlptranslator.LabelNamer{}
	name, err := namer.Build(attribute)
	require.NoError(t, err)
	return name
}

var connectorRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `[^`]+` \\| [^|]* \\| ([^|]*) \\| ([^|]*) \\|")

// connector reads the metrics of guardian_metrics.
func (n names) connector(t *testing.T) {
	t.Helper()
	rows := connectorRow.FindAllStringSubmatch(read(t, "connectors/guardianmetricsconnector/METRICS.md"), -1)
	require.Greater(t, len(rows), 50)
	for _, row := range rows {
		var labels []string
		for attribute := range strings.SplitSeq(row[3], ", ") {
			attribute, _, _ = strings.Cut(attribute, " (")
			if attribute != "–" {
				labels = append(labels, label(t, attribute))
			}
		}
		n.add(row[1], row[2], labels)
	}
}

// add takes the samples of a histogram or a summary for what they are.
func (n names) add(name, kind string, labels []string) {
	switch kind {
	case "histogram":
		n[name+"_bucket"], n[name+"_sum"], n[name+"_count"] = labels, labels, labels
	case "summary":
		n[name+"_sum"], n[name+"_count"] = labels, labels
	default:
		n[name] = labels
	}
}

var (
	gpuRow    = regexp.MustCompile("(?m)^\\| `([\\w.]+)` (gauge|counter|up-down counter) \\| `([^`]+)` \\| ([^|]*) \\|")
	attribute = regexp.MustCompile("`([^`]+)`")
	kinds     = map[string]otlptranslator.MetricType{
		"gauge": otlptranslator.MetricTypeGauge, "counter": otlptranslator.MetricTypeMonotonicCounter, "up-down counter": otlptranslator.MetricTypeNonMonotonicCounter,
		"histogram": otlptranslator.MetricTypeHistogram,
	}
)

// gpus reads the metrics of the nvml receiver.
func (n names) gpus(t *testing.T) {
	t.Helper()
	rows := gpuRow.FindAllStringSubmatch(read(t, "receivers/nvmlreceiver/README.md"), -1)
	require.Greater(t, len(rows), 30)
	for _, row := range rows {
		labels := []string{"hw_id", "hw_name", "hw_vendor", "hw_parent"}
		for _, match := range attribute.FindAllStringSubmatch(row[4], -1) {
			labels = append(labels, label(t, match[1]))
		}
		n.add(prometheusName(t, row[1], row[3], row[2]), row[2], labels)
	}
}

func prometheusName(t *testing.T, name, unit, kind string) string {
	t.Helper()
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	built, err := namer.Build(otlptranslator.Metric{Name: name, Unit: unit, Type: kinds[kind]})
	require.NoError(t, err)
	return built
}

var (
	ownHeading = regexp.MustCompile(`(?m)^### (otelcol_\w+)$`)
	ownKind    = regexp.MustCompile(`(?m)^\| (\S+) \| (Sum|Gauge|Histogram) \| \w+ \|( true)?`)
	ownLabel   = regexp.MustCompile(`(?m)^\| (\w+) \| [^|]* \| (?:Any|Str:)`)
)

// own reads the metrics by which our components tell of themselves.
func (n names) own(t *testing.T) {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(testutil.Root(t), "*", "*", "documentation.md"))
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		headings := ownHeading.FindAllStringSubmatchIndex(string(text), -1)
		for i, heading := range headings {
			end := len(text)
			if i+1 < len(headings) {
				end = headings[i+1][0]
			}
			section := string(text[heading[1]:end])
			what := ownKind.FindStringSubmatch(section)
			require.NotNil(t, what, section)
			kind := map[string]string{"Sum true": "counter", "Sum": "up-down counter", "Gauge": "gauge", "Histogram": "histogram"}[what[2]+what[3]]
			var labels []string
			for _, match := range ownLabel.FindAllStringSubmatch(section, -1) {
				labels = append(labels, match[1])
			}
			n.add(prometheusName(t, string(text[heading[2]:heading[3]]), what[1], kind), kind, labels)
		}
	}
}

// recorded reads what rules record; the live test knows their labels.
func (n names) recorded(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testutil.Root(t), "monitoring", "rules", "*.yaml"))
	require.NoError(t, err)
	for _, file := range files {
		groups, problems := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
		require.Empty(t, problems)
		for _, group := range groups.Groups {
			for _, rule := range group.Rules {
				if rule.Record != "" {
					n[rule.Record] = nil
				}
			}
		}
	}
}

// TestQueriesReadWhatIsThere holds that every metric of a query, and every label that it selects or groups by, is one that
// we collect, record or say of ourselves.
func TestQueriesReadWhatIsThere(t *testing.T) {
	n := known(t)
	for _, d := range load(t) {
		for _, p := range d.Charts() {
			for _, target := range p.Targets {
				n.check(t, d.Title+" / "+p.Title, target.Expr)
			}
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				selector, _, err := v.LabelValues()
				require.NoError(t, err)
				n.check(t, d.Title+" / "+v.Name, selector)
			}
		}
	}
}

func (n names) check(t *testing.T, where, expression string) {
	t.Helper()
	expr, err := parse(expression)
	require.NoError(t, err, where)
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		for _, name := range selected(selector) {
			labels, there := n[name]
			assert.True(t, there, "%s: %s is no metric that we know", where, name)
			if labels == nil {
				continue
			}
			for _, matcher := range selector.LabelMatchers {
				assert.Contains(t, slices.Concat(labels, everywhere), matcher.Name, "%s selects %s by a label that it lacks", where, name)
			}
			for _, above := range path {
				if aggregate, ok := above.(*parser.AggregateExpr); ok {
					for _, by := range aggregate.Grouping {
						assert.Contains(t, slices.Concat(labels, everywhere), by, "%s groups %s by a label that it lacks", where, name)
					}
				}
			}
		}
		return nil
	})
}

// selected gives the names that a selector means: its own, or those of its list.
func selected(s *parser.VectorSelector) []string {
	if s.Name != "" {
		return []string{s.Name}
	}
	for _, matcher := range s.LabelMatchers {
		if matcher.Name == "__name__" {
			return strings.Split(matcher.Value, "|")
		}
	}
	return []string{""}
}
