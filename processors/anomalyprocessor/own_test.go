// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// newStill makes a processor that was not started: nothing happens in it but what the test does, at the test's time.
func newStill(t *testing.T, section string) *scene {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), section)
	require.NoError(t, err)
	set, reader := newSettings(t)
	s := &scene{t: t, sink: &sink{}, reader: reader, start: time.Unix(1e9, 0)}
	s.engine = newEngine(set, cfg.(*Config), s.sink)
	s.engine.reset(s.start)
	s.engine.telemetry, err = newTelemetry(set.TelemetrySettings, s.engine.detectors)
	require.NoError(t, err)
	require.NoError(t, s.engine.telemetry.watch(s.engine))
	t.Cleanup(s.engine.telemetry.builder.Shutdown)
	return s
}

// take judges points that come at their time.
func (s *scene) take(at time.Duration, metrics ...fill) {
	now := s.start.Add(at)
	b := s.engine.extract(newMetrics(now, metrics...), now)
	s.engine.commit(b, now)
	b.release()
}

// Every metric of its own that the processor declares, with every value of its attributes, comes about.
func TestOwnMetrics(t *testing.T) {
	s := newStill(t, `{detectors: [
		{name: d, group_by: [host], metrics: [m, {name: h, values: [p95]}], step: 1s, lateness: 0s, min_observations: 20,
			forest: {trees: 10, sub_sample: 20}, training: {reservoir: 20, retrain: 20}, limits: {entities: 2, idle_after: 1m}},
		{name: quick, method: ewma, group_by: [host], metrics: [m], step: 1s, lateness: 0s, min_observations: 20, accept: 20, limits: {series: 1}},
		{name: large, group_by: [host], metrics: [m], forest: {trees: 1000}, limits: {memory_mib: 2}},
	]}`)
	seen := map[string]bool{}
	look := func() {
		for key, n := range s.own() {
			seen[key] = seen[key] || n > 0
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	at := time.Duration(0)
	send := func(n int, level float64) {
		for range n {
			at += time.Second
			s.take(at, gauge("m", level+rng.NormFloat64(), "host", "a"))
		}
	}
	send(70, 0)
	look() // training is behind
	s.engine.trainAll()
	send(30, 0)
	send(25, 50)
	s.engine.tick(s.start.Add(at))
	look()

	s.take(at, gauge("m", math.NaN(), "host", "a"), gauge("m", 1, "host", "a"))
	s.take(at-time.Millisecond, gauge("m", 1, "host", "a"))
	s.take(at-20*time.Second, gauge("m", 1, "host", "a", "other", "series"))
	s.take(at, counter("m", s.start, 1, "host", "a"))
	s.take(at, func(m pmetric.Metric, _ pcommon.Timestamp) { gauge("m", 1, "host", "a")(m, pcommon.Timestamp(2e18)) })
	s.take(at, histogramOf("h", delta, s.start, 1, []float64{1, 2, 3}, []uint64{1, 1}, "host", "a"))
	s.take(at, func(m pmetric.Metric, _ pcommon.Timestamp) {
		m.SetName("h")
		m.SetEmptySummary().DataPoints().AppendEmpty()
	})
	for _, host := range []string{"b", "c", "d"} {
		s.take(at, gauge("m", 1, "host", host))
	}
	for range 4 {
		at += time.Minute
		s.engine.tick(s.start.Add(at))
	}
	look()

	s.sink.refuseVerdicts = errRefused
	s.engine.output.cut()
	s.engine.output.send(t.Context())
	s.sink.refuseVerdicts = consumererror.NewPermanent(errRefused)
	s.engine.output.send(t.Context())
	look()

	want := slices.DeleteFunc(testutil.OwnMetrics(t, "processor_anomaly_"), func(name string) bool {
		return name == "entries bytes" || name == "evicted bytes" // memory is not a number of entries
	})
	for _, name := range want {
		assert.True(t, seen[name], name)
	}
	for name := range seen {
		assert.Contains(t, want, name)
	}
}
