// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Jaeger is a running Jaeger all-in-one. Its spans are on disk and survive Stop, Kill and Start.
type Jaeger struct {
	*Process
	URL          string // query API and UI
	OTLPGRPC     string // host:port
	OTLPHTTP     string // base URL
	CollectorURL string // Jaeger's own thrift over HTTP, at + "/api/traces"
}

// Trace is a trace as Jaeger's query API gives it.
type Trace struct {
	TraceID   string                 `json:"traceID"`
	Spans     []Span                 `json:"spans"`
	Processes map[string]SpanProcess `json:"processes"`
}

// Span is one span of a trace; times are in microseconds.
type Span struct {
	SpanID        string `json:"spanID"`
	OperationName string `json:"operationName"`
	StartTime     int64  `json:"startTime"`
	Duration      int64  `json:"duration"`
	ProcessID     string `json:"processID"`
	References    []struct {
		RefType string `json:"refType"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
	Tags []Tag `json:"tags"`
	Logs []struct {
		Timestamp int64 `json:"timestamp"`
		Fields    []Tag `json:"fields"`
	} `json:"logs"`
}

// SpanProcess is what Jaeger knows of the process that made a span.
type SpanProcess struct {
	ServiceName string `json:"serviceName"`
	Tags        []Tag  `json:"tags"`
}

// Tag is one attribute. Numbers arrive as float64, as JSON has them.
type Tag struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// maxTraces bounds an answer of Traces; the query API wants a number.
const maxTraces = 100_000

// StartJaeger starts a Jaeger all-in-one over Badger.
func StartJaeger(t testing.TB) *Jaeger {
	t.Helper()
	binary, dir := built(t, "bin", "jaeger-all-in-one"), t.TempDir()
	jaeger := new(Jaeger)
	jaeger.Process = launch(t, 7, func(ports []int) *Process {
		jaeger.URL = "http://" + address(ports[0])
		jaeger.OTLPGRPC = address(ports[1])
		jaeger.OTLPHTTP = "http://" + address(ports[2])
		jaeger.CollectorURL = "http://" + address(ports[3])
		return &Process{
			name: "Jaeger",
			env:  []string{"SPAN_STORAGE_TYPE=badger"},
			args: []string{
				binary,
				"--query.http-server.host-port=" + address(ports[0]),
				"--collector.otlp.grpc.host-port=" + address(ports[1]),
				"--collector.otlp.http.host-port=" + address(ports[2]),
				"--collector.http-server.host-port=" + address(ports[3]),
				"--collector.grpc-server.host-port=" + address(ports[4]),
				"--query.grpc-server.host-port=" + address(ports[5]),
				"--admin.http.host-port=" + address(ports[6]),
				"--badger.ephemeral=false",
				// A span that was acknowledged must be there after Kill, too.
				"--badger.consistency=true",
				"--badger.directory-key=" + filepath.Join(dir, "keys"),
				"--badger.directory-value=" + filepath.Join(dir, "values"),
			},
			// Once it has answered a query it takes ten seconds over SIGTERM; its spans are on disk without that.
			stopBy:  syscall.SIGKILL,
			ready:   answers("http://" + address(ports[6]) + "/"),
			logPath: filepath.Join(dir, "jaeger.log"),
		}
	})
	return jaeger
}

// Traces returns the traces of the last two days with spans of a service that carry all the tags (nil: any).
func (j *Jaeger) Traces(t testing.TB, service string, tags map[string]string) []Trace {
	t.Helper()
	parameters := url.Values{"service": {service}, "limit": {strconv.Itoa(maxTraces)}}
	if len(tags) > 0 {
		encoded, _ := json.Marshal(tags) // A map of strings always encodes.
		parameters.Set("tags", string(encoded))
	}
	var answer struct {
		Data []Trace `json:"data"`
	}
	getJSON(t, j.URL+"/api/traces?"+parameters.Encode(), &answer)
	return answer.Data
}
