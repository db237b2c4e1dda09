// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package binary

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const (
	arriveLimit = 15 * time.Second
	lookEvery   = 50 * time.Millisecond
)

// TestWayIn sends through each protocol of configs/local.yaml and looks for the
// telemetry in the files, on the Prometheus page and in the sink.
func TestWayIn(t *testing.T) {
	sink := testutil.StartSink(t)
	collector := testutil.StartCollector(t, local(t, sink))

	all := []string{"traces", "logs", "metrics"}
	for _, way := range []struct {
		name    string
		send    func(*testing.T, *testutil.Collector, string)
		signals []string
	}{
		{"otlp_grpc", sendGRPC, all},
		{"otlp_http_protobuf", sendHTTPProtobuf, all},
		{"otlp_http_json", sendHTTPJSON, all},
		{"jaeger_thrift_compact", sendJaegerCompact, []string{"traces"}},
		{"jaeger_thrift_http", sendJaegerHTTP, []string{"traces"}},
		{"zipkin", sendZipkin, []string{"traces"}},
	} {
		t.Run(way.name, func(t *testing.T) {
			way.send(t, collector, way.name)
			for _, signal := range way.signals {
				arrives(t, collector, sink, signal, way.name)
			}
		})
	}
}

// arrives waits until an item of a signal is wherever the configuration sends it.
func arrives(t *testing.T, collector *testutil.Collector, sink *testutil.Sink, signal, name string) {
	t.Helper()
	inSink := map[string]func() bool{
		"traces": func() bool {
			for _, traces := range sink.Traces.AllTraces() {
				if spanNames(traces)[name] {
					return true
				}
			}
			return false
		},
		"logs": func() bool {
			for _, logs := range sink.Logs.AllLogs() {
				record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
				if record.Body().Str() == name && record.EventName() == "guardian.request" {
					return true
				}
			}
			return false
		},
		"metrics": func() bool {
			for _, metrics := range sink.Metrics.AllMetrics() {
				if metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Name() == name {
					return true
				}
			}
			return false
		},
	}
	outside := map[string]func() bool{
		"traces": func() bool { return inFile(t, collector, "data/traces.jsonl", `"name":"`+name+`"`) },
		"logs":   func() bool { return inFile(t, collector, "data/logs.jsonl", `"stringValue":"`+name+`"`) },
		"metrics": func() bool {
			_, page := get(t, collector.URL("PAGE")+"/metrics")
			return strings.Contains(page, "\n"+name+`{job="binary-test"} 1`+"\n")
		},
	}
	require.Eventually(t, inSink[signal], arriveLimit, lookEvery, "%s %q did not reach the sink", signal, name)
	require.Eventually(t, outside[signal], arriveLimit, lookEvery, "%s %q is not in the file or on the page", signal, name)
}

func spanNames(traces ptrace.Traces) map[string]bool {
	names := map[string]bool{}
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				names[span.Name()] = true
			}
		}
	}
	return names
}

func inFile(t *testing.T, collector *testutil.Collector, path, text string) bool {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(collector.Dir, path))
	if os.IsNotExist(err) {
		return false
	}
	require.NoError(t, err)
	return strings.Contains(string(body), text)
}

// TestScrape reads the page of an application that a targets file names, and
// shows its metrics on the collector's own page.
func TestScrape(t *testing.T) {
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "# TYPE sentiment_requests_total counter\nsentiment_requests_total{model=\"m1\"} 7\n") // The client sees a short body.
	}))
	defer application.Close()
	config := local(t, testutil.StartSink(t))
	require.NoError(t, os.Mkdir(filepath.Join(config.Dir, "data"), 0o755))
	write(t, filepath.Join(config.Dir, "data", "targets.yaml"), "- targets: ["+strings.TrimPrefix(application.URL, "http://")+"]\n")

	collector := testutil.StartCollector(t, config)
	require.Eventually(t, func() bool {
		_, page := get(t, collector.URL("PAGE")+"/metrics")
		return strings.Contains(page, "\nsentiment_requests_total{") && strings.Contains(page, `model="m1"} 7`)
	}, arriveLimit, lookEvery)
}

// TestPages asks the pages that the start-up lines name, and checks that the
// lines name them.
func TestPages(t *testing.T) {
	collector := testutil.StartCollector(t, local(t, testutil.StartSink(t)))

	code, body := get(t, collector.URL("HEALTH"))
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, body, "Server available")
	_, body = get(t, collector.URL("OWN")+"/metrics")
	assert.Contains(t, body, "otelcol_process_uptime_seconds_total")
	code, _ = get(t, collector.URL("ZPAGES")+"/debug/pipelinez")
	assert.Equal(t, http.StatusOK, code)

	assert.Subset(t, collector.Listening(t), []string{collector.Address("OTLP_GRPC"), collector.Address("PAGE"), collector.Address("OWN")})
	collector.LogMatch(t, `otelcol-guardian \S+ is ready`)
	for _, name := range []string{"OTLP_GRPC", "OTLP_HTTP", "JAEGER_COMPACT", "JAEGER_HTTP", "JAEGER_GRPC", "GUARDIAN", "ZIPKIN", "PAGE", "OWN", "HEALTH", "ZPAGES"} {
		collector.LogMatch(t, `(?m)^  .*`+collector.Address(name))
	}
	assert.NotContains(t, collector.Log(), "\terror\t", "a new user sees no error")
}

// TestRestart sends before and after a restart: the files go on, and the same ports serve again.
func TestRestart(t *testing.T) {
	sink := testutil.StartSink(t)
	collector := testutil.StartCollector(t, local(t, sink))
	sendGRPC(t, collector, "before")
	require.Zero(t, collector.Stop(t), "exit code after SIGTERM")
	assert.True(t, inFile(t, collector, "data/traces.jsonl", `"name":"before"`), "what was accepted is written at the stop")
	assert.True(t, inFile(t, collector, "data/logs.jsonl", `"stringValue":"before"`))

	collector.Start(t)
	sendGRPC(t, collector, "after")
	for _, signal := range []string{"traces", "logs", "metrics"} {
		arrives(t, collector, sink, signal, "after")
	}
	assert.True(t, inFile(t, collector, "data/traces.jsonl", `"name":"before"`), "the file is appended to")
}

// TestInterrupt stops the collector as a person at a terminal does.
func TestInterrupt(t *testing.T) {
	collector := testutil.StartCollector(t, local(t, testutil.StartSink(t)))
	// The collector begins to listen for signals an instant after it says that it is ready.
	sendGRPC(t, collector, "before")
	collector.Signal(t, syscall.SIGINT)
	require.Zero(t, collector.Wait(t), "exit code")
	assert.Contains(t, collector.Log(), "Shutdown complete.")
}
