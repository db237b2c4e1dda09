// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const fuzzDetectors = `
detectors:
  - {name: z, method: robust_z, metrics: [m], group_by: [host], min_observations: 20, step: 1s, limits: {entities: 3, series: 5}}
  - {name: forest, metrics: [m, {name: n, values: [mean, p95, rate], absent_is_zero: true}], group_by: [], min_observations: 20, step: 1s, details: always, calm_interval: 0s}
`

// newFuzzEngine makes an engine that nothing drives but the test.
func newFuzzEngine(t testing.TB) *engine {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), fuzzDetectors)
	require.NoError(t, err)
	set, _ := newSettings(t)
	e := newEngine(set, cfg.(*Config), &sink{})
	e.reset(time.Unix(1e9, 0))
	e.telemetry, err = newTelemetry(set.TelemetrySettings, e.detectors)
	require.NoError(t, err)
	t.Cleanup(e.telemetry.builder.Shutdown)
	return e
}

// trainAll trains what is in the queue, at once.
func (e *engine) trainAll() {
	for training, of := e.nextTraining(); training != nil; training, of = e.nextTraining() {
		e.install(of, training.Fit(), time.Millisecond)
	}
}

// Whatever metrics come: no panic, nothing of them is changed, nothing is larger than it may be, every score lies between 0 and 1, and the state goes
// round.
func FuzzMetrics(f *testing.F) {
	start := time.Unix(1e9, 0)
	for _, metrics := range []pmetric.Metrics{
		newMetrics(start, gauge("m", 1, "host", "a"), gauge("n", 2)),
		newMetrics(start, counter("m", start, 5), histogramOf("n", cumulative, start, 5, []float64{1, 2}, []uint64{1, 2, 3})),
		newMetrics(start, exponentialOf("n", delta, start, 5, 2, -3, []uint64{1, 2, 3}), sum("m", delta, false, start, 3)),
	} {
		blob, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
		require.NoError(f, err)
		f.Add(blob)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		metrics, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(blob)
		if err != nil {
			return
		}
		before, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
		require.NoError(t, err)
		e := newFuzzEngine(t)
		now := time.Unix(1e9, 0)
		for i := range 30 {
			now = now.Add(time.Second)
			shift(metrics, time.Second)
			if i == 0 {
				before, err = (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
				require.NoError(t, err)
			}
			b := e.extract(metrics, now)
			if i == 0 {
				after, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
				require.NoError(t, err)
				assert.Equal(t, before, after)
			}
			e.commit(b, now)
			b.release()
			e.tick(now)
			e.trainAll()
		}
		assert.LessOrEqual(t, len(e.detectors[0].entities), 3)
		assert.LessOrEqual(t, e.detectors[0].series.Len(), 5)
		checkScores(t, e)
		state, other := e.snapshot(), newFuzzEngine(t)
		_, err = other.restore(stateSchema, state)
		require.NoError(t, err)
		assert.Equal(t, state, other.snapshot())
	})
}

// shift lets the times of points go on.
func shift(metrics pmetric.Metrics, by time.Duration) {
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, m := range scope.Metrics().All() {
				switch m.Type() {
				case pmetric.MetricTypeGauge:
					for _, p := range m.Gauge().DataPoints().All() {
						p.SetTimestamp(p.Timestamp() + fromDuration(by))
					}
				case pmetric.MetricTypeSum:
					for _, p := range m.Sum().DataPoints().All() {
						p.SetTimestamp(p.Timestamp() + fromDuration(by))
					}
				case pmetric.MetricTypeHistogram:
					for _, p := range m.Histogram().DataPoints().All() {
						p.SetTimestamp(p.Timestamp() + fromDuration(by))
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, p := range m.ExponentialHistogram().DataPoints().All() {
						p.SetTimestamp(p.Timestamp() + fromDuration(by))
					}
				}
			}
		}
	}
}

func checkScores(t *testing.T, e *engine) {
	t.Helper()
	e.output.cut()
	for _, metrics := range e.output.outbox.Waiting() {
		for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			for _, p := range m.Gauge().DataPoints().All() {
				v := p.DoubleValue()
				assert.Zero(t, v-v, "%s is finite", m.Name())
				if m.Name() == "guardian.anomaly.score" {
					assert.True(t, v >= 0 && v <= 1, "%v", v)
				}
			}
		}
	}
}

// Whatever was saved: an error or an engine that works, never a panic.
func FuzzRestore(f *testing.F) {
	e := newFuzzEngine(f)
	start := time.Unix(1e9, 0)
	for i := range 30 {
		now := start.Add(time.Duration(i) * time.Second)
		e.commit(e.extract(newMetrics(now, gauge("m", float64(i%7), "host", "a"), histogramOf("n", delta, now, 5, []float64{1, 2}, []uint64{1, 2, 3})), now), now)
	}
	f.Add(e.snapshot())
	e.trainAll()
	f.Add(e.snapshot())
	f.Fuzz(func(t *testing.T, state []byte) {
		e := newFuzzEngine(t)
		if _, err := e.restore(stateSchema, state); err != nil {
			return
		}
		for i := range 5 {
			now := start.Add(time.Duration(100+i) * time.Second)
			e.commit(e.extract(newMetrics(now, gauge("m", 1, "host", "a"), gauge("n", 2)), now), now)
		}
		e.trainAll()
		e.tick(start.Add(48 * time.Hour))
		e.snapshot()
	})
}

func fromDuration(d time.Duration) pcommon.Timestamp { return pcommon.Timestamp(d) }
