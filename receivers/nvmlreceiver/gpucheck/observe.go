// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver"
)

// observation is what the receiver said and what it cost.
type observation struct {
	cpu         float64 // share of a core
	rss         int64   // bytes added
	scrape      quantiles
	calls       map[string]quantiles // by class
	comparisons []comparison
	profiled    bool
}

// quantiles are of durations in seconds.
type quantiles struct {
	p50, p95, highest float64
	count             uint64
}

// fine are the edges of histograms: 2 % apart, from 1 µs to 30 s.
var fine = func() []float64 {
	var edges []float64
	for edge := 1e-6; edge < 30; edge *= 1.02 {
		edges = append(edges, edge)
	}
	return edges
}()

// observe runs the receiver for a while, and compares its last scrape with nvidia-smi if it shall.
func observe(ctx context.Context, library string, interval, length time.Duration, compared bool) (observation, error) {
	reader := sdkmetric.NewManualReader()
	view := sdkmetric.NewView(sdkmetric.Instrument{Name: "otelcol_nvml_*_duration"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: fine}})
	set := receiver.Settings{ID: component.NewID(nvmlreceiver.NewFactory().Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(view))
	factory := nvmlreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*nvmlreceiver.Config)
	config.LibraryPath, config.CollectionInterval, config.InitialDelay = library, interval, 0
	last := &lastScrape{}
	metrics, err := factory.CreateMetrics(ctx, set, config, last.consumer())
	if err != nil {
		return observation{}, err
	}
	cpu, rss, begin := cpuTime(), residentBytes(), time.Now()
	if err := metrics.Start(ctx, last); err != nil {
		return observation{}, err
	}
	err = sleep(ctx, length)
	o := observation{cpu: (cpuTime() - cpu).Seconds() / time.Since(begin).Seconds(), rss: residentBytes() - rss}
	if err == nil && compared {
		o.comparisons, err = last.compare(ctx, interval)
	}
	o.profiled = last.has("nvidia.gpu.sm.activity")
	err = errors.Join(err, metrics.Shutdown(ctx), last.problem())
	o.scrape, o.calls = durations(ctx, reader)
	return o, err
}

// lastScrape keeps the last metrics, and what the receiver says of its state.
type lastScrape struct {
	mu      sync.Mutex
	metrics pmetric.Metrics
	some    bool
	status  error
}

func (l *lastScrape) consumer() consumer.Metrics {
	next, err := consumer.NewMetrics(func(_ context.Context, metrics pmetric.Metrics) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.metrics, l.some = metrics, true
		return nil
	})
	if err != nil {
		panic(err) // The function is not nil.
	}
	return next
}

// GetExtensions gives none.
func (*lastScrape) GetExtensions() map[component.ID]component.Component { return nil }

// Report keeps the state.
func (l *lastScrape) Report(event *componentstatus.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = event.Err()
}

func (l *lastScrape) problem() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status == nil && !l.some {
		return errors.New("the receiver has written nothing")
	}
	return l.status
}

// each shows every point of the last scrape.
func (l *lastScrape) each(show func(metric pmetric.Metric, point pmetric.NumberDataPoint)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.some {
		return
	}
	for _, metric := range l.metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		points := pmetric.NewNumberDataPointSlice()
		switch metric.Type() { //nolint:exhaustive // The receiver writes no others.
		case pmetric.MetricTypeGauge:
			points = metric.Gauge().DataPoints()
		case pmetric.MetricTypeSum:
			points = metric.Sum().DataPoints()
		}
		for _, point := range points.All() {
			show(metric, point)
		}
	}
}

func (l *lastScrape) has(name string) bool {
	found := false
	l.each(func(metric pmetric.Metric, _ pmetric.NumberDataPoint) { found = found || metric.Name() == name })
	return found
}

// durations reads the receiver's own histograms.
func durations(ctx context.Context, reader *sdkmetric.ManualReader) (scrape quantiles, calls map[string]quantiles) {
	var all metricdata.ResourceMetrics
	calls = map[string]quantiles{}
	if reader.Collect(ctx, &all) != nil {
		return scrape, calls
	}
	for _, scope := range all.ScopeMetrics {
		for _, metric := range scope.Metrics {
			histogram, ok := metric.Data.(metricdata.Histogram[float64])
			if !ok {
				continue
			}
			for _, point := range histogram.DataPoints {
				if class, labelled := point.Attributes.Value("call"); labelled {
					calls[class.AsString()] = quantilesOf(point)
				} else if strings.HasSuffix(metric.Name, "scrape_duration") {
					scrape = quantilesOf(point)
				}
			}
		}
	}
	return scrape, calls
}

func quantilesOf(point metricdata.HistogramDataPoint[float64]) quantiles {
	q := quantiles{count: point.Count, p50: quantile(point, 0.5), p95: quantile(point, 0.95)}
	q.highest, _ = point.Max.Value()
	return q
}

// quantile gives the upper edge of the bucket that the quantile lies in, and never more than the maximum.
func quantile(point metricdata.HistogramDataPoint[float64], q float64) float64 {
	highest, _ := point.Max.Value()
	below := uint64(0)
	for i, count := range point.BucketCounts {
		below += count
		if float64(below) >= q*float64(point.Count) && i < len(point.Bounds) {
			return min(point.Bounds[i], highest)
		}
	}
	return highest
}

// cpuTime is what this process has used, its children not counted.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// residentBytes is the memory of this process.
func residentBytes() int64 {
	body, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(body))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

func (q quantiles) String() string {
	return fmt.Sprintf("%.3f / %.3f / %.3f", q.p50*1e3, q.p95*1e3, q.highest*1e3)
}
