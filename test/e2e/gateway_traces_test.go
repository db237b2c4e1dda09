// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// correlationCase is a record and the id that it must end with. Attributes may hold strings and lists.
type correlationCase struct {
	name                      string
	record, resource, bodyMap map[string]any
	bodyText                  string
	want                      string
	wantBodyMap               map[string]any
	onlyLogs                  bool
}

func correlationCases() []correlationCase {
	cases := []correlationCase{
		{name: "resource", resource: map[string]any{"correlation.id": "c-resource"}, want: "c-resource"},
		{name: "list on the resource", resource: map[string]any{"http.request.header.x-correlation-id": []any{"c-list-resource"}}, want: "c-list-resource"},
		{name: "record before resource", record: map[string]any{"correlationId": "c-record"}, resource: map[string]any{"correlation_id": "c-other"}, want: "c-record"},
		{name: "right spelling before others", record: map[string]any{"correlation_id": "c-right", "correlation.id": "c-other"}, want: "c-right"},
		{name: "number", record: map[string]any{"correlation_id": int64(42)}, want: "42"},
		{name: "JSON text", bodyText: `{"msg":"hello","X-Correlation-ID":"c-json"}`, want: "c-json", onlyLogs: true},
		{name: "JSON text before resource", bodyText: `{"correlationId":"c-json-2"}`, resource: map[string]any{"correlation_id": "c-other"}, want: "c-json-2", onlyLogs: true},
		{name: "record before JSON text", bodyText: `{"correlation_id":"c-other"}`, record: map[string]any{"correlation.id": "c-record-2"}, want: "c-record-2", onlyLogs: true},
		{name: "body map", bodyMap: map[string]any{"msg": "hello", "correlation.id": "c-map"}, want: "c-map", wantBodyMap: map[string]any{"msg": "hello"}, onlyLogs: true},
		{name: "broken JSON text", bodyText: `{"correlation_id":`, want: "", onlyLogs: true},
		{name: "none", bodyText: "hello", want: ""},
	}
	for i, spelling := range []string{"correlation_id", "correlation.id", "X-Correlation-ID", "x-correlation-id", "correlationId", "http.request.header.x-correlation-id"} {
		text, list := fmt.Sprintf("c-text-%d", i), fmt.Sprintf("c-list-%d", i)
		cases = append(cases,
			correlationCase{name: spelling, record: map[string]any{spelling: text}, want: text},
			correlationCase{name: spelling + " as a list", record: map[string]any{spelling: []any{list}}, want: list})
	}
	return cases
}

// wantAttributes are the attributes of a record of the case when it has arrived.
func (c correlationCase) wantAttributes() map[string]any {
	attributes := map[string]any{"case": c.name}
	if c.want != "" {
		attributes["correlation_id"] = c.want
	}
	return attributes
}

func (c correlationCase) fill(t *testing.T, resource, record pcommon.Map) {
	t.Helper()
	require.NoError(t, resource.FromRaw(c.resource))
	resource.PutStr("service.name", "correlated")
	require.NoError(t, record.FromRaw(c.record))
	record.PutStr("case", c.name)
}

func TestGatewayGivesEveryRecordOneCorrelationID(t *testing.T) {
	jaeger, elastic := servers.StartJaeger(t), startElasticsearch(t)
	g := startGateway(t, gatewayBackends{jaeger: jaeger.OTLPGRPC, elasticsearch: elastic.URL})
	cases := correlationCases()
	traces, logs := ptrace.NewTraces(), plog.NewLogs()
	for i, test := range cases {
		traceID := pcommon.TraceID{0: 7, 15: byte(i + 1)}
		if !test.onlyLogs {
			spans := traces.ResourceSpans().AppendEmpty()
			span := newSpan(spans.ScopeSpans().AppendEmpty(), traceID, test.name, 10*time.Millisecond)
			test.fill(t, spans.Resource().Attributes(), span.Attributes())
		}
		records := logs.ResourceLogs().AppendEmpty()
		record := records.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		test.fill(t, records.Resource().Attributes(), record.Attributes())
		record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		record.SetTraceID(traceID)
		record.Body().SetStr(test.bodyText)
		if test.bodyMap != nil {
			require.NoError(t, record.Body().FromRaw(test.bodyMap))
		}
	}
	g.sendTraces(t, traces)
	g.sendLogs(t, logs)

	awaitDocuments(t, elastic, "logs-*", `{"match_all":{}}`, len(cases))
	awaitDocuments(t, elastic, "traces-*", `{"match_all":{}}`, traces.SpanCount())
	documents := byCase(t, elastic.Search(t, "logs-*", `{"match_all":{}}`))
	require.Eventually(t, func() bool {
		return len(jaeger.Traces(t, "correlated", nil)) == traces.SpanCount()
	}, gatewayWait, gatewayPoll, "one trace for each span")
	for i, test := range cases {
		document := documents[test.name]
		assert.Equal(t, test.wantAttributes(), document.Attributes, "log record %q", test.name)
		assert.Equal(t, map[string]any{"service.name": "correlated"}, document.Resource.Attributes, "resource of log record %q", test.name)
		if test.bodyMap != nil {
			assert.Equal(t, test.wantBodyMap, document.Body.Structured, "body of %q", test.name)
		}
		if test.want == "" {
			continue
		}
		wantHits := 1
		if !test.onlyLogs {
			wantHits = 2
			found := jaeger.Traces(t, "correlated", map[string]string{"correlation_id": test.want})
			require.Len(t, found, 1, "traces in Jaeger for %q", test.name)
			assert.Equal(t, fmt.Sprintf("07%028x%02x", 0, i+1), found[0].TraceID)
			assert.Equal(t, test.wantAttributes(), tagsOf(found[0].Spans[0]), "span %q", test.name)
		}
		query := fmt.Sprintf(`{"term":{"correlation_id":%q}}`, test.want)
		assert.Len(t, elastic.Search(t, "logs-*,traces-*", query), wantHits, "documents for %q", test.name)
		query = fmt.Sprintf(`{"term":{"trace_id":"07%028x%02x"}}`, 0, i+1)
		assert.Len(t, elastic.Search(t, "logs-*,traces-*", query), wantHits, "documents of the trace of %q", test.name)
	}
}

// tagsOf are a span's attributes, without what Jaeger adds itself.
func tagsOf(span servers.Span) map[string]any {
	tags := map[string]any{}
	for _, tag := range span.Tags {
		tags[tag.Key] = tag.Value
	}
	maps.DeleteFunc(tags, func(key string, _ any) bool {
		return key == "span.kind" || strings.HasPrefix(key, "otel.") || key == "internal.span.format"
	})
	return tags
}

type logDocument struct {
	Attributes map[string]any `json:"attributes"`
	EventName  string         `json:"event_name"`
	TraceID    string         `json:"trace_id"`
	Resource   struct {
		Attributes map[string]any `json:"attributes"`
	} `json:"resource"`
	Body struct {
		Text       string         `json:"text"`
		Structured map[string]any `json:"structured"`
	} `json:"body"`
}

func byCase(t *testing.T, hits []servers.Hit) map[string]logDocument {
	t.Helper()
	documents := map[string]logDocument{}
	for _, hit := range hits {
		var document logDocument
		require.NoError(t, json.Unmarshal(hit.Source, &document))
		name, _ := document.Attributes["case"].(string)
		documents[name] = document
	}
	return documents
}

// newSpan appends a span that ended a moment ago.
func newSpan(scope ptrace.ScopeSpans, traceID pcommon.TraceID, name string, duration time.Duration) ptrace.Span {
	span := scope.Spans().AppendEmpty()
	end := time.Now()
	span.SetTraceID(traceID)
	span.SetSpanID(pcommon.SpanID(traceID[8:]))
	span.SetName(name)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-duration)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	return span
}

func TestGatewayKeepsFailedAndSlowTraces(t *testing.T) {
	jaeger := servers.StartJaeger(t)
	g := startGateway(t, gatewayBackends{jaeger: jaeger.OTLPGRPC, keepPercent: "0"})
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "sampled")
	scope := resource.ScopeSpans().AppendEmpty()
	newSpan(scope, pcommon.TraceID{15: 1}, "ordinary", 10*time.Millisecond)
	newSpan(scope, pcommon.TraceID{15: 2}, "slow", 2*time.Second)
	newSpan(scope, pcommon.TraceID{15: 3}, "failed", 10*time.Millisecond).Status().SetCode(ptrace.StatusCodeError)
	g.sendTraces(t, traces)

	require.Eventually(t, func() bool { return len(jaeger.Traces(t, "sampled", nil)) == 2 }, gatewayWait, gatewayPoll)
	// The three were decided together, so the ordinary one is not merely late.
	var names []string
	for _, trace := range jaeger.Traces(t, "sampled", nil) {
		names = append(names, trace.Spans[0].OperationName)
	}
	assert.ElementsMatch(t, []string{"slow", "failed"}, names)
}

func TestGatewayHandsOnTracesOfRealClients(t *testing.T) {
	jaeger := servers.StartJaeger(t)
	g := startGateway(t, gatewayBackends{jaeger: jaeger.OTLPGRPC})
	// The SDK takes certificate and headers from its own environment variables.
	environment := []string{
		"OTEL_EXPORTER_OTLP_CERTIFICATE=" + g.authority.file,
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20" + gatewayToken,
	}
	for _, client := range []struct {
		service string
		script  string
		args    []string
	}{
		{"python-sdk-grpc", "otel_trace.py", []string{"https://" + g.Address("OTLP_GRPC")}},
		{"jaeger-client", "jaeger_trace.py", []string{"127.0.0.1", strconv.Itoa(g.Port("JAEGER_COMPACT"))}},
	} {
		t.Run(client.service, func(t *testing.T) {
			traceID := python(t, client.script, environment, append(client.args, client.service, "c-"+client.service)...)
			var found []servers.Trace
			require.Eventually(t, func() bool {
				found = jaeger.Traces(t, client.service, map[string]string{"correlation_id": "c-" + client.service})
				return len(found) == 1 && len(found[0].Spans) == 2
			}, gatewayWait, gatewayPoll)
			assert.Equal(t, strings.TrimLeft(traceID, "0"), strings.TrimLeft(found[0].TraceID, "0"))
			spans := map[string]servers.Span{}
			for _, span := range found[0].Spans {
				spans[span.OperationName] = span
			}
			request, model := spans["request"], spans["model"]
			require.Len(t, model.References, 1)
			assert.Equal(t, request.SpanID, model.References[0].SpanID)
			assert.InDelta(t, 17, tagsOf(model)["tokens"], 0)
			require.Len(t, model.Logs, 1, "the event")
			assert.WithinDuration(t, time.Now(), time.UnixMicro(request.StartTime), 5*time.Minute)
			assert.Positive(t, request.Duration)
			assert.Empty(t, jaeger.Traces(t, client.service, map[string]string{"correlation_id": "another"}))
		})
	}
}

// python runs one of the clients in test/e2e/python and gives what it prints.
func python(t *testing.T, script string, environment []string, args ...string) string {
	t.Helper()
	root := testutil.Root(t)
	interpreter := filepath.Join(root, "build", "venv", "bin", "python")
	require.FileExists(t, interpreter, "run scripts/e2e-deps.sh")
	command := exec.CommandContext(t.Context(), interpreter, append([]string{filepath.Join(root, "test", "e2e", "python", script)}, args...)...)
	command.Env = append(os.Environ(), environment...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, "%s printed %s", script, stderr.String())
	return strings.TrimSpace(string(out))
}

// startElasticsearch starts Elasticsearch and puts the index templates that are shipped there, by the command of their README.
func startElasticsearch(t *testing.T) *servers.SearchEngine {
	t.Helper()
	elastic := servers.StartElasticsearch(t)
	const readme = "monitoring/elasticsearch/README.md"
	blocks, _ := docBlocks(readDocument(t, readme))
	require.Len(t, blocks, 1)
	command := exec.CommandContext(t.Context(), "bash", "-euc", blocks[0].script)
	command.Dir = filepath.Join(testutil.Root(t), filepath.Dir(readme))
	command.Env = append(os.Environ(), "ELASTICSEARCH_ENDPOINT="+elastic.URL, "ELASTICSEARCH_API_KEY=none")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, 3, strings.Count(string(out), `{"acknowledged":true}`), "%s", out)
	return elastic
}
