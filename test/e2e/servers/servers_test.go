// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// restart ends a server, starts it again, and logs its memory before and the time that the start took.
func restart(t *testing.T, p *Process, end func()) {
	t.Helper()
	t.Logf("%s: resident memory %s", p.name, residentMemory(t, p.PID()))
	end()
	require.False(t, p.Running())
	begin := time.Now()
	p.Start()
	require.True(t, p.Running())
	t.Logf("%s: up again after %s", p.name, time.Since(begin).Round(time.Millisecond))
}

func residentMemory(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(status), "VmRSS:")
	require.True(t, found)
	line, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(line)
}

func TestPrometheusScrapesAndKeepsItsDataThroughARestart(t *testing.T) {
	target := StartAlertmanager(t, "")
	prometheus := StartPrometheus(t, PrometheusConfig{YAML: fmt.Sprintf(
		"scrape_configs: [{job_name: smoke, scrape_interval: 1s, static_configs: [{targets: [%q]}]}]\n",
		strings.TrimPrefix(target.URL, "http://"))})

	require.Eventually(t, func() bool {
		return len(prometheus.Query(t, `up{job="smoke"} == 1`)) == 1
	}, 20*time.Second, 100*time.Millisecond)
	seen := prometheus.Query(t, `alertmanager_build_info`)
	require.Len(t, seen, 1)
	assert.Equal(t, "smoke", seen[0].Metric["job"])
	assert.InDelta(t, 1, seen[0].Value, 0)

	target.Stop()
	restart(t, prometheus.Process, prometheus.Kill)
	assert.Len(t, prometheus.QueryAt(t, `alertmanager_build_info`, seen[0].Time), 1, "the sample is still there")
	build := prometheus.Query(t, `prometheus_build_info`)
	assert.Empty(t, build, "Prometheus was not told to scrape itself")
}

func TestAlertmanagerTakesAndListsAlerts(t *testing.T) {
	alertmanager := StartAlertmanager(t, "")
	alertmanager.Post(t, `[{"labels":{"alertname":"Smoke","severity":"info"},"annotations":{"summary":"hello"}}]`)

	alerts := alertmanager.Alerts(t)
	require.Len(t, alerts, 1)
	assert.Equal(t, map[string]string{"alertname": "Smoke", "severity": "info"}, alerts[0].Labels)
	assert.Equal(t, "hello", alerts[0].Annotations["summary"])
	restart(t, alertmanager.Process, alertmanager.Stop)
}

const smokeTrace = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"smoke"}}]},
"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"hello","kind":2,
"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[{"key":"correlation_id","value":{"stringValue":"c-1"}}]}]}]}]}`

func TestJaegerKeepsATraceThroughAKill(t *testing.T) {
	jaeger := StartJaeger(t)
	begin := time.Now().Add(-time.Minute).Truncate(time.Microsecond)
	body := fmt.Sprintf(smokeTrace, begin.UnixNano(), begin.Add(25*time.Millisecond).UnixNano())
	_, err := call(t.Context(), http.MethodPost, jaeger.OTLPHTTP+"/v1/traces", "application/json", []byte(body))
	require.NoError(t, err)

	check := func() {
		var traces []Trace
		require.Eventually(t, func() bool {
			traces = jaeger.Traces(t, "smoke", map[string]string{"correlation_id": "c-1"})
			return len(traces) == 1
		}, 20*time.Second, 100*time.Millisecond)
		require.Len(t, traces[0].Spans, 1)
		span := traces[0].Spans[0]
		assert.Equal(t, "0102030405060708090a0b0c0d0e0f10", traces[0].TraceID)
		assert.Equal(t, "hello", span.OperationName)
		assert.Equal(t, begin.UnixMicro(), span.StartTime)
		assert.Equal(t, int64(25_000), span.Duration)
		assert.Contains(t, span.Tags, Tag{Key: "correlation_id", Type: "string", Value: "c-1"})
		assert.Equal(t, "smoke", traces[0].Processes[span.ProcessID].ServiceName)
	}
	check()
	restart(t, jaeger.Process, jaeger.Kill)
	check()
	assert.Empty(t, jaeger.Traces(t, "smoke", map[string]string{"correlation_id": "other"}))
}

func TestPostgresKeepsRowsAndStatementTimes(t *testing.T) {
	postgres := StartPostgres(t)
	postgres.Exec(t, "CREATE TABLE smoke (id int, name text)")
	postgres.Exec(t, "INSERT INTO smoke VALUES (1, 'one'), (2, 'two')")

	assert.Equal(t, "1|one\n2|two", postgres.Exec(t, "SELECT * FROM smoke ORDER BY id"))
	assert.Equal(t, "1", postgres.Exec(t, "SELECT calls FROM pg_stat_statements WHERE query LIKE 'INSERT INTO smoke%' AND mean_exec_time > 0"))
	restart(t, postgres.Process, postgres.Stop)
	restart(t, postgres.Process, postgres.Kill)
	assert.Equal(t, "2", postgres.Exec(t, "SELECT count(*) FROM smoke"))
}

func TestRedisKeepsKeys(t *testing.T) {
	redis := StartRedis(t)
	assert.Equal(t, "OK", redis.Do(t, "SET", "smoke", "hello world"))
	restart(t, redis.Process, redis.Kill)
	assert.Equal(t, "hello world", redis.Do(t, "GET", "smoke"))
}

func TestInfluxDBKeepsPointsToTheNanosecond(t *testing.T) {
	influx := StartInfluxDB(t, "smoke")
	at := time.Now().UnixNano()
	influx.Write(t, "smoke", fmt.Sprintf("requests,model=a value=3.5,count=7i %d", at))

	restart(t, influx.Process, influx.Kill)
	series := influx.Query(t, "smoke", `SELECT count, value FROM requests GROUP BY model`)
	require.Len(t, series, 1)
	assert.Equal(t, map[string]string{"model": "a"}, series[0].Tags)
	assert.Equal(t, []string{"time", "count", "value"}, series[0].Columns)
	assert.Equal(t, [][]any{{json.Number(strconv.FormatInt(at, 10)), json.Number("7"), json.Number("3.5")}}, series[0].Values)
}

// A template as the collector's otel mapping mode needs it, in the words of each server.
const (
	elasticsearchTemplate = `{"index_patterns":["logs-*"],"data_stream":{},"priority":500,"template":{
"settings":{"number_of_replicas":0},"mappings":{"properties":{"@timestamp":{"type":"date_nanos"},"event_name":{"type":"keyword"},
"attributes":{"type":"passthrough","dynamic":true,"priority":10},"body":{"properties":{"text":{"type":"text"},"structured":{"type":"flattened"}}}}}}}`
	openSearchTemplate = `{"index_patterns":["logs-*"],"data_stream":{},"priority":500,"template":{
"settings":{"number_of_replicas":0},"mappings":{"properties":{"@timestamp":{"type":"date_nanos"},"event_name":{"type":"keyword"},
"attributes":{"type":"object"},"body":{"properties":{"text":{"type":"text"},"structured":{"type":"flat_object"}}}}}}}`
)

// bulkLogs is a bulk request of n log records into the data stream that the collector's otel mapping mode writes to.
func bulkLogs(n int, createLine string) string {
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, "%s\n", createLine)
		fmt.Fprintf(&body, `{"@timestamp":"2026-01-02T03:04:05.%09dZ","event_name":"smoke","attributes":{"correlation_id":"c-%d"},"body":{"text":"hello"}}`+"\n", i, i)
	}
	return body.String()
}

func testSearchEngine(t *testing.T, engine *SearchEngine, template, createLine, correlationField string) {
	t.Helper()
	const records = 12_000 // More than one answer may hold.
	engine.Do(t, http.MethodPut, "/_index_template/logs-smoke", template)
	var bulk struct {
		Errors bool `json:"errors"`
	}
	require.NoError(t, json.Unmarshal(engine.Do(t, http.MethodPost, "/_bulk", bulkLogs(records, createLine)), &bulk))
	require.False(t, bulk.Errors)

	restart(t, engine.Process, engine.Kill)
	all := engine.Search(t, "logs-*", `{"term":{"event_name":"smoke"}}`)
	require.Len(t, all, records)
	one := engine.Search(t, "logs-generic.otel-default", fmt.Sprintf(`{"match_phrase":{%q:"c-11999"}}`, correlationField))
	require.Len(t, one, 1)
	assert.Contains(t, one[0].Index, ".ds-logs-generic.otel-default-", "the first record made a data stream")
	assert.JSONEq(t, `{"@timestamp":"2026-01-02T03:04:05.000011999Z","event_name":"smoke","attributes":{"correlation_id":"c-11999"},"body":{"text":"hello"}}`,
		string(one[0].Source))
	restart(t, engine.Process, engine.Stop)
	assert.Len(t, engine.Search(t, "logs-*", `{"match_all":{}}`), records)
	assert.Empty(t, engine.Search(t, "no-such-*", `{"match_all":{}}`))
}

func TestElasticsearchHasDataStreamsAndPassthroughFields(t *testing.T) {
	testSearchEngine(t, StartElasticsearch(t), elasticsearchTemplate,
		`{"create":{"_index":"logs-generic.otel-default","require_data_stream":true}}`, "correlation_id")
}

func TestOpenSearchHasDataStreams(t *testing.T) {
	testSearchEngine(t, StartOpenSearch(t), openSearchTemplate,
		`{"create":{"_index":"logs-generic.otel-default"}}`, "attributes.correlation_id")
}

func TestKafkaKeepsRecordsThroughAKill(t *testing.T) {
	kafka := StartKafka(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	producer := kafkaClient(t, kafka)
	sent := kgo.StringRecord("hello")
	sent.Topic = "smoke"
	require.NoError(t, producer.ProduceSync(ctx, sent).FirstErr())
	producer.Close()

	restart(t, kafka.Process, kafka.Kill)
	consumer := kafkaClient(t, kafka, kgo.ConsumeTopics("smoke"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.ConsumerGroup("smoke"))
	defer consumer.Close()
	fetches := consumer.PollFetches(ctx)
	require.NoError(t, fetches.Err())
	records := fetches.Records()
	require.Len(t, records, 1)
	assert.Equal(t, "hello", string(records[0].Value))
}

func kafkaClient(t *testing.T, kafka *Kafka, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(kafka.Addr), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1))...)
	require.NoError(t, err)
	return client
}
