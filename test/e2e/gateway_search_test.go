// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

var searchTraceID = pcommon.TraceID{0: 0xab, 15: 1}

// searchLogs is one event as our components write them.
func searchLogs(at time.Time) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "searched")
	record := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("guardian.evaluation")
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.SetTraceID(searchTraceID)
	record.SetSeverityText("WARN")
	record.SetSeverityNumber(plog.SeverityNumberWarn)
	record.Body().SetStr("the answer was off the point")
	record.Attributes().PutStr("correlation_id", "c-search")
	record.Attributes().PutStr("guardian.type", "quality")
	record.Attributes().PutDouble("guardian.score", 0.25)
	return logs
}

func searchTraces() ptrace.Traces {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "searched")
	span := newSpan(resource.ScopeSpans().AppendEmpty(), searchTraceID, "guardian_evaluation", 20*time.Millisecond)
	span.Attributes().PutStr("guardian.type", "quality")
	event := span.Events().AppendEmpty()
	event.SetName("first token")
	event.SetTimestamp(span.StartTimestamp())
	return traces
}

func TestGatewayFillsElasticsearchDataStreams(t *testing.T) {
	elastic := startElasticsearch(t)
	g := startGateway(t, gatewayBackends{elasticsearch: elastic.URL})
	at := time.Now().Truncate(time.Microsecond).Add(123 * time.Nanosecond)
	g.sendLogs(t, searchLogs(at))
	g.sendTraces(t, searchTraces())
	g.sendMetrics(t, newKindsSource().metrics(false))

	ofTrace := fmt.Sprintf(`{"term":{"trace_id":%q}}`, searchTraceID)
	awaitDocuments(t, elastic, "logs-*,traces-*", ofTrace, 3) // an event, a span, and the event on the span

	// Each field that people search by finds the event, as an exact word and at the root.
	for _, query := range []string{
		`{"term":{"event_name":"guardian.evaluation"}}`,
		`{"term":{"correlation_id":"c-search"}}`,
		`{"bool":{"filter":[{"term":{"guardian.type":"quality"}},{"term":{"service.name":"searched"}}]}}`,
		`{"range":{"guardian.score":{"lt":0.5}}}`,
		`{"match":{"body.text":"answer"}}`,
		`{"term":{"severity_text":"WARN"}}`,
		`{"term":{"data_stream.dataset":"generic.otel"}}`,
	} {
		assert.NotEmpty(t, elastic.Search(t, "logs-generic.otel-default", query), query)
	}
	found := elastic.Search(t, "logs-*", `{"term":{"event_name":"guardian.evaluation"}}`)
	require.Len(t, found, 1)
	var document struct {
		Timestamp string `json:"@timestamp"`
	}
	require.NoError(t, json.Unmarshal(found[0].Source, &document))
	assert.Equal(t, at.UnixNano(), epochNanos(t, document.Timestamp))
	assert.True(t, strings.HasPrefix(found[0].Index, ".ds-logs-generic.otel-default-"), found[0].Index)

	spans := elastic.Search(t, "traces-generic.otel-default", `{"term":{"name":"guardian_evaluation"}}`)
	require.Len(t, spans, 1)
	assert.Contains(t, string(spans[0].Source), `"duration":20000000`)
	awaitDocuments(t, elastic, "metrics-generic.otel-default", `{"range":{"kind.sum.delta":{"gte":3}}}`, 1)
}

// epochNanos reads the exporter's way to write times: milliseconds, a point, and the nanoseconds beyond, without padding.
func epochNanos(t *testing.T, text string) int64 {
	t.Helper()
	milliseconds, nanoseconds, found := strings.Cut(text, ".")
	require.True(t, found, text)
	ms, err := strconv.ParseInt(milliseconds, 10, 64)
	require.NoError(t, err)
	ns, err := strconv.ParseInt(nanoseconds, 10, 64)
	require.NoError(t, err)
	return ms*int64(time.Millisecond) + ns
}

// awaitDocuments waits until a query finds so many documents. Meanwhile the server may answer with errors: an index that was
// made a moment ago cannot be searched yet.
func awaitDocuments(t *testing.T, engine *servers.SearchEngine, index, query string, want int) {
	t.Helper()
	found := func() bool {
		if _, err := searchRequest(t, engine.URL+"/"+index+"/_refresh?ignore_unavailable=true", ""); err != nil {
			return false
		}
		answer, err := searchRequest(t, engine.URL+"/"+index+"/_count?ignore_unavailable=true", `{"query":`+query+`}`)
		if err != nil {
			return false
		}
		var counted struct {
			Count  int `json:"count"`
			Shards struct {
				Failed int `json:"failed"`
			} `json:"_shards"`
		}
		return json.Unmarshal(answer, &counted) == nil && counted.Shards.Failed == 0 && counted.Count == want
	}
	require.Eventually(t, found, gatewayWait, gatewayPoll, "%d documents in %s for %s", want, index, query)
}

func searchRequest(t *testing.T, url, body string) ([]byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", url, answer.Status, text)
	}
	return text, err
}

const searchNoneOverlay = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}
exporters:
  elasticsearch: {sending_queue: {batch: {flush_timeout: 200ms}}}
extensions:
  health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:OWN}", without_scope_info: true, without_type_suffix: false, without_units: false}}}
`

func TestPlainIndicesKeepEventNames(t *testing.T) {
	for name, engine := range map[string]*servers.SearchEngine{
		"Elasticsearch": servers.StartElasticsearch(t),
		"OpenSearch":    servers.StartOpenSearch(t),
	} {
		t.Run(name, func(t *testing.T) {
			collector := startSearchNone(t, engine.URL)
			sendSearched(t, collector)
			for index, query := range map[string]string{
				"llm-guardian-logs":   `{"bool":{"filter":[{"term":{"Attributes.event.name.keyword":"guardian.evaluation"}},{"term":{"Attributes.correlation_id.keyword":"c-search"}}]}}`,
				"llm-guardian-traces": fmt.Sprintf(`{"term":{"TraceId.keyword":%q}}`, searchTraceID),
			} {
				awaitDocuments(t, engine, index, query, 1)
			}
			assertNothingFailed(t, collector)
		})
	}
}

func TestECSDataStreamsKeepEventNames(t *testing.T) {
	elastic := servers.StartElasticsearch(t)
	elastic.Do(t, http.MethodPut, "/_index_template/ecs", `{"index_patterns":["*-ecs-default"],"data_stream":{},"priority":500}`)
	collector := startSearchNone(t, elastic.URL, "MAPPING_MODE=ecs", "LOGS_INDEX=logs-ecs-default", "TRACES_INDEX=traces-ecs-default")
	sendSearched(t, collector)
	awaitDocuments(t, elastic, "logs-ecs-default", `{"term":{"event.action.keyword":"guardian.evaluation"}}`, 1)
	awaitDocuments(t, elastic, "traces-ecs-default", fmt.Sprintf(`{"term":{"trace.id.keyword":%q}}`, searchTraceID), 1)
	assertNothingFailed(t, collector)
}

func sendSearched(t *testing.T, collector *testutil.Collector) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, request := range map[string]interface{ MarshalProto() ([]byte, error) }{
		"/v1/logs":   plogotlp.NewExportRequestFromLogs(searchLogs(time.Now())),
		"/v1/traces": ptraceotlp.NewExportRequestFromTraces(searchTraces()),
	} {
		body, err := request.MarshalProto()
		require.NoError(t, err)
		status, err := post(t.Context(), client, collector.URL("OTLP_HTTP")+path, "", body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
}

// assertNothingFailed looks at the collector's own page: no exporter has given anything up.
func assertNothingFailed(t *testing.T, collector *testutil.Collector) {
	t.Helper()
	own := ownMetrics(t, collector.URL("OWN"))
	assert.NotEmpty(t, own)
	for series, value := range own {
		if strings.HasPrefix(series, "otelcol_exporter_send_failed") {
			assert.Zero(t, value, series)
		}
	}
}

func startSearchNone(t *testing.T, endpoint string, environment ...string) *testutil.Collector {
	t.Helper()
	dir := t.TempDir()
	overlay := filepath.Join(dir, "overlay.yaml")
	require.NoError(t, os.WriteFile(overlay, []byte(searchNoneOverlay), 0o600))
	return testutil.StartCollector(t, testutil.CollectorConfig{
		Files: []string{filepath.Join(testutil.Root(t), "configs", "search_none.yaml"), overlay},
		Ports: []string{"OTLP_GRPC", "OTLP_HTTP", "HEALTH", "OWN"},
		Dir:   dir,
		Env:   append([]string{"SEARCH_ENDPOINT=" + endpoint, "STATE=" + filepath.Join(dir, "queue")}, environment...),
	})
}
