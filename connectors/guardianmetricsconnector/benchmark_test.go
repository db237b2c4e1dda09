// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
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

// BenchmarkRequest is the time per request event, and per span of the same content, that updates all its metrics, beside
// contrib's span_metrics on these spans: once with four dimensions, fewer than the metrics have labels, and once with all that the
// series of an event are told apart by, which is what it takes to get the same labels from it. They take turns. What is added up
// per flush is moved into the metrics every hundred batches, within the time that is measured. The ids change outside of it.
func BenchmarkRequest(b *testing.B) {
	for _, series := range []int{1, 1000} {
		b.Run(fmt.Sprintf("series=%d", series), func(b *testing.B) {
			ofEvents, ofSpans := startedEngine(b), startedEngine(b)
			peer := startedPeer(b, "specialist.type", "model.name", "model.version", "endpoint")
			peerOfAll := startedPeer(b, "specialist.type", "model.name", "model.version", "endpoint",
				"complexity", "quality_tier", "gen_ai.operation.name", "gen_ai.provider.name")
			ofSpans.expectSpans()
			logs, renewLogs := requestLogs(series)
			traces, renewTraces := requestSpans(series)
			events := &arm{name: "event", renew: renewLogs, batch: func(n int) {
				ofEvents.logs(logs)
				showEvery(100, n, ofEvents)
			}}
			spans := &arm{name: "span", renew: renewTraces, batch: func(n int) {
				ofSpans.traces(traces)
				showEvery(100, n, ofSpans)
			}}
			theirs := &arm{name: "span_metrics", renew: renewTraces, batch: func(int) {
				require.NoError(b, peer.ConsumeTraces(b.Context(), traces))
			}}
			theirsOfAll := &arm{name: "span_metrics_of_all", renew: renewTraces, batch: func(int) {
				require.NoError(b, peerOfAll.ConsumeTraces(b.Context(), traces))
			}}
			race(b, events, spans, theirs, theirsOfAll)
			b.ReportMetric(events.median()/theirs.median(), "x_event")
			b.ReportMetric(events.median()/theirsOfAll.median(), "x_event_of_all")
			b.ReportMetric(spans.median()/theirs.median(), "x_span")
		})
	}
}

// BenchmarkManySeries is the time per request event with few and with many combinations of labels, of some fifteen series
// each, in equally many batches. What is added up per flush is moved into the metrics after three requests per combination
// where they are many, and measured apart.
func BenchmarkManySeries(b *testing.B) {
	arms := map[int]*arm{}
	var showing time.Duration
	shown := 0
	const most = 100_000
	for _, combinations := range []int{1000, most} {
		e := startedEngine(b)
		batches := make([]plog.Logs, most/batchSize)
		renew := make([]func(uint64), len(batches))
		for i := range batches {
			batches[i], renew[i] = requestLogs(batchSize)
			records := batches[i].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			for j := range records.Len() {
				putRequest(records.At(j).Attributes(), (i*batchSize+j)%combinations)
			}
		}
		arms[combinations] = &arm{
			name:  fmt.Sprintf("event_of_%d", combinations),
			renew: func(n uint64) { renew[int(n)%len(batches)](n) },
			batch: func(n int) { e.logs(batches[n%len(batches)]) },
			after: func(n int) {
				totals, begin := len(e.counts.requests.used), time.Now()
				if showEvery(3*len(batches), n, e); len(e.counts.requests.used) == 0 && combinations == most {
					showing += time.Since(begin)
					shown += totals
				}
			},
		}
	}
	few, many := arms[1000], arms[most]
	race(b, few, many)
	b.ReportMetric(many.median()/few.median(), "x_few")
	b.ReportMetric(float64(showing)/float64(shown), "ns/total_shown")
}

// TestMemoryPerSeries holds the heap per series under the 600 bytes that the issue sets, with all that the connector keeps
// beside the series, but for the ids.
func TestMemoryPerSeries(t *testing.T) {
	const combinations, limit = 20_000, 600
	e := startedEngine(t)
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	for i := range combinations / batchSize {
		logs, renew := requestLogs(batchSize)
		records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		for j := range records.Len() {
			putRequest(records.At(j).Attributes(), i*batchSize+j)
		}
		renew(uint64(i))
		e.logs(logs)
	}
	e.counts.settle(time.Now(), false)
	bytes := float64(heap() - before)
	const perID = 60 // see package duplicates
	series := 0
	for _, m := range e.counts.meter.Stats().Metrics {
		series += m.Series
	}
	assert.Greater(t, series, 15*combinations)
	perSeries := (bytes - perID*combinations) / float64(series)
	t.Logf("%.0f bytes of heap per series", perSeries)
	assert.LessOrEqual(t, perSeries, float64(limit))
}

func startedEngine(tb testing.TB) *engine {
	tb.Helper()
	config := createDefaultConfig().(*Config)
	config.Series.Limit = 200_000
	config.FlushInterval = time.Hour // flushing is measured elsewhere
	e := newEngine(connectortest.NewNopSettings(metadata.Type), config, consumertest.NewNop())
	require.NoError(tb, e.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { require.NoError(tb, e.Shutdown(context.Background())) })
	return e
}

func startedPeer(b *testing.B, dimensions ...string) connector.Traces {
	b.Helper()
	factory := spanmetricsconnector.NewFactory()
	config := factory.CreateDefaultConfig().(*spanmetricsconnector.Config)
	for _, dimension := range dimensions {
		config.Dimensions = append(config.Dimensions, spanmetricsconnector.Dimension{Name: dimension})
	}
	config.AggregationCardinalityLimit = 0
	peer, err := factory.CreateTracesToMetrics(b.Context(), connectortest.NewNopSettings(factory.Type()), config, consumertest.NewNop())
	require.NoError(b, err)
	require.NoError(b, peer.Start(b.Context(), componenttest.NewNopHost()))
	b.Cleanup(func() { require.NoError(b, peer.Shutdown(context.Background())) })
	return peer
}

func showEvery(batches, n int, e *engine) {
	if n%batches == batches-1 {
		e.counts.showRequests()
	}
}

// arm is one of several that take turns. Its median hardly moves with what else the machine does.
type arm struct {
	name        string
	renew       func(n uint64)
	batch       func(n int)
	after       func(n int) // is not measured
	times       []time.Duration
	allocations uint64
}

func (a *arm) turn(n int) {
	a.renew(uint64(n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	a.batch(n)
	a.times = append(a.times, time.Since(begin))
	runtime.ReadMemStats(&after)
	a.allocations += after.Mallocs - before.Mallocs
	if a.after != nil {
		a.after(n)
	}
}

// median is nanoseconds per event.
func (a *arm) median() float64 {
	slices.Sort(a.times)
	return float64(a.times[len(a.times)/2]) / batchSize
}

func race(b *testing.B, arms ...*arm) {
	b.Helper()
	n := 0
	for ; n < 100; n++ { // the series are known then
		for _, a := range arms {
			a.turn(n)
		}
	}
	for _, a := range arms {
		a.times, a.allocations = nil, 0
	}
	for b.Loop() {
		for _, a := range arms {
			a.turn(n)
		}
		n++
	}
	for _, a := range arms {
		b.ReportMetric(a.median(), "ns/"+a.name)
		b.ReportMetric(float64(a.allocations)/float64(len(a.times))/batchSize, "allocs/"+a.name)
	}
	b.ReportMetric(0, "ns/op")
}
