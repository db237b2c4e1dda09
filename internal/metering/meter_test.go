// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewRefusesContradictions(t *testing.T) {
	f := func(want string, definitions ...Definition) {
		t.Helper()
		_, err := New(Config{}, definitions)
		require.ErrorContains(t, err, want)
	}
	f("needs a name", Definition{})
	f("unknown kind", Definition{Name: "m", Kind: kinds})
	f(`"m" twice`, Definition{Name: "m"}, Definition{Name: "n"}, Definition{Name: "m", Kind: Gauge})
	f("7 attributes, at most 6", Definition{Name: "m", Attributes: []string{"1", "2", "3", "4", "5", "6", "7"}})
	f(`attribute "a"`, Definition{Name: "m", Attributes: []string{"a", "b", "a"}})
	f(`attribute ""`, Definition{Name: "m", Attributes: []string{""}})
	f(`attribute "otel.metric.overflow"`, Definition{Name: "m", Attributes: []string{overflowAttribute}})
	f("a gauge has no bounds", Definition{Name: "m", Kind: Gauge, Bounds: []float64{1}})
	for _, bounds := range [][]float64{{2, 1}, {1, 1}, {1, math.Inf(1)}, {math.NaN()}} {
		f("finite and ascending", Definition{Name: "m", Kind: Histogram, Bounds: bounds})
	}
}

func TestMetricThatIsNotDefinedTakesEverything(t *testing.T) {
	none := newMeter(t, Config{}).Instrument("none")
	require.Nil(t, none)
	none.Add(start, labelA, 1, nil)
	none.Record(start, labelA, 1, nil)
	none.Set(start, labelA, 1)
	none.Forget(labelA)
}

func TestWhatNoSumCanTakeIsRejected(t *testing.T) {
	m := newMeter(t, Config{})
	counter, upDown, gauge, histogram, summary := m.Instrument("a.counter"), m.Instrument("an.updown"),
		m.Instrument("a.gauge"), m.Instrument("a.histogram"), m.Instrument("a.summary")
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		counter.Add(start, labelA, v, nil)
		upDown.Add(start, labelA, v, nil)
		upDown.Set(start, labelA, v)
		gauge.Set(start, labelA, v)
		histogram.Record(start, labelA, v, nil)
		summary.Record(start, labelA, v, nil)
	}
	counter.Add(start, labelA, -1, nil)
	counter.Set(start, labelA, 1)
	counter.Record(start, labelA, 1, nil)
	gauge.Add(start, labelA, 1, nil)
	histogram.Add(start, labelA, 1, nil)
	histogram.Set(start, labelA, 1)
	assert.Empty(t, flushAt(t, m, start), "no update, no series")
	var rejected []uint64
	for _, s := range m.Stats().Metrics {
		rejected = append(rejected, s.Rejected)
	}
	assert.Equal(t, []uint64{6, 6, 4, 5, 3}, rejected)

	histogram.Record(start, labelA, math.MaxFloat64, nil)
	histogram.Record(start, labelA, math.MaxFloat64, nil)
	flushAt(t, m, start)
	got := flushAt(t, m, start)["a.histogram"][*labelA]
	assert.Equal(t, math.MaxFloat64, got.Value, "a sum that cannot be held keeps its value")
	assert.EqualValues(t, 1, got.Count, "sum and count belong together")
	assert.EqualValues(t, 6, m.Stats().Metrics[3].Rejected)
}

func TestLabels(t *testing.T) {
	m := newMeter(t, Config{}, Definition{Name: "m", Kind: Gauge, Attributes: []string{"a", "b", "c"}})
	different := []*Labels{{"x"}, {"", "x"}, {"", "", "x"}, {"x", "x"}, {"xx"}, {"x\x01x"}, {"x", "\x01x"}, nil}
	for i, labels := range different {
		m.Instrument("m").Set(start, labels, float64(i))
	}
	m.Instrument("m").Set(start, &Labels{"", "", "", "past the attributes"}, 7)
	got := flushAt(t, m, start)["m"]
	require.Len(t, got, len(different))
	for i, labels := range different {
		if labels == nil {
			labels = &Labels{}
		}
		assert.InDelta(t, i, got[*labels].Value, 0)
	}
}

// TestLabelsAreCopied: a series keeps no memory of the caller.
func TestLabelsAreCopied(t *testing.T) {
	m := newMeter(t, Config{})
	labels := Labels{"a", "b"}
	m.Instrument("a.gauge").Set(start, &labels, 1)
	labels[0] = "other"
	assert.Contains(t, flushAt(t, m, start)["a.gauge"], Labels{"a", "b"})
}

func TestLimitKeepsTotals(t *testing.T) {
	m := newMeter(t, Config{SeriesLimit: 3})
	for n := range 10 {
		for range n + 1 {
			labels := &Labels{string(rune('a' + n))}
			m.Instrument("a.counter").Add(start, labels, 2, nil)
			m.Instrument("a.histogram").Record(start, labels, 1, traced(start))
			m.Instrument("a.summary").Record(start, labels, 3, nil)
		}
	}
	first := flushAt(t, m, after(15))
	assert.Equal(t, point{Start: start, Time: after(15)}, first["a.counter"][overflow], "also the overflow series begins at 0")
	got := flushAt(t, m, after(30))
	require.Len(t, got["a.counter"], 4)
	// 1+2+3 updates went to the three that had room, the other 55-6 not.
	assert.Equal(t, point{Value: 98, Start: start, Time: after(30)}, got["a.counter"][overflow])
	assert.Equal(t, point{49, 49, []uint64{0, 0, 49, 0}, start, after(30), 1}, got["a.histogram"][overflow])
	assert.Equal(t, point{147, 49, nil, start, after(30), 0}, got["a.summary"][overflow])
	assert.InDelta(t, 6, got["a.counter"][Labels{"c"}].Value, 0)
	stats := m.Stats().Metrics[0]
	stats.Bytes = 0
	assert.Equal(t, MetricStats{Name: "a.counter", Series: 3, Limit: 3, Created: 3, Overflowed: 49}, stats)
}

func TestExemplarIsTheLatestWithATrace(t *testing.T) {
	m := newMeter(t, Config{})
	for _, name := range []string{"a.counter", "a.histogram"} {
		update := m.Instrument(name).Add
		if name == "a.histogram" {
			update = m.Instrument(name).Record
		}
		update(start, labelA, 1, traced(start))
		update(start, labelA, 2, traced(start))
		update(start, labelA, 3, &Exemplar{})
		update(start, labelA, 4, nil)
		update(start, labelB, 5, nil)
	}
	first, second, third := flushAt(t, m, after(15)), flushAt(t, m, after(30)), flushAt(t, m, after(45))
	for _, name := range []string{"a.counter", "a.histogram"} {
		assert.Zero(t, first[name][*labelA].Exemplar, "a point at 0 has none")
		assert.InDelta(t, 2, second[name][*labelA].Exemplar, 0)
		assert.Zero(t, second[name][*labelB].Exemplar)
		assert.Zero(t, third[name][*labelA].Exemplar, "it is shown once")
	}
}
