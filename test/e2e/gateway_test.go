// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const (
	gatewayToken = "token-of-the-tests"
	// gatewayWait is how long an item may take to its server on a busy machine.
	gatewayWait = 60 * time.Second
	gatewayPoll = 250 * time.Millisecond
	// nobody is an address where nothing listens: a backend that a test does without.
	nobody = "127.0.0.1:1"
)

// gatewayOverlay moves the ports of configs/gateway.yaml and shortens its waits. The pipelines are those that are shipped.
const gatewayOverlay = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}
  otlp/remote_write:
    protocols:
      http: {endpoint: "127.0.0.1:${env:HOP}"}
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}"}
  jaeger:
    protocols:
      thrift_compact: {endpoint: "127.0.0.1:${env:JAEGER_COMPACT}"}
      thrift_http: {endpoint: "127.0.0.1:${env:JAEGER_HTTP}"}
      grpc: {endpoint: "127.0.0.1:${env:JAEGER_GRPC}"}
  zipkin: {endpoint: "127.0.0.1:${env:ZIPKIN}"}
processors:
  tail_sampling: {decision_wait: 2s}
  interval: {interval: 1s}
connectors:
  guardian_metrics: {flush_interval: 1s, quality_tier: {wait: 1s}}
exporters:
  elasticsearch: {sending_queue: {batch: {flush_timeout: 200ms}}}
  otlp_http/remote_write: {endpoint: "http://127.0.0.1:${env:HOP}"}
  prometheus: {endpoint: "127.0.0.1:${env:PAGE}"}
  influxdb: {v1_compatibility: {enabled: true, db: guardian}}
extensions:
  health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:OWN}", without_scope_info: true, without_type_suffix: false, without_units: false}}}
`

// gatewayBackends are addresses of servers; an empty one stands for a server that is down.
type gatewayBackends struct {
	jaeger        string // host:port
	elasticsearch string // URL
	prometheus    string // URL
	influxdb      string // URL
	keepPercent   string // share of the ordinary traces that is kept; "100" if empty
}

// gateway is a running gateway and what a client needs to know of it.
type gateway struct {
	*testutil.Collector
	authority authority
}

// startGateway starts configs/gateway.yaml.
func startGateway(t *testing.T, backends gatewayBackends) gateway {
	t.Helper()
	return startGatewayWith(t, backends, "")
}

// startGatewayWith starts configs/gateway.yaml with an overlay after that of all tests.
func startGatewayWith(t *testing.T, backends gatewayBackends, more string) gateway {
	t.Helper()
	dir := t.TempDir()
	overlay, last := filepath.Join(dir, "overlay.yaml"), filepath.Join(dir, "more.yaml")
	require.NoError(t, os.WriteFile(overlay, []byte(gatewayOverlay), 0o600))
	require.NoError(t, os.WriteFile(last, []byte(more), 0o600))
	ca := newAuthority(t, dir)
	certificate, key := ca.issue(t, dir)
	return gateway{
		authority: ca,
		Collector: testutil.StartCollector(t, testutil.CollectorConfig{
			Files: []string{filepath.Join(testutil.Root(t), "configs", "gateway.yaml"), overlay, last},
			Ports: []string{"OTLP_GRPC", "OTLP_HTTP", "HOP", "JAEGER_COMPACT", "JAEGER_HTTP", "JAEGER_GRPC", "GUARDIAN", "ZIPKIN", "PAGE", "HEALTH", "OWN"},
			Dir:   dir,
			Env: []string{
				"TLS_CERT=" + certificate, "TLS_KEY=" + key, "GATEWAY_TOKEN=" + gatewayToken, "STATE=" + filepath.Join(dir, "queue"),
				"JAEGER_INSECURE=true", "JAEGER_ENDPOINT=" + or(backends.jaeger, nobody),
				"ELASTICSEARCH_ENDPOINT=" + or(backends.elasticsearch, "http://"+nobody),
				"REMOTE_WRITE_ENDPOINT=" + or(backends.prometheus, "http://"+nobody) + "/api/v1/write",
				"INFLUXDB_ENDPOINT=" + or(backends.influxdb, "http://"+nobody), "INFLUXDB_ORG=", "INFLUXDB_BUCKET=", "INFLUXDB_TOKEN=",
				"REMOTE_WRITE_MAX_AGE=55m", // The servers of the tests take points up to an hour late.
				"KEEP_PERCENT=" + or(backends.keepPercent, "100"),
			},
		}),
	}
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// client trusts the gateway's authority.
func (g gateway) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: g.authority.pool(), MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}}
}

// send posts an OTLP request in protobuf with the right token.
func (g gateway) send(t *testing.T, path string, request interface{ MarshalProto() ([]byte, error) }) {
	t.Helper()
	body, err := request.MarshalProto()
	require.NoError(t, err)
	status, err := post(t.Context(), g.client(), "https://"+g.Address("OTLP_HTTP")+path, "Bearer "+gatewayToken, body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
}

func (g gateway) sendTraces(t *testing.T, traces ptrace.Traces) {
	t.Helper()
	g.send(t, "/v1/traces", ptraceotlp.NewExportRequestFromTraces(traces))
}

func (g gateway) sendLogs(t *testing.T, logs plog.Logs) {
	t.Helper()
	g.send(t, "/v1/logs", plogotlp.NewExportRequestFromLogs(logs))
}

func (g gateway) sendMetrics(t *testing.T, metrics pmetric.Metrics) {
	t.Helper()
	g.send(t, "/v1/metrics", pmetricotlp.NewExportRequestFromMetrics(metrics))
}

// post sends one request and gives the status of the answer.
func post(ctx context.Context, client *http.Client, url, authorization string, body []byte) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// ownMetrics reads a Prometheus page: series with their labels, as they stand there, and values.
func ownMetrics(t *testing.T, url string) map[string]float64 {
	t.Helper()
	answer, err := http.Get(url + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	metrics := map[string]float64{}
	for line := range strings.Lines(string(page)) {
		series, text, found := cutLast(strings.TrimSpace(line))
		if value, err := strconv.ParseFloat(text, 64); found && err == nil && !strings.HasPrefix(line, "#") {
			metrics[series] = value
		}
	}
	return metrics
}

func cutLast(line string) (before, after string, found bool) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return "", "", false
	}
	return line[:at], line[at+1:], true
}
