// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package binary

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// answer is what the guardian receiver says to a request.
type answer struct {
	Accepted, Duplicates int
	Rejected             []struct {
		Index                      int
		ID, Code, Pointer, Message string
	}
}

// sendEvents posts events as NDJSON.
func sendEvents(t *testing.T, collector *testutil.Collector, lines ...string) (code int, header http.Header, said answer) {
	t.Helper()
	response, err := client.Post(collector.URL("GUARDIAN")+"/v1/events", "application/x-ndjson", strings.NewReader(strings.Join(lines, "\n")))
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, json.NewDecoder(response.Body).Decode(&said))
	return response.StatusCode, response.Header, said
}

func violations(n int) []string {
	lines := make([]string, 0, n)
	for i := range n {
		lines = append(lines, fmt.Sprintf(`{"id":"v-%d","source":"/audit","type":"violation","data":{"framework":"SOC2","severity":"high","category":"CC6.%d"}}`, i, i%3))
	}
	return lines
}

// TestEventsAfterAKill sends events, kills the collector after its 200, and sends them
// again: they are known, counted once, and written once.
func TestEventsAfterAKill(t *testing.T) {
	sink := testutil.StartSink(t)
	collector := testutil.StartCollector(t, local(t, sink))
	code, _, said := sendEvents(t, collector, violations(500)...)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, 500, said.Accepted)
	collector.Kill()

	collector.Start(t)
	code, _, said = sendEvents(t, collector, violations(510)...)
	require.Equal(t, http.StatusOK, code)
	assert.Equal(t, 500, said.Duplicates)
	assert.Equal(t, 10, said.Accepted)
}

// refusingLogs is a backend that refuses for as long as it is told to.
type refusingLogs struct {
	plogotlp.UnimplementedGRPCServer
	refuse atomic.Bool
	taken  atomic.Int64
}

func (r *refusingLogs) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	if r.refuse.Load() {
		return plogotlp.NewExportResponse(), status.Error(codes.Unavailable, "the test refuses")
	}
	r.taken.Add(int64(request.Logs().LogRecordCount()))
	return plogotlp.NewExportResponse(), nil
}

// TestBackpressure has a backend that refuses, with no queue between: the client is told
// to come again, and what it sends again is delivered once.
func TestBackpressure(t *testing.T) {
	backend := &refusingLogs{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	plogotlp.RegisterGRPCServer(server, backend)
	var serving sync.WaitGroup
	serving.Go(func() { assert.NoError(t, server.Serve(listener)) })
	defer serving.Wait()
	defer server.Stop()
	collector := testutil.StartCollector(t, testutil.CollectorConfig{
		Ports: []string{"GUARDIAN"},
		Env:   []string{"SINK=" + listener.Addr().String()},
		YAML: `
receivers:
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}", retry_after: 2s}
exporters:
  otlp_grpc: {endpoint: "${env:SINK}", compression: none, tls: {insecure: true}, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [guardian], exporters: [otlp_grpc]}
`,
	})
	backend.refuse.Store(true)
	code, header, _ := sendEvents(t, collector, violations(20)...)
	assert.Equal(t, http.StatusServiceUnavailable, code)
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, seconds, 1)

	backend.refuse.Store(false)
	for range 2 {
		code, _, _ = sendEvents(t, collector, violations(20)...)
		assert.Equal(t, http.StatusOK, code)
	}
	assert.EqualValues(t, 20, backend.taken.Load())
}

// TestPythonExample runs the example for applications without an SDK.
func TestPythonExample(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	sink := testutil.StartSink(t)
	collector := testutil.StartCollector(t, local(t, sink))
	script := filepath.Join(testutil.Root(t), "examples", "python", "send_events.py")
	out, err := exec.Command(python, script, collector.URL("GUARDIAN")).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.True(t, bytes.Contains(out, []byte(`"accepted": 3`)) || bytes.Contains(out, []byte(`"accepted":3`)), string(out))
	require.Eventually(t, func() bool { return len(eventNames(sink)) >= 3 }, arriveLimit, lookEvery)
	assert.Subset(t, eventNames(sink), []string{"guardian.request", "gen_ai.evaluation.result", "guardian.prediction"})
	require.Eventually(t, func() bool {
		_, page := get(t, collector.URL("PAGE")+"/metrics")
		return strings.Contains(page, "\nguardian_evaluations_total{") && strings.Contains(page, "\nmodel_predictions_total{")
	}, arriveLimit, lookEvery, "the events are on the page as metrics")
}

func eventNames(sink *testutil.Sink) []string {
	var names []string
	for _, logs := range sink.Logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					names = append(names, record.EventName())
				}
			}
		}
	}
	return names
}
