// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package isolationforest

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// scene is what is sent: so many metrics of so many entities in every batch, a step of time apart.
type scene struct {
	name              string
	metrics, entities int
	warm              int // batches before it is measured: enough for forests that are trained as seldom as they ever are
	subjects          []subject
}

// BenchmarkPoints measures the processor time of a point, of all threads: its making, its judging, the reading of what is said of it, and training. An
// operation is a batch. The baseline hands the same points to no processor.
func BenchmarkPoints(b *testing.B) {
	alone := peerBest
	alone.perSeries = false
	best := peer("window 64", alone)
	for _, s := range []scene{
		{"one_series", 1, 1, 1100, []subject{ours("isolation_forest"), ours("ewma"), peer("defaults", peerDefaults), best}},
		{"one_entity_of_5_metrics", 5, 1, 1100, []subject{ours("isolation_forest"), ours("pca"), peer("defaults", peerDefaults), best}},
		{"1000_series", 1, 1000, 1100, []subject{ours("isolation_forest"), ours("robust_z")}},
		{"1000_series_in_one_model", 1, 1000, 1, []subject{peer("defaults", peerDefaults), best}},
		{"1000_series_and_models", 1, 1000, 100, []subject{peer("window 64", peerBest)}},
	} {
		for _, subject := range s.subjects {
			b.Run(s.name+"/"+subject.name, func(b *testing.B) { s.measure(b, subject) })
		}
		b.Run(s.name+"/none", func(b *testing.B) {
			source := newSource(s.metrics, s.entities)
			measure(b, s.metrics*s.entities, func() { source.next(nil) })
		})
	}
}

func (s scene) measure(b *testing.B, subject subject) {
	b.Helper()
	var read atomic.Int64
	run := subject.start(b, subject.config(b, s.metrics, s.entities, 1), func(what said) {
		if what.scored {
			read.Add(1)
		}
	})
	source := newSource(s.metrics, s.entities)
	ours := subject.factory.Type().String() == "anomaly"
	batches := 0
	next := func() {
		present := s.entities
		if ours { // Entities that came at different times are trained at different times.
			present = min(present, 1+batches*s.entities/256)
		}
		require.NoError(b, run.ConsumeMetrics(b.Context(), source.next(func(entity int) bool { return entity < present })))
		batches++
		if ours && batches%max(1, 256/s.entities) == 0 {
			catchUp(b, run, subject.trains && s.entities == 1)
		}
	}
	for range s.warm {
		next()
	}
	before, trained := read.Load(), run.own(b, "otelcol_processor_anomaly_trainings")
	measure(b, s.metrics*s.entities, next)
	require.Positive(b, read.Load()-before, "it says nothing")
	if ours {
		trained = run.own(b, "otelcol_processor_anomaly_trainings") - trained
		b.ReportMetric(256*float64(trained)/float64(b.N)/float64(s.entities), "trainings/256-rows")
	}
}

// catchUp waits until nobody waits for training; whoever is alone has been taken from the queue then, and is given the time that training takes.
func catchUp(b *testing.B, run running, alone bool) {
	b.Helper()
	for run.own(b, "otelcol_processor_anomaly_queue") > 0 {
		time.Sleep(time.Millisecond)
	}
	if alone {
		time.Sleep(25 * time.Millisecond)
	}
}

func measure(b *testing.B, points int, next func()) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	began := cpuTime(b)
	for b.Loop() {
		next()
	}
	perPoint := float64((cpuTime(b) - began).Nanoseconds()) / float64(b.N) / float64(points)
	b.ReportMetric(perPoint, "cpu-ns/point")
	b.ReportMetric(1e9/perPoint, "points/core-s")
}

// cpuTime is the processor time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// source makes batches, each a step later than the one before.
type source struct {
	template pmetric.Metrics
	entities int
	rng      *rand.Rand
	at       time.Time
}

func newSource(metrics, entities int) *source {
	s := &source{template: pmetric.NewMetrics(), entities: entities, rng: rand.New(rand.NewPCG(1, 2)), at: time.Now().Add(-1000 * time.Hour)}
	for entity := range entities {
		for metric := range metrics {
			addGauge(s.template, metricName(metric), hostName(entity))
		}
	}
	return s
}

// next makes a batch of those entities that are present, of all if it is nil. A new one each time, as the peer writes into what passes.
func (s *source) next(present func(entity int) bool) pmetric.Metrics {
	s.at = s.at.Add(step)
	batch := pmetric.NewMetrics()
	s.template.CopyTo(batch)
	i, metrics := 0, batch.ResourceMetrics().Len()/s.entities
	batch.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		i++
		if present != nil && !present((i-1)/metrics) {
			return true
		}
		point := resource.ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0)
		point.SetDoubleValue(10 + s.rng.NormFloat64())
		point.SetTimestamp(pcommon.NewTimestampFromTime(s.at))
		return false
	})
	return batch
}

// BenchmarkMemory measures the heap of a hundred series that have seen 1,500 points each, per series.
func BenchmarkMemory(b *testing.B) {
	const entities, rows = 100, 1500
	for _, s := range []subject{
		ours("isolation_forest"), ours("robust_z"),
		peer("a model per series", options{perSeries: true}), peer("a model per series, window 64", peerBest),
	} {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				run := s.start(b, s.config(b, 1, entities, 1), func(said) {})
				source := newSource(1, entities)
				for i := range rows {
					require.NoError(b, run.ConsumeMetrics(b.Context(), source.next(nil)))
					if s.trains && i%16 == 0 {
						catchUp(b, run, false)
					}
				}
				time.Sleep(2 * time.Second) // What waits to be sent is gone then.
				b.ReportMetric(float64(heap()-before)/entities, "B/series")
				runtime.KeepAlive(run)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
