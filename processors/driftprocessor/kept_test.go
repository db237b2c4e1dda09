// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const keptMonitors = `
monitors:
  - {name: features, input: predictions, reference: {first: 20}, window: {samples: 20}, min_effective: 1}
  - {name: sum, input: {metric: sum}, reference: {first: 20}, window: {samples: 20}, min_effective: 1}
  - {name: explicit, input: {metric: explicit}, reference: {first: 20}, window: {samples: 200}}
  - {name: exponential, input: {metric: exponential}, reference: {first: 20}, window: {samples: 200}}
`

// cumulatives are the nth points of cumulative series: a sum, a histogram and an exponential histogram whose scale falls.
func cumulatives(n int) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	all := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	at, begun, count := pcommon.Timestamp(1e18+int64(n)*1e9), pcommon.Timestamp(1e18), uint64(n)
	m := all.AppendEmpty()
	m.SetName("sum")
	cumulativeOf(float64(n*n))(m, at)
	m = all.AppendEmpty()
	m.SetName("explicit")
	m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	h := m.Histogram().DataPoints().AppendEmpty()
	h.SetTimestamp(at)
	h.SetStartTimestamp(begun)
	h.ExplicitBounds().FromRaw([]float64{-1, 0, 2.5})
	h.BucketCounts().FromRaw([]uint64{count, 2 * count, 0, count / 2})
	m = all.AppendEmpty()
	m.SetName("exponential")
	m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	e := m.ExponentialHistogram().DataPoints().AppendEmpty()
	e.SetTimestamp(at)
	e.SetStartTimestamp(begun)
	e.SetZeroThreshold(0.01)
	e.SetZeroCount(count)
	if n < 40 {
		e.SetScale(1)
		e.Positive().SetOffset(-3)
		e.Positive().BucketCounts().FromRaw([]uint64{count, 0, 2 * count, 1})
		e.Negative().BucketCounts().FromRaw([]uint64{count / 3})
	} else {
		e.Positive().SetOffset(-2)
		e.Positive().BucketCounts().FromRaw([]uint64{count, 2 * count, 1})
		e.Negative().BucketCounts().FromRaw([]uint64{count / 3})
	}
	return metrics
}

// What an earlier version has saved is read, written again as it was, and goes on as it did there.
func TestKeptStates(t *testing.T) {
	cfg, err := testutil.LoadConfig(t, NewFactory(), keptMonitors)
	require.NoError(t, err)
	now := time.Unix(1e9, 0)
	f := func(name string, create func() *engine, commit func(e *engine, n int)) {
		newEngine := func() *engine {
			e := create()
			e.reset()
			var err error
			e.telemetry, err = newTelemetry(e.set.TelemetrySettings, e.monitors)
			require.NoError(t, err)
			t.Cleanup(e.telemetry.builder.Shutdown)
			return e
		}
		kept := func(name string, n int) []byte {
			return testutil.Kept(t, filepath.Join("testdata", "states", name+".bin"), func() []byte {
				e := newEngine()
				for i := range n {
					commit(e, i)
				}
				return e.snapshot()
			})
		}
		t.Run(name, func(t *testing.T) {
			e := newEngine()
			state := kept(name, 40)
			require.NoError(t, e.restore(stateSchema, state))
			assert.Equal(t, state, e.snapshot())
			for n := 40; n < 45; n++ {
				commit(e, n)
			}
			assert.Equal(t, kept(name+"_later", 45), e.snapshot())
		})
	}
	set, _ := newSettings(t)
	f("logs", func() *engine { return newLogsEngine(set, cfg.(*Config), &sink{}) }, func(e *engine, n int) {
		logs := newLogs(prediction(map[string]any{"id": n, "features.age": float64(n % 7), "features.plan": string(rune('a' + n%3))}), func(r plog.LogRecord) {
			r.SetEventName("guardian.other")
		})
		for _, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			r.SetTimestamp(pcommon.Timestamp(1e18 + int64(n)*1e9))
		}
		e.commit(e.extractLogs(logs, now), now)
	})
	f("metrics", func() *engine { return newMetricsEngine(set, cfg.(*Config), &metricSink{}) }, func(e *engine, n int) {
		e.commit(e.extractMetrics(cumulatives(n), now), now)
	})
}
