// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import "slices"

// owedMetric is a metric as the requirements name it, with its type as Prometheus' metadata say it.
type owedMetric struct {
	name, kind string
	labels     []string
	edges      []float64 // of a histogram, without +Inf
}

const (
	kindCounter   = "counter"
	kindGauge     = "gauge"
	kindHistogram = "histogram"
	kindSummary   = "summary"
)

var (
	genAILabels = []string{"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"}
	genAIEdges  = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
	modelEdges  = []float64{.01, .05, .1, .5, 1, 2, 5, 10}
	tenthEdges  = []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, 1}
)

// owedMetrics is written from section 2 of the requirements, and from OpenTelemetry's GenAI conventions for the client
// metrics. A counter that the requirements spell without _total has it here; a recording rule gives the short spelling.
var owedMetrics = []owedMetric{
	{"specialist_requests_total", kindCounter, []string{"specialist_type", "status", "quality_tier"}, nil},
	{"specialist_request_duration_seconds", kindHistogram, []string{"specialist_type", "complexity"}, []float64{.1, .5, 1, 2, 5, 10, 30, 60}},
	{"specialist_tokens_per_second", kindGauge, []string{"specialist_type"}, nil},
	{"specialist_quality_score", kindHistogram, []string{"specialist_type"}, tenthEdges},
	{"specialist_confidence_score", kindHistogram, []string{"specialist_type"}, tenthEdges},
	{"specialist_gpu_utilization_percent", kindGauge, []string{"specialist_type", "gpu_id"}, nil},
	{"specialist_memory_usage_bytes", kindGauge, []string{"specialist_type", "memory_type"}, nil},
	{"specialist_errors_total", kindCounter, []string{"specialist_type", "error_type", "severity"}, nil},
	{"specialist_timeouts_total", kindCounter, []string{"specialist_type"}, nil},

	{"guardian_evaluations_total", kindCounter, []string{"guardian_type", "specialist_id", "evaluation_type"}, nil},
	{"guardian_evaluation_duration_seconds", kindHistogram, []string{"guardian_type", "evaluation_type"}, []float64{.01, .05, .1, .5, 1, 2, 5}},
	{"guardian_issues_detected_total", kindCounter, []string{"guardian_type", "specialist_id", "issue_type", "severity"}, nil},
	{"guardian_improvements_suggested_total", kindCounter, []string{"guardian_type", "improvement_type", "priority"}, nil},
	{"guardian_improvements_implemented_total", kindCounter, []string{"guardian_type", "improvement_type"}, nil},
	{"guardian_errors_total", kindCounter, []string{"guardian_type", "error_type"}, nil},
	{"improvement_suggestions", kindGauge, []string{"status"}, nil},

	{"model_inference_duration_seconds", kindHistogram, []string{"model_name", "model_version"}, modelEdges},
	{"context_length_tokens", kindHistogram, []string{"specialist_type"}, []float64{100, 500, 1000, 2000, 4000, 8000, 16000, 32000}},
	{"memory_efficiency_ratio", kindGauge, []string{"component", "memory_type"}, nil},
	{"cache_hit_rate", kindGauge, []string{"cache_type", "specialist_type"}, nil},
	{"batch_processing_efficiency", kindGauge, []string{"specialist_type"}, nil},

	{"ml_requests_total", kindCounter, []string{"model_name", "endpoint", "model_version"}, nil},
	{"ml_errors_total", kindCounter, []string{"model_name", "endpoint", "error_type"}, nil},
	{"ml_request_duration_seconds", kindHistogram, []string{"model_name", "endpoint"}, modelEdges},
	{"ml_requests_in_progress", kindGauge, []string{"model_name"}, nil},
	{"ml_throughput_requests_per_second", kindGauge, []string{"model_name"}, nil},
	{"ml_predictions_by_class_total", kindCounter, []string{"model_name", "predicted_class"}, nil},
	{"ml_prediction_confidence", kindHistogram, []string{"model_name"}, append([]float64{0}, tenthEdges...)},
	{"ml_low_confidence_predictions_total", kindCounter, []string{"model_name", "threshold"}, nil},
	{"model_prediction_latency_seconds", kindHistogram, []string{"model_name", "model_version"}, []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5}},
	{"model_predictions_total", kindCounter, []string{"model_name", "model_version", "outcome"}, nil},
	{"model_prediction_value", kindSummary, []string{"model_name", "model_version"}, nil},
	{"model_feature_value", kindGauge, []string{"model_name", "feature_name", "statistic"}, nil},

	{"detector_requests_total", kindCounter, []string{"detector_type", "tenant_id", "status"}, nil},
	{"mapping_confidence_score", kindHistogram, []string{"framework", "category"}, []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}},
	{"compliance_violations_total", kindCounter, []string{"framework", "severity", "category"}, nil},
	{"active_tenants_count", kindGauge, nil, nil},
	{"compliance_score", kindGauge, nil, nil},
	{"compliance_high_confidence_ratio", kindGauge, nil, nil},

	{"gen_ai_client_operation_duration_seconds", kindHistogram, with(genAILabels, "error_type"), []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}},
	{"gen_ai_client_token_usage", kindHistogram, with(genAILabels, "gen_ai_token_type"), genAIEdges},
	{"gen_ai_client_inference_usage_input_tokens_total", kindCounter, with(genAILabels, "gen_ai_token_modality"), nil},
	{"gen_ai_client_inference_usage_output_tokens_total", kindCounter, with(genAILabels, "gen_ai_token_modality"), nil},
	{"gen_ai_client_inference_operation_input_tokens", kindHistogram, genAILabels, genAIEdges},
	{"gen_ai_client_inference_operation_output_tokens", kindHistogram, genAILabels, genAIEdges},
}

func with(labels []string, more ...string) []string { return slices.Concat(labels, more) }

// owed gives the metric of a name, or nil.
func owed(name string) *owedMetric {
	for i := range owedMetrics {
		if owedMetrics[i].name == name {
			return &owedMetrics[i]
		}
	}
	return nil
}

// owedToOthers are metrics whose events do not come from applications, but from the drift processor.
var owedToOthers = []string{
	"ml_data_drift_score", "ml_data_drift_p_value", "ml_data_drift_js", "ml_data_drift_alerts_total", "ml_data_drift_share", "ml_concept_drift_psi",
	"ml_concept_drift_p_value", "ml_concept_drift_js",
}

// spelledShort are the counters that the requirements spell without _total.
var spelledShort = []string{"ml_predictions_by_class", "ml_low_confidence_predictions"}

// samples gives the names under which Prometheus keeps the metric.
func (m *owedMetric) samples() []string {
	switch m.kind {
	case kindHistogram:
		return []string{m.name + "_bucket", m.name + "_sum", m.name + "_count"}
	case kindSummary:
		return []string{m.name + "_sum", m.name + "_count"}
	default:
		return []string{m.name}
	}
}

// grows says whether the metric only ever grows.
func (m *owedMetric) grows() bool { return m.kind != kindGauge }
