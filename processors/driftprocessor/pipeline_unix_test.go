// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package driftprocessor

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processortest"
)

// cpuTime is the processor time that the process has used: unlike the time of a clock, it does not depend on who else is busy.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkPipeline is a pipeline from bytes to bytes, OTLP in and OTLP out, with the processor and without it: the share of the
// throughput that is kept. Network and queues, which a collector adds to both, would only make it larger.
func BenchmarkPipeline(b *testing.B) {
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("metrics/drift=%v", with), func(b *testing.B) {
			marshaler, unmarshaler := pmetric.ProtoMarshaler{}, pmetric.ProtoUnmarshaler{}
			encode, err := consumer.NewMetrics(func(_ context.Context, metrics pmetric.Metrics) error {
				_, err := marshaler.MarshalMetrics(metrics)
				return err
			})
			require.NoError(b, err)
			p := encode
			if with {
				p = newBenchMetrics(b, encode)
			}
			var bodies [][]byte
			for _, batch := range deltas() {
				body, err := marshaler.MarshalMetrics(stamp(batch, time.Now().Add(-time.Hour)))
				require.NoError(b, err)
				bodies = append(bodies, body)
			}
			n := 0
			b.ReportAllocs()
			start := cpuTime(b)
			for b.Loop() {
				metrics, err := unmarshaler.UnmarshalMetrics(bodies[n%len(bodies)])
				if err != nil {
					b.Fatal(err)
				}
				if err := p.ConsumeMetrics(b.Context(), metrics); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N)/1000, "cpu-ns/point")
		})
	}
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("logs/drift=%v", with), func(b *testing.B) { benchmarkLogs(b, with) })
	}
}

// benchmarkLogs is the same for predictions of two features.
func benchmarkLogs(b *testing.B, with bool) {
	b.Helper()
	marshaler, unmarshaler := plog.ProtoMarshaler{}, plog.ProtoUnmarshaler{}
	encode, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		_, err := marshaler.MarshalLogs(logs)
		return err
	})
	require.NoError(b, err)
	p := encode
	if with {
		cfg := createDefaultConfig().(*Config)
		m := defaultMonitor()
		m.Name, m.Input.Events, m.Reference.First = "features", inputPredictions, 1000
		cfg.Monitors = []MonitorConfig{m}
		created, err := createLogs(b.Context(), processortest.NewNopSettings(NewFactory().Type()), cfg, encode)
		require.NoError(b, err)
		require.NoError(b, created.Start(b.Context(), componenttest.NewNopHost()))
		b.Cleanup(func() { require.NoError(b, created.Shutdown(context.Background())) })
		p = created
	}
	rng := seeded(31)
	var bodies [][]byte
	for range 100 {
		var records []func(plog.LogRecord)
		for range 1000 {
			records = append(records, prediction(map[string]any{"features.age": rng.NormFloat64(), "features.plan": fmt.Sprint(rng.IntN(4))}))
		}
		body, err := marshaler.MarshalLogs(newLogs(records...))
		require.NoError(b, err)
		bodies = append(bodies, body)
	}
	n := 0
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		logs, err := unmarshaler.UnmarshalLogs(bodies[n%len(bodies)])
		if err != nil {
			b.Fatal(err)
		}
		if err := p.ConsumeLogs(b.Context(), logs); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N)/1000, "cpu-ns/record")
}
