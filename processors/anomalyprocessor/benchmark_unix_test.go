// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package anomalyprocessor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// bench is a processor and a batch that is sent again and again, each time a step later.
type bench struct {
	processor processor.Metrics
	metrics   pmetric.Metrics
	points    []pmetric.NumberDataPoint
	rng       *rand.Rand
	at        time.Time
}

// newBench starts a processor; section is the only detector.
func newBench(tb testing.TB, section string, metrics pmetric.Metrics) *bench {
	tb.Helper()
	cfg, err := testutil.LoadConfig(tb, NewFactory(), "{training_cpu: 1, detectors: ["+section+"]}")
	require.NoError(tb, err)
	p, err := createMetrics(tb.Context(), processortest.NewNopSettings(NewFactory().Type()), cfg, consumertest.NewNop())
	require.NoError(tb, err)
	return startBench(tb, p, metrics)
}

func startBench(tb testing.TB, p processor.Metrics, metrics pmetric.Metrics) *bench {
	tb.Helper()
	require.NoError(tb, p.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { require.NoError(tb, p.Shutdown(context.Background())) })
	b := &bench{processor: p, metrics: metrics, rng: rand.New(rand.NewPCG(1, 2)), at: time.Now().Add(-1000 * time.Hour)}
	for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		points := pmetric.NewNumberDataPointSlice()
		switch m.Type() {
		case pmetric.MetricTypeGauge:
			points = m.Gauge().DataPoints()
		case pmetric.MetricTypeSum:
			points = m.Sum().DataPoints()
		}
		for _, p := range points.All() {
			b.points = append(b.points, p)
		}
	}
	return b
}

// next makes the values of the next step and hands them on.
func (b *bench) next(tb testing.TB) {
	tb.Helper()
	b.at = b.at.Add(time.Second)
	for _, p := range b.points {
		p.SetDoubleValue(10 + b.rng.NormFloat64())
		p.SetTimestamp(pcommon.NewTimestampFromTime(b.at))
	}
	if err := b.processor.ConsumeMetrics(tb.Context(), b.metrics); err != nil {
		tb.Fatal(err)
	}
}

// train waits until what is due has been trained.
func (b *bench) train(tb testing.TB) {
	tb.Helper()
	(&scene{t: tb, engine: b.processor.(*anomalyProcessor).Engine()}).settle()
}

// gauges are a number of metrics of a number of hosts.
func gauges(metrics, hosts int) pmetric.Metrics {
	all := pmetric.NewMetrics()
	slice := all.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for i := range metrics {
		m := slice.AppendEmpty()
		m.SetName(fmt.Sprintf("m%d", i))
		points := m.SetEmptyGauge().DataPoints()
		for host := range hosts {
			p := points.AppendEmpty()
			p.Attributes().PutStr("host.name", fmt.Sprintf("host-%d", host))
			p.Attributes().PutStr("service.name", "database")
		}
	}
	return all
}

// What a point costs in the steady state, on the data path: per method, with one entity of five metrics, and with 10,000 series at one point
// per second. The peer is contrib's deltatocumulative processor with as many series.
func BenchmarkPoints(b *testing.B) {
	const five = "{name: d, metrics: [m0, m1, m2, m3, m4], group_by: [], step: 1s, lateness: 0s, method: "
	for _, method := range []string{"isolation_forest", "pca", "robust_z", "ewma"} {
		b.Run("one_entity/"+method, func(b *testing.B) {
			run := newBench(b, five+method+"}", gauges(5, 1))
			for range 1500 {
				run.next(b)
				run.train(b)
			}
			measure(b, run, 5)
		})
	}
	for _, method := range []string{"robust_z", "ewma"} {
		b.Run("10000_series/"+method, func(b *testing.B) {
			run := newBench(b, "{name: d, metrics: [m0], group_by: [host.name], step: 1s, lateness: 0s, method: "+method+"}", gauges(1, 10_000))
			for range 100 {
				run.next(b)
			}
			measure(b, run, 10_000)
		})
	}
	b.Run("10000_series/deltatocumulative", func(b *testing.B) {
		factory := deltatocumulativeprocessor.NewFactory()
		p, err := factory.CreateMetrics(b.Context(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
		require.NoError(b, err)
		metrics := gauges(1, 10_000)
		m := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
		sums := pmetric.NewNumberDataPointSlice()
		m.Gauge().DataPoints().CopyTo(sums)
		m.SetEmptySum().SetIsMonotonic(true)
		sums.CopyTo(m.Sum().DataPoints())
		run := startBench(b, p, metrics)
		b.ReportAllocs()
		b.ResetTimer()
		began := cpuTime(b)
		for b.Loop() {
			m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta) // the processor changes it
			run.next(b)
		}
		b.ReportMetric(float64((cpuTime(b)-began).Nanoseconds())/float64(b.N)/10_000, "cpu-ns/point")
	})
}

// measure takes the processor time of all, the making of the points included. Unlike the time of a clock, it does not depend on who else is
// busy.
func measure(b *testing.B, run *bench, points int) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	began := cpuTime(b)
	for b.Loop() {
		run.next(b)
	}
	perPoint := float64((cpuTime(b) - began).Nanoseconds()) / float64(b.N) / float64(points)
	b.ReportMetric(perPoint, "cpu-ns/point")
	b.ReportMetric(1e9/perPoint, "points/core-s")
	if points == 10_000 {
		b.ReportMetric(perPoint*10_000/1e7, "%core@1/s") // 10,000 points a second
	}
}

// Memory of 10,000 series with robust z that have seen as much as they remember: the goal is 18 KB per series.
func BenchmarkMemory(b *testing.B) {
	for _, method := range []string{"robust_z", "ewma"} {
		b.Run(method, func(b *testing.B) {
			for b.Loop() {
				metrics := gauges(1, 10_000)
				before := heap()
				run := newBench(b, "{name: d, metrics: [m0], group_by: [host.name], step: 1s, lateness: 0s, limits: {memory_mib: 1024}, method: "+method+"}", metrics)
				for range 1100 {
					run.next(b)
				}
				b.ReportMetric(float64(heap()-before)/10_000, "B/series")
				engine := run.processor.(*anomalyProcessor).Engine()
				engine.mu.Lock()
				engine.detectors[0].look()
				estimate := engine.detectors[0].bytes + engine.detectors[0].series.Stats().Bytes
				engine.mu.Unlock()
				b.ReportMetric(float64(estimate)/10_000, "estimated-B/series")
			}
		})
	}
}

// cpuTime is the processor time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A point of a known series that says nothing new costs no allocation; a batch costs a few, for its own counts.
func TestNoAllocations(t *testing.T) {
	for name, section := range map[string]string{
		"robust_z": "{name: d, method: robust_z, metrics: [m0, m1], group_by: [host.name], step: 1s, lateness: 0s, calm_interval: 1000h, alpha: 0.0000001}",
		"forest":   "{name: d, metrics: [m0, m1], group_by: [host.name], step: 1s, lateness: 0s, calm_interval: 1000h, alpha: 0.0000001}",
	} {
		run := newBench(t, section, gauges(2, 50))
		e := run.processor.(*anomalyProcessor).Engine()
		for range 900 { // the next training is due after 1,024
			run.next(t)
			run.train(t)
		}
		var batches []pmetric.Metrics // to set a value allocates
		for range 51 {
			run.next(t)
			batch := pmetric.NewMetrics()
			run.metrics.CopyTo(batch)
			shift(batch, 100*time.Second)
			batches = append(batches, batch)
		}
		n := 0
		allocations := testing.AllocsPerRun(50, func() {
			b := e.extract(batches[n], time.Now())
			e.commit(b, time.Now())
			b.release()
			n++
		})
		// Two, but the race detector makes pools forget at random.
		assert.LessOrEqual(t, allocations, 20.0, "%s, of a batch of 100 points", name)
	}
}
