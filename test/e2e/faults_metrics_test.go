// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// itemNames is what the collector's own metrics call the items of a signal.
var itemNames = map[otlpload.Signal]string{otlpload.Traces: "spans", otlpload.Logs: "log_records", otlpload.Metrics: "metric_points"}

// exporterItems reads how many items each exporter has "sent", or given up ("send_failed"), by exporter and signal.
func exporterItems(t testing.TB, c *testutil.Collector, what string) map[string]float64 {
	t.Helper()
	items := map[string]float64{}
	metrics := readMetrics(t, c)
	for signal, name := range itemNames {
		for exporter, value := range byExporter(metrics["otelcol_exporter_"+what+"_"+name+"_total"]) {
			items[fmt.Sprintf("%s %v", exporter, signal)] = value
		}
	}
	return items
}

// queueSize returns how much an exporter's queue holds, in its own unit, what is under way included.
func queueSize(t testing.TB, c *testutil.Collector, exporter string) float64 {
	t.Helper()
	return byExporter(readMetrics(t, c)["otelcol_exporter_queue_size"])[exporter]
}

// readMetrics reads the page of the collector's own metrics.
func readMetrics(t testing.TB, c *testutil.Collector) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := http.Get(c.URL("OWN") + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	return families
}

// byExporter sums the values of a counter or gauge by the label exporter.
func byExporter(family *dto.MetricFamily) map[string]float64 {
	sums := map[string]float64{}
	for _, metric := range family.GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "exporter" {
				sums[label.GetValue()] += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	return sums
}
