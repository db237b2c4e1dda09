// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package binary

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const sendLimit = 10 * time.Second

var client = &http.Client{Timeout: sendLimit, Transport: &http.Transport{DisableKeepAlives: true}}

// newTraces, newLogs and newMetrics hold one item each, under a name that the test looks for.
func newTraces(name string) ptrace.Traces {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "binary-test")
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName(name)
	span.SetTraceID(pcommon.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	span.SetSpanID(pcommon.SpanID{1, 2, 3, 4, 5, 6, 7, 8})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	return traces
}

func newLogs(body string) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "binary-test")
	record := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	record.SetEventName("guardian.request")
	record.Body().SetStr(body)
	return logs
}

func newMetrics(name string, value float64) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "binary-test")
	metric := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName(name)
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	point.SetDoubleValue(value)
	return metrics
}

// connection is a gRPC connection to one of the collector's addresses.
func connection(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func sendGRPC(t *testing.T, collector *testutil.Collector, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sendLimit)
	defer cancel()
	conn := connection(t, collector.Address("OTLP_GRPC"))
	_, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(newTraces(name)))
	require.NoError(t, err)
	_, err = plogotlp.NewGRPCClient(conn).Export(ctx, plogotlp.NewExportRequestFromLogs(newLogs(name)))
	require.NoError(t, err)
	_, err = pmetricotlp.NewGRPCClient(conn).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(newMetrics(name, 1)))
	require.NoError(t, err)
}

func sendHTTPProtobuf(t *testing.T, collector *testutil.Collector, name string) {
	t.Helper()
	traces, err := ptraceotlp.NewExportRequestFromTraces(newTraces(name)).MarshalProto()
	require.NoError(t, err)
	logs, err := plogotlp.NewExportRequestFromLogs(newLogs(name)).MarshalProto()
	require.NoError(t, err)
	metrics, err := pmetricotlp.NewExportRequestFromMetrics(newMetrics(name, 1)).MarshalProto()
	require.NoError(t, err)
	sendHTTP(t, collector, "application/x-protobuf", traces, logs, metrics)
}

func sendHTTPJSON(t *testing.T, collector *testutil.Collector, name string) {
	t.Helper()
	traces, err := ptraceotlp.NewExportRequestFromTraces(newTraces(name)).MarshalJSON()
	require.NoError(t, err)
	logs, err := plogotlp.NewExportRequestFromLogs(newLogs(name)).MarshalJSON()
	require.NoError(t, err)
	metrics, err := pmetricotlp.NewExportRequestFromMetrics(newMetrics(name, 1)).MarshalJSON()
	require.NoError(t, err)
	sendHTTP(t, collector, "application/json", traces, logs, metrics)
}

func sendHTTP(t *testing.T, collector *testutil.Collector, contentType string, traces, logs, metrics []byte) {
	t.Helper()
	for path, body := range map[string][]byte{"/v1/traces": traces, "/v1/logs": logs, "/v1/metrics": metrics} {
		code, answer := post(t, collector.URL("OTLP_HTTP")+path, contentType, body)
		require.Equal(t, http.StatusOK, code, "%s: %s", path, answer)
	}
}

// jaegerBatch is what an old Jaeger client sends.
func jaegerBatch(name string) *jaeger.Batch {
	return &jaeger.Batch{
		Process: &jaeger.Process{ServiceName: "binary-test"},
		Spans: []*jaeger.Span{{
			TraceIdLow: 11, TraceIdHigh: 12, SpanId: 13, OperationName: name, Flags: 1,
			StartTime: time.Now().UnixMicro(), Duration: time.Millisecond.Microseconds(),
		}},
	}
}

// sendJaegerCompact sends as the Jaeger client does to its agent, over UDP.
func sendJaegerCompact(t *testing.T, collector *testutil.Collector, name string) {
	t.Helper()
	buffer := thrift.NewTMemoryBuffer()
	factory := thrift.NewTCompactProtocolFactoryConf(&thrift.TConfiguration{})
	require.NoError(t, agent.NewAgentClientFactory(buffer, factory).EmitBatch(t.Context(), jaegerBatch(name)))
	conn, err := net.Dial("udp", collector.Address("JAEGER_COMPACT"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(buffer.Bytes())
	require.NoError(t, err)
}

// sendJaegerHTTP sends as the Jaeger client does to the collector.
func sendJaegerHTTP(t *testing.T, collector *testutil.Collector, name string) {
	t.Helper()
	body, err := thrift.NewTSerializer().Write(t.Context(), jaegerBatch(name))
	require.NoError(t, err)
	code, answer := post(t, collector.URL("JAEGER_HTTP")+"/api/traces?format=jaeger.thrift", "application/x-thrift", body)
	require.Equal(t, http.StatusAccepted, code, answer)
}

func sendZipkin(t *testing.T, collector *testutil.Collector, name string) {
	t.Helper()
	body, err := json.Marshal([]map[string]any{{
		"traceId": "0102030405060708090a0b0c0d0e0f10", "id": "0102030405060708", "name": name,
		"timestamp": time.Now().UnixMicro(), "duration": 1000,
		"localEndpoint": map[string]string{"serviceName": "binary-test"},
	}})
	require.NoError(t, err)
	code, answer := post(t, collector.URL("ZIPKIN")+"/api/v2/spans", "application/json", body)
	require.Equal(t, http.StatusAccepted, code, answer)
}

func post(t *testing.T, url, contentType string, body []byte) (code int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	return do(t, request)
}

func get(t *testing.T, url string) (code int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	return do(t, request)
}

func do(t *testing.T, request *http.Request) (code int, answer string) {
	t.Helper()
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// counter reads the sum of one of the collector's own counters over all its series.
func counter(t *testing.T, collector *testutil.Collector, name string) float64 {
	t.Helper()
	_, page := get(t, collector.URL("OWN")+"/metrics")
	sum := 0.0
	for line := range bytes.Lines([]byte(page)) {
		var value float64
		if rest, found := bytes.CutPrefix(line, []byte(name+"{")); found {
			_, err := fmt.Sscan(string(rest[bytes.LastIndexByte(bytes.TrimSpace(rest), ' ')+1:]), &value)
			require.NoError(t, err)
			sum += value
		}
	}
	return sum
}
