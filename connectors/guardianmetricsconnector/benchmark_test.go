// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianmetricsconnector/internal/metadata"
)

const batchSize = 1000

// requestLogs are request events with all the fields that metrics are made of.
// series is the number of different combinations of labels.
func requestLogs(series int) (plog.Logs, func(n uint64)) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range batchSize {
		record := records.AppendEmpty()
		record.SetEventName("guardian.request")
		record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		putRequest(record.Attributes(), i%series)
		record.Attributes().PutStr("request_id", "")
		record.Attributes().PutDouble("duration_s", 0.25)
		record.Attributes().PutStr("status", "success")
	}
	return logs, func(n uint64) {
		for i := range records.Len() {
			id, _ := records.At(i).Attributes().Get("request_id")
			id.SetStr(fmt.Sprintf("request-%016x", n*batchSize+uint64(i)))
		}
	}
}

func putRequest(attributes pcommon.Map, series int) {
	attributes.PutStr("specialist.type", fmt.Sprintf("type-%d", series))
	attributes.PutStr("model.name", fmt.Sprintf("model-%d", series))
	attributes.PutStr("model.version", "7")
	attributes.PutStr("endpoint", "/v1/chat")
	attributes.PutStr("complexity", "high")
	attributes.PutStr("quality_tier", "high")
	attributes.PutDouble("quality_score", 0.9)
	attributes.PutDouble("confidence", 0.8)
	attributes.PutStr("gen_ai.operation.name", "chat")
	attributes.PutStr("gen_ai.provider.name", "vllm")
	attributes.PutInt("gen_ai.usage.input_tokens", 900)
	attributes.PutInt("gen_ai.usage.output_tokens", 210)
}

// requestSpans are the same as spans.
func requestSpans(series int) (ptrace.Traces, func(n uint64)) {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "specialists")
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	for i := range batchSize {
		span := spans.AppendEmpty()
		span.SetName("chat model")
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second / 4)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		putRequest(span.Attributes(), i%series)
	}
	return traces, func(n uint64) {
		for i := range spans.Len() {
			var trace pcommon.TraceID
			binary.BigEndian.PutUint64(trace[:], n+1)
			var id pcommon.SpanID
			binary.BigEndian.PutUint64(id[:], uint64(i+1))
			spans.At(i).SetTraceID(trace)
			spans.At(i).SetSpanID(id)
		}
	}
}

// BenchmarkRequest is the time per request event that updates all its metrics, beside
// contrib's span_metrics on equivalent spans in the same run. The ids change outside
// the measured time.
func BenchmarkRequest(b *testing.B) {
	for _, series := range []int{1, 1000} {
		b.Run(fmt.Sprintf("guardian_metrics/events/series=%d", series), func(b *testing.B) {
			e := startedEngine(b)
			logs, renew := requestLogs(series)
			run(b, func() { e.logs(logs) }, renew)
		})
		b.Run(fmt.Sprintf("guardian_metrics/spans/series=%d", series), func(b *testing.B) {
			e := startedEngine(b)
			e.expectSpans()
			traces, renew := requestSpans(series)
			run(b, func() { e.traces(traces) }, renew)
		})
		b.Run(fmt.Sprintf("span_metrics/series=%d", series), func(b *testing.B) {
			traces, renew := requestSpans(series)
			factory := spanmetricsconnector.NewFactory()
			config := factory.CreateDefaultConfig().(*spanmetricsconnector.Config)
			for _, dimension := range []string{"specialist.type", "model.name", "model.version", "endpoint"} {
				config.Dimensions = append(config.Dimensions, spanmetricsconnector.Dimension{Name: dimension})
			}
			config.AggregationCardinalityLimit = 0
			peer, err := factory.CreateTracesToMetrics(b.Context(), connectortest.NewNopSettings(factory.Type()), config, consumertest.NewNop())
			require.NoError(b, err)
			require.NoError(b, peer.Start(b.Context(), componenttest.NewNopHost()))
			run(b, func() { require.NoError(b, peer.ConsumeTraces(b.Context(), traces)) }, renew)
			require.NoError(b, peer.Shutdown(b.Context()))
		})
	}
}

// BenchmarkManySeries is the time per request event with few and with many series.
func BenchmarkManySeries(b *testing.B) {
	for _, series := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("series=%d", series), func(b *testing.B) {
			e := startedEngine(b)
			batches := make([]plog.Logs, series/batchSize)
			renew := make([]func(uint64), len(batches))
			for i := range batches {
				batches[i], renew[i] = requestLogs(batchSize)
				records := batches[i].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
				for j := range records.Len() {
					putRequest(records.At(j).Attributes(), i*batchSize+j)
				}
			}
			at := 0
			run(b, func() { e.logs(batches[at]) }, func(n uint64) {
				at = int(n) % len(batches)
				renew[at](n)
			})
		})
	}
}

func startedEngine(b *testing.B) *engine {
	b.Helper()
	config := createDefaultConfig().(*Config)
	config.Series.Limit = 200_000
	config.FlushInterval = time.Hour // flushing is measured elsewhere
	e := newEngine(connectortest.NewNopSettings(metadata.Type), config, consumertest.NewNop())
	require.NoError(b, e.Start(b.Context(), componenttest.NewNopHost()))
	b.Cleanup(func() { require.NoError(b, e.Shutdown(b.Context())) })
	return e
}

func run(b *testing.B, batch func(), renew func(n uint64)) {
	for n := range uint64(100) { // the series are known then
		renew(n)
		batch()
	}
	b.ReportAllocs()
	var spent time.Duration
	var allocations uint64
	var before, after runtime.MemStats
	b.ResetTimer()
	n := uint64(100)
	for b.Loop() {
		b.StopTimer()
		renew(n)
		n++
		runtime.ReadMemStats(&before)
		b.StartTimer()
		start := time.Now()
		batch()
		spent += time.Since(start)
		b.StopTimer()
		runtime.ReadMemStats(&after)
		allocations += after.Mallocs - before.Mallocs
		b.StartTimer()
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/batchSize, "ns/event")
	b.ReportMetric(float64(allocations)/float64(b.N)/batchSize, "allocs/event")
}
