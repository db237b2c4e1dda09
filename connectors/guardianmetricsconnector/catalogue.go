// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"slices"

	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// catalogued is one metric of the catalogue.
type catalogued struct {
	metering.Definition
	family string
	// optional names attributes that are off by default.
	optional []string
	// when says what changes the metric.
	when string
}

// Families of metrics, as requirements and documentation group them.
const (
	familySpecialists = "Specialists"
	familyGuardians   = "Guardians"
	familyInference   = "Inference and workload"
	familyModels      = "Any model service"
	familyDrift       = "Drift"
	familyBusiness    = "Business and compliance"
	familyGenAI       = "OpenTelemetry GenAI client"
)

// Bucket edges are literals: dashboards and rules name them.
var (
	secondsOfRequests    = []float64{.1, .5, 1, 2, 5, 10, 30, 60}
	secondsOfEvaluations = []float64{.01, .05, .1, .5, 1, 2, 5}
	secondsOfModels      = []float64{.01, .05, .1, .5, 1, 2, 5, 10}
	secondsOfPredictions = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	tenths               = []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, 1}
	zeroAndTenths        = []float64{0, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1}
	contextTokens        = []float64{100, 500, 1000, 2000, 4000, 8000, 16000, 32000}
	mappingConfidence    = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
	// The edges that OpenTelemetry's GenAI conventions advise.
	secondsOfGenAI = []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
	tokensOfGenAI  = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
)

func counter(name, unit, prometheus, meaning, when string, attributes ...string) catalogued {
	return catalogued{when: when, Definition: metering.Definition{
		Name: name, Unit: unit, Description: meaning, Kind: metering.Counter, Attributes: attributes, Prometheus: prometheus,
	}}
}

func upDownCounter(name, unit, prometheus, meaning, when string, attributes ...string) catalogued {
	m := counter(name, unit, prometheus, meaning, when, attributes...)
	m.Kind = metering.UpDownCounter
	return m
}

func gauge(name, unit, prometheus, meaning, when string, attributes ...string) catalogued {
	m := counter(name, unit, prometheus, meaning, when, attributes...)
	m.Kind = metering.Gauge
	return m
}

func histogram(name, unit, prometheus string, bounds []float64, meaning, when string, attributes ...string) catalogued {
	m := counter(name, unit, prometheus, meaning, when, attributes...)
	m.Kind, m.Bounds = metering.Histogram, bounds
	return m
}

func (m catalogued) with(optional ...string) catalogued {
	m.optional = optional
	return m
}

func family(name string, metrics ...catalogued) []catalogued {
	for i := range metrics {
		metrics[i].family = name
	}
	return metrics
}

// catalogue is every metric of the connector. The documentation is made of it.
var catalogue = slices.Concat(
	family(familySpecialists,
		counter("specialist.requests", "{request}", "specialist_requests_total",
			"Requests that a specialist has answered, counted once their quality tier is known or has not come in time.",
			"request", "specialist.type", "status", "quality_tier"),
		histogram("specialist.request.duration", "s", "specialist_request_duration_seconds", secondsOfRequests,
			"Time from request to answer.", "request", "specialist.type", "complexity"),
		gauge("specialist.tokens", "{token}/s", "specialist_tokens_per_second",
			"Tokens that come out per second: the last report of each specialist, added up per type; without reports, from the requests of the last 60 s.",
			"workload, request", "specialist.type"),
		histogram("specialist.quality_score", "1", "specialist_quality_score", tenths,
			"Quality of answers, 1 is best.", "evaluation result named quality, request", "specialist.type"),
		histogram("specialist.confidence_score", "1", "specialist_confidence_score", tenths,
			"Confidence in answers.", "evaluation result named confidence, request", "specialist.type"),
		gauge("specialist.gpu.utilization", "%", "specialist_gpu_utilization_percent",
			"How busy the specialist's device is, 0 to 100.", "workload", "specialist.type", "gpu.id"),
		gauge("specialist.memory.usage", "By", "specialist_memory_usage_bytes",
			"Memory that specialists of the type use: the last report of each, added up.", "workload", "specialist.type", "memory.type"),
		counter("specialist.errors", "{error}", "specialist_errors_total",
			"Errors of specialists.", "request that failed, error", "specialist.type", "error.type", "severity"),
		counter("specialist.timeouts", "{timeout}", "specialist_timeouts_total",
			"Errors of specialists that were time-outs.", "request that failed, error", "specialist.type"),
	),
	family(familyGuardians,
		counter("guardian.evaluations", "{evaluation}", "guardian_evaluations_total",
			"Evaluations by guardians.", "evaluation", "guardian_type", "specialist.id", "evaluation_type"),
		histogram("guardian.evaluation.duration", "s", "guardian_evaluation_duration_seconds", secondsOfEvaluations,
			"Time that an evaluation took.", "evaluation", "guardian_type", "evaluation_type"),
		counter("guardian.issues_detected", "{issue}", "guardian_issues_detected_total",
			"Issues that guardians found.", "issue", "guardian_type", "specialist.id", "issue_type", "severity"),
		counter("guardian.improvements_suggested", "{improvement}", "guardian_improvements_suggested_total",
			"Improvements that guardians suggested, each id once.", "improvement", "guardian_type", "improvement_type", "priority"),
		counter("guardian.improvements_implemented", "{improvement}", "guardian_improvements_implemented_total",
			"Improvements that were implemented, each id once.", "improvement", "guardian_type", "improvement_type"),
		counter("guardian.errors", "{error}", "guardian_errors_total",
			"Evaluations that failed and other errors of guardians.", "evaluation, error", "guardian_type", "error.type"),
		upDownCounter("improvement.suggestions", "{improvement}", "improvement_suggestions",
			"Improvements by what has become of them.", "improvement", "status"),
	),
	family(familyInference,
		histogram("model.inference.duration", "s", "model_inference_duration_seconds", secondsOfModels,
			"Time that a call of the model took.", "request", "model.name", "model.version").with("batch_size", "sequence_length"),
		histogram("context.length.tokens", "{token}", "context_length_tokens", contextTokens,
			"Tokens in the context: context_size, else the input tokens.", "request", "specialist.type"),
		gauge("memory.efficiency", "1", "memory_efficiency_ratio",
			"Share of the memory that is used.", "workload", "component", "memory.type"),
		gauge("cache.hit_rate", "{ratio}", "cache_hit_rate",
			"Share of the cache's look-ups that found something, in the last report.", "workload", "cache.type", "specialist.type"),
		gauge("batch.processing.efficiency", "{ratio}", "batch_processing_efficiency",
			"Share of the batch's room that was used, in the last report.", "workload", "specialist.type"),
	),
	family(familyModels,
		counter("ml.requests", "{request}", "ml_requests_total",
			"Requests to a model.", "request", "model.name", "endpoint", "model.version"),
		counter("ml.errors", "{error}", "ml_errors_total",
			"Requests to a model that failed.", "request that failed", "model.name", "endpoint", "error.type"),
		histogram("ml.request.duration", "s", "ml_request_duration_seconds", secondsOfModels,
			"Time from request to answer.", "request", "model.name", "endpoint"),
		upDownCounter("ml.requests.in_progress", "{request}", "ml_requests_in_progress",
			"Requests that have started and not ended. One whose end does not come is given up after an hour.", "request (start, end)", "model.name"),
		gauge("ml.throughput.requests", "{request}/s", "ml_throughput_requests_per_second",
			"Requests per second over the last 60 s.", "request", "model.name"),
		counter("ml.predictions_by_class", "{prediction}", "ml_predictions_by_class_total",
			"Predictions by predicted class.", "prediction", "model.name", "predicted_class"),
		histogram("ml.prediction.confidence", "1", "ml_prediction_confidence", zeroAndTenths,
			"Confidence of predictions.", "prediction", "model.name"),
		counter("ml.low_confidence_predictions", "{prediction}", "ml_low_confidence_predictions_total",
			"Predictions with less confidence than the threshold.", "prediction", "model.name", "threshold"),
		histogram("model.prediction.latency", "s", "model_prediction_latency_seconds", secondsOfPredictions,
			"Time that a prediction took.", "prediction", "model.name", "model.version"),
		counter("model.predictions", "{prediction}", "model_predictions_total",
			"Predictions.", "prediction", "model.name", "model.version", "outcome"),
		func() catalogued {
			m := counter("model.prediction.value", "", "model_prediction_value",
				"Predicted numbers: their sum and count.", "prediction", "model.name", "model.version")
			m.Kind = metering.Summary
			return m
		}(),
		gauge("model.feature.value", "", "model_feature_value",
			"Mean, standard deviation, least and greatest value of a numeric feature over the last 5 to 6 minutes.", "prediction",
			"model.name", "feature_name", "statistic"),
	),
	family(familyDrift,
		gauge("ml.data_drift.score", "{score}", "ml_data_drift_score",
			"How much a feature has changed: the Kolmogorov–Smirnov D of the last window, or the distance of its categories.", "drift", "model.name", "feature.name", "model.version"),
		gauge("ml.data_drift.p_value", "{probability}", "ml_data_drift_p_value",
			"How likely such a difference is without drift.", "drift", "model.name", "feature.name", "model.version"),
		gauge("ml.data_drift.js", "{distance}", "ml_data_drift_js",
			"Jensen–Shannon distance, base 2.", "drift", "model.name", "feature.name", "model.version"),
		counter("ml.data_drift.alerts", "{window}", "ml_data_drift_alerts_total",
			"Windows at or above a severity.", "drift", "model.name", "feature.name", "severity", "model.version"),
		gauge("ml.data_drift.share", "{share}", "ml_data_drift_share",
			"Share of the features that have drifted.", "drift of a dataset", "model.name", "model.version"),
		gauge("ml.concept_drift.psi", "{index}", "ml_concept_drift_psi",
			"Population Stability Index of what comes out of a model.", "drift of a concept", "model.name", "model.version"),
		gauge("ml.concept_drift.p_value", "{probability}", "ml_concept_drift_p_value",
			"p-value of the Kolmogorov–Smirnov test of what comes out of a model, or of the χ² test of categories.", "drift of a concept", "model.name", "model.version"),
		gauge("ml.concept_drift.js", "{distance}", "ml_concept_drift_js",
			"Jensen–Shannon distance, base 2, of what comes out of a model.", "drift of a concept", "model.name", "model.version"),
	),
	family(familyBusiness,
		counter("detector.requests", "{request}", "detector_requests_total",
			"Runs of detectors.", "detection", "detector_type", "tenant_id", "status"),
		histogram("mapping.confidence.score", "1", "mapping_confidence_score", mappingConfidence,
			"Confidence of mappings to controls.", "mapping", "framework", "category"),
		counter("compliance.violations", "{violation}", "compliance_violations_total",
			"Breaches of controls.", "violation", "framework", "severity", "category"),
		gauge("active.tenants.count", "{tenant}", "active_tenants_count",
			"Distinct tenants of the last 24 h, estimated to about 1 %.", "any event with tenant_id"),
		gauge("compliance.score", "{score}", "compliance_score",
			"Mean confidence of the mappings of the last 24 h.", "mapping"),
		gauge("compliance.high_confidence", "1", "compliance_high_confidence_ratio",
			"Share of the mappings of the last 24 h with a confidence above 0.8.", "mapping"),
	),
	family(familyGenAI,
		histogram("gen_ai.client.operation.duration", "s", "gen_ai_client_operation_duration_seconds", secondsOfGenAI,
			"Time that a GenAI operation took.", "request", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "error.type"),
		histogram("gen_ai.client.token.usage", "{token}", "gen_ai_client_token_usage", tokensOfGenAI,
			"Tokens of a GenAI operation, as semantic conventions up to 1.41 have it.", "request",
			"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.type"),
		counter("gen_ai.client.inference.usage.input_tokens", "{token}", "gen_ai_client_inference_usage_input_tokens_total",
			"Tokens that went in.", "request", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.modality"),
		counter("gen_ai.client.inference.usage.output_tokens", "{token}", "gen_ai_client_inference_usage_output_tokens_total",
			"Tokens that came out.", "request", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.modality"),
		histogram("gen_ai.client.inference.operation.input_tokens", "{token}", "gen_ai_client_inference_operation_input_tokens", tokensOfGenAI,
			"Tokens that went in, per operation.", "request", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"),
		histogram("gen_ai.client.inference.operation.output_tokens", "{token}", "gen_ai_client_inference_operation_output_tokens", tokensOfGenAI,
			"Tokens that came out, per operation.", "request", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"),
	),
)

// find gives the metric of a name, or nil.
func find(name string) *catalogued {
	for i := range catalogue {
		if catalogue[i].Name == name {
			return &catalogue[i]
		}
	}
	return nil
}

// definitions gives the metrics that the configuration leaves on.
func definitions(switches map[string]MetricConfig) []metering.Definition {
	var on []metering.Definition
	for i := range catalogue {
		definition := catalogue[i].Definition
		if change, ok := switches[definition.Name]; ok {
			if !change.enabled() {
				continue
			}
			definition.Attributes = slices.Concat(definition.Attributes, change.Attributes)
		}
		on = append(on, definition)
	}
	return on
}
