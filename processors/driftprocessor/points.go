// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/series"
	"github.com/llm-guardian/otelcol-guardian/internal/shared"
)

// metricsProcessor stands in a metrics pipeline.
type metricsProcessor struct {
	*shared.Instance[*engine]
	next consumer.Metrics
}

func (*metricsProcessor) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeMetrics hands the batch on, and judges what was in it once it was accepted.
func (p *metricsProcessor) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	e := p.Engine()
	b := e.extractMetrics(metrics, time.Now())
	defer b.release()
	if err := p.next.ConsumeMetrics(ctx, metrics); err != nil {
		return err
	}
	e.commit(b, time.Now())
	return nil
}

// pointState is what is known of a series.
type pointState struct {
	group   *group
	feature *drift.Feature // nil where the group has no room for it, or the values are not its kind
	sum     lastSum
	counts  *distribution // the last point of a cumulative histogram
	at      int64         // its time
}

// lastSum is the last point of a cumulative sum, in Unix nanoseconds. at is 0 before the first.
type lastSum struct {
	value     float64
	at, start int64
}

// point is a data point to be committed.
type point struct {
	monitor      *monitor
	series       series.Ref
	at, start    int64
	number       float64
	cumulative   bool
	distribution int // in the batch, counted from 1; 0 is none
}

// pointReader finds the points that monitors look at.
type pointReader struct {
	byMetric map[string][]*pointSource
}

// pointSource says where a monitor finds what it looks at.
type pointSource struct {
	monitor *monitor
	groups  [][]string
	rate    bool
}

func newPointReader(monitors []*monitor) *pointReader {
	r := &pointReader{byMetric: map[string][]*pointSource{}}
	for _, m := range monitors {
		s := &pointSource{monitor: m, rate: m.config.Input.Sums == sumsRate}
		for _, key := range m.config.GroupBy {
			s.groups = append(s.groups, []string{key})
		}
		name := m.config.Input.Metric
		r.byMetric[name] = append(r.byMetric[name], s)
		m.series = series.NewStore[pointState](series.Config{Limit: m.config.Limits.Series, IdleAfter: m.config.Limits.IdleAfter})
	}
	return r
}

// read extracts what the monitors look at.
func (r *pointReader) read(metrics pmetric.Metrics, now time.Time, b *batch) {
	for _, sources := range r.byMetric {
		for _, s := range sources {
			s.monitor.series.Advance(now, nil)
		}
	}
	for _, resource := range metrics.ResourceMetrics().All() {
		var resourceID series.ID
		hashed := false
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				sources := r.byMetric[metric.Name()]
				if len(sources) == 0 {
					continue
				}
				if !hashed {
					resourceID, hashed = series.ID{}.Resource(resource.Resource()), true
				}
				at := points{
					id: resourceID.Scope(scope.Scope()).Metric(metric), now: now, batch: b,
					place: place{scope: scope.Scope().Attributes(), resource: resource.Resource().Attributes()},
				}
				for _, s := range sources {
					at.source = s
					at.metric(metric)
				}
			}
		}
	}
}

// points are the points of a metric that are being read for a monitor.
type points struct {
	source *pointSource
	id     series.ID
	place  place
	now    time.Time
	batch  *batch
}

func (p *points) metric(metric pmetric.Metric) {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		p.numbers(metric.Gauge().DataPoints(), metric.Name(), p.gauge)
	case pmetric.MetricTypeSum:
		p.sum(metric)
	case pmetric.MetricTypeHistogram:
		for _, dp := range metric.Histogram().DataPoints().All() {
			if ref, ok := p.series(p.id.AttributesKey(dp.Attributes()), dp.Attributes(), metric.Name(), drift.Aggregated); ok && !dp.Flags().NoRecordedValue() {
				p.add(p.counts(ref, dp.Timestamp(), dp.StartTimestamp(), metric.Histogram().AggregationTemporality(), explicit(dp)))
			}
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, dp := range metric.ExponentialHistogram().DataPoints().All() {
			if ref, ok := p.series(p.id.AttributesKey(dp.Attributes()), dp.Attributes(), metric.Name(), drift.Aggregated); ok && !dp.Flags().NoRecordedValue() {
				p.add(p.counts(ref, dp.Timestamp(), dp.StartTimestamp(), metric.ExponentialHistogram().AggregationTemporality(), exponential(dp)))
			}
		}
	case pmetric.MetricTypeSummary: // its quantiles cannot be added up
		p.source.monitor.tally.rejected[reasonUnsupported] += int64(metric.Summary().DataPoints().Len())
	}
}

// sum reads a sum: one that may fall says what is, as a gauge does.
func (p *points) sum(metric pmetric.Metric) {
	sum := metric.Sum()
	cumulative := sum.AggregationTemporality() == pmetric.AggregationTemporalityCumulative
	switch {
	case !sum.IsMonotonic() && cumulative:
		p.numbers(sum.DataPoints(), metric.Name(), p.gauge)
	case cumulative:
		p.numbers(sum.DataPoints(), metric.Name(), p.cumulative)
	default:
		p.numbers(sum.DataPoints(), metric.Name(), p.delta)
	}
}

// numbers takes all keys before it looks for the first series: then the processor waits for many of them at once.
func (p *points) numbers(all pmetric.NumberDataPointSlice, metric string, read func(series.Ref, pmetric.NumberDataPoint)) {
	keys := p.batch.keys[:0]
	for i := range all.Len() {
		keys = append(keys, p.id.AttributesKey(all.At(i).Attributes()))
	}
	p.batch.keys = keys
	for i := range all.Len() {
		dp := all.At(i)
		if dp.Flags().NoRecordedValue() {
			continue
		}
		if ref, ok := p.series(keys[i], dp.Attributes(), metric, drift.Numeric); ok {
			read(ref, dp)
		}
	}
}

func (p *points) gauge(ref series.Ref, dp pmetric.NumberDataPoint) {
	p.add(point{series: ref, at: p.timeOf(dp.Timestamp()), number: numberOf(dp)})
}

func (p *points) cumulative(ref series.Ref, dp pmetric.NumberDataPoint) {
	p.add(point{series: ref, at: p.timeOf(dp.Timestamp()), start: int64(dp.StartTimestamp()), number: numberOf(dp), cumulative: true})
}

func (p *points) delta(ref series.Ref, dp pmetric.NumberDataPoint) {
	number, at := numberOf(dp), p.timeOf(dp.Timestamp())
	if p.source.rate {
		if number /= seconds(at - int64(dp.StartTimestamp())); dp.StartTimestamp() == 0 || number != number {
			p.source.monitor.tally.rejected[reasonUnsupported]++ // a rate needs the time that it is over
			return
		}
	}
	p.add(point{series: ref, at: at, number: number})
}

// counts makes a point of a histogram.
func (p *points) counts(ref series.Ref, at, start pcommon.Timestamp, temporality pmetric.AggregationTemporality, d distribution) point {
	p.batch.distributions = append(p.batch.distributions, d)
	return point{
		series: ref, at: p.timeOf(at), start: int64(start), distribution: len(p.batch.distributions),
		cumulative: temporality == pmetric.AggregationTemporalityCumulative,
	}
}

func (p *points) add(point point) {
	point.monitor = p.source.monitor
	p.batch.points = append(p.batch.points, point)
}

// series gives the series of a point; ok is false where there is no room for it, or for what it belongs to.
func (p *points) series(key series.Key, attributes pcommon.Map, metric string, kind drift.Kind) (ref series.Ref, ok bool) {
	m := p.source.monitor
	ref, state := m.series.Find(key)
	if state == nil {
		id := p.id.Attributes(attributes)
		if ref, state = m.series.Observe(&id); ref.IsOverflow() {
			m.tally.limited[tableSeries]++
			return ref, false
		}
	}
	if state.group == nil || state.group.gone || state.feature == nil && state.group.ready {
		p.place.record = attributes
		if state.group = m.group(&p.place, p.source.groups, p.now); state.group == nil {
			return ref, false
		}
		state.feature = m.metricFeature(state.group, metric, kind)
	}
	return ref, true
}

// metricFeature gives the feature of a metric, nil where the group is not ready or has no room for it.
func (m *monitor) metricFeature(g *group, name string, kind drift.Kind) *drift.Feature {
	if !g.ready {
		return nil
	}
	if f := g.drift.Find(name); f != nil {
		if f.Kind() != kind {
			m.tally.rejected[reasonWrongType]++
			return nil
		}
		return f
	}
	return m.addFeature(g, name, kind)
}

// commitPoint commits a point, as what came since the last one of its series where it is cumulative.
func (e *engine) commitPoint(b *batch, p *point, now time.Time) {
	state := p.monitor.series.Get(p.series)
	if state == nil || state.group == nil {
		return
	}
	value := drift.Value{Feature: state.feature, Number: p.number}
	ok := true
	switch {
	case p.distribution > 0:
		value.Buckets, ok = state.buckets(p, &b.distributions[p.distribution-1])
	case p.cumulative:
		value.Number, ok = state.sum.advance(p)
	}
	if g := state.group; ok && (state.feature != nil || !g.ready) {
		if len(g.gathered) == 0 {
			b.touched = append(b.touched, g)
		}
		e.gather(g, p.at, now, &value)
	}
}

// gather keeps a value of a group until more of the same time have come, which are faster to commit together. No more are kept
// than the window has room for, so it ends with the same value as if each had come alone.
func (e *engine) gather(g *group, at int64, now time.Time, value *drift.Value) {
	if len(g.gathered) > 0 && (at != g.gatheredAt || value.Buckets != nil || len(g.gathered) >= g.room()) {
		e.commitGathered(g, now)
	}
	g.gathered, g.gatheredAt = append(g.gathered, *value), at
}

func (e *engine) commitGathered(g *group, now time.Time) {
	if len(g.gathered) == 0 {
		return
	}
	g.observe(g.gatheredAt, now, g.gathered, int64(len(g.gathered)))
	g.gathered = g.gathered[:0]
	e.collect(g, now)
}

// advance gives what was added since the last point, or that per second; ok is false for the first point, and for one that is
// not newer.
func (s *lastSum) advance(p *point) (number float64, ok bool) {
	last := *s
	if p.at <= last.at {
		p.monitor.tally.rejected[reasonOutOfOrder]++
		return 0, false
	}
	*s = lastSum{p.number, p.at, p.start}
	since := last.at
	switch {
	case last.at == 0:
		return 0, false
	case p.start != last.start || p.number < last.value: // it began again
		number = p.number
		since = max(last.at, p.start)
	default:
		number = p.number - last.value
	}
	if p.monitor.config.Input.Sums == sumsRate {
		number /= seconds(p.at - since)
	}
	return number, number == number
}

// seconds is NaN for no time.
func seconds(nanoseconds int64) float64 {
	if nanoseconds <= 0 {
		return nan
	}
	return float64(nanoseconds) / 1e9
}

func numberOf(dp pmetric.NumberDataPoint) float64 {
	if dp.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(dp.IntValue())
	}
	return dp.DoubleValue()
}

func (p *points) timeOf(t pcommon.Timestamp) int64 {
	if t == 0 {
		return p.now.UnixNano()
	}
	return int64(t)
}
