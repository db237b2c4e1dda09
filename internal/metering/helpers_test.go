// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// after returns the time some seconds after the start.
func after(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

var (
	labelA   = &Labels{"a", "x"}
	labelB   = &Labels{"b", "x"}
	labelC   = &Labels{"c", ""}
	overflow = Labels{overflowAttribute}
)

// one metric of each kind, all with the same attributes.
func oneOfEach() []Definition {
	attributes := []string{"first.key", "second.key"}
	return []Definition{
		{Name: "a.counter", Unit: "{request}", Description: "Requests.", Kind: Counter, Attributes: attributes},
		{Name: "an.updown", Unit: "{request}", Kind: UpDownCounter, Attributes: attributes},
		{Name: "a.gauge", Unit: "1", Kind: Gauge, Attributes: attributes},
		{Name: "a.histogram", Unit: "s", Kind: Histogram, Attributes: attributes, Bounds: []float64{-1, .5, 2}},
		{Name: "a.summary", Kind: Summary, Attributes: attributes},
	}
}

func newMeter(tb testing.TB, config Config, definitions ...Definition) *Meter {
	tb.Helper()
	if definitions == nil {
		definitions = oneOfEach()
	}
	m, err := New(config, definitions)
	require.NoError(tb, err)
	return m
}

// point is any point of a flush, for comparison. The value of a histogram or summary is the sum.
type point struct {
	Value       float64
	Count       uint64
	Buckets     []uint64
	Start, Time time.Time
	Exemplar    float64 // its value, 0 if there is none
}

// flushed is what a flush shows: by metric, by labels.
type flushed map[string]map[Labels]point

func flushAt(tb testing.TB, m *Meter, now time.Time) flushed {
	tb.Helper()
	dst := pmetric.NewMetricSlice()
	m.Flush(now, dst)
	return read(tb, m, dst)
}

// read fails the test if there is a series or a metric twice.
func read(tb testing.TB, m *Meter, metrics pmetric.MetricSlice) flushed {
	tb.Helper()
	out := flushed{}
	for _, metric := range metrics.All() {
		require.NotContains(tb, out, metric.Name())
		out[metric.Name()] = map[Labels]point{}
		put := func(attributes pcommon.Map, p point) {
			labels := readLabels(tb, m.Instrument(metric.Name()).definition.Attributes, attributes)
			require.NotContains(tb, out[metric.Name()], labels)
			out[metric.Name()][labels] = p
		}
		switch metric.Type() {
		case pmetric.MetricTypeSum:
			readNumbers(metric.Sum().DataPoints(), put)
		case pmetric.MetricTypeGauge:
			readNumbers(metric.Gauge().DataPoints(), put)
		case pmetric.MetricTypeHistogram:
			for _, p := range metric.Histogram().DataPoints().All() {
				put(p.Attributes(), point{
					p.Sum(), p.Count(), p.BucketCounts().AsRaw(), timeOf(p.StartTimestamp()), timeOf(p.Timestamp()),
					exemplarOf(p.Exemplars()),
				})
			}
		case pmetric.MetricTypeSummary:
			for _, p := range metric.Summary().DataPoints().All() {
				put(p.Attributes(), point{p.Sum(), p.Count(), nil, timeOf(p.StartTimestamp()), timeOf(p.Timestamp()), 0})
			}
		}
	}
	return out
}

func readNumbers(points pmetric.NumberDataPointSlice, put func(pcommon.Map, point)) {
	for _, p := range points.All() {
		put(p.Attributes(), point{
			p.DoubleValue(), 0, nil, timeOf(p.StartTimestamp()), timeOf(p.Timestamp()), exemplarOf(p.Exemplars()),
		})
	}
}

func readLabels(tb testing.TB, keys []string, attributes pcommon.Map) (labels Labels) {
	tb.Helper()
	if over, ok := attributes.Get(overflowAttribute); ok {
		require.True(tb, over.Bool())
		require.Equal(tb, 1, attributes.Len())
		return overflow
	}
	n := 0
	for i, key := range keys {
		if v, ok := attributes.Get(key); ok {
			require.NotEmpty(tb, v.Str())
			labels[i] = v.Str()
			n++
		}
	}
	require.Equal(tb, n, attributes.Len())
	return labels
}

func timeOf(t pcommon.Timestamp) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return t.AsTime()
}

func exemplarOf(exemplars pmetric.ExemplarSlice) float64 {
	if exemplars.Len() == 0 {
		return 0
	}
	return exemplars.At(exemplars.Len() - 1).DoubleValue()
}

// traced is an exemplar of some trace.
func traced(at time.Time) *Exemplar { return &Exemplar{pcommon.TraceID{7}, pcommon.SpanID{8}, at} }

func stateOf(m *Meter) []byte {
	e := codec.NewEncoder(nil)
	m.AppendState(e)
	return e.Data()
}

// restart returns a Meter that takes over the state of another one.
func restart(tb testing.TB, m *Meter, config Config, now time.Time, definitions ...Definition) *Meter {
	tb.Helper()
	restored := newMeter(tb, config, definitions...)
	d := codec.NewDecoder(stateOf(m))
	require.NoError(tb, restored.RestoreState(d, now))
	require.NoError(tb, d.Finish())
	return restored
}
