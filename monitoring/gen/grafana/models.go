// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

func models() page {
	return page{
		file: "models.json", uid: "guardian-models", title: "Guardian / Model health",
		description: "One model service in four tiers: whether it works, whether it is right, whether its world has changed, and what it needs.",
		anyOf:       []string{"ml_requests_total", "model_predictions_total", "ml_data_drift_share"},
		variables:   []variable{{name: "model", title: "Model", label: "model_name", anyOf: []string{"ml_requests_total", "model_predictions_total", "ml_data_drift_share"}}},
		rows: []row{
			{title: "Tier 1: system health", panels: []panel{
				{
					kind: stat, title: "Requests", unit: "reqps", width: 4,
					description: "Requests per second over the last 60 seconds.",
					queries:     []query{{expr: `sum(ml_throughput_requests_per_second{@})`, legend: "requests"}},
				},
				{
					kind: stat, title: "Success rate", unit: "percentunit", width: 5, decimals: new(1.), lines: successLines, runbook: "HighErrorRate",
					description: "Share of the requests that succeeded.",
					queries: []query{{
						expr: `1 - (sum(rate(ml_errors_total{@}[$__rate_interval])) or vector(0))
  / (sum(rate(ml_requests_total{@}[$__rate_interval])) > 0)`,
						legend: "success",
					}},
				},
				{
					kind: stat, title: "Latency P95", unit: "s", width: 5, lines: modelP95Lines, runbook: "HighLatencyP95",
					description: "95 % of the requests took no longer.",
					queries: []query{{
						expr:   `histogram_quantile(0.95, sum by (le) (rate(ml_request_duration_seconds_bucket{@}[$__rate_interval])))`,
						legend: "P95",
					}},
				},
				{
					kind: stat, title: "In progress", unit: "short", width: 5,
					description: "Requests that have started and not ended, of applications that say when one starts. Given up after an hour.",
					queries:     []query{{expr: `sum(ml_requests_in_progress{@})`, legend: "requests"}},
				},
				{
					kind: stat, title: "Drifted features", unit: "percentunit", width: 5, lines: shareLines, runbook: "high_drift",
					description: "Share of the features that have drifted, of the worst model.",
					queries:     []query{{expr: `max(ml_data_drift_share{@})`, legend: "share"}},
				},
				{
					kind: graph, title: "Request rate against its normal", unit: "reqps", width: 8,
					description: "Requests over 5 minutes, beside the mean of the last 24 hours and two standard deviations around it. A daily rhythm makes the band wide.",
					queries:     againstNormal(`ml:requests:rate5m{model_name=~"$model"}`, "{{model_name}}"),
				},
				{
					kind: graph, title: "Latency", unit: "s", width: 8, lines: modelP95Lines, runbook: "HighLatencyP95",
					description: "P50, P95 and P99 of the request time. The lines are those of P95: 1.5 and 2 times the objective of 0.5 s.",
					queries:     quantiles(`sum by (model_name, le) (rate(ml_request_duration_seconds_bucket{@}[$__rate_interval]))`, "{{model_name}}"),
				},
				{
					kind: graph, title: "Error rate", unit: "percentunit", width: 8, lines: errorLines, runbook: "HighErrorRate",
					description: "Share of requests that failed over 5 minutes, per endpoint. An endpoint without errors has no line.",
					queries:     []query{{expr: `ml:error_ratio:rate5m{model_name=~"$model"}`, legend: "{{model_name}} {{endpoint}}"}},
				},
				{
					kind: graph, title: "Errors by type", unit: "cps", width: 12, stacked: true, runbook: "HighErrorRate",
					description: "Failed requests per second.",
					queries:     []query{{expr: `sum by (model_name, error_type) (rate(ml_errors_total{@}[$__rate_interval]))`, legend: "{{model_name}} {{error_type}}"}},
				},
				{
					kind: graph, title: "Requests by endpoint and version", unit: "reqps", width: 12, stacked: true,
					description: "Requests per second. A new version shows here first.",
					queries: []query{{
						expr:   `sum by (model_name, endpoint, model_version) (rate(ml_requests_total{@}[$__rate_interval]))`,
						legend: "{{model_name}} {{model_version}} {{endpoint}}",
					}},
				},
			}},
			{title: "Tier 2: model quality", panels: []panel{
				{
					kind: histogram, title: "Confidence", unit: "short", width: 8,
					description: "Predictions of the time shown by their confidence: each bar counts those up to its edge and above the edge before it.",
					queries:     []query{{expr: `sum by (le) (increase(ml_prediction_confidence_bucket{@}[$__range]))`, legend: "{{le}}"}},
				},
				{
					kind: graph, title: "Low confidence", unit: "percentunit", width: 8, lines: unsureLines, runbook: "HighLowConfidencePredictions",
					description: "Share of the predictions with a confidence below the threshold (0.7 unless configured otherwise), of those that came with one.",
					queries: []query{{
						expr: `sum by (model_name, threshold) (rate(ml_low_confidence_predictions_total{@}[$__rate_interval]))
  / on (model_name) group_left () (sum by (model_name) (rate(ml_prediction_confidence_count{@}[$__rate_interval])) > 0)`,
						legend: "{{model_name}} below {{threshold}}",
					}},
				},
				{
					kind: graph, title: "Predictions by class", unit: "percentunit", width: 8, stacked: true,
					description: "Share of each class among a model's predictions. A shift is the first sign of drift, before any label says whether it was right.",
					queries: []query{{
						expr: `sum by (model_name, predicted_class) (rate(ml_predictions_by_class_total{@}[$__rate_interval]))
  / on (model_name) group_left () (sum by (model_name) (rate(ml_predictions_by_class_total{@}[$__rate_interval])) > 0)`,
						legend: "{{model_name}} {{predicted_class}}",
					}},
				},
				{
					kind: graph, title: "Failed predictions", unit: "percentunit", width: 8, lines: errorLines,
					description: "Share of the predictions whose outcome is an error.",
					queries: []query{{
						expr: `sum by (model_name) (rate(model_predictions_total{@,outcome="error"}[$__rate_interval]))
  / (sum by (model_name) (rate(model_predictions_total{@}[$__rate_interval])) > 0)`,
						legend: "{{model_name}}",
					}},
				},
				{
					kind: graph, title: "Prediction time", unit: "s", width: 8, runbook: "latency_spike",
					description: "P50, P95 and P99 of the time that a prediction took. Above 5 s it stays at 5 s.",
					queries:     quantiles(`sum by (model_name, le) (rate(model_prediction_latency_seconds_bucket{@}[$__rate_interval]))`, "{{model_name}}"),
				},
				{
					kind: graph, title: "Mean prediction", unit: "none", width: 8,
					description: "Mean of the numbers that a regression predicted, in its own unit.",
					queries: []query{{
						expr: `sum by (model_name, model_version) (rate(model_prediction_value_sum{@}[$__rate_interval]))
  / (sum by (model_name, model_version) (rate(model_prediction_value_count{@}[$__rate_interval])) > 0)`,
						legend: "{{model_name}} {{model_version}}",
					}},
				},
			}},
			{title: "Tier 3: drift", panels: []panel{
				{
					kind: graph, title: "Drift of features", unit: "none", width: 10, min: new(0.), max: new(1.), lines: ksLines, runbook: "DataDriftDetected", seeAlso: toDrift,
					description: "Kolmogorov–Smirnov D of each feature's last window against the reference, 0 to 1; the distance of categories for those. A value stands until the next window closes: without predictions it is old.",
					queries:     []query{{expr: `max by (model_name, model_version, feature_name) (ml_data_drift_score{@})`, legend: "{{model_name}} {{feature_name}}"}},
				},
				{
					kind: gauge, title: "Drifted features", unit: "percentunit", width: 4, lines: shareLines, runbook: "high_drift",
					description: "Share of a model's features that have drifted significantly.",
					queries:     []query{{expr: `max by (model_name) (ml_data_drift_share{@})`, legend: "{{model_name}}"}},
				},
				{
					kind: graph, title: "Concept drift", unit: "none", width: 10, min: new(0.), lines: psiLines, runbook: "ConceptDriftDetected", seeAlso: toDrift,
					description: "Population Stability Index of what comes out of the model. Not bounded by 1. Small windows have a PSI of about bins / window even without drift.",
					queries:     []query{{expr: `max by (model_name, model_version) (ml_concept_drift_psi{@})`, legend: "{{model_name}} {{model_version}}"}},
				},
				{
					kind: graph, title: "Features against their mean", unit: "none", width: 24,
					description: "Mean of each numeric feature over the last 5 to 6 minutes, minus its mean of the time shown, in standard deviations of the feature. What the reference was is in the drift events: see Reference against current in Kibana.",
					queries: []query{{
						expr: `(max by (model_name, feature_name) (model_feature_value{@,statistic="mean"}) - max by (model_name, feature_name) (avg_over_time(model_feature_value{@,statistic="mean"}[$__range])))
  / (max by (model_name, feature_name) (model_feature_value{@,statistic="std"}) > 0)`,
						legend: "{{model_name}} {{feature_name}}",
					}},
				},
			}},
			{title: "Tier 4: resources", panels: []panel{
				{
					kind: graph, title: "Inference time P95", unit: "s", width: 8,
					description: "95 % of the model calls took no longer.",
					queries: []query{{
						expr:   `histogram_quantile(0.95, sum by (model_name, model_version, le) (rate(model_inference_duration_seconds_bucket{@}[$__rate_interval])))`,
						legend: "{{model_name}} {{model_version}}", exemplars: true,
					}},
				},
				{
					kind: graph, title: "Tokens in and out", unit: "cps", width: 8, stacked: true,
					description: "Tokens per second of all language models, whatever model is chosen above: the GenAI convention has a label of its own for the model.",
					queries: []query{
						{expr: `sum by (gen_ai_request_model) (rate(gen_ai_client_inference_usage_input_tokens_total{#}[$__rate_interval]))`, legend: "{{gen_ai_request_model}} in"},
						{expr: `sum by (gen_ai_request_model) (rate(gen_ai_client_inference_usage_output_tokens_total{#}[$__rate_interval]))`, legend: "{{gen_ai_request_model}} out"},
					},
				},
				{
					kind: graph, title: "Requests in progress", unit: "short", width: 8,
					description: "Requests that have started and not ended. A line that only rises is a queue, or ends that are never reported.",
					queries:     []query{{expr: `sum by (model_name) (ml_requests_in_progress{@})`, legend: "{{model_name}}"}},
				},
				{
					kind: graph, title: "CPU", unit: "percent", width: 8, lines: percentLines,
					description: "All machines, whatever model is chosen above.",
					queries:     []query{{expr: `node:cpu_utilization:rate5m`, legend: "{{instance}}"}},
				},
				{
					kind: graph, title: "Memory", unit: "percentunit", width: 8, lines: fullLines, runbook: "HighMemoryUsage",
					description: "All machines, whatever model is chosen above.",
					queries:     []query{{expr: `node:memory_utilization:ratio`, legend: "{{instance}}"}},
				},
				{
					kind: graph, title: "GPU utilization", unit: "percentunit", width: 8, lines: fullLines,
					description: "All GPUs, whatever model is chosen above.",
					queries:     []query{{expr: `gpu:utilization:avg5m`, legend: "{{uuid}}"}},
				},
			}},
		},
	}
}
