// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const balanceOverlay = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}
exporters:
  load_balancing:
    protocol: {otlp: {retry_on_failure: {initial_interval: 100ms, max_interval: 500ms}}}
`

// startBalancer runs configs/balance.yaml in front of two gateways.
func startBalancer(t *testing.T, gateways [2]string, args ...string) *testutil.Collector {
	t.Helper()
	dir := t.TempDir()
	return testutil.StartCollector(t, testutil.CollectorConfig{
		Files: []string{kafkaConfig(t, "balance.yaml"), kafkaOverlay(t, dir, kafkaCommonOverlay), kafkaOverlay(t, t.TempDir(), balanceOverlay)},
		Ports: []string{"OTLP_GRPC", "OTLP_HTTP", "HEALTH", "PPROF", "OWN"},
		Env:   []string{fmt.Sprintf("GATEWAYS=[%s, %s]", gateways[0], gateways[1]), "GATEWAYS_INSECURE=true"},
		Args:  args,
		Dir:   dir,
	})
}

func TestBalanceKeepsAModelTogether(t *testing.T) {
	sinks := []*testutil.Sink{testutil.StartSink(t), testutil.StartSink(t)}
	sendModels(t, startBalancer(t, [2]string{sinks[0].Address, sinks[1].Address}).Address("OTLP_GRPC"))
	places := modelPlaces(t, sinks)
	t.Logf("gateways: %v", places)
	assert.Len(t, distinctPlaces(places), len(sinks), "a gateway got nothing")
}

// TestBalanceWaitsForAGatewayThatIsDown shows what a static list does: nothing is lost, and the gateway that is up
// gets its share, some of it more than once.
func TestBalanceWaitsForAGatewayThatIsDown(t *testing.T) {
	up, down := startKafkaSink(t), startKafkaSink(t)
	// otlpload knows four models only, which may all belong to one gateway. With two attributes more there are 36 keys.
	balancer := startBalancer(t, [2]string{up.GRPCEndpoint(), down.GRPCEndpoint()},
		"--set=exporters::load_balancing::routing_attributes=[model.name, gen_ai.provider.name, server.address]")
	loads := newKafkaLoads(t, balancer, 500, 4)
	for _, l := range loads {
		l.send(t, 1_000)
	}
	require.NoError(t, down.SetFault(otlpload.RefuseConnections))
	for _, l := range loads {
		l.send(t, 5_000)
	}
	balancer.LogMatch(t, `(Exporting failed)`)
	balancer.Kill()
	balancer.Start(t)
	balancer.LogMatch(t, `(Exporting failed)`)
	require.NoError(t, down.SetFault(otlpload.Healthy))

	for signal, l := range loads {
		receipts := [2]*otlpload.Receipts{up.Receipts(otlpload.Signal(signal)), down.Receipts(otlpload.Signal(signal))}
		require.Eventually(t, func() bool { return missingEverywhere(l.Ledger, receipts) == 0 }, 2*time.Minute, 50*time.Millisecond,
			"%s are missing", otlpload.Signal(signal))
		balances := [2]otlpload.Balance{l.Ledger.Balance(receipts[0]), l.Ledger.Balance(receipts[1])}
		t.Logf("ledger of %s: sent %d, accepted %d, missing 0; the gateway that stayed up: delivered %d, duplicates %d; the other: delivered %d, duplicates %d",
			otlpload.Signal(signal), balances[0].Sent, balances[0].Accepted,
			balances[0].Delivered, balances[0].Duplicates, balances[1].Delivered, balances[1].Duplicates)
		assert.Equal(t, balances[0].Sent, balances[0].Delivered+balances[1].Delivered, "an id is at both gateways")
		assert.NotZero(t, balances[0].Delivered)
		assert.NotZero(t, balances[1].Delivered)
	}
}

// missingEverywhere counts the ids that were accepted and delivered to neither place.
func missingEverywhere(ledger *otlpload.Ledger, places [2]*otlpload.Receipts) int {
	const all = int(otlpload.LastID - otlpload.FirstID)
	atFirst := map[int64]bool{}
	for _, id := range ledger.Missing(places[0], all) {
		atFirst[id] = true
	}
	n := 0
	for _, id := range ledger.Missing(places[1], all) {
		if atFirst[id] {
			n++
		}
	}
	return n
}

// balanceModels are enough that two gateways, or four partitions, practically never go empty.
var balanceModels = func() (models []string) {
	for i := range 24 {
		models = append(models, fmt.Sprintf("model-%02d", i))
	}
	return models
}()

// sendModels sends, for each signal, two requests from two services with one record of every model: once called
// model.name, once gen_ai.request.model, as GenAI instrumentations spell it.
func sendModels(t *testing.T, endpoint string) {
	t.Helper()
	connection, err := grpc.NewClient("passthrough:///"+endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer connection.Close()
	for i, key := range []string{"model.name", "gen_ai.request.model"} {
		service := fmt.Sprintf("service-%d", i)
		_, err = ptraceotlp.NewGRPCClient(connection).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(modelTraces(service, key)))
		require.NoError(t, err)
		_, err = plogotlp.NewGRPCClient(connection).Export(t.Context(), plogotlp.NewExportRequestFromLogs(modelLogs(service, key)))
		require.NoError(t, err)
		_, err = pmetricotlp.NewGRPCClient(connection).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(modelMetrics(service, key)))
		require.NoError(t, err)
	}
}

func modelTraces(service, key string) ptrace.Traces {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	for i, model := range balanceModels {
		span := spans.AppendEmpty()
		span.SetName("chat")
		span.SetTraceID(pcommon.TraceID{1, byte(len(key)), byte(i)})
		span.SetSpanID(pcommon.SpanID{1, byte(i)})
		span.Attributes().PutStr(key, model)
	}
	return traces
}

func modelLogs(service, key string) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	records := resource.ScopeLogs().AppendEmpty().LogRecords()
	for _, model := range balanceModels {
		record := records.AppendEmpty()
		record.SetEventName("guardian.request")
		record.Attributes().PutStr(key, model)
	}
	return logs
}

func modelMetrics(service, key string) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	metric := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("ml.accuracy")
	points := metric.SetEmptyGauge().DataPoints()
	for _, model := range balanceModels {
		point := points.AppendEmpty()
		point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		point.SetDoubleValue(0.5)
		point.Attributes().PutStr(key, model)
	}
	return metrics
}

// modelPlaces waits until the sinks hold what sendModels sent and returns which sink each model is in. It fails the
// test if any of a model's data, of whatever signal, is in another.
func modelPlaces(t *testing.T, sinks []*testutil.Sink) map[string]int {
	t.Helper()
	complete := func() bool {
		var spans, records, points int
		for _, sink := range sinks {
			spans, records, points = spans+sink.Traces.SpanCount(), records+sink.Logs.LogRecordCount(), points+sink.Metrics.DataPointCount()
		}
		want := 2 * len(balanceModels)
		return spans >= want && records >= want && points >= want
	}
	require.Eventually(t, complete, time.Minute, 50*time.Millisecond, "not everything reached the gateways")

	places := map[string]int{}
	for i, sink := range sinks {
		for model := range modelsInSink(sink) {
			require.NotContains(t, places, model, "the model is at two gateways")
			places[model] = i
		}
	}
	require.Len(t, places, len(balanceModels))
	return places
}

func modelsInSink(sink *testutil.Sink) map[string]bool {
	models := map[string]bool{}
	for _, traces := range sink.Traces.AllTraces() {
		maps.Copy(models, modelsOfTraces(traces))
	}
	for _, logs := range sink.Logs.AllLogs() {
		maps.Copy(models, modelsOfLogs(logs))
	}
	for _, metrics := range sink.Metrics.AllMetrics() {
		maps.Copy(models, modelsOfMetrics(metrics))
	}
	return models
}

func distinctPlaces(places map[string]int) map[int]bool {
	values := map[int]bool{}
	for _, place := range places {
		values[place] = true
	}
	return values
}
