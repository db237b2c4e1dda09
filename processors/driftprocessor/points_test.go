// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"math"
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
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/processors/driftprocessor/internal/metadata"
)

// metricSink takes what passes and the verdicts, apart.
type metricSink struct {
	mu             sync.Mutex
	refuse         int
	refuseVerdicts bool
	passed         int
	verdicts       []pmetric.Metrics
}

func (*metricSink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *metricSink) ConsumeMetrics(_ context.Context, metrics pmetric.Metrics) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	verdicts := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Name() == metadata.ScopeName
	switch {
	case verdicts && s.refuseVerdicts, !verdicts && s.refuse > 0:
		s.refuse--
		return errRefused
	case verdicts:
		s.verdicts = append(s.verdicts, metrics)
	default:
		s.passed++
	}
	return nil
}

// locked does something to the sink while nothing arrives.
func (s *metricSink) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// last gives the values of the last emission by Prometheus' names and labels.
func (s *metricSink) last(t testing.TB) map[string]float64 {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.verdicts)
	return seriesOf(t, s.verdicts[len(s.verdicts)-1])
}

func seriesOf(t testing.TB, metrics pmetric.Metrics) map[string]float64 {
	t.Helper()
	assert.Zero(t, metrics.ResourceMetrics().At(0).Resource().Attributes().Len(), "they would become labels")
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	labels := otlptranslator.LabelNamer{}
	values := map[string]float64{}
	for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		var kind otlptranslator.MetricType = otlptranslator.MetricTypeMonotonicCounter
		var points pmetric.NumberDataPointSlice
		if m.Type() == pmetric.MetricTypeSum {
			points = m.Sum().DataPoints()
		} else {
			kind, points = otlptranslator.MetricTypeGauge, m.Gauge().DataPoints()
		}
		name, err := namer.Build(otlptranslator.Metric{Name: m.Name(), Unit: m.Unit(), Type: kind})
		require.NoError(t, err)
		for _, p := range points.All() {
			text := []string{name}
			for key, v := range p.Attributes().All() {
				label, err := labels.Build(key)
				require.NoError(t, err)
				text = append(text, label+"="+v.Str())
			}
			values[strings.Join(text, " ")] = p.DoubleValue()
		}
	}
	return values
}

// meterScene is a processor in a metrics pipeline.
type meterScene struct {
	t         testing.TB
	processor processor.Metrics
	engine    *engine
	sink      *metricSink
	reader    *sdkmetric.ManualReader
	start     time.Time
	n         int
}

func newMeterScene(t testing.TB, section string, hosts ...component.Host) *meterScene {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), section)
	require.NoError(t, err)
	set, reader := newSettings(t)
	s := &meterScene{t: t, sink: &metricSink{}, reader: reader, start: time.Now().Add(-time.Hour)}
	s.processor, err = createMetrics(t.Context(), set, cfg, s.sink)
	require.NoError(t, err)
	host := componenttest.NewNopHost()
	if len(hosts) > 0 {
		host = hosts[0]
	}
	require.NoError(t, s.processor.Start(t.Context(), host))
	s.engine = s.processor.(*metricsProcessor).Engine()
	t.Cleanup(s.stop) // a bubble does not end before its goroutines
	return s
}

func (s *meterScene) stop() {
	s.t.Helper()
	require.NoError(s.t, s.processor.Shutdown(context.Background()))
}

// send hands a metric on; its points are a second after those before.
func (s *meterScene) send(fill func(pmetric.Metric, pcommon.Timestamp)) error {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "predictor")
	s.n++
	m := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("queue.length")
	fill(m, newTimestamp(s.start.Add(time.Duration(s.n)*time.Second)))
	return s.processor.ConsumeMetrics(s.t.Context(), metrics)
}

func attributes(to pcommon.Map) {
	to.PutStr("model.name", "churn")
	to.PutStr("host.name", "a")
}

func gaugeOf(value float64) func(pmetric.Metric, pcommon.Timestamp) {
	return func(m pmetric.Metric, at pcommon.Timestamp) { putNumber(m.SetEmptyGauge().DataPoints(), value, at) }
}

func putNumber(to pmetric.NumberDataPointSlice, value float64, at pcommon.Timestamp) pmetric.NumberDataPoint {
	p := to.AppendEmpty()
	p.SetDoubleValue(value)
	p.SetTimestamp(at)
	attributes(p.Attributes())
	return p
}

func cumulativeOf(value float64) func(pmetric.Metric, pcommon.Timestamp) {
	return func(m pmetric.Metric, at pcommon.Timestamp) {
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		putNumber(sum.DataPoints(), value, at).SetStartTimestamp(1)
	}
}

const queueMonitor = `
flush_interval: 10s
monitors:
  - name: queue
    input: {metric: queue.length}
    reference: {first: 500}
    window: {samples: 500}
`

// The score of a gauge is that which gonum computes, and stands under the names of the requirements.
func TestGauge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMeterScene(t, queueMonitor)
		rng := seeded(20)
		values := sample(1500, rng.NormFloat64)
		for i := range values {
			if i >= 1000 {
				values[i]++
			}
			require.NoError(t, s.send(gaugeOf(values[i])))
			if i == 999 {
				time.Sleep(11 * time.Second)
				synctest.Wait()
				first := s.sink.last(t)
				assert.InDelta(t, distance(values[:500], values[500:1000]), first["ml_data_drift_score model_name=churn feature_name=queue.length"], 1e-12)
				assert.Equal(t, 0.0, first["ml_data_drift_alerts_total model_name=churn feature_name=queue.length severity=critical"])
			}
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		last := s.sink.last(t)
		// The reference was confirmed with the second 500.
		assert.InDelta(t, distance(values[:1000], values[1000:]), last["ml_data_drift_score model_name=churn feature_name=queue.length"], 1e-12)
		assert.Less(t, last["ml_data_drift_p_value model_name=churn feature_name=queue.length"], 1e-6)
		assert.Positive(t, last["ml_data_drift_js model_name=churn feature_name=queue.length"])
		assert.Equal(t, 500.0, last["ml_data_drift_n model_name=churn feature_name=queue.length"])
		assert.Positive(t, last["ml_data_drift_n_effective model_name=churn feature_name=queue.length"])
		for _, severity := range []string{"info", "warning", "critical"} {
			assert.Equal(t, 1.0, last["ml_data_drift_alerts_total model_name=churn feature_name=queue.length severity="+severity], severity)
		}
		assert.NotContains(t, last, "ml_data_drift_share model_name=churn", "one feature has no share")
		assert.Equal(t, 1500, s.sink.passed)
		s.stop()
	})
}

// Points of one time are committed together, with the verdicts that they have one by one; also over a restart.
func TestPointsTogether(t *testing.T) {
	run := func(config string, together, lives int) map[string]float64 {
		storage, rng := t.TempDir(), seeded(22)
		start := time.Unix(1_700_000_000, 0)
		var last map[string]float64
		for life := range lives {
			host := newStorage(t, storage)
			s := newMeterScene(t, "storage: file_storage\n"+config, host)
			for second := life * 60 / lives; second < (life+1)*60/lives; second++ {
				for range 120 / together {
					metrics := pmetric.NewMetrics()
					m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
					m.SetName("queue.length")
					points := m.SetEmptyGauge().DataPoints()
					for i := range together {
						p := putNumber(points, rng.NormFloat64()+float64(second)/60, newTimestamp(start.Add(time.Duration(second)*time.Second)))
						p.Attributes().PutStr("model.name", []string{"a", "b", "c"}[i%3])
					}
					require.NoError(t, s.processor.ConsumeMetrics(t.Context(), metrics))
				}
			}
			s.stop()
			require.NoError(t, host.stop(t))
			if life == lives-1 {
				last = s.sink.last(t)
			}
		}
		return last
	}
	f := func(window string) {
		t.Helper()
		config := "monitors: [{name: m, input: {metric: queue.length}, reference: {first: 300}, window: " + window + "}]"
		once := run(config, 3, 1)
		require.Len(t, once, 24)
		assert.Equal(t, once, run(config, 120, 1))
		for key, v := range run(config, 60, 4) {
			if !strings.HasPrefix(key, "ml_data_drift_alerts") { // which show 0 first
				assert.Equal(t, once[key], v, key)
			}
		}
	}
	f("{samples: 170}")
	f("{samples: 170, sub_windows: 4}")
	f("{samples: 170, max_age: 7s}")
}

// Points of known series cost no memory of their own: what a batch of 1,000 allocates is that of the batch.
func TestKnownPointsDoNotAllocate(t *testing.T) {
	cfg, err := testutil.LoadConfig(t, NewFactory(), queueMonitor)
	require.NoError(t, err)
	set, _ := newSettings(t)
	e := newMetricsEngine(set, cfg.(*Config), &metricSink{})
	e.reset()
	e.telemetry, err = newTelemetry(set.TelemetrySettings, e.monitors)
	require.NoError(t, err)
	t.Cleanup(e.telemetry.builder.Shutdown)
	batch := stamp(deltas()[0], time.Now())
	commit := func() {
		b := e.extractMetrics(batch, time.Now())
		e.commit(b, time.Now())
		b.release()
	}
	for range 10 { // the references are learned
		commit()
	}
	assert.Less(t, testing.AllocsPerRun(10, commit), 100.0)
}

// Names as the requirements, section 2, spell them, in Prometheus' own translation.
func TestPrometheusNames(t *testing.T) {
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	found := map[string]bool{}
	for _, d := range definitions([]string{keyModelName, keyModelVersion}) {
		var kind otlptranslator.MetricType = otlptranslator.MetricTypeGauge
		if d.Kind == metering.Counter {
			kind = otlptranslator.MetricTypeMonotonicCounter
		}
		name, err := namer.Build(otlptranslator.Metric{Name: d.Name, Unit: d.Unit, Type: kind})
		require.NoError(t, err)
		assert.Equal(t, d.Prometheus, name)
		found[name] = true
	}
	for _, name := range []string{
		"ml_data_drift_score", "ml_data_drift_p_value", "ml_data_drift_js", "ml_data_drift_alerts_total", "ml_data_drift_share", "ml_concept_drift_psi",
	} {
		assert.True(t, found[name], name)
	}
}

func TestConceptMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMeterScene(t, `
monitors:
  - name: confidence
    kind: concept
    input: {metric: queue.length}
    attributes: {window: short}
    reference: {first: 500}
    window: {samples: 500}
`)
		rng := seeded(21)
		for i := range 1000 {
			require.NoError(t, s.send(gaugeOf(rng.NormFloat64()+float64(i/500))))
		}
		time.Sleep(16 * time.Second)
		synctest.Wait()
		last := s.sink.last(t)
		assert.Greater(t, last["ml_concept_drift_psi model_name=churn window=short"], 0.25)
		assert.Less(t, last["ml_concept_drift_p_value model_name=churn window=short"], 1e-6)
		assert.Equal(t, 500.0, last["ml_concept_drift_n model_name=churn window=short"])
		assert.Len(t, last, 5)
		s.stop()
	})
}

// feature gives the feature of the metric.
func (s *meterScene) feature() *drift.Feature {
	s.t.Helper()
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	for _, g := range s.engine.monitors[0].groups {
		return g.drift.Find("queue.length")
	}
	return nil
}

// A cumulative sum counts what was added, or that per second; after a reset what was counted since, and no point twice.
func TestSums(t *testing.T) {
	f := func(rate bool, want ...float64) {
		t.Helper()
		at := int64(0)
		next := func(value float64, seconds int64) point {
			at += seconds * 1e9
			return point{at: at, start: 1, number: value}
		}
		var sum lastSum
		var got []float64
		for _, p := range []point{next(10, 1), next(14, 2), next(14, 1), next(20, 3), next(20, 0), next(5, 5), {at: 30e9, start: 29e9, number: 9}, {at: 31e9, start: 29e9, number: math.NaN()}} {
			m := &monitor{config: &MonitorConfig{}}
			if rate {
				m.config.Input.Sums = sumsRate
			}
			if v, ok := sum.advance(m, &p); ok {
				got = append(got, v)
			}
		}
		assert.Equal(t, want, got)
	}
	f(false, 4, 0, 6, 5, 9)
	f(true, 2, 0, 2, 1, 9)
}

// What each kind of point becomes.
func TestPointKinds(t *testing.T) {
	f := func(wantValues int64, reason string, kind drift.Kind, fills ...func(pmetric.Metric, pcommon.Timestamp)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := newMeterScene(t, "monitors: [{name: m, input: {metric: queue.length}, reference: {first: 20}}]")
			for _, fill := range fills {
				require.NoError(t, s.send(fill))
			}
			time.Sleep(tickInterval) // what is only rejected is reported by the clock
			synctest.Wait()
			own := ownMetrics(t, s.reader)
			assert.Equal(t, wantValues, own["otelcol_drift_values"])
			if reason != "" {
				assert.EqualValues(t, 1, own["otelcol_drift_rejected_values "+reason])
			}
			if wantValues > 0 {
				assert.Equal(t, kind, s.feature().Kind())
			}
			s.stop()
		})
	}
	sum := func(monotonic bool, temporality pmetric.AggregationTemporality) func(pmetric.Metric, pcommon.Timestamp) {
		return func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetEmptySum().SetIsMonotonic(monotonic)
			m.Sum().SetAggregationTemporality(temporality)
			putNumber(m.Sum().DataPoints(), 3, at)
		}
	}
	histogram := func(temporality pmetric.AggregationTemporality, counts ...uint64) func(pmetric.Metric, pcommon.Timestamp) {
		return func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetEmptyHistogram().SetAggregationTemporality(temporality)
			p := m.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.ExplicitBounds().FromRaw([]float64{1, 2})
			p.BucketCounts().FromRaw(counts)
			attributes(p.Attributes())
		}
	}
	cumulative, delta := pmetric.AggregationTemporalityCumulative, pmetric.AggregationTemporalityDelta
	f(1, "", drift.Numeric, gaugeOf(3))
	f(2, "", drift.Numeric, gaugeOf(3), gaugeOf(math.NaN()))
	f(1, "", drift.Numeric, func(m pmetric.Metric, at pcommon.Timestamp) {
		putNumber(m.SetEmptyGauge().DataPoints(), 0, at).SetIntValue(7)
	})
	f(0, "", drift.Numeric, func(m pmetric.Metric, at pcommon.Timestamp) {
		putNumber(m.SetEmptyGauge().DataPoints(), 3, at).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	})
	f(1, "", drift.Numeric, sum(false, cumulative))
	f(1, "", drift.Numeric, sum(true, delta))
	f(0, "", drift.Numeric, sum(true, cumulative)) // nothing to compare with yet
	f(1, "", drift.Numeric, cumulativeOf(3), cumulativeOf(5))
	f(1, "", drift.Aggregated, histogram(delta, 1, 2, 3))
	f(0, "", drift.Aggregated, histogram(cumulative, 1, 2, 3))
	f(1, "", drift.Aggregated, histogram(cumulative, 1, 2, 3), histogram(cumulative, 2, 4, 3))
	f(1, "", drift.Aggregated, histogram(cumulative, 1, 2, 3), histogram(cumulative, 1, 0, 0)) // it began again
	f(0, "invalid_buckets", drift.Aggregated, histogram(delta, 1, 2))
	f(0, "unsupported", drift.Aggregated, func(m pmetric.Metric, _ pcommon.Timestamp) { m.SetEmptySummary().DataPoints().AppendEmpty() })
	f(0, "", drift.Aggregated, func(pmetric.Metric, pcommon.Timestamp) {})
	f(1, "wrong_type", drift.Numeric, gaugeOf(3), histogram(delta, 1, 2, 3))
}

// A cumulative histogram counts what came since its last point, or all of it where the counting has begun again.
func TestHistogramsAdvance(t *testing.T) {
	var h histograms
	var number uint32
	f := func(start int64, want, counts []uint64) {
		t.Helper()
		d := distribution{start: start, Histogram: histogram.Histogram{Bounds: []float64{1}, Counts: counts}}
		got := h.advance(&number, &d)
		if want == nil {
			assert.Nil(t, got)
			return
		}
		require.NotNil(t, got)
		assert.Equal(t, want, got.Counts)
	}
	f(1, nil, []uint64{1, 2})
	f(1, []uint64{2, 0}, []uint64{3, 2})
	f(1, []uint64{0, 7}, []uint64{3, 9})
	f(2, []uint64{4, 9}, []uint64{4, 9})
	f(2, []uint64{5, 0}, []uint64{5, 0})
	f(2, []uint64{1, 1}, []uint64{6, 1})
	assert.EqualValues(t, 1, number)
	h.drop(number)
	assert.Nil(t, h.get(number))
}

// A batch that is refused and sent again counts once, and metrics that are refused are sent again.
func TestRefusedMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMeterScene(t, queueMonitor)
		s.sink.locked(func() { s.sink.refuse = 1 })
		require.ErrorIs(t, s.send(cumulativeOf(3)), errRefused)
		s.n--
		require.NoError(t, s.send(cumulativeOf(3)))
		require.NoError(t, s.send(cumulativeOf(5)))
		assert.EqualValues(t, 1, ownMetrics(t, s.reader)["otelcol_drift_values"])
		for i := range 1000 {
			require.NoError(t, s.send(cumulativeOf(float64(10+i*i))))
		}
		s.sink.locked(func() { s.sink.refuseVerdicts = true })
		time.Sleep(25 * time.Second)
		synctest.Wait()
		s.sink.locked(func() {
			assert.Empty(t, s.sink.verdicts)
			s.sink.refuseVerdicts = false
		})
		time.Sleep(time.Second)
		synctest.Wait()
		s.sink.locked(func() { assert.Len(t, s.sink.verdicts, 2) })
		s.stop()
	})
}

// The differences of cumulative series, the windows and the counters go on after a restart.
func TestRestartOfMetrics(t *testing.T) {
	lives := func(count int) map[string]float64 {
		storage := t.TempDir()
		var last map[string]float64
		sum, each := 0.0, 1800/count
		for life := range count {
			host := newStorage(t, storage)
			s := newMeterScene(t, "storage: file_storage"+queueMonitor, host)
			s.start, s.n = time.Unix(1_700_000_000, 0), life*each
			for i := range each {
				n := life*each + i
				sum += float64(n%97) + float64(n/1500*50)
				require.NoError(t, s.send(cumulativeOf(sum)))
			}
			s.stop()
			require.NoError(t, host.stop(t))
			if life == count-1 {
				last = s.sink.last(t)
			}
		}
		return last
	}
	once := lives(1)
	assert.Equal(t, 500.0, once["ml_data_drift_n model_name=churn feature_name=queue.length"])
	assert.Equal(t, 0.0, lives(1)["ml_data_drift_alerts_total model_name=churn feature_name=queue.length severity=critical"], "shown at 0 first")
	twice := lives(9)
	for key, v := range once {
		if v != 0 {
			assert.Equal(t, v, twice[key], key)
		}
	}
}
