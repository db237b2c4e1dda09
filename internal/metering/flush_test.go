// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// observeAll updates every metric.
func observeAll(m *Meter, now time.Time) {
	m.Instrument("a.counter").Add(now, labelA, 2, traced(now.Add(-time.Second)))
	m.Instrument("a.counter").Add(now, labelC, .5, nil)
	m.Instrument("an.updown").Add(now, labelA, 5, nil)
	m.Instrument("an.updown").Add(now, labelA, -2, nil)
	m.Instrument("a.gauge").Set(now, labelA, 7)
	m.Instrument("a.histogram").Record(now, labelA, .5, nil)
	m.Instrument("a.histogram").Record(now, labelA, .51, nil)
	m.Instrument("a.histogram").Record(now, labelA, 3, traced(time.Time{}))
	m.Instrument("a.summary").Record(now, labelA, -4, nil)
}

// TestFlush shows what leaves, in full: three flushes, with updates before the first and the third.
func TestFlush(t *testing.T) {
	f := func(name string, delta bool) {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t, Config{SeriesLimit: 2, Delta: delta})
			out := pmetric.NewMetrics()
			scopes := out.ResourceMetrics().AppendEmpty().ScopeMetrics()
			observeAll(m, after(0))
			m.Flush(after(15), scopes.AppendEmpty().Metrics())
			m.Flush(after(30), scopes.AppendEmpty().Metrics())
			observeAll(m, after(40))
			m.Instrument("a.counter").Add(after(41), labelB, 1, nil)
			m.Flush(after(45), scopes.AppendEmpty().Metrics())
			testutil.GoldenMetrics(t, "testdata/"+name+".json", out)
		})
	}
	f("cumulative", false)
	f("delta", true)
}

func TestNewSeriesIsShownAtZeroFirst(t *testing.T) {
	m := newMeter(t, Config{})
	observeAll(m, after(3))
	first, second := flushAt(t, m, after(15)), flushAt(t, m, after(30))
	zero := func(buckets []uint64) point { return point{Buckets: buckets, Start: after(3), Time: after(15)} }
	assert.Equal(t, zero(nil), first["a.counter"][*labelA])
	assert.Equal(t, zero([]uint64{0, 0, 0, 0}), first["a.histogram"][*labelA])
	assert.Equal(t, zero(nil), first["a.summary"][*labelA])
	assert.Equal(t, point{Value: 3, Start: after(3), Time: after(15)}, first["an.updown"][*labelA])
	assert.Equal(t, point{Value: 7, Time: after(15)}, first["a.gauge"][*labelA])

	assert.Equal(t, point{Value: 2, Start: after(3), Time: after(30), Exemplar: 2}, second["a.counter"][*labelA])
	assert.Equal(t, point{4.01, 3, []uint64{0, 1, 1, 1}, after(3), after(30), 3}, second["a.histogram"][*labelA])
	assert.Equal(t, point{-4, 1, nil, after(3), after(30), 0}, second["a.summary"][*labelA])
}

func TestDeltaShowsWhatCame(t *testing.T) {
	m := newMeter(t, Config{Delta: true})
	observeAll(m, after(3))
	first, second := flushAt(t, m, after(15)), flushAt(t, m, after(30))
	assert.Equal(t, point{Value: 2, Start: after(3), Time: after(15), Exemplar: 2}, first["a.counter"][*labelA])
	assert.NotContains(t, second, "a.counter")
	assert.NotContains(t, second, "a.histogram")
	assert.Contains(t, second, "a.gauge")
	assert.Contains(t, second, "a.summary")
	observeAll(m, after(31))
	m.Instrument("a.counter").Add(after(32), labelB, 1, nil)
	third := flushAt(t, m, after(45))
	assert.Equal(t, point{4.01, 3, []uint64{0, 1, 1, 1}, after(30), after(45), 3}, third["a.histogram"][*labelA])
	assert.Equal(t, point{Value: 1, Start: after(30), Time: after(45)}, third["a.counter"][*labelB], "also what is new")
}

func TestFlushFinalShowsBothPoints(t *testing.T) {
	m := newMeter(t, Config{})
	m.Instrument("a.counter").Add(after(1), labelA, 3, nil)
	flushAt(t, m, after(15))
	m.Instrument("a.counter").Add(after(16), labelB, 5, traced(after(16)))
	zeros, values := pmetric.NewMetricSlice(), pmetric.NewMetricSlice()
	m.FlushFinal(after(20), zeros, values)
	assert.Equal(t, flushed{"a.counter": {
		*labelB: {Start: after(16), Time: after(20).Add(-time.Millisecond)},
	}}, read(t, m, zeros))
	assert.Equal(t, flushed{"a.counter": {
		*labelA: {Value: 3, Start: after(1), Time: after(20)},
		*labelB: {Value: 5, Start: after(16), Time: after(20), Exemplar: 5},
	}}, read(t, m, values))
}

// TestStartIsNeverAfterThePoint: neither after a clock was set back nor for a series born in the instant of the last flush.
func TestStartIsNeverAfterThePoint(t *testing.T) {
	m := newMeter(t, Config{})
	m.Instrument("a.counter").Add(after(10), labelA, 3, nil)
	assert.Equal(t, after(5), flushAt(t, m, after(5))["a.counter"][*labelA].Start)
	m.Instrument("a.counter").Add(after(15), labelB, 3, nil)
	zeros, values := pmetric.NewMetricSlice(), pmetric.NewMetricSlice()
	m.FlushFinal(after(15), zeros, values)
	before := after(15).Add(-time.Millisecond)
	assert.Equal(t, point{Start: before, Time: before}, read(t, m, zeros)["a.counter"][*labelB])
	assert.Equal(t, point{Value: 3, Start: before, Time: after(15)}, read(t, m, values)["a.counter"][*labelB])
}

func TestIdleSeriesGoAndComeBackAnew(t *testing.T) {
	m := newMeter(t, Config{IdleAfter: time.Minute, SeriesLimit: 2})
	counter, gauge := m.Instrument("a.counter"), m.Instrument("a.gauge")
	counter.Add(start, labelA, 1, nil)
	counter.Add(start, labelB, 1, nil)
	counter.Add(start, labelC, 9, nil)
	gauge.Set(start, labelA, 1)
	for s := 0; s <= 45; s += 15 {
		got := flushAt(t, m, after(s))
		require.Len(t, got["a.counter"], 3, "at %d s", s)
		require.Len(t, got["a.gauge"], 1)
		counter.Add(after(s+5), labelB, 1, nil)
	}
	got := flushAt(t, m, after(60))
	assert.NotContains(t, got["a.counter"], *labelA)
	assert.Contains(t, got["a.counter"], *labelB)
	assert.InDelta(t, 9, got["a.counter"][overflow].Value, 0, "it has company")
	assert.NotContains(t, got, "a.gauge")
	assert.EqualValues(t, 1, m.Stats().Metrics[0].Expired)

	counter.Add(after(65), labelA, 4, nil)
	assert.Equal(t, point{Start: after(65), Time: after(75)}, flushAt(t, m, after(75))["a.counter"][*labelA])
	assert.Equal(t, point{Value: 4, Start: after(65), Time: after(90)}, flushAt(t, m, after(90))["a.counter"][*labelA])

	for s := 105; s <= 120; s += 15 {
		require.Contains(t, flushAt(t, m, after(s))["a.counter"], overflow)
	}
	for s := 135; s <= 150; s += 15 {
		got = flushAt(t, m, after(s))
	}
	assert.Empty(t, got, "the overflow series goes with the last of the others")
	assert.Zero(t, m.Stats().Metrics[0].Series)
}

func TestClockStepsExpireNobody(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, 24 * time.Hour} {
		m := newMeter(t, Config{IdleAfter: time.Minute})
		m.Instrument("a.gauge").Set(start, labelA, 1)
		flushAt(t, m, after(0))
		assert.NotEmpty(t, flushAt(t, m, after(15).Add(step)))
		flushAt(t, m, after(30).Add(step))
		flushAt(t, m, after(75).Add(step))
		assert.Empty(t, flushAt(t, m, after(90).Add(step)), "the time after the step counts")
	}
}

func TestForget(t *testing.T) {
	m := newMeter(t, Config{})
	gauge := m.Instrument("a.gauge")
	gauge.Set(start, labelA, 1)
	gauge.Set(start, labelB, 2)
	gauge.Forget(labelA)
	gauge.Forget(labelB)
	gauge.Forget(labelC)
	gauge.Set(start, labelB, 3)
	assert.Equal(t, flushed{"a.gauge": {*labelB: {Value: 3, Time: start}}}, flushAt(t, m, start))
	gauge.Forget(labelB)
	assert.Empty(t, flushAt(t, m, start))
	assert.Zero(t, m.Stats().Metrics[2].Expired)
}

// TestPrometheusSeesTheFirstStep lets Prometheus' own engine say how much the first burst of a series was, from the points
// as they leave here; and that it would see nothing without the point at 0.
func TestPrometheusSeesTheFirstStep(t *testing.T) {
	m := newMeter(t, Config{})
	var samples []string
	total, last := 0, 0
	for s := 0; s <= 300; s += 15 {
		if s >= 120 && s <= 180 {
			m.Instrument("a.counter").Add(after(s), labelA, 5, nil)
			total += 5
		}
		if p, ok := flushAt(t, m, after(s))["a.counter"][*labelA]; ok {
			samples, last = append(samples, fmt.Sprint(p.Value)), s
			continue
		}
		samples = append(samples, "_")
	}
	require.Equal(t, 300, last)
	require.Equal(t, "_ _ _ _ _ _ _ _ 0 10 15 20 25 25 25 25 25 25 25 25 25", strings.Join(samples, " "))
	assert.InDelta(t, total, increase(t, samples), 1e-9)

	require.Equal(t, "0", samples[8])
	samples[8] = "_"
	assert.Less(t, increase(t, samples), 20.0, "what a series begins with counts for nothing")
}

// increase evaluates increase() over samples that are 15 s apart, at the last of them.
func increase(t *testing.T, samples []string) float64 {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 15s\n  m "+strings.Join(samples, " "))
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	at := time.Unix(0, 0).Add(15 * time.Second * time.Duration(len(samples)-1))
	query, err := engine.NewInstantQuery(t.Context(), storage, nil, "increase(m[10m])", at)
	require.NoError(t, err)
	defer query.Close()
	result := query.Exec(t.Context())
	require.NoError(t, result.Err)
	vector, ok := result.Value.(promql.Vector)
	require.True(t, ok)
	require.Len(t, vector, 1)
	return vector[0].F
}
