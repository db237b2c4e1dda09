// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package binary tests the real binary as a child process, with what a Go
// toolchain alone can give: clients and sinks in the test process.
package binary

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// local is configs/local.yaml with its addresses moved to free ports, and an
// OTLP exporter to a sink in the test process beside the files and the page.
func local(t *testing.T, sink *testutil.Sink) testutil.CollectorConfig {
	t.Helper()
	dir := t.TempDir()
	overlay := filepath.Join(dir, "overlay.yaml")
	write(t, overlay, `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}"}
  jaeger:
    protocols:
      thrift_compact: {endpoint: "127.0.0.1:${env:JAEGER_COMPACT}"}
      thrift_http: {endpoint: "127.0.0.1:${env:JAEGER_HTTP}"}
      grpc: {endpoint: "127.0.0.1:${env:JAEGER_GRPC}"}
  zipkin: {endpoint: "127.0.0.1:${env:ZIPKIN}"}
  prometheus: {config: {scrape_configs: [{job_name: applications, scrape_interval: 200ms, file_sd_configs: [{files: ["${env:DIR}/data/targets*.yaml"]}]}]}}
connectors:
  guardian_metrics: {flush_interval: 200ms}
exporters:
  prometheus: {endpoint: "127.0.0.1:${env:PAGE}"}
  otlp_grpc: {endpoint: "${env:SINK}", tls: {insecure: true}}
extensions:
  health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}
  zpages: {endpoint: "127.0.0.1:${env:ZPAGES}"}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:OWN}", without_scope_info: true, without_type_suffix: false, without_units: false}}}
  pipelines:
    traces: {exporters: [file/traces, guardian_metrics, otlp_grpc]}
    logs: {exporters: [file/logs, guardian_metrics, otlp_grpc]}
    metrics: {exporters: [prometheus, otlp_grpc]}
`)
	return testutil.CollectorConfig{
		Files: []string{filepath.Join(testutil.Root(t), "configs", "local.yaml"), overlay},
		Ports: []string{"OTLP_GRPC", "OTLP_HTTP", "JAEGER_COMPACT", "JAEGER_HTTP", "JAEGER_GRPC", "GUARDIAN", "ZIPKIN", "PAGE", "HEALTH", "ZPAGES", "OWN"},
		Env:   []string{"SINK=" + sink.Address},
		Dir:   dir,
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
