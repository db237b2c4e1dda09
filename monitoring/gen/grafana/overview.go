// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

func overview() page {
	return page{
		file: "overview.json", uid: "guardian-overview", title: "Guardian / System overview",
		description: "Is the cluster well? Requests, quality, latency, errors, machines, and what fires. Each panel leads to the page that tells more.",
		anyOf: []string{
			"specialist_requests_total", "ml_requests_total", "guardian_evaluations_total", "compliance_violations_total", "detector_requests_total",
			"httpcheck_status", "hw_gpu_utilization_ratio", "node_cpu_seconds_total",
		},
		rows: []row{
			{title: "Now", panels: []panel{
				{
					kind: stat, title: "Requests", unit: "reqps", width: 4,
					description: "Requests per second over 5 minutes: of specialists, and of model services. A request that names both counts in both.",
					queries: []query{
						{expr: `sum(cluster:requests:rate5m)`, legend: "specialists"},
						{expr: `sum(ml:requests:rate5m)`, legend: "models"},
					},
				},
				{
					kind: stat, title: "Mean quality", unit: "percentunit", width: 4, lines: qualityLines, runbook: "LowQualityScore",
					description: "Mean quality of the answers that were judged in the last 5 minutes, each specialist weighing the same. Answers that nobody judged are not in it.",
					queries:     []query{{expr: `avg(specialist_quality_score)`, legend: "quality"}},
				},
				{
					kind: stat, title: "Success rate", unit: "percentunit", width: 4, decimals: new(1.), lines: successLines, runbook: "HighErrorRate",
					description: "Share of the specialists' requests that succeeded.",
					queries: []query{{
						expr:   `sum(rate(specialist_requests_total{#,status="success"}[$__rate_interval])) / (sum(rate(specialist_requests_total{#}[$__rate_interval])) > 0)`,
						legend: "success",
					}},
				},
				{
					kind: stat, title: "Response time P95", unit: "s", width: 4, lines: responseLines, runbook: "HighResponseTime",
					description: "95 % of the specialists' answers came within this time. Read between bucket edges; above 60 s it stays at 60 s.",
					queries: []query{{
						expr:   `histogram_quantile(0.95, sum by (le) (rate(specialist_request_duration_seconds_bucket{#}[$__rate_interval])))`,
						legend: "P95",
					}},
				},
				{
					kind: stat, title: "GPU utilization", unit: "percentunit", width: 4, lines: fullLines, runbook: "HighGPUUtilization",
					description: "Mean over all GPUs and 5 minutes of the time in which a kernel ran. 100 % does not say that a GPU is full: see SM activity on the page of the GPUs.",
					queries:     []query{{expr: `avg(gpu:utilization:avg5m)`, legend: "utilization"}},
				},
				{
					kind: stat, title: "Alerts", unit: "short", width: 4, lines: zeroIsGood,
					description: "Alerts of severity warning and critical that fire. 0 also where this Prometheus has not loaded the rules of monitoring/rules: then many panels here are empty too.",
					queries:     []query{{expr: `count(ALERTS{alertstate="firing",severity=~"warning|critical"}) or vector(0)`, legend: "firing"}},
				},
			}},
			{title: "Requests", panels: []panel{
				{
					kind: graph, title: "Request rate against its normal", unit: "reqps", width: 12,
					description: "Requests of specialists over 5 minutes, beside the mean of the last 24 hours and two standard deviations around it. A daily rhythm makes the band wide; a new installation has no normal yet.",
					queries:     againstNormal("cluster:requests:rate5m", "{{cluster}}"),
				},
				{
					kind: graph, title: "Mean quality", unit: "percentunit", width: 12, lines: qualityLines, runbook: "LowQualityScore",
					description: "Mean quality of what was judged in 5 minutes, per specialist. The alert looks at 10 minutes and its line is 0.7. No line: nothing was judged.",
					queries:     []query{{expr: `specialist_quality_score`, legend: "{{specialist_type}}"}},
					seeAlso:     toSpecialist,
				},
				{
					kind: graph, title: "Response time", unit: "s", width: 12, runbook: "HighResponseTime",
					description: "P50, P95 and P99 of the specialists' response time, over all of them. Read between bucket edges.",
					queries:     quantiles(`sum by (le) (rate(specialist_request_duration_seconds_bucket{#}[$__rate_interval]))`, ""),
				},
				{
					kind: graph, title: "Error rate", unit: "percentunit", width: 12, lines: errorLines, runbook: "HighErrorRate",
					description: "Share of requests that failed, per specialist.",
					queries: []query{{
						expr: `sum by (specialist_type) (rate(specialist_requests_total{#,status="error"}[$__rate_interval]))
  / (sum by (specialist_type) (rate(specialist_requests_total{#}[$__rate_interval])) > 0)`,
						legend: "{{specialist_type}}",
					}},
					seeAlso: toSpecialist,
				},
				{
					kind: graph, title: "Model services: P95", unit: "s", width: 12, lines: modelP95Lines, runbook: "HighLatencyP95",
					description: "P95 of the request time over 5 minutes, per model and endpoint. The lines are 1.5 and 2 times the objective of 0.5 s.",
					queries:     []query{{expr: `ml:request_duration_seconds:p95_5m`, legend: "{{model_name}} {{endpoint}}"}},
					seeAlso:     toModel,
				},
				{
					kind: graph, title: "Model services: error rate", unit: "percentunit", width: 12, lines: errorLines, runbook: "HighErrorRate",
					description: "Share of requests that failed over 5 minutes, per model and endpoint. A model without errors has no line.",
					queries:     []query{{expr: `ml:error_ratio:rate5m`, legend: "{{model_name}} {{endpoint}}"}},
					seeAlso:     toModel,
				},
			}},
			{title: "Resources", panels: []panel{
				{
					kind: graph, title: "CPU", unit: "percent", width: 8, lines: percentLines,
					description: "Share of the time in which the machine's CPUs were not idle, mean over its CPUs.",
					queries:     []query{{expr: `node:cpu_utilization:rate5m`, legend: "{{instance}}"}},
				},
				{
					kind: graph, title: "Memory", unit: "percentunit", width: 8, lines: fullLines, runbook: "HighMemoryUsage",
					description: "Share of the machine's memory that could not be had without swapping.",
					queries:     []query{{expr: `node:memory_utilization:ratio`, legend: "{{instance}}"}},
				},
				{
					kind: graph, title: "Disk", unit: "percentunit", width: 8, lines: fullLines,
					description: "Share of each file system that users without root cannot write any more. The fullest 10.",
					queries:     []query{{expr: `topk(10, node:disk_utilization:ratio)`, legend: "{{instance}} {{mountpoint}}"}},
				},
				{
					kind: graph, title: "Network", unit: "Bps", width: 8,
					description: "Bytes per second in and out, per machine, without the loopback.",
					queries:     []query{{expr: `sum by (instance) (network:throughput:rate5m{device!="lo"})`, legend: "{{instance}}"}},
				},
				{
					kind: graph, title: "GPU utilization", unit: "percentunit", width: 8, lines: fullLines,
					description: "Per GPU, mean of 5 minutes.",
					queries:     []query{{expr: `gpu:utilization:avg5m`, legend: "{{uuid}}"}},
				},
				{
					kind: graph, title: "GPU memory", unit: "percentunit", width: 8, lines: fullLines,
					description: "Share of each GPU's memory that is in use. Serving engines take nearly all of it at their start: full is normal there.",
					queries:     []query{{expr: `gpu:memory_utilization:ratio`, legend: "{{uuid}}"}},
				},
				{
					kind: graph, title: "Database connections", unit: "percentunit", width: 8, lines: databaseLines, runbook: "DatabaseConnectionLimit",
					description: "Share of a PostgreSQL server's max_connections in use.",
					queries:     []query{{expr: `postgresql:connections:utilization`, legend: "{{instance}}"}},
				},
				{
					kind: graph, title: "Database statements", unit: "s", width: 8, lines: slowQueryLines, runbook: "SlowQueries",
					description: "95th percentile of the statements' mean times, weighted by calls, since the statistics were last reset. Not the 95th percentile of calls: PostgreSQL keeps no single times.",
					queries:     []query{{expr: `postgresql:query_duration:p95`, legend: "{{instance}}"}},
				},
				{
					kind: graph, title: "Silence of applications", unit: "s", width: 8, lines: silenceLines, runbook: "ServiceDown",
					description: "Seconds since telemetry of an application last reached the gateway, of any signal. An application with nothing to do is silent too.",
					queries:     []query{{expr: `service:silence:seconds`, legend: "{{job}}"}},
				},
			}},
			{title: "Alerts and services", panels: []panel{
				{
					kind: table, title: "Firing alerts", unit: "short", width: 14,
					description: "What fires now, by this Prometheus' own rules. Silenced and inhibited alerts are here too: only Alertmanager knows.",
					queries:     []query{{expr: `ALERTS{alertstate="firing"}`}},
					columns: []column{
						{label: "alertname", title: "Alert"},
						{label: "severity", title: "Severity"},
						{label: "model_name", title: "Model"},
						{label: "feature_name", title: "Feature"},
						{label: "specialist_type", title: "Specialist"},
						{label: "endpoint", title: "Endpoint"},
						{label: "service", title: "Service"},
					},
				},
				{
					kind: timeline, title: "Health checks", unit: "bool_on_off", width: 10, runbook: "ServiceDown",
					description: "Whether each URL answered with a status of 2xx.",
					states:      states{{"1", "answers", green}, {"0", "down", red}},
					lines:       presenceLines,
					queries:     []query{{expr: `max by (http_url) (httpcheck_status{#,http_status_class="2xx"})`, legend: "{{http_url}}"}},
				},
			}},
			{title: "Business and compliance", panels: []panel{
				{
					kind: stat, title: "Compliance score", unit: "percentunit", width: 4, height: 8,
					description: "Mean confidence of the mappings to controls of the last 24 hours. Confident is not the same as compliant.",
					queries:     []query{{expr: `avg(compliance_score{#})`, legend: "score"}},
				},
				{
					kind: stat, title: "Sure mappings", unit: "percentunit", width: 4, height: 8,
					description: "Share of the mappings of the last 24 hours with a confidence above 0.8.",
					queries:     []query{{expr: `avg(compliance_high_confidence_ratio{#})`, legend: "share"}},
				},
				{
					kind: stat, title: "Active tenants", unit: "short", width: 4, height: 8,
					description: "Distinct tenants of the last 24 hours, estimated to about 1 %. Several gateways each count what they saw: the greatest is shown.",
					queries:     []query{{expr: `max(active_tenants_count{#})`, legend: "tenants"}},
				},
				{
					kind: graph, title: "Violations", unit: "short", width: 6, stacked: true,
					description: "Breaches of controls per hour, by framework and severity.",
					queries:     []query{{expr: `sum by (framework, severity) (rate(compliance_violations_total{#}[$__rate_interval])) * 3600`, legend: "{{framework}} {{severity}}"}},
				},
				{
					kind: graph, title: "Detector runs", unit: "reqps", width: 6, stacked: true,
					description: "Runs of detectors per second, by detector and outcome. Tenants beyond 100 count as _OTHER.",
					queries:     []query{{expr: `sum by (detector_type, status) (rate(detector_requests_total{#}[$__rate_interval]))`, legend: "{{detector_type}} {{status}}"}},
				},
			}},
		},
	}
}

var (
	toSpecialist = &seeAlso{"Specialist", "guardian-specialists", "specialist", "specialist_type"}
	toModel      = &seeAlso{"Model", "guardian-models", "model", "model_name"}
	toDrift      = &seeAlso{"Drift of the model", "guardian-drift", "model", "model_name"}
)

// quantiles asks for P50, P95 and P99 of rates of buckets. Series are called by the legend and their quantile.
func quantiles(buckets, legend string) []query {
	if legend != "" {
		legend += " "
	}
	return []query{
		{expr: "histogram_quantile(0.5, " + buckets + ")", legend: legend + "P50", exemplars: true},
		{expr: "histogram_quantile(0.95, " + buckets + ")", legend: legend + "P95"},
		{expr: "histogram_quantile(0.99, " + buckets + ")", legend: legend + "P99"},
	}
}

// againstNormal asks for a recorded rate, and for the mean of its last day with a band of two standard deviations.
func againstNormal(rate, legend string) []query {
	mean, deviation := "avg_over_time("+rate+"[1d])", "stddev_over_time("+rate+"[1d])"
	return []query{
		{expr: rate, legend: legend + " now"},
		{expr: mean, legend: legend + " mean of 24 h"},
		{expr: mean + " + 2 * " + deviation, legend: legend + " mean + 2σ"},
		{expr: "clamp_min(" + mean + " - 2 * " + deviation + ", 0)", legend: legend + " mean − 2σ"},
	}
}
