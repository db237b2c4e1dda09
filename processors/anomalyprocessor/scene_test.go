// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/processors/anomalyprocessor/internal/metadata"
)

var errRefused = errors.New("refused")

// sink takes what passes and the verdicts, apart, and refuses as it is told.
type sink struct {
	mu             sync.Mutex
	refuse         int   // batches that pass
	refuseVerdicts error // as long as it is set
	passed         []pmetric.Metrics
	verdicts       []pmetric.Metrics
}

func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (s *sink) ConsumeMetrics(_ context.Context, metrics pmetric.Metrics) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case isVerdicts(metrics) && s.refuseVerdicts != nil:
		metrics.ResourceMetrics().RemoveIf(func(pmetric.ResourceMetrics) bool { return true }) // an owner may
		return s.refuseVerdicts
	case isVerdicts(metrics):
		s.verdicts = append(s.verdicts, metrics)
	case s.refuse > 0:
		s.refuse--
		metrics.ResourceMetrics().RemoveIf(func(pmetric.ResourceMetrics) bool { return true })
		return errRefused
	default:
		s.passed = append(s.passed, metrics)
	}
	return nil
}

func isVerdicts(metrics pmetric.Metrics) bool {
	return metrics.ResourceMetrics().Len() > 0 && metrics.ResourceMetrics().At(0).ScopeMetrics().Len() > 0 &&
		metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Name() == metadata.ScopeName
}

func (s *sink) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// shown is a point of a verdict metric.
type shown struct {
	at    time.Time
	value float64
	ended bool
}

// verdictsBySeries gives all points by Prometheus' names and labels.
func (s *sink) verdictsBySeries(t testing.TB) map[string][]shown {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	namer, labels := otlptranslator.MetricNamer{WithMetricSuffixes: true}, otlptranslator.LabelNamer{}
	all := map[string][]shown{}
	for _, metrics := range s.verdicts {
		assert.Zero(t, metrics.ResourceMetrics().At(0).Resource().Attributes().Len(), "they would become labels")
		for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			name, err := namer.Build(otlptranslator.Metric{Name: m.Name(), Unit: m.Unit(), Type: otlptranslator.MetricTypeGauge})
			require.NoError(t, err)
			for _, p := range m.Gauge().DataPoints().All() {
				text := []string{name}
				for key, v := range p.Attributes().All() {
					label, err := labels.Build(key)
					require.NoError(t, err)
					text = append(text, label+"="+v.Str())
				}
				key := strings.Join(text, " ")
				all[key] = append(all[key], shown{p.Timestamp().AsTime(), p.DoubleValue(), p.Flags().NoRecordedValue()})
			}
		}
	}
	return all
}

// values gives the values of a series, in order.
func values(points []shown) []float64 {
	var all []float64
	for _, p := range points {
		if !p.ended {
			all = append(all, p.value)
		}
	}
	return all
}

// scene is a running processor.
type scene struct {
	t         testing.TB
	processor processor.Metrics
	engine    *engine
	sink      *sink
	reader    *sdkmetric.ManualReader
	start     time.Time
}

// newScene starts a processor. In a bubble its time is the bubble's.
func newScene(t testing.TB, section string, hosts ...component.Host) *scene {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), section)
	require.NoError(t, err)
	set, reader := newSettings(t)
	s := &scene{t: t, sink: &sink{}, reader: reader, start: time.Now().Add(-2 * time.Hour).Truncate(time.Hour)}
	s.processor, err = createMetrics(t.Context(), set, cfg, s.sink)
	require.NoError(t, err)
	host := componenttest.NewNopHost()
	if len(hosts) > 0 {
		host = hosts[0]
	}
	require.NoError(t, s.processor.Start(t.Context(), host))
	s.engine = s.processor.(*anomalyProcessor).Engine()
	t.Cleanup(s.stop) // a bubble does not end before its goroutines
	return s
}

func newSettings(t testing.TB) (processor.Settings, *sdkmetric.ManualReader) {
	t.Helper()
	set := processortest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type)
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	set.MeterProvider = provider
	return set, reader
}

func (s *scene) stop() {
	s.t.Helper()
	require.NoError(s.t, s.processor.Shutdown(context.Background()))
}

// fill writes a metric whose points have a time.
type fill func(m pmetric.Metric, at pcommon.Timestamp)

// send hands metrics on whose points lie so long after the start, and waits until what follows has been done.
func (s *scene) send(at time.Duration, metrics ...fill) {
	s.t.Helper()
	require.NoError(s.t, s.processor.ConsumeMetrics(s.t.Context(), newMetrics(s.start.Add(at), metrics...)))
	synctest.Wait()
}

func newMetrics(at time.Time, metrics ...fill) pmetric.Metrics {
	all := pmetric.NewMetrics()
	resource := all.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "s")
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("test")
	for _, fill := range metrics {
		fill(scope.Metrics().AppendEmpty(), pcommon.NewTimestampFromTime(at))
	}
	return all
}

// attributes are written key, value, key, value.
func put(to pcommon.Map, attributes []string) {
	for i := 0; i < len(attributes); i += 2 {
		to.PutStr(attributes[i], attributes[i+1])
	}
}

func gauge(name string, value float64, attributes ...string) fill {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		m.SetName(name)
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetDoubleValue(value)
		p.SetTimestamp(at)
		put(p.Attributes(), attributes)
	}
}

func intGauge(name string, value int64, attributes ...string) fill {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		gauge(name, 0, attributes...)(m, at)
		m.Gauge().DataPoints().At(0).SetIntValue(value)
	}
}

func sum(name string, temporality pmetric.AggregationTemporality, monotonic bool, start time.Time, value float64, attributes ...string) fill {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		m.SetName(name)
		data := m.SetEmptySum()
		data.SetIsMonotonic(monotonic)
		data.SetAggregationTemporality(temporality)
		p := data.DataPoints().AppendEmpty()
		p.SetDoubleValue(value)
		p.SetTimestamp(at)
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		put(p.Attributes(), attributes)
	}
}

func counter(name string, start time.Time, value float64, attributes ...string) fill {
	return sum(name, pmetric.AggregationTemporalityCumulative, true, start, value, attributes...)
}

func histogramOf(name string, temporality pmetric.AggregationTemporality, start time.Time, total float64, bounds []float64, counts []uint64, attributes ...string) fill {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		m.SetName(name)
		data := m.SetEmptyHistogram()
		data.SetAggregationTemporality(temporality)
		p := data.DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		p.ExplicitBounds().FromRaw(bounds)
		p.BucketCounts().FromRaw(counts)
		n := uint64(0)
		for _, c := range counts {
			n += c
		}
		p.SetCount(n)
		p.SetSum(total)
		put(p.Attributes(), attributes)
	}
}

func exponentialOf(name string, temporality pmetric.AggregationTemporality, start time.Time, total float64, scale, offset int32, counts []uint64, attributes ...string) fill {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		m.SetName(name)
		data := m.SetEmptyExponentialHistogram()
		data.SetAggregationTemporality(temporality)
		p := data.DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		p.SetScale(scale)
		p.Positive().SetOffset(offset)
		p.Positive().BucketCounts().FromRaw(counts)
		n := uint64(0)
		for _, c := range counts {
			n += c
		}
		p.SetCount(n)
		p.SetSum(total)
		put(p.Attributes(), attributes)
	}
}

// stale says that a series has ended.
func stale(of fill) fill {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		of(m, at)
		points := pmetric.NewNumberDataPointSlice()
		switch m.Type() {
		case pmetric.MetricTypeGauge:
			points = m.Gauge().DataPoints()
		case pmetric.MetricTypeSum:
			points = m.Sum().DataPoints()
		}
		points.At(0).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	}
}

// own gives the processor's own counts of all detectors, added up, by name and the values of their attributes.
func (s *scene) own() map[string]float64 {
	s.t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(s.t, s.reader.Collect(context.Background(), &collected))
	found := map[string]float64{}
	key := func(name string, attributes attribute.Set) string {
		text := []string{strings.TrimPrefix(name, "otelcol_processor_anomaly_")}
		for _, kv := range attributes.ToSlice() {
			if kv.Key != "detector" {
				text = append(text, kv.Value.AsString())
			}
		}
		return strings.Join(text, " ")
	}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				addAll(found, data.DataPoints, func(a attribute.Set) string { return key(m.Name, a) })
			case metricdata.Gauge[int64]:
				addAll(found, data.DataPoints, func(a attribute.Set) string { return key(m.Name, a) })
			case metricdata.Sum[float64]:
				addAll(found, data.DataPoints, func(a attribute.Set) string { return key(m.Name, a) })
			case metricdata.Gauge[float64]:
				addAll(found, data.DataPoints, func(a attribute.Set) string { return key(m.Name, a) })
			}
		}
	}
	return found
}

func addAll[N int64 | float64](found map[string]float64, points []metricdata.DataPoint[N], key func(attribute.Set) string) {
	for _, p := range points {
		found[key(p.Attributes)] += float64(p.Value)
	}
}

// keysOf gives the keys in order.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
