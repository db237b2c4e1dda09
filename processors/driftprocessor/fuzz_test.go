// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const fuzzMonitors = `
monitors:
  - {name: features, input: predictions, reference: {first: 20}, window: {samples: 20}, min_effective: 1, limits: {groups: 3, features: 4}}
  - {name: output, kind: concept, input: predictions, reference: {first: 20}, window: {max_age: 1s}, min_effective: 1}
  - {name: results, input: evaluations, group_by: [specialist.type], reference: {first: 20}, window: {samples: 20, sub_windows: 2}}
  - {name: requests, input: requests, type: numeric, reference: {first: 20}, window: {samples: 20}}
  - {name: any, input: {attribute: x}, type: categorical, reference: {first: 20}, window: {samples: 20}}
  - {name: gauge, input: {metric: m}, reference: {first: 20}, window: {samples: 20}, limits: {series: 3}}
  - {name: rate, input: {metric: m, sums: rate}, attributes: {a: b}, reference: {first: 20}, window: {samples: 20}}
`

// newFuzzEngine makes an engine that nothing drives but the test.
func newFuzzEngine(t testing.TB, metrics bool) *engine {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), fuzzMonitors)
	require.NoError(t, err)
	set, _ := newSettings(t)
	e := newLogsEngine(set, cfg.(*Config), &sink{})
	if metrics {
		e = newMetricsEngine(set, cfg.(*Config), &metricSink{})
	}
	e.reset()
	e.telemetry, err = newTelemetry(set.TelemetrySettings, e.monitors)
	require.NoError(t, err)
	t.Cleanup(e.telemetry.builder.Shutdown)
	return e
}

// Whatever logs come: no panic, nothing of them is changed, every verdict can be read back, and the state goes round.
func FuzzLogs(f *testing.F) {
	logs := newLogs(prediction(map[string]any{"features.a": 1.5, "features.b": "x", "confidence": 0.5}), named("guardian.request", map[string]any{"duration_s": 1}))
	blob, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(f, err)
	f.Add(blob)
	f.Fuzz(func(t *testing.T, blob []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(blob)
		if err != nil {
			return
		}
		before, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		e := newFuzzEngine(t, false)
		now := time.Now()
		for range 60 {
			b := e.extractLogs(logs, now)
			e.commit(b, now)
			b.release()
		}
		e.tick(now.Add(time.Hour))
		after, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		assert.Equal(t, before, after)
		for _, verdicts := range e.output.(*eventOutput).outbox.Waiting() {
			taken := &sink{verdicts: []plog.Logs{verdicts}}
			taken.drifts(t)
		}
		checkState(t, e, newFuzzEngine(t, false))
	})
}

// Whatever metrics come: no panic, and the state goes round.
func FuzzMetrics(f *testing.F) {
	metrics := pmetric.NewMetrics()
	all := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, fill := range []func(pmetric.Metric){
		func(m pmetric.Metric) { gaugeOf(1)(m, 5) }, func(m pmetric.Metric) { cumulativeOf(1)(m, 5) },
		func(m pmetric.Metric) {
			p := m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
			p.Positive().BucketCounts().FromRaw([]uint64{1, 2, 3})
		},
	} {
		m := all.AppendEmpty()
		m.SetName("m")
		fill(m)
	}
	blob, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(f, err)
	f.Add(blob)
	f.Fuzz(func(t *testing.T, blob []byte) {
		metrics, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(blob)
		if err != nil {
			return
		}
		e := newFuzzEngine(t, true)
		now := time.Now()
		for range 60 {
			b := e.extractMetrics(metrics, now)
			e.commit(b, now)
			b.release()
		}
		e.output.flush(now, true)
		checkState(t, e, newFuzzEngine(t, true))
	})
}

// checkState restores the state of an engine in another one.
func checkState(t *testing.T, e, other *engine) {
	t.Helper()
	state := e.snapshot()
	require.NoError(t, other.restore(stateSchema, state))
	assert.Equal(t, state, other.snapshot())
}

// Whatever was saved: an error or an engine that works, never a panic.
func FuzzRestore(f *testing.F) {
	e := newFuzzEngine(f, false)
	for range 30 {
		b := e.extractLogs(newLogs(prediction(map[string]any{"features.a": 1.5, "features.b": "x"})), time.Now())
		e.commit(b, time.Now())
	}
	f.Add(e.snapshot())
	f.Fuzz(func(t *testing.T, state []byte) {
		e := newFuzzEngine(t, false)
		if e.restore(stateSchema, state) != nil {
			return
		}
		e.commit(e.extractLogs(newLogs(prediction(map[string]any{"features.a": 1.5})), time.Now()), time.Now())
		e.tick(time.Now())
		e.snapshot()
	})
}
