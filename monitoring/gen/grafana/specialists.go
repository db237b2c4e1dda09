// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

func specialists() page {
	const answers = `sum by (specialist_type, le) (rate(specialist_request_duration_seconds_bucket{@}[$__rate_interval]))`
	return page{
		file: "specialists.json", uid: "guardian-specialists", title: "Guardian / Specialist performance",
		description: "How the models that answer do, and what those that judge them find.",
		anyOf:       []string{"specialist_requests_total", "specialist_tokens_per_second", "guardian_evaluations_total"},
		variables:   []variable{{name: "specialist", title: "Specialist", label: "specialist_type", anyOf: []string{"specialist_requests_total", "specialist_tokens_per_second"}}},
		rows: []row{
			{title: "Answers", panels: []panel{
				{
					kind: graph, title: "Requests", unit: "reqps", width: 8, stacked: true,
					description: "Requests per second, per specialist. A request is counted once it is judged or the wait for that is over, so the last seconds are missing.",
					queries:     []query{{expr: `sum by (specialist_type) (rate(specialist_requests_total{@}[$__rate_interval]))`, legend: "{{specialist_type}}"}},
				},
				{
					kind: graph, title: "Requests by quality tier", unit: "reqps", width: 8, stacked: true,
					description: "Requests per second by the tier of their answer. Unknown: nobody judged it in time.",
					queries:     []query{{expr: `sum by (quality_tier) (rate(specialist_requests_total{@}[$__rate_interval]))`, legend: "{{quality_tier}}"}},
				},
				{
					kind: graph, title: "Request rate against its normal", unit: "reqps", width: 8,
					description: "Requests over 5 minutes, beside the mean of the last 24 hours and two standard deviations around it. A daily rhythm makes the band wide.",
					queries:     againstNormal(`specialist:requests:rate5m{specialist_type=~"$specialist"}`, "{{specialist_type}}"),
				},
				{
					kind: graph, title: "Response time P95", unit: "s", width: 8, lines: responseLines, runbook: "HighResponseTime",
					description: "95 % of the answers came within this time. Read between bucket edges; above 60 s it stays at 60 s.",
					queries:     []query{{expr: "histogram_quantile(0.95, " + answers + ")", legend: "{{specialist_type}}", exemplars: true}},
				},
				{
					kind: heatmap, title: "Response time", unit: "s", width: 8,
					description: "Requests by response time: each cell counts those of one bucket. Two bands are two kinds of requests, which a mean would hide.",
					queries:     []query{{expr: `sum by (le) (increase(specialist_request_duration_seconds_bucket{@}[$__rate_interval]))`, legend: "{{le}}"}},
				},
				{
					kind: graph, title: "Tokens", unit: "cps", width: 8, stacked: true,
					description: "Tokens that come out per second, per specialist: as reported, else from the requests of the last 60 seconds.",
					queries:     []query{{expr: `sum by (specialist_type) (specialist_tokens_per_second{@})`, legend: "{{specialist_type}}"}},
				},
				{
					kind: graph, title: "Context length P95", unit: "short", width: 8,
					description: "95 % of the requests had no more tokens of context than this.",
					queries: []query{{
						expr:   `histogram_quantile(0.95, sum by (specialist_type, le) (rate(context_length_tokens_bucket{@}[$__rate_interval])))`,
						legend: "{{specialist_type}}",
					}},
				},
				{
					kind: graph, title: "Errors", unit: "cps", width: 8, stacked: true, lines: lines{green, []line{{.1, orange}}}, runbook: "HighErrorRate",
					description: "Errors per second by type. The alert's line, 0.1 per second, is for one specialist.",
					queries:     []query{{expr: `sum by (specialist_type, error_type) (rate(specialist_errors_total{@}[$__rate_interval]))`, legend: "{{specialist_type}} {{error_type}}"}},
				},
				{
					kind: graph, title: "Time-outs", unit: "cps", width: 8,
					description: "Requests per second that took too long for whoever asked. They are errors too.",
					queries:     []query{{expr: `sum by (specialist_type) (rate(specialist_timeouts_total{@}[$__rate_interval]))`, legend: "{{specialist_type}}"}},
				},
			}},
			{title: "Quality", panels: []panel{
				{
					kind: heatmap, title: "Quality", unit: "percentunit", width: 12,
					description: "Judged answers by quality: each cell counts those of one tenth, up to the edge shown. A second band far below is a kind of question that the specialist cannot answer.",
					queries:     []query{{expr: `sum by (le) (increase(specialist_quality_score_bucket{@}[$__rate_interval]))`, legend: "{{le}}"}},
				},
				{
					kind: graph, title: "Mean quality", unit: "percentunit", width: 12, lines: qualityLines, runbook: "LowQualityScore",
					description: "Mean of what was judged in 5 minutes. Only a share of the answers is judged: few judgements make it jump. See Evaluations.",
					queries:     []query{{expr: `specialist_quality_score{specialist_type=~"$specialist"}`, legend: "{{specialist_type}}"}},
				},
				{
					kind: graph, title: "Mean confidence", unit: "percentunit", width: 12,
					description: "How sure the specialists were. High confidence with low quality is the case to look into.",
					queries: []query{{
						expr: `sum by (specialist_type) (rate(specialist_confidence_score_sum{@}[$__rate_interval]))
  / (sum by (specialist_type) (rate(specialist_confidence_score_count{@}[$__rate_interval])) > 0)`,
						legend: "{{specialist_type}}",
					}},
				},
				{
					kind: graph, title: "Share of requests judged", unit: "percentunit", width: 12,
					description: "Share of the requests whose quality tier is known. Quality speaks of these only.",
					queries: []query{{
						expr: `sum by (specialist_type) (rate(specialist_requests_total{@,quality_tier!="unknown"}[$__rate_interval]))
  / (sum by (specialist_type) (rate(specialist_requests_total{@}[$__rate_interval])) > 0)`,
						legend: "{{specialist_type}}",
					}},
				},
			}},
			{title: "Guardians", panels: []panel{
				{
					kind: graph, title: "Evaluations", unit: "cps", width: 8, stacked: true,
					description: "Evaluations per second, per guardian.",
					queries:     []query{{expr: `sum by (guardian_type, evaluation_type) (rate(guardian_evaluations_total{#}[$__rate_interval]))`, legend: "{{guardian_type}} {{evaluation_type}}"}},
				},
				{
					kind: graph, title: "Evaluation time P95", unit: "s", width: 8,
					description: "95 % of the evaluations took no longer. Above 5 s it stays at 5 s.",
					queries: []query{{
						expr:   `histogram_quantile(0.95, sum by (guardian_type, le) (rate(guardian_evaluation_duration_seconds_bucket{#}[$__rate_interval])))`,
						legend: "{{guardian_type}}",
					}},
				},
				{
					kind: graph, title: "Guardian errors in 5 minutes", unit: "short", width: 8, lines: lines{green, []line{{5, red}}}, runbook: "GuardianEvaluationFailure",
					description: "Evaluations that failed. A guardian that fails judges nothing: quality then looks as it did before.",
					queries:     []query{{expr: `sum by (guardian_type) (increase(guardian_errors_total{#}[5m]))`, legend: "{{guardian_type}}"}},
				},
				{
					kind: table, title: "Issues found", unit: "short", width: 16, height: 10,
					description: "Issues that guardians found in the time shown, the most frequent 50. An increase is extrapolated: it need not be a whole number.",
					queries: []query{{
						expr: `topk(50, sum by (guardian_type, specialist_id, issue_type, severity) (increase(guardian_issues_detected_total{#}[$__range])) > 0)`,
					}},
					columns: []column{
						{label: "issue_type", title: "Issue"},
						{label: "severity", title: "Severity"},
						{label: "guardian_type", title: "Guardian"},
						{label: "specialist_id", title: "Specialist"},
						{query: 1, title: "Count", unit: "short"},
					},
				},
				{
					kind: graph, title: "Suggested improvements", unit: "short", width: 8, height: 10, runbook: "ImprovementBacklog", lines: backlogLines,
					description: "Suggestions by what has become of them. The line is for those that are pending.",
					queries:     []query{{expr: `sum by (status) (improvement_suggestions{#})`, legend: "{{status}}"}},
				},
				{
					kind: graph, title: "Improvements per hour", unit: "short", width: 24,
					description: "Improvements that were suggested, and that were implemented, each id once.",
					queries: []query{
						{expr: `sum by (guardian_type) (rate(guardian_improvements_suggested_total{#}[$__rate_interval])) * 3600`, legend: "{{guardian_type}} suggested"},
						{expr: `sum by (guardian_type) (rate(guardian_improvements_implemented_total{#}[$__rate_interval])) * 3600`, legend: "{{guardian_type}} implemented"},
					},
				},
			}},
			{title: "Resources", panels: []panel{
				{
					kind: graph, title: "GPU utilization", unit: "percent", width: 8, lines: percentLines, runbook: "HighGPUUtilization",
					description: "As the specialists report it, or as the nvml receiver joins it with them.",
					queries:     []query{{expr: `avg by (specialist_type, gpu_id) (specialist_gpu_utilization_percent{@})`, legend: "{{specialist_type}} {{gpu_id}}"}},
				},
				{
					kind: graph, title: "Memory", unit: "bytes", width: 8, stacked: true,
					description: "Memory that the specialists of a type hold: the last report of each, added up.",
					queries:     []query{{expr: `sum by (specialist_type, memory_type) (specialist_memory_usage_bytes{@})`, legend: "{{specialist_type}} {{memory_type}}"}},
				},
				{
					kind: graph, title: "Memory in use", unit: "percentunit", width: 8, lines: fullLines,
					description: "Share of the memory of each component that is used.",
					queries:     []query{{expr: `max by (component, memory_type) (memory_efficiency_ratio{#})`, legend: "{{component}} {{memory_type}}"}},
				},
				{
					kind: graph, title: "Cache hits", unit: "percentunit", width: 12,
					description: "Share of the look-ups that found something, in the last report of each cache.",
					queries:     []query{{expr: `avg by (specialist_type, cache_type) (cache_hit_rate{@})`, legend: "{{specialist_type}} {{cache_type}}"}},
				},
				{
					kind: graph, title: "Batch fill", unit: "percentunit", width: 12,
					description: "Share of a batch's room that was used, in the last report. Low: the GPU waits for requests.",
					queries:     []query{{expr: `avg by (specialist_type) (batch_processing_efficiency{@})`, legend: "{{specialist_type}}"}},
				},
			}},
		},
	}
}
