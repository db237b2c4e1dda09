// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"slices"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
	"github.com/llm-guardian/otelcol-guardian/internal/series"
)

// entity is what is judged on its own.
type entity struct {
	detector *detector
	key      string
	values   []string // of group_by
	metrics  []metricState
	aligner  *anomaly.Aligner
	judge    *anomaly.Detector

	seen    time.Time // by the clock
	gone    bool
	queued  bool  // for training
	step    int64 // number of the last step in which a point came
	touched int64 // time of the last point that is not folded yet, in that step
	waiting bool  // there is one

	// What was emitted.
	emitted  int64  // time of the last row that was
	accepted int64  // time of the last row with which a change became the new normal, 0 if none has
	lively   int    // rows that will be emitted whatever they say
	shown    uint64 // metrics whose details are shown, one bit each
}

// metricState are the series of a metric of an entity.
type metricState struct {
	kind    kind
	series  []*seriesState // in the order in which they came
	changed bool           // since it was folded
	silent  bool           // 0 where nothing comes
}

// attach gives a series a place in a metric. A metric has one kind: series of another one find no place as long as the older ones report.
func (e *entity) attach(s *seriesState, ref series.Ref, metric int, k kind, at int64) bool {
	d, m := e.detector, &e.metrics[metric]
	if len(m.series) > 0 && m.kind != k {
		for _, other := range m.series {
			if !other.stale && at-other.at <= int64(d.config.Carry) {
				d.tally.rejected[reasonWrongType]++
				return false
			}
		}
		for _, other := range m.series {
			*other = seriesState{}
		}
		m.series = nil
	}
	if !d.plans[metric].fits(k) {
		d.tally.rejected[reasonUnsupported]++
		return false
	}
	counted := k.natural() == valueMean
	if counted && d.bytes > d.config.Limits.MemoryMiB<<20 {
		d.tally.limited[tableBytes]++
		return false
	}
	e.setKind(metric, k)
	*s = seriesState{ref: ref, entity: e, metric: uint16(metric), kind: k}
	if counted {
		s.counts = new(counts)
	}
	m.series = append(m.series, s)
	return true
}

// setKind says what the points of a metric are.
func (e *entity) setKind(metric int, k kind) {
	m := &e.metrics[metric]
	m.kind, m.silent = k, k.delta() || e.detector.plans[metric].absentIsZero
}

// detach takes the place of a series that is evicted.
func (e *entity) detach(s *seriesState) {
	m := &e.metrics[s.metric]
	m.series = slices.DeleteFunc(m.series, func(other *seriesState) bool { return other == s })
}

// commit takes a point of one of the series.
func (e *entity) commit(s *seriesState, p *point, b *batch, now time.Time) {
	d := e.detector
	e.seen = now
	step := floorDiv(p.at, int64(d.config.Step))
	if e.waiting && step != e.step {
		e.fold(now)
	}
	if why, ok := s.take(p, b, step); !ok {
		d.tally.rejected[why]++
		return
	}
	d.tally.points++
	e.metrics[s.metric].changed = true
	if !e.waiting {
		e.waiting, e.touched = true, p.at
		e.step = step
		b.touched = append(b.touched, e)
	}
	e.touched = max(e.touched, p.at)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// fold makes values of the metrics that have changed, and of those whose silence says something, and has the rows judged that are complete.
func (e *entity) fold(now time.Time) {
	e.waiting = false
	for i := range e.metrics {
		m, plan := &e.metrics[i], &e.detector.plans[i]
		switch {
		case !m.changed && !m.silent:
			continue
		case !e.remembers(m):
			if m.changed {
				e.detector.tally.rejected[reasonLate]++
			}
		default:
			e.foldMetric(m, plan, now)
		}
		m.changed = false
	}
	e.judgeRows(now)
}

// remembers says whether all series of a metric know what they were in the step.
func (e *entity) remembers(m *metricState) bool {
	open := int64(e.detector.config.Lateness/e.detector.config.Step) + 1
	return !slices.ContainsFunc(m.series, func(s *seriesState) bool { return s.forgot(e.step, open) })
}

func (e *entity) foldMetric(m *metricState, plan *metricPlan, now time.Time) {
	for j, v := range plan.values {
		number := e.valueOf(m, plan, v)
		if number != number && m.silent && plan.zeroWhenSilent(v.kind, m.kind) {
			number = 0
		}
		if number == number { // else there is none
			e.put(plan.first+j, number, now)
		}
	}
}

// put gives a metric its value in the step.
func (e *entity) put(column int, number float64, now time.Time) {
	switch e.aligner.Add(column, e.touched, number, now.UnixNano()) {
	case anomaly.Late:
		e.detector.tally.rejected[reasonLate]++
	case anomaly.Ahead:
		e.detector.tally.rejected[reasonAhead]++
	case anomaly.Unusable:
		e.detector.tally.rejected[reasonNotFinite]++
	}
}

// valueOf makes one value of the series of a metric; NaN where there is none.
func (e *entity) valueOf(m *metricState, plan *metricPlan, v value) float64 {
	what := v.kind
	if what == valueAuto {
		what = m.kind.natural()
	}
	switch {
	case len(m.series) == 0 || !what.madeOf(m.kind):
		return nan
	case what == valueLevel || what == valueRate:
		return e.combined(m, plan, what)
	default:
		return e.pooled(m, what, v.quantile)
	}
}

// combined folds the values or rates of series.
func (e *entity) combined(m *metricState, plan *metricPlan, what valueKind) float64 {
	how := plan.combine
	if how == "" {
		how = m.kind.combine()
	}
	var result float64
	n := 0
	for _, s := range m.series {
		v, ok := e.of(s, what)
		if !ok {
			continue
		}
		n++
		switch {
		case n == 1:
			result = v
		case how == combineMax:
			result = max(result, v)
		case how == combineMin:
			result = min(result, v)
		default:
			result += v
		}
	}
	switch {
	case n == 0:
		return nan
	case how == combineMean:
		return result / float64(n)
	default:
		return result
	}
}

// of gives the value or rate of a series; ok is false where it has none any more.
func (e *entity) of(s *seriesState, what valueKind) (float64, bool) {
	in := s.in(e.step)
	switch {
	case !s.known, in == nil && e.touched-s.at > int64(e.detector.config.Carry):
		return 0, false
	case in == nil && s.kind.delta():
		return 0, true
	case in == nil:
		in = &s.now
	}
	if what == valueLevel {
		return in.level, true
	}
	v := s.rate(in, e.detector.config.Step.Seconds())
	return v, v == v
}

// pooled gives the mean or a quantile of all that the series have counted in the step.
func (e *entity) pooled(m *metricState, what valueKind, q float64) float64 {
	var pool *histogram.Histogram
	for _, s := range m.series {
		counted := s.countsIn(e.step)
		if !s.known || counted == nil || counted.Count == 0 {
			continue
		}
		if pool == nil {
			pool = counted
			if len(m.series) > 1 {
				pool = &e.detector.pool
				pool.Reset()
				pool.Add(counted)
			}
			continue
		}
		if !pool.Add(counted) {
			e.detector.tally.rejected[reasonBuckets]++
		}
	}
	switch {
	case pool == nil:
		return nan
	case what == valueMean:
		return pool.Mean()
	default:
		return pool.Quantile(q)
	}
}

// judgeRows judges the rows whose steps are over.
func (e *entity) judgeRows(now time.Time) {
	d := e.detector
	for row, ok := e.aligner.Next(now.UnixNano()); ok; row, ok = e.aligner.Next(now.UnixNano()) {
		v := e.judge.Observe(row.At, row.Values)
		d.count(&v)
		d.output.take(e, &v, row.Values)
		if !e.queued && e.judge.Training() != nil {
			e.queued = true
			d.train(e)
		}
	}
}

// bytes is about how much memory the entity takes.
func (e *entity) bytes() int {
	n := entityBytes + len(e.key)*2 + len(e.metrics)*metricBytes + e.judge.Bytes()
	for i := range e.metrics {
		for _, s := range e.metrics[i].series {
			n += s.bytes()
		}
	}
	return n
}

// Rough sizes: of an entity with its aligner, and of a metric of it.
const (
	entityBytes = 600
	metricBytes = 250
)
