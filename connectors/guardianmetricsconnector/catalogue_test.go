// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/metering"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// Every metric has the name that dashboards use, as Prometheus' own translation
// makes it.
func TestPrometheusNames(t *testing.T) {
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	for _, m := range catalogue {
		name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: translatorType(m.Kind)})
		require.NoError(t, err)
		assert.Equal(t, m.Prometheus, name, m.Name)
	}
}

func translatorType(kind metering.Kind) otlptranslator.MetricType {
	switch kind {
	case metering.Counter:
		return otlptranslator.MetricTypeMonotonicCounter
	case metering.UpDownCounter:
		return otlptranslator.MetricTypeNonMonotonicCounter
	case metering.Gauge:
		return otlptranslator.MetricTypeGauge
	case metering.Histogram:
		return otlptranslator.MetricTypeHistogram
	default:
		return otlptranslator.MetricTypeSummary
	}
}

// Labels as the requirements spell them, from the attributes' keys.
func TestPrometheusLabels(t *testing.T) {
	namer := otlptranslator.LabelNamer{}
	labels := map[string]string{}
	for _, m := range catalogue {
		var names []string
		for _, attribute := range m.Attributes {
			name, err := namer.Build(attribute)
			require.NoError(t, err)
			names = append(names, name)
		}
		labels[m.Prometheus] = strings.Join(names, " ")
	}
	// From the catalogue of the requirements, section 2.
	for name, want := range map[string]string{
		"specialist_requests_total":                "specialist_type status quality_tier",
		"specialist_request_duration_seconds":      "specialist_type complexity",
		"specialist_tokens_per_second":             "specialist_type",
		"specialist_quality_score":                 "specialist_type",
		"specialist_confidence_score":              "specialist_type",
		"specialist_gpu_utilization_percent":       "specialist_type gpu_id",
		"specialist_memory_usage_bytes":            "specialist_type memory_type",
		"specialist_errors_total":                  "specialist_type error_type severity",
		"specialist_timeouts_total":                "specialist_type",
		"guardian_evaluations_total":               "guardian_type specialist_id evaluation_type",
		"guardian_evaluation_duration_seconds":     "guardian_type evaluation_type",
		"guardian_issues_detected_total":           "guardian_type specialist_id issue_type severity",
		"guardian_improvements_suggested_total":    "guardian_type improvement_type priority",
		"guardian_improvements_implemented_total":  "guardian_type improvement_type",
		"guardian_errors_total":                    "guardian_type error_type",
		"improvement_suggestions":                  "status",
		"model_inference_duration_seconds":         "model_name model_version",
		"context_length_tokens":                    "specialist_type",
		"memory_efficiency_ratio":                  "component memory_type",
		"cache_hit_rate":                           "cache_type specialist_type",
		"batch_processing_efficiency":              "specialist_type",
		"ml_requests_total":                        "model_name endpoint model_version",
		"ml_errors_total":                          "model_name endpoint error_type",
		"ml_request_duration_seconds":              "model_name endpoint",
		"ml_requests_in_progress":                  "model_name",
		"ml_throughput_requests_per_second":        "model_name",
		"ml_predictions_by_class_total":            "model_name predicted_class",
		"ml_prediction_confidence":                 "model_name",
		"ml_low_confidence_predictions_total":      "model_name threshold",
		"model_prediction_latency_seconds":         "model_name model_version",
		"model_predictions_total":                  "model_name model_version outcome",
		"model_prediction_value":                   "model_name model_version",
		"model_feature_value":                      "model_name feature_name statistic",
		"ml_data_drift_score":                      "model_name feature_name model_version",
		"ml_data_drift_p_value":                    "model_name feature_name model_version",
		"ml_data_drift_js":                         "model_name feature_name model_version",
		"ml_data_drift_alerts_total":               "model_name feature_name severity model_version",
		"ml_data_drift_share":                      "model_name model_version",
		"ml_concept_drift_psi":                     "model_name model_version",
		"detector_requests_total":                  "detector_type tenant_id status",
		"mapping_confidence_score":                 "framework category",
		"compliance_violations_total":              "framework severity category",
		"active_tenants_count":                     "",
		"compliance_score":                         "",
		"compliance_high_confidence_ratio":         "",
		"gen_ai_client_operation_duration_seconds": "gen_ai_operation_name gen_ai_provider_name gen_ai_request_model error_type",
	} {
		got, ok := labels[name]
		assert.True(t, ok, "%s is not in the catalogue", name)
		assert.Equal(t, want, got, name)
	}
}

// METRICS.md is the catalogue; -update writes it.
func TestMetricsPage(t *testing.T) {
	testutil.Golden(t, "METRICS.md", []byte(metricsPage()))
}

func metricsPage() string {
	var page strings.Builder
	page.WriteString("# Metrics of the `guardian_metrics` connector\n\nMade of `catalogue.go` by `go test -run TestMetricsPage -update`.\n")
	last := ""
	for _, m := range catalogue {
		if m.family != last {
			last = m.family
			fmt.Fprintf(&page, "\n## %s\n\n| Prometheus | OpenTelemetry | unit | kind | attributes | bucket edges | from | meaning |\n|---|---|---|---|---|---|---|---|\n", last)
		}
		attributes := slices.Clone(m.Attributes)
		for _, optional := range m.optional {
			attributes = append(attributes, optional+" (off)")
		}
		fmt.Fprintf(&page, "| `%s` | `%s` | %s | %s | %s | %s | %s | %s |\n", m.Prometheus, m.Name, orDash(m.Unit), m.Kind,
			orDash(strings.Join(attributes, ", ")), orDash(strings.Trim(fmt.Sprint(m.Bounds), "[]")), m.when, m.Description)
	}
	return page.String()
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// Every instrument that the code uses is in the catalogue, and the other way round.
func TestInstrumentsAreTheCatalogue(t *testing.T) {
	source, err := os.ReadFile("counts.go")
	require.NoError(t, err)
	used := map[string]bool{}
	for line := range strings.Lines(string(source)) {
		if _, rest, ok := strings.Cut(line, "m.Instrument(\""); ok {
			name, _, _ := strings.Cut(rest, "\"")
			used[name] = true
			assert.NotNil(t, find(name), name)
		}
	}
	for _, m := range catalogue {
		assert.True(t, used[m.Name], "nothing changes %s", m.Name)
	}
}
