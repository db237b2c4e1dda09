// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// zeroBefore is how long before its value [Meter.FlushFinal] shows a series at 0: the resolution of Prometheus.
const zeroBefore = time.Millisecond

// Flush appends the metrics as they are at now, the time of the emission, to dst, and lets idle and forgotten series go. A
// metric without points is left out.
func (m *Meter) Flush(now time.Time, dst pmetric.MetricSlice) {
	m.sweep(now)
	m.show(now, dst)
}

// FlushFinal is the last Flush of a Meter that nobody will restore; for one that will be, see [Meter.AppendState]. Series
// that were not shown yet must be shown at 0 and at their value all the same: the zeros, which are a millisecond older,
// are appended to zeros, everything else to dst, as [Meter.Flush] does. The caller sends both, zeros first, in batches of
// their own.
func (m *Meter) FlushFinal(now time.Time, zeros, dst pmetric.MetricSlice) {
	m.sweep(now)
	for _, i := range m.instruments {
		i.showUnshown(zeros, now.Add(-zeroBefore).UnixNano())
	}
	m.show(now, dst)
}

// sweep removes the series that go.
func (m *Meter) sweep(now time.Time) {
	m.clock.advance(now)
	for _, i := range m.instruments {
		i.sweep(m.clock.now, m.clock.now-int64(m.config.IdleAfter))
	}
}

func (m *Meter) show(now time.Time, dst pmetric.MetricSlice) {
	at := interval{m.flushed, now.UnixNano()}
	for _, i := range m.instruments {
		i.show(dst, at)
	}
	m.flushed = at.now
}

func (i *Instrument) sweep(now, unseenSince int64) {
	for slot, s := range i.table.all() {
		if s.is(changed) {
			s.seen = now
		}
		switch {
		case s.is(forgotten):
			i.table.remove(slot)
		case s.seen <= unseenSince && slot != overflowSlot:
			i.table.remove(slot)
			i.stats.Expired++
		}
	}
	// As long as the overflow series has company its sum belongs to a total that somebody watches.
	if overflow := i.table.at(overflowSlot); overflow.is(live) && overflow.seen <= unseenSince && i.table.len() == 0 {
		i.table.remove(overflowSlot)
	}
}

// interval is between two flushes, in nanoseconds since 1970.
type interval struct{ since, now int64 }

// show appends the metric with all series that must be shown, at 0 those that were not shown yet.
func (i *Instrument) show(dst pmetric.MetricSlice, at interval) {
	n := i.shown()
	if n == 0 {
		return
	}
	points := i.newPoints(dst, n)
	for slot, s := range i.table.all() {
		if i.delta && !s.is(changed) {
			continue
		}
		start := s.start
		if i.delta && at.since != 0 {
			start = at.since
		}
		points.append(slot, s, interval{min(start, at.now), at.now}, s.is(unshown))
		s.state &^= unshown | changed
		if i.delta {
			s.value = 0
			clear(i.table.bucketsAt(slot))
		}
	}
}

// shown is the number of series that must be shown.
func (i *Instrument) shown() int {
	n := 0
	for _, s := range i.table.all() {
		if !i.delta || s.is(changed) {
			n++
		}
	}
	return n
}

// showUnshown appends the metric with the series that were not shown yet, at 0.
func (i *Instrument) showUnshown(dst pmetric.MetricSlice, now int64) {
	var points points
	for slot, s := range i.table.all() {
		if !s.is(unshown) {
			continue
		}
		if points.instrument == nil {
			points = i.newPoints(dst, 0)
		}
		s.start = min(s.start, now) // The value, which follows, has the same start.
		points.append(slot, s, interval{s.start, now}, true)
		s.state &^= unshown
	}
}

// points are the points of a metric that is being written.
type points struct {
	instrument *Instrument
	numbers    pmetric.NumberDataPointSlice
	histograms pmetric.HistogramDataPointSlice
	summaries  pmetric.SummaryDataPointSlice
}

// newPoints appends the metric, still without points but with room for n.
func (i *Instrument) newPoints(dst pmetric.MetricSlice, n int) points {
	temporality := pmetric.AggregationTemporalityCumulative
	if i.delta {
		temporality = pmetric.AggregationTemporalityDelta
	}
	metric := dst.AppendEmpty()
	metric.SetName(i.definition.Name)
	metric.SetUnit(i.definition.Unit)
	metric.SetDescription(i.definition.Description)
	p := points{instrument: i}
	switch i.definition.Kind {
	case Gauge:
		p.numbers = metric.SetEmptyGauge().DataPoints()
		p.numbers.EnsureCapacity(n)
	case Histogram:
		histogram := metric.SetEmptyHistogram()
		histogram.SetAggregationTemporality(temporality)
		p.histograms = histogram.DataPoints()
		p.histograms.EnsureCapacity(n)
	case Summary:
		p.summaries = metric.SetEmptySummary().DataPoints()
		p.summaries.EnsureCapacity(n)
	default:
		sum := metric.SetEmptySum()
		sum.SetAggregationTemporality(temporality)
		sum.SetIsMonotonic(i.definition.Kind == Counter)
		p.numbers = sum.DataPoints()
		p.numbers.EnsureCapacity(n)
	}
	return p
}

// append writes a series, at 0 if zero is set. A point at 0 leaves the exemplar to the value that follows.
func (p *points) append(slot uint32, s *series, at interval, zero bool) {
	switch p.instrument.definition.Kind {
	case Histogram:
		p.appendHistogram(slot, s, at, zero)
	case Summary:
		p.appendSummary(slot, s, at, zero)
	default:
		p.appendNumber(slot, s, at, zero)
	}
}

func (p *points) appendNumber(slot uint32, s *series, at interval, zero bool) {
	point := p.numbers.AppendEmpty()
	p.instrument.putAttributes(slot, s, point.Attributes())
	point.SetTimestamp(pcommon.Timestamp(at.now))
	if p.instrument.definition.Kind != Gauge {
		point.SetStartTimestamp(pcommon.Timestamp(at.since))
	}
	if zero {
		point.SetDoubleValue(0)
		return
	}
	point.SetDoubleValue(s.value)
	p.instrument.table.moveExemplar(slot, point.Exemplars())
}

func (p *points) appendHistogram(slot uint32, s *series, at interval, zero bool) {
	point := p.histograms.AppendEmpty()
	p.instrument.putAttributes(slot, s, point.Attributes())
	point.SetTimestamp(pcommon.Timestamp(at.now))
	point.SetStartTimestamp(pcommon.Timestamp(at.since))
	point.ExplicitBounds().FromRaw(p.instrument.definition.Bounds)
	if zero {
		point.SetSum(0)
		point.BucketCounts().FromRaw(make([]uint64, p.instrument.table.bucketsEach))
		return
	}
	buckets := p.instrument.table.bucketsAt(slot)
	point.SetSum(s.value)
	point.SetCount(totalOf(buckets))
	point.BucketCounts().FromRaw(buckets)
	p.instrument.table.moveExemplar(slot, point.Exemplars())
}

func (p *points) appendSummary(slot uint32, s *series, at interval, zero bool) {
	point := p.summaries.AppendEmpty()
	p.instrument.putAttributes(slot, s, point.Attributes())
	point.SetTimestamp(pcommon.Timestamp(at.now))
	point.SetStartTimestamp(pcommon.Timestamp(at.since))
	if !zero {
		point.SetSum(s.value)
		point.SetCount(totalOf(p.instrument.table.bucketsAt(slot)))
	}
}

func (i *Instrument) putAttributes(slot uint32, s *series, to pcommon.Map) {
	if slot == overflowSlot {
		to.PutBool(overflowAttribute, true)
		return
	}
	to.EnsureCapacity(len(i.definition.Attributes))
	rest := s.labels
	for _, key := range i.definition.Attributes {
		var label string
		if label, rest, _ = cutLabel(rest); label != "" {
			to.PutStr(key, label)
		}
	}
}
