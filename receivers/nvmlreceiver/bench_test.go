// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/metadata"
)

// openedEngine is an engine that has read its GPUs twice, without its goroutine.
func openedEngine(tb testing.TB, gpus int, change func(*Config)) *engine {
	tb.Helper()
	config := createDefaultConfig().(*Config)
	config.MaxScrapeCost = 0
	change(config)
	set := componenttest.NewNopTelemetrySettings()
	e := newEngine(config, drivertest.New(gpus), set)
	telemetry, err := metadata.NewTelemetryBuilder(set)
	require.NoError(tb, err)
	e.host, e.telemetry = &host{}, telemetry
	deadline, stop := after(config.Timeout)
	defer stop()
	e.connect(deadline)
	tb.Cleanup(e.release)
	readAll(e)
	require.Len(tb, e.gpus, gpus)
	return e
}

// readAll reads every GPU in turn, as their goroutines do at once.
func readAll(e *engine) {
	for _, gpu := range e.gpus {
		due := e.plan.classes
		gpu.last, gpu.seen = gpu.reader.read(&due), true
	}
}

// BenchmarkScrape reads eight scripted GPUs and writes their metrics: decoding
// and pdata, without a driver. The baseline only copies what was written, which
// is what any receiver must at least make.
func BenchmarkScrape(b *testing.B) {
	for _, of := range []struct {
		name   string
		change func(*Config)
	}{
		{"default", func(*Config) {}},
		{"with_compat", func(c *Config) { c.Compat = []string{compatNVIDIASMI, compatDCGM} }},
	} {
		b.Run(of.name, func(b *testing.B) {
			e := openedEngine(b, 8, of.change)
			points := 0
			b.ReportAllocs()
			for b.Loop() {
				readAll(e)
				points = e.writer.write(e).DataPointCount()
			}
			b.ReportMetric(float64(points), "points")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(points), "ns/point")
		})
	}
	b.Run("baseline_copy", func(b *testing.B) {
		e := openedEngine(b, 8, func(*Config) {})
		written := e.writer.write(e)
		b.ReportAllocs()
		for b.Loop() {
			into := pmetric.NewMetrics()
			written.CopyTo(into)
		}
		b.ReportMetric(float64(written.DataPointCount()), "points")
	})
}

// The bound holds on any machine, unlike a time.
func TestAllocationsPerPoint(t *testing.T) {
	e := openedEngine(t, 8, func(*Config) {})
	points := e.writer.write(e).DataPointCount()
	allocations := testing.AllocsPerRun(20, func() {
		readAll(e)
		e.writer.write(e)
	})
	require.Less(t, allocations/float64(points), 12.0)
}
