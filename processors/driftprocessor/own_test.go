// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// Every metric of its own that the processor declares, with every value of its attributes, comes about.
func TestOwnMetrics(t *testing.T) {
	own := testutil.WatchOwnMetrics(t, "drift_")
	synctest.Test(t, func(t *testing.T) { ownMetricsOfLogs(t, own) })
	synctest.Test(t, func(t *testing.T) { ownMetricsOfPoints(t, own) })
	own.Check()
}

func ownMetricsOfLogs(t *testing.T, own *testutil.OwnMetrics) {
	t.Helper()
	directory := t.TempDir()
	s := newScene(t, fmt.Sprintf(`{monitors: [
		{name: drawn, input: predictions, value: features.x, reference: {first: 200}, window: {samples: 100},
			thresholds: {ks: {info: 0.1, warning: 0.5, critical: 0.8}}, limits: {groups: 1}},
		{name: all, input: predictions, reference: {first: 100}, window: {max_age: 1h}, limits: {features: 1}},
		{name: file, input: {attribute: y}, reference: {file: "%s/y.csv", reload_interval: 10s}},
	]}`, directory))
	x := func(value any) func(plog.LogRecord) { return prediction(map[string]any{"features.x": value}) }
	rng := seeded(1)
	for _, shift := range []float64{0, 0, 0, 0.7, 1.6, 4} { // the reference, and windows of each severity
		for range 100 {
			s.send(x(rng.NormFloat64() + shift))
		}
	}
	s.send(x("text"), x([]any{1}), prediction(map[string]any{"features.x": 1, "features.z": 1}), named("guardian.prediction", map[string]any{"model.name": "other", "features.x": 1}))
	s.send(func(r plog.LogRecord) { x(1)(r); r.SetTimestamp(newTimestamp(time.Now().Add(-24 * time.Hour))) })
	s.send(func(r plog.LogRecord) { x(1)(r); r.SetTimestamp(newTimestamp(time.Now().Add(time.Hour))) })
	s.send(func(r plog.LogRecord) { r.Attributes().PutDouble("y", 1) })
	own.Look(s.reader) // the file is not there
	writeCSV(t, filepath.Join(directory, "y.csv"), []string{"y"}, sample(100, rng.NormFloat64))
	time.Sleep(25 * time.Second)
	synctest.Wait()

	time.Sleep(2 * time.Hour)
	s.sink.locked(func() { s.sink.refuseVerdicts = errRefused })
	for range 10 { // too few for a verdict
		s.send(x(rng.NormFloat64()))
	}
	time.Sleep(2 * time.Hour)
	synctest.Wait()
	s.sink.locked(func() { s.sink.refuseVerdicts = consumererror.NewPermanent(errRefused) })
	time.Sleep(2 * time.Second)
	synctest.Wait()
	own.Look(s.reader)
	s.stop()
}

func ownMetricsOfPoints(t *testing.T, own *testutil.OwnMetrics) {
	t.Helper()
	s := newMeterScene(t, "{monitors: [{name: queue, input: {metric: queue.length}, reference: {first: 100}, limits: {series: 1}}]}")
	require.NoError(t, s.send(cumulativeOf(5)))
	s.n--
	require.NoError(t, s.send(cumulativeOf(6)))
	require.NoError(t, s.send(func(m pmetric.Metric, at pcommon.Timestamp) {
		p := m.SetEmptySum()
		p.SetIsMonotonic(true)
		p.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		putNumber(p.DataPoints(), 1, at).Attributes().PutStr("other", "series")
	}))
	time.Sleep(2 * time.Second)
	synctest.Wait()
	own.Look(s.reader)
	s.stop()

	s = newMeterScene(t, "{monitors: [{name: queue, input: {metric: queue.length}, reference: {first: 100}}]}")
	require.NoError(t, s.send(func(m pmetric.Metric, at pcommon.Timestamp) {
		h := m.SetEmptyHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		p := h.DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		attributes(p.Attributes())
		p.ExplicitBounds().FromRaw([]float64{2, 1, math.NaN()})
		p.BucketCounts().FromRaw([]uint64{1, 1, 1, 1})
	}))
	time.Sleep(2 * time.Second)
	synctest.Wait()
	own.Look(s.reader)
	s.stop()
}
