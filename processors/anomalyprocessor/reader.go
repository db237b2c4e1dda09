// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/grouping"
	"github.com/llm-guardian/otelcol-guardian/internal/series"
)

// reader finds the points that detectors look at.
type reader struct {
	byMetric map[string][]source
}

// source is a metric of a detector.
type source struct {
	detector *detector
	metric   int
}

func newReader(detectors []*detector) *reader {
	r := &reader{byMetric: map[string][]source{}}
	for _, d := range detectors {
		for i := range d.config.Metrics {
			name := d.config.Metrics[i].Name
			r.byMetric[name] = append(r.byMetric[name], source{d, i})
		}
	}
	return r
}

// read extracts what the detectors look at.
func (r *reader) read(metrics pmetric.Metrics, now time.Time, b *batch) {
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
				p := points{
					id: resourceID.Scope(scope.Scope()).Metric(metric), now: now, batch: b,
					place: grouping.Place{Scope: scope.Scope().Attributes(), Resource: resource.Resource().Attributes()},
				}
				for _, p.source = range sources {
					p.read(metric)
				}
			}
		}
	}
}

// points are the points of a metric that are being read for a detector.
type points struct {
	source source
	id     series.ID
	place  grouping.Place
	now    time.Time
	batch  *batch
}

func (p *points) read(metric pmetric.Metric) {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		p.numbers(metric.Gauge().DataPoints(), kindGauge)
	case pmetric.MetricTypeSum:
		p.numbers(metric.Sum().DataPoints(), kindOfSum(metric.Sum()))
	case pmetric.MetricTypeHistogram:
		k := kindOfHistogram(metric.Histogram().AggregationTemporality())
		for _, dp := range metric.Histogram().DataPoints().All() {
			if q, ok := p.newPoint(dp.Attributes(), dp.Timestamp(), dp.StartTimestamp(), dp.Flags(), k); ok {
				p.histogram(q, p.batch.newHistogram().SetExplicit(dp, p.plan().buckets))
			}
		}
	case pmetric.MetricTypeExponentialHistogram:
		k := kindOfHistogram(metric.ExponentialHistogram().AggregationTemporality())
		for _, dp := range metric.ExponentialHistogram().DataPoints().All() {
			if q, ok := p.newPoint(dp.Attributes(), dp.Timestamp(), dp.StartTimestamp(), dp.Flags(), k); ok {
				p.histogram(q, p.batch.newHistogram().SetExponential(dp, p.plan().buckets))
			}
		}
	case pmetric.MetricTypeSummary: // its quantiles cannot be added up
		p.reject(reasonUnsupported, metric.Summary().DataPoints().Len())
	}
}

func kindOfSum(sum pmetric.Sum) kind {
	switch {
	case sum.AggregationTemporality() != pmetric.AggregationTemporalityCumulative:
		return kindDelta
	case sum.IsMonotonic():
		return kindCumulative
	default:
		return kindUpDown
	}
}

func kindOfHistogram(temporality pmetric.AggregationTemporality) kind {
	if temporality == pmetric.AggregationTemporalityCumulative {
		return kindHistogram
	}
	return kindDeltaHistogram
}

func (p *points) plan() *metricPlan { return &p.source.detector.plans[p.source.metric] }

func (p *points) reject(why reason, n int) { p.source.detector.tally.rejected[why] += int64(n) }

// numbers takes all keys before it looks for the first series: then the processor waits for many of them at once.
func (p *points) numbers(all pmetric.NumberDataPointSlice, k kind) {
	keys := p.batch.keys[:0]
	for i := range all.Len() {
		keys = append(keys, p.id.AttributesKey(all.At(i).Attributes()))
	}
	p.batch.keys = keys
	for i := range all.Len() {
		dp := all.At(i)
		number := numberOf(dp)
		if number-number != 0 && !dp.Flags().NoRecordedValue() {
			p.reject(reasonNotFinite, 1)
			continue
		}
		if q, ok := p.pointOf(keys[i], dp.Attributes(), dp.Timestamp(), dp.StartTimestamp(), dp.Flags(), k); ok {
			q.number = number
			p.batch.points = append(p.batch.points, q)
		}
	}
}

func numberOf(dp pmetric.NumberDataPoint) float64 {
	if dp.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(dp.IntValue())
	}
	return dp.DoubleValue()
}

// histogram adds the point of the histogram that was read last.
func (p *points) histogram(q point, err error) {
	if err != nil {
		p.reject(reasonBuckets, 1)
		return
	}
	q.histogram = len(p.batch.histograms)
	p.batch.points = append(p.batch.points, q)
}

func (p *points) newPoint(attributes pcommon.Map, at, start pcommon.Timestamp, flags pmetric.DataPointFlags, k kind) (point, bool) {
	return p.pointOf(p.id.AttributesKey(attributes), attributes, at, start, flags, k)
}

// pointOf makes a point, without its value; ok is false where it, or what it belongs to, has no place.
func (p *points) pointOf(key series.Key, attributes pcommon.Map, at, start pcommon.Timestamp, flags pmetric.DataPointFlags, k kind) (q point, ok bool) {
	d := p.source.detector
	q = point{detector: d, kind: k, at: int64(at), start: int64(start), stale: flags.NoRecordedValue()}
	if at == 0 {
		q.at = p.now.UnixNano()
	}
	if q.at-p.now.UnixNano() > int64(d.config.Ahead) {
		p.reject(reasonAhead, 1)
		return q, false
	}
	var state *seriesState
	if q.series, state = d.series.Find(key); state == nil {
		id := p.id.Attributes(attributes)
		if q.series, state = d.series.Observe(&id); q.series.IsOverflow() {
			d.tally.limited[tableSeries]++
			return q, false
		}
	}
	if state.entity == nil {
		p.place.Record = attributes
		entity := d.entity(&p.place, p.now)
		if entity == nil {
			d.series.Delete(q.series) // it must not take the place of those of others
			return q, false
		}
		if !entity.attach(state, q.series, p.source.metric, k, q.at) {
			return q, false
		}
	}
	return q, true
}
