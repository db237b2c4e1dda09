// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

func collector() page {
	return page{
		file: "collector.json", uid: "guardian-collector", title: "Guardian / The collector",
		description: "Whether what comes in goes out: for each collector what it took, refused, dropped and waits to send, and what it costs.",
		anyOf:       []string{"otelcol_process_uptime_seconds_total"},
		rows: []row{
			{title: "Process", panels: []panel{
				{
					kind: graph, title: "CPU", unit: "short", width: 8,
					description: "CPU seconds per second: 1 is one core.",
					queries:     []query{{expr: `sum by (job, instance) (rate(otelcol_process_cpu_seconds_total{@}[$__rate_interval]))`, legend: "{{job}} {{instance}}"}},
				},
				{
					kind: graph, title: "Memory", unit: "bytes", width: 8,
					description: "Resident memory. The memory limiter looks at the heap: it refuses data above its limit minus its spike limit.",
					queries: []query{
						{expr: `max by (job, instance) (otelcol_process_memory_rss_bytes{@})`, legend: "{{job}} {{instance}} resident"},
						{expr: `max by (job, instance) (otelcol_process_runtime_heap_alloc_bytes{@})`, legend: "{{job}} {{instance}} heap"},
					},
				},
				{
					kind: graph, title: "Uptime", unit: "s", width: 8,
					description: "A saw-tooth is a collector that is killed again and again, most often for memory.",
					queries:     []query{{expr: `max by (job, instance) (otelcol_process_uptime_seconds_total{@})`, legend: "{{job}} {{instance}}"}},
				},
			}},
			{title: "In", panels: []panel{
				{
					kind: graph, title: "Accepted", unit: "cps", width: 12, stacked: true,
					description: "Spans, metric points and log records per second that receivers took and passed on.",
					queries: []query{
						{expr: `sum by (receiver) (rate(otelcol_receiver_accepted_spans_total{@}[$__rate_interval]))`, legend: "{{receiver}} spans"},
						{expr: `sum by (receiver) (rate(otelcol_receiver_accepted_metric_points_total{@}[$__rate_interval]))`, legend: "{{receiver}} points"},
						{expr: `sum by (receiver) (rate(otelcol_receiver_accepted_log_records_total{@}[$__rate_interval]))`, legend: "{{receiver}} records"},
					},
				},
				{
					kind: graph, title: "Refused", unit: "cps", width: 12, lines: lines{green, []line{{1, orange}}},
					description: "Items per second that could not be passed on. Their senders were told so and keep them, if they can: no loss yet.",
					queries: []query{
						{expr: `sum by (receiver) (rate(otelcol_receiver_refused_spans_total{@}[$__rate_interval]))`, legend: "{{receiver}} spans"},
						{expr: `sum by (receiver) (rate(otelcol_receiver_refused_metric_points_total{@}[$__rate_interval]))`, legend: "{{receiver}} points"},
						{expr: `sum by (receiver) (rate(otelcol_receiver_refused_log_records_total{@}[$__rate_interval]))`, legend: "{{receiver}} records"},
					},
				},
				{
					kind: graph, title: "Events over HTTP", unit: "cps", width: 8, stacked: true,
					description: "Events per second that the guardian receiver accepted, by type.",
					queries:     []query{{expr: `sum by (type) (rate(otelcol_guardian_receiver_accepted_events_total{@}[$__rate_interval]))`, legend: "{{type}}"}},
				},
				{
					kind: graph, title: "Events rejected", unit: "cps", width: 8, lines: zeroIsGood, empty: "none",
					description: "Events per second that can never work, by what is wrong. Each is named in the answer to its sender, who most often does not read it.",
					queries:     []query{{expr: `sum by (code) (rate(otelcol_guardian_receiver_rejected_events_total{@}[$__rate_interval]))`, legend: "{{code}}"}},
				},
				{
					kind: graph, title: "Events that came again", unit: "cps", width: 8, empty: "none",
					description: "Events per second that the receiver already had. They are not counted twice: retries are normal after an outage.",
					queries:     []query{{expr: `sum by (type) (rate(otelcol_guardian_receiver_duplicate_events_total{@}[$__rate_interval]))`, legend: "{{type}}"}},
				},
			}},
			{title: "Judged and counted", panels: []panel{
				{
					kind: graph, title: "Through processors", unit: "cps", width: 8,
					description: "Items per second that went into each processor and came out of it. Drift adds records of its own; filters and samplers take some away.",
					queries: []query{
						{expr: `sum by (processor) (rate(otelcol_processor_incoming_items_total{@}[$__rate_interval]))`, legend: "{{processor}} in"},
						{expr: `sum by (processor) (rate(otelcol_processor_outgoing_items_total{@}[$__rate_interval]))`, legend: "{{processor}} out"},
					},
				},
				{
					kind: graph, title: "Events counted into metrics", unit: "cps", width: 8, stacked: true,
					description: "Events per second that guardian_metrics counted, by event.",
					queries:     []query{{expr: `sum by (event) (rate(otelcol_guardian_metrics_events_total{@}[$__rate_interval]))`, legend: "{{event}}"}},
				},
				{
					kind: graph, title: "What guardian_metrics keeps", unit: "short", width: 8,
					description: "Entries in its bounded tables. At a limit the oldest goes, and is counted as limited.",
					queries:     []query{{expr: `max by (instance, table) (otelcol_guardian_metrics_entries{@})`, legend: "{{instance}} {{table}}"}},
				},
				{
					kind: table, title: "Series per metric", unit: "short", width: 12,
					description: "Series that guardian_metrics shows, the 20 largest metrics. Beyond the limit of a metric values go to one series with otel_metric_overflow=\"true\".",
					queries:     []query{{expr: `topk(20, max by (instance, metric) (otelcol_guardian_metrics_series{@}))`}},
					columns: []column{
						{label: "instance", title: "Collector"}, {label: "metric", title: "Metric"}, {query: 1, title: "Series", unit: "short"},
					},
				},
				{
					kind: graph, title: "Reading a GPU machine P95", unit: "s", width: 12,
					description: "Time of one scrape of all GPUs of a machine.",
					queries: []query{{
						expr:   `histogram_quantile(0.95, sum by (instance, le) (rate(otelcol_nvml_scrape_duration_seconds_bucket{@}[$__rate_interval])))`,
						legend: "{{instance}}",
					}},
				},
			}},
			{title: "Out", panels: []panel{
				{
					kind: graph, title: "Sent", unit: "cps", width: 12, stacked: true,
					description: "Items per second that exporters delivered. The Prometheus page counts what it shows, whether or not it is scraped.",
					queries: []query{
						{expr: `sum by (exporter) (rate(otelcol_exporter_sent_spans_total{@}[$__rate_interval]))`, legend: "{{exporter}} spans"},
						{expr: `sum by (exporter) (rate(otelcol_exporter_sent_metric_points_total{@}[$__rate_interval]))`, legend: "{{exporter}} points"},
						{expr: `sum by (exporter) (rate(otelcol_exporter_sent_log_records_total{@}[$__rate_interval]))`, legend: "{{exporter}} records"},
					},
				},
				{
					kind: graph, title: "Given up", unit: "cps", width: 12, lines: zeroIsGood,
					description: "Items per second that an exporter could not send and dropped: these are lost. 0 is well.",
					queries: []query{
						{expr: givenUp("spans"), legend: "{{exporter}} spans"},
						{expr: givenUp("metric_points"), legend: "{{exporter}} points"},
						{expr: givenUp("log_records"), legend: "{{exporter}} records"},
					},
				},
				{
					kind: graph, title: "Queues", unit: "percentunit", width: 12, lines: fullLines,
					description: "How full each exporter's queue is. A queue that fills is a backend that is down or slow; at 1 the receivers refuse or wait.",
					queries: []query{{
						expr:   `max by (instance, exporter, data_type) (otelcol_exporter_queue_size{@} / (otelcol_exporter_queue_capacity{@} > 0))`,
						legend: "{{instance}} {{exporter}} {{data_type}}",
					}},
				},
				{
					kind: graph, title: "Queue size", unit: "short", width: 12,
					description: "In the queue's own unit: bytes where it is sized by bytes, else requests or items.",
					queries:     []query{{expr: `max by (instance, exporter, data_type) (otelcol_exporter_queue_size{@})`, legend: "{{instance}} {{exporter}} {{data_type}}"}},
				},
			}},
		},
	}
}

// givenUp asks for what an exporter gave up. One that has only ever succeeded has no series for that: it is at 0.
func givenUp(items string) string {
	return `sum by (exporter) (rate(otelcol_exporter_send_failed_` + items + `_total{@}[$__rate_interval])
  or rate(otelcol_exporter_sent_` + items + `_total{@}[$__rate_interval]) * 0)`
}
