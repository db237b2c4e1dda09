// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processortest"
)

const benchSeries = 10_000

// deltas are delta sums of 10,000 series with 4 attributes, in batches of 1,000 points. Ten models share them.
func deltas() []pmetric.Metrics {
	var batches []pmetric.Metrics
	rng := seeded(30)
	for first := 0; first < benchSeries; first += 1000 {
		metrics := pmetric.NewMetrics()
		m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("queue.length")
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		for i := range 1000 {
			p := sum.DataPoints().AppendEmpty()
			p.SetDoubleValue(rng.NormFloat64()*rng.NormFloat64() + 10)
			p.Attributes().PutStr("host.name", fmt.Sprintf("instance-%08d.example", first+i))
			p.Attributes().PutStr("gen_ai.operation.name", "chat")
			p.Attributes().PutStr("model.name", fmt.Sprintf("model-%d", i%10))
			p.Attributes().PutStr("model.version", "7")
		}
		batches = append(batches, metrics)
	}
	return batches
}

// stamp gives the points of a batch a time, which moves on, and returns a copy.
func stamp(metrics pmetric.Metrics, at time.Time) pmetric.Metrics {
	fresh := pmetric.NewMetrics()
	metrics.CopyTo(fresh)
	points := fresh.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints()
	for i := range points.Len() {
		points.At(i).SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(-time.Second)))
		points.At(i).SetTimestamp(pcommon.NewTimestampFromTime(at))
	}
	return fresh
}

func newBenchMetrics(b *testing.B, next consumer.Metrics) consumer.Metrics {
	b.Helper()
	cfg := createDefaultConfig().(*Config)
	m := defaultMonitor()
	m.Name, m.Input.Metric, m.Reference.First = "queue", "queue.length", 1000
	cfg.Monitors = []MonitorConfig{m}
	require.NoError(b, cfg.Validate())
	p, err := createMetrics(b.Context(), processortest.NewNopSettings(NewFactory().Type()), cfg, next)
	require.NoError(b, err)
	require.NoError(b, p.Start(b.Context(), componenttest.NewNopHost()))
	b.Cleanup(func() { require.NoError(b, p.Shutdown(context.Background())) })
	return p
}

// BenchmarkPoint is the time per point of a known series, verdicts included, beside contrib's deltatocumulative on the same
// points in the same run: the median over batches. Of cumulative points the series must be found, of others the group.
func BenchmarkPoint(b *testing.B) {
	b.Run("drift/cumulative", func(b *testing.B) {
		perPoint(b, newBenchMetrics(b, consumertest.NewNop()), pmetric.AggregationTemporalityCumulative)
	})
	b.Run("drift/delta", func(b *testing.B) {
		perPoint(b, newBenchMetrics(b, consumertest.NewNop()), pmetric.AggregationTemporalityDelta)
	})
	b.Run("deltatocumulative", func(b *testing.B) {
		factory := deltatocumulativeprocessor.NewFactory()
		peer, err := factory.CreateMetrics(b.Context(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
		require.NoError(b, err)
		require.NoError(b, peer.Start(b.Context(), componenttest.NewNopHost()))
		b.Cleanup(func() { require.NoError(b, peer.Shutdown(context.Background())) })
		perPoint(b, peer, pmetric.AggregationTemporalityDelta)
	})
}

// perPoint measures without the making of batches.
func perPoint(b *testing.B, p consumer.Metrics, temporality pmetric.AggregationTemporality) {
	b.Helper()
	batches := deltas()
	at := time.Now().Add(-24 * time.Hour)
	next := func(i int) pmetric.Metrics {
		if i%len(batches) == 0 {
			at = at.Add(time.Second)
		}
		metrics := stamp(batches[i%len(batches)], at)
		if temporality == pmetric.AggregationTemporalityCumulative {
			accumulate(metrics, i/len(batches))
		}
		return metrics
	}
	n := 0
	for ; n < 10*len(batches); n++ { // the series are known then, and the references learned
		require.NoError(b, p.ConsumeMetrics(b.Context(), next(n)))
	}
	b.ReportAllocs()
	var spent []time.Duration
	var allocations uint64
	var before, after runtime.MemStats
	for b.Loop() {
		b.StopTimer()
		metrics := next(n)
		n++
		runtime.ReadMemStats(&before)
		b.StartTimer()
		start := time.Now()
		if err := p.ConsumeMetrics(b.Context(), metrics); err != nil {
			b.Fatal(err)
		}
		spent = append(spent, time.Since(start))
		b.StopTimer()
		runtime.ReadMemStats(&after)
		allocations += after.Mallocs - before.Mallocs
		b.StartTimer()
	}
	slices.Sort(spent)
	b.ReportMetric(float64(spent[len(spent)/2].Nanoseconds())/1000, "ns/point")
	b.ReportMetric(float64(allocations)/float64(b.N)/1000, "allocs/point")
}

// accumulate makes cumulative points of delta points: the sum after so many rounds.
func accumulate(metrics pmetric.Metrics, round int) {
	sum := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for _, p := range sum.DataPoints().All() {
		p.SetStartTimestamp(1)
		p.SetDoubleValue(p.DoubleValue() + 100*float64(round))
	}
}
