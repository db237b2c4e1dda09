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
	"github.com/llm-guardian/otelcol-guardian/internal/grouping"
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

// pointState is what is known of a series. It holds no pointers, so that the garbage collector need not look at every series.
type pointState struct {
	group  uint32 // its number; 0 as long as the series has none
	counts uint32 // the number of the last point of a cumulative histogram; 0 before the first
	sum    lastSum
	at     int64 // when counts are from
}

// lastSum is the last point of a cumulative sum, in Unix nanoseconds. at is 0 before the first.
type lastSum struct {
	value     float64
	at, start int64
}

// point is a data point to be committed.
type point struct {
	series    series.Ref
	at, start int64
	number    float64
}

// run is a sequence of points of one monitor and one form: those that come after the run before it, up to end.
type run struct {
	monitor       *monitor
	kind          drift.Kind
	cumulative    bool
	end           int
	distributions int // Of histograms: the place of the first one in the batch; there is one per point.
}

// pointReader finds the points that monitors look at.
type pointReader struct {
	byMetric map[string][]*pointSource
}

// pointSource says where a monitor finds what it looks at.
type pointSource struct {
	monitor *monitor
	groups  [][]string
	members *series.Selector // of the keys of group_by
	rate    bool
}

func newPointReader(monitors []*monitor) *pointReader {
	r := &pointReader{byMetric: map[string][]*pointSource{}}
	for _, m := range monitors {
		s := &pointSource{monitor: m, rate: m.config.Input.Sums == sumsRate, members: series.NewSelector(m.config.GroupBy...)}
		for _, key := range m.config.GroupBy {
			s.groups = append(s.groups, []string{key})
		}
		name := m.config.Input.Metric
		r.byMetric[name] = append(r.byMetric[name], s)
		m.series = series.NewStore[pointState](series.Config{Limit: m.config.Limits.Series, IdleAfter: m.config.Limits.IdleAfter})
		m.evicted = func(_ series.Ref, state *pointState) { m.histograms.drop(state.counts) }
	}
	return r
}

// read extracts what the monitors look at.
func (r *pointReader) read(metrics pmetric.Metrics, now time.Time, b *batch) {
	for _, sources := range r.byMetric {
		for _, s := range sources {
			s.monitor.series.Advance(now, s.monitor.evicted)
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
					scope: scope.Scope(), resource: resource.Resource(),
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
	source   *pointSource
	id       series.ID
	scope    pcommon.InstrumentationScope
	resource pcommon.Resource
	now      time.Time
	batch    *batch
}

// key gives the key of the series of a point. What was counted since a point depends on its series; of other points only the group
// matters, so all that a group holds of a metric are one series, for which less must be read.
func (p *points) key(attributes pcommon.Map, cumulative bool) series.Key {
	if cumulative {
		return p.id.AttributesKey(attributes)
	}
	return p.id.SelectKey(p.source.members, attributes, p.scope, p.resource)
}

// fullID gives the ID that key is of.
func (p *points) fullID(attributes pcommon.Map, cumulative bool) series.ID {
	if cumulative {
		return p.id.Attributes(attributes)
	}
	return p.id.Select(p.source.members, attributes, p.scope, p.resource)
}

func (p *points) metric(metric pmetric.Metric) {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		p.numbers(metric.Gauge().DataPoints(), metric.Name(), false, false)
	case pmetric.MetricTypeSum:
		p.sum(metric)
	case pmetric.MetricTypeHistogram:
		h := metric.Histogram()
		r := p.begin(drift.Aggregated, h.AggregationTemporality() == pmetric.AggregationTemporalityCumulative)
		for _, dp := range h.DataPoints().All() {
			key := p.key(dp.Attributes(), r.cumulative)
			if ref, ok := p.series(key, dp.Attributes(), metric.Name(), &r); ok && !dp.Flags().NoRecordedValue() {
				p.add(ref, dp.Timestamp(), p.batch.newDistribution(dp.StartTimestamp()).SetExplicit(dp, true))
			}
		}
		p.end(r)
	case pmetric.MetricTypeExponentialHistogram:
		h := metric.ExponentialHistogram()
		r := p.begin(drift.Aggregated, h.AggregationTemporality() == pmetric.AggregationTemporalityCumulative)
		for _, dp := range h.DataPoints().All() {
			key := p.key(dp.Attributes(), r.cumulative)
			if ref, ok := p.series(key, dp.Attributes(), metric.Name(), &r); ok && !dp.Flags().NoRecordedValue() {
				p.add(ref, dp.Timestamp(), p.batch.newDistribution(dp.StartTimestamp()).SetExponential(dp, true))
			}
		}
		p.end(r)
	case pmetric.MetricTypeSummary: // its quantiles cannot be added up
		p.source.monitor.tally.rejected[reasonUnsupported] += int64(metric.Summary().DataPoints().Len())
	}
}

// sum reads a sum: one that may fall says what is, as a gauge does.
func (p *points) sum(metric pmetric.Metric) {
	sum := metric.Sum()
	cumulative := sum.AggregationTemporality() == pmetric.AggregationTemporalityCumulative
	gauge := cumulative && !sum.IsMonotonic()
	p.numbers(sum.DataPoints(), metric.Name(), cumulative && !gauge, p.source.rate && !cumulative)
}

// begin begins a run of points.
func (p *points) begin(kind drift.Kind, cumulative bool) run {
	return run{monitor: p.source.monitor, kind: kind, cumulative: cumulative, distributions: len(p.batch.distributions)}
}

func (p *points) end(r run) {
	r.end = len(p.batch.points)
	p.batch.runs = append(p.batch.runs, r)
}

// keysAtOnce is the number of keys that are taken before the first series is looked for: then the processor waits for many of them at
// once, and still has the points at hand.
const keysAtOnce = 64

// numbers reads numbers, which may be those of a cumulative sum, or to be divided by the seconds that they are over.
func (p *points) numbers(all pmetric.NumberDataPointSlice, metric string, cumulative, rate bool) {
	r := p.begin(drift.Numeric, cumulative)
	var keys [keysAtOnce]series.Key
	for first := 0; first < all.Len(); first += keysAtOnce {
		n := min(keysAtOnce, all.Len()-first)
		for i := range n {
			keys[i] = p.key(all.At(first+i).Attributes(), cumulative)
		}
		for i := range n {
			p.number(all.At(first+i), keys[i], metric, &r, rate)
		}
	}
	p.end(r)
}

func (p *points) number(dp pmetric.NumberDataPoint, key series.Key, metric string, r *run, rate bool) {
	if dp.Flags().NoRecordedValue() {
		return
	}
	ref, ok := r.monitor.known(key)
	if !ok {
		if ref, ok = p.series(key, dp.Attributes(), metric, r); !ok {
			return
		}
	}
	next := point{series: ref, at: p.timeOf(dp.Timestamp()), start: int64(dp.StartTimestamp()), number: numberOf(dp)}
	if rate {
		if next.number /= seconds(next.at - next.start); next.start == 0 || next.number != next.number {
			r.monitor.tally.rejected[reasonUnsupported]++ // a rate needs the time that it is over
			return
		}
	}
	p.batch.points = append(p.batch.points, next)
}

// add adds a point of a histogram, that of the newest distribution, which is taken back where the point contradicts itself.
func (p *points) add(ref series.Ref, at pcommon.Timestamp, err error) {
	if err != nil {
		p.batch.distributions = p.batch.distributions[:len(p.batch.distributions)-1]
		p.source.monitor.tally.rejected[reasonBuckets]++
		return
	}
	p.batch.points = append(p.batch.points, point{series: ref, at: p.timeOf(at)})
}

// known gives the series of a number that needs nothing more than to be found.
func (m *monitor) known(key series.Key) (ref series.Ref, ok bool) {
	ref, state := m.series.Find(key)
	if state == nil {
		return ref, false
	}
	g := m.numbered[state.group]
	return ref, g != nil && g.numeric
}

// series gives the series of a point; ok is false where there is no room for it, or for what it belongs to, or where that is of another
// kind.
func (p *points) series(key series.Key, attributes pcommon.Map, metric string, r *run) (ref series.Ref, ok bool) {
	m := p.source.monitor
	ref, state := m.series.Find(key)
	if state == nil {
		id := p.fullID(attributes, r.cumulative)
		if ref, state = m.series.Observe(&id); ref.IsOverflow() {
			m.tally.limited[tableSeries]++
			return ref, false
		}
	}
	g := m.numbered[state.group]
	if g == nil {
		at := grouping.Place{Record: attributes, Scope: p.scope.Attributes(), Resource: p.resource.Attributes()}
		if g = m.group(&at, p.source.groups, p.now); g == nil {
			return ref, false
		}
		state.group = g.number
	}
	return ref, !g.ready || m.hasFeature(g, metric, r.kind)
}

// hasFeature says whether the group compares points of the kind. It makes the feature of the metric with the first of them.
func (m *monitor) hasFeature(g *group, metric string, kind drift.Kind) bool {
	if g.feature == nil {
		if g.feature = g.drift.Find(metric); g.feature == nil {
			g.feature = m.addFeature(g, metric, kind)
		}
		g.numeric = g.feature != nil && g.feature.Kind() == drift.Numeric
	}
	if g.feature == nil || g.feature.Kind() != kind {
		m.tally.rejected[reasonWrongType]++
		return false
	}
	return true
}

// commitRun commits points, each as what came since the last one of its series where they are cumulative.
func (e *engine) commitRun(b *batch, r *run, points []point, now time.Time) {
	m := r.monitor
	for i := range points {
		p := &points[i]
		state := m.series.Get(p.series)
		if state == nil {
			continue
		}
		g := m.numbered[state.group]
		if g == nil {
			continue
		}
		wanted := !g.ready || g.feature != nil && g.feature.Kind() == r.kind
		switch {
		case r.kind == drift.Aggregated:
			if buckets, ok := m.buckets(state, p.at, r.cumulative, &b.distributions[r.distributions+i]); ok && wanted {
				g.observe(p.at, now, drift.Value{Feature: g.feature, Buckets: buckets})
				e.collect(g, now)
			}
		case r.cumulative:
			if number, ok := state.sum.advance(m, p); ok && wanted {
				e.gather(b, g, p.at, now, number)
			}
		case wanted:
			e.gather(b, g, p.at, now, p.number)
		}
	}
}

// gather keeps a number of a group until more of the same time have come, which are faster to commit together. No more are kept
// than the window has room for, so it ends with the same number as if each had come alone.
func (e *engine) gather(b *batch, g *group, at int64, now time.Time, number float64) {
	if len(g.numbers) >= g.room || at != g.numbersAt {
		if g.room == 0 {
			b.touched = append(b.touched, g)
		}
		e.commitGathered(g, now)
		g.numbersAt, g.room = at, g.drift.Room(at)
	}
	g.numbers = append(g.numbers, number)
}

func (e *engine) commitGathered(g *group, now time.Time) {
	if len(g.numbers) > 0 {
		g.observeNumbers(g.numbersAt, now, g.numbers)
		g.numbers = g.numbers[:0]
		e.collect(g, now)
	}
	g.room = 0
}

// advance gives what was added since the last point, or that per second; ok is false for the first point, and for one that is
// not newer.
func (s *lastSum) advance(m *monitor, p *point) (number float64, ok bool) {
	last := *s
	if p.at <= last.at {
		m.tally.rejected[reasonOutOfOrder]++
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
	if m.config.Input.Sums == sumsRate {
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
