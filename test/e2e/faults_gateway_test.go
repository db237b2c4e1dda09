// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// outageBackends are the four servers that the exporters under test write to, each behind a proxy that can fail.
type outageBackends struct {
	jaeger     *servers.Jaeger
	elastic    *servers.SearchEngine
	prometheus *servers.Prometheus
	influx     *servers.InfluxDB
	sink       *otlpload.Sink // where the control of otlp_grpc delivers to

	proxies map[string]*faultProxy // by exporter
	control *faultProxy            // before the sink
}

func startOutageBackends(t *testing.T) *outageBackends {
	t.Helper()
	b := &outageBackends{
		jaeger:     servers.StartJaeger(t),
		elastic:    servers.StartElasticsearch(t),
		prometheus: servers.StartPrometheus(t, servers.PrometheusConfig{}),
		influx:     servers.StartInfluxDB(t, "guardian"),
	}
	b.influx.Query(t, "", "CREATE DATABASE control")
	for _, signal := range otlpload.Signals {
		template, err := os.ReadFile(filepath.Join(testutil.Root(t), "monitoring", "elasticsearch", signal.String()+".json"))
		require.NoError(t, err)
		b.elastic.Do(t, http.MethodPut, "/_index_template/"+signal.String(), string(template))
	}
	sink, err := otlpload.NewSink()
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	b.sink = sink
	b.proxies = map[string]*faultProxy{
		"otlp_grpc/jaeger":        startFaultProxy(t, b.jaeger.OTLPGRPC),
		"elasticsearch":           startFaultProxy(t, hostOf(b.elastic.URL)),
		"prometheus_remote_write": startFaultProxy(t, hostOf(b.prometheus.URL)),
		"influxdb":                startFaultProxy(t, hostOf(b.influx.URL)),
	}
	b.control = startFaultProxy(t, sink.GRPCEndpoint())
	return b
}

// backendsDown has no backend at all.
func backendsDown() *outageBackends {
	b := &outageBackends{proxies: map[string]*faultProxy{}, control: &faultProxy{Address: nobody}}
	for _, exporter := range []string{"otlp_grpc/jaeger", "elasticsearch", "prometheus_remote_write", "influxdb"} {
		b.proxies[exporter] = &faultProxy{Address: nobody}
	}
	return b
}

func hostOf(url string) string { return strings.TrimPrefix(url, "http://") }

// Set makes every proxy fail, or forward again.
func (b *outageBackends) Set(t testing.TB, fault otlpload.Fault) {
	t.Helper()
	for _, proxy := range b.proxies {
		proxy.Set(t, fault)
	}
	b.control.Set(t, fault)
}

// outageOverlay moves the addresses of configs/gateway.yaml, shortens its waits and takes its tail sampling out: an
// undecided trace dies with the process.
const outageOverlay = `
receivers:
  otlp/plain:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}
  otlp/remote_write:
    protocols:
      http: {endpoint: "127.0.0.1:${env:HOP}"}
exporters:
  otlp_grpc/jaeger:
    retry_on_failure: {initial_interval: 100ms, max_interval: 1s}
    sending_queue: {batch: {flush_timeout: 200ms}}
  elasticsearch:
    retry: {max_interval: 1s}
    sending_queue: {batch: {flush_timeout: 200ms}}
  prometheus: {endpoint: "127.0.0.1:${env:PAGE}", tls: null, auth: null}
  otlp_http/remote_write:
    endpoint: "http://127.0.0.1:${env:HOP}"
    timeout: 2s
    retry_on_failure: {initial_interval: 100ms, max_interval: 1s}
    sending_queue: {batch: {flush_timeout: 200ms}}
  prometheus_remote_write:
    external_labels: {run: shipped}
  influxdb:
    v1_compatibility: {enabled: true, db: guardian}
    retry_on_failure: {initial_interval: 100ms, max_interval: 1s}
    sending_queue: {batch: {flush_timeout: 200ms}}
extensions:
  health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:OWN}", without_scope_info: true, without_type_suffix: false, without_units: false}}}
  pipelines:
    traces/in: {receivers: [otlp/plain]}
    traces/sampled: {processors: []}
    logs: {receivers: [otlp/plain]}
    metrics/in: {receivers: [otlp/plain]}
`

// outageControls puts a control beside every exporter. It has the limits of the exporter's default settings, the long ones
// shortened to a second, goes through the same proxy and gets the same data: if it loses some, the outage was long enough.
const outageControls = `
exporters:
  otlp_grpc/control:
    endpoint: "${env:CONTROL_ENDPOINT}"
    tls: {insecure: true}
    sending_queue: {storage: file_storage, queue_size: 100000}
    retry_on_failure: {initial_interval: 100ms, max_interval: 500ms, max_elapsed_time: 1s}
  elasticsearch/control:
    endpoint: "${env:ELASTICSEARCH_ENDPOINT}"
    logs_index: logs-control.otel-default
    timeout: 1s
    sending_queue: {storage: file_storage, queue_size: 100000, batch: {flush_timeout: 200ms}}
  # It retries without end, but its time limit, 90 s by default, ends all retries of a request together.
  elasticsearch/timeout:
    endpoint: "${env:ELASTICSEARCH_ENDPOINT}"
    logs_index: logs-timeout.otel-default
    timeout: 1s
    retry: {max_retries: 2000000000, max_interval: 1s, retry_on_status: [429, 500, 502, 503, 504]}
    sending_queue: {storage: file_storage, queue_size: 100000, batch: {flush_timeout: 200ms}}
  prometheus_remote_write/control:
    endpoint: "${env:REMOTE_WRITE_ENDPOINT}"
    external_labels: {run: control}
    timeout: 1s
  influxdb/control:
    endpoint: "${env:INFLUXDB_ENDPOINT}"
    v1_compatibility: {enabled: true, db: control}
    timeout: 1s
    sending_queue: {storage: file_storage, queue_size: 100000}
    retry_on_failure: {initial_interval: 100ms, max_interval: 500ms, max_elapsed_time: 1s}
service:
  pipelines:
    traces/sampled: {exporters: [otlp_grpc/jaeger, elasticsearch, otlp_grpc/control]}
    logs: {exporters: [elasticsearch, signal_to_metrics/last_seen, elasticsearch/control, elasticsearch/timeout]}
    metrics/cumulative: {exporters: [prometheus, otlp_http/remote_write, forward/influxdb, prometheus_remote_write/control, influxdb/control]}
`

// startOutageCollector starts configs/gateway.yaml with outageOverlay, and with more overlays, writing through the proxies.
func (b *outageBackends) startOutageCollector(t *testing.T, overlays ...string) *testutil.Collector {
	t.Helper()
	dir := t.TempDir()
	files := []string{filepath.Join(testutil.Root(t), "configs", "gateway.yaml")}
	for i, overlay := range append([]string{outageOverlay}, overlays...) {
		path := filepath.Join(dir, fmt.Sprintf("overlay%d.yaml", i))
		require.NoError(t, os.WriteFile(path, []byte(overlay), 0o600))
		files = append(files, path)
	}
	return testutil.StartCollector(t, testutil.CollectorConfig{
		Files: files,
		Dir:   dir,
		Ports: []string{"OTLP_GRPC", "OTLP_HTTP", "HOP", "PAGE", "HEALTH", "OWN"},
		Env: []string{
			"STATE=" + filepath.Join(dir, "queue"), "GATEWAY_TOKEN=unused", "TLS_CERT=unused", "TLS_KEY=unused",
			"JAEGER_ENDPOINT=" + b.proxies["otlp_grpc/jaeger"].Address, "JAEGER_INSECURE=true",
			"CONTROL_ENDPOINT=" + b.control.Address,
			"ELASTICSEARCH_ENDPOINT=" + b.proxies["elasticsearch"].URL(),
			"REMOTE_WRITE_ENDPOINT=" + b.proxies["prometheus_remote_write"].URL() + "/api/v1/write",
			"INFLUXDB_ENDPOINT=" + b.proxies["influxdb"].URL(), "INFLUXDB_ORG=unused", "INFLUXDB_BUCKET=unused", "INFLUXDB_TOKEN=unused",
		},
	})
}

// outageDestination is a place that data reach, and how to ask its server which ids it has now.
type outageDestination struct {
	exporter string // as in the configuration
	signal   otlpload.Signal
	receipts func(t testing.TB) *otlpload.Receipts
}

func (d outageDestination) String() string { return fmt.Sprintf("%s %v", d.exporter, d.signal) }

// shipped lists where the shipped exporters deliver.
func (b *outageBackends) shipped() []outageDestination {
	return []outageDestination{
		{"otlp_grpc/jaeger", otlpload.Traces, b.jaegerIDs},
		{"elasticsearch", otlpload.Traces, b.elasticIDs("traces-generic.otel-default")},
		{"elasticsearch", otlpload.Logs, b.elasticIDs("logs-generic.otel-default")},
		{"elasticsearch", otlpload.Metrics, b.elasticIDs("metrics-generic.otel-default")},
		{"prometheus_remote_write", otlpload.Metrics, b.prometheusIDs("shipped")},
		{"influxdb", otlpload.Metrics, b.influxIDs("guardian")},
	}
}

// controls lists where the controls deliver.
func (b *outageBackends) controls() []outageDestination {
	return []outageDestination{
		{"otlp_grpc/control", otlpload.Traces, func(testing.TB) *otlpload.Receipts { return b.sink.Receipts(otlpload.Traces) }},
		{"elasticsearch/control", otlpload.Logs, b.elasticIDs("logs-control.otel-default")},
		{"elasticsearch/timeout", otlpload.Logs, b.elasticIDs("logs-timeout.otel-default")},
		{"prometheus_remote_write/control", otlpload.Metrics, b.prometheusIDs("control")},
		{"influxdb/control", otlpload.Metrics, b.influxIDs("control")},
	}
}

func received(ids []int64) *otlpload.Receipts {
	receipts := new(otlpload.Receipts)
	receipts.Deliver(slices.Values(ids))
	return receipts
}

func (b *outageBackends) jaegerIDs(t testing.TB) *otlpload.Receipts {
	t.Helper()
	var ids []int64
	for _, trace := range b.jaeger.Traces(t, "assistant", nil) {
		for _, span := range trace.Spans {
			for _, tag := range span.Tags {
				if id, ok := tag.Value.(float64); ok && tag.Key == otlpload.IDKey {
					ids = append(ids, int64(id))
				}
			}
		}
	}
	return received(ids)
}

func (b *outageBackends) elasticIDs(index string) func(testing.TB) *otlpload.Receipts {
	return func(t testing.TB) *otlpload.Receipts {
		t.Helper()
		var ids []int64
		for _, hit := range b.elastic.Search(t, index, `{"match_all":{}}`) {
			var document struct {
				Attributes map[string]any `json:"attributes"`
			}
			require.NoError(t, json.Unmarshal(hit.Source, &document))
			if id, ok := document.Attributes[otlpload.IDKey].(float64); ok {
				ids = append(ids, int64(id))
			}
		}
		return received(ids)
	}
}

func (b *outageBackends) prometheusIDs(run string) func(testing.TB) *otlpload.Receipts {
	return func(t testing.TB) *otlpload.Receipts {
		t.Helper()
		var ids []int64
		for _, sample := range b.prometheus.Query(t, fmt.Sprintf(`group by (ledger_id) ({run=%q, ledger_id!=""})`, run)) {
			ids = append(ids, parseID(t, sample.Metric["ledger_id"]))
		}
		return received(ids)
	}
}

func (b *outageBackends) influxIDs(database string) func(testing.TB) *otlpload.Receipts {
	return func(t testing.TB) *otlpload.Receipts {
		t.Helper()
		var ids []int64
		for _, series := range b.influx.Query(t, database, `SELECT * FROM /.*/ GROUP BY "ledger.id"`) {
			if text := series.Tags[otlpload.IDKey]; text != "" {
				ids = append(ids, parseID(t, text))
			}
		}
		return received(ids)
	}
}

func parseID(t testing.TB, text string) int64 {
	t.Helper()
	id, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return id
}
