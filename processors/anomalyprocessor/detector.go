// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"slices"
	"strings"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
	"github.com/llm-guardian/otelcol-guardian/internal/grouping"
	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
	"github.com/llm-guardian/otelcol-guardian/internal/series"
)

// detector is a detector at work.
type detector struct {
	config    *DetectorConfig
	settings  anomaly.Settings
	plans     []metricPlan
	columns   []string   // the names of what is judged
	spellings [][]string // of each key of group_by
	output    *output
	train     func(*entity)

	series   *series.Store[seriesState]
	entities map[string]*entity
	list     []*entity // in the order in which they came
	bytes    int       // of all entities, at the last look
	largest  int       // of one of them
	tally    tally

	key  []byte // scratch
	pool histogram.Histogram
}

// metricPlan says what is made of a metric.
type metricPlan struct {
	values       []value
	first        int // column
	combine      string
	absentIsZero bool
	buckets      bool // quantiles are wanted
}

func newDetector(config *DetectorConfig, out *output, train func(*entity)) *detector {
	d := &detector{
		config: config, settings: config.settings(), output: out, train: train, entities: map[string]*entity{},
		series: series.NewStore[seriesState](series.Config{Limit: config.Limits.Series, IdleAfter: config.Limits.IdleAfter}),
	}
	for i := range config.Metrics {
		m := &config.Metrics[i]
		values, names := m.values()
		d.plans = append(d.plans, metricPlan{
			values: values, first: len(d.columns), combine: m.Combine, absentIsZero: m.AbsentIsZero,
			buckets: slices.ContainsFunc(values, func(v value) bool { return v.kind == valueQuantile }),
		})
		d.columns = append(d.columns, names...)
	}
	for _, key := range config.GroupBy {
		spellings := []string{key}
		if other := strings.ReplaceAll(key, ".", "_"); other != key { // as Prometheus spells it
			spellings = append(spellings, other)
		}
		d.spellings = append(d.spellings, spellings)
	}
	d.largest = config.expectedBytes()
	return d
}

// natural is what is made of a metric that the configuration says nothing more about.
func (k kind) natural() valueKind {
	switch k {
	case kindGauge, kindUpDown:
		return valueLevel
	case kindCumulative, kindDelta:
		return valueRate
	default:
		return valueMean
	}
}

// combine is what is made of several series of a kind.
func (k kind) combine() string {
	if k == kindGauge {
		return combineMean
	}
	return combineSum
}

// fits says whether any of the values can be made of a kind.
func (p *metricPlan) fits(k kind) bool {
	return slices.ContainsFunc(p.values, func(v value) bool { return v.kind.madeOf(k) })
}

// madeOf says whether the value can be made of a kind.
func (v valueKind) madeOf(k kind) bool {
	switch v {
	case valueAuto:
		return true
	case valueLevel:
		return k.natural() == valueLevel
	case valueRate:
		return k.natural() != valueLevel
	default:
		return k.natural() == valueMean
	}
}

// zeroWhenSilent says whether a value of a metric that is silent is 0. Nothing has no mean.
func (p *metricPlan) zeroWhenSilent(v valueKind, k kind) bool {
	if v == valueAuto {
		v = k.natural()
	}
	return v == valueRate || v == valueLevel && p.absentIsZero
}

// entity gives the entity of a point, which it makes if there is room; else nil.
func (d *detector) entity(at *grouping.Place, now time.Time) *entity {
	d.key = d.key[:0]
	for _, spellings := range d.spellings {
		v, ok := at.Find(spellings)
		d.key = grouping.AppendValue(d.key, v, ok)
	}
	if e := d.entities[string(d.key)]; e != nil {
		return e
	}
	if full, ok := d.full(); ok {
		d.tally.limited[full]++
		return nil
	}
	e := d.newEntity(string(d.key), now)
	d.add(e)
	return e
}

// full says what has no room for another entity, if it has none.
func (d *detector) full() (table, bool) {
	switch {
	case len(d.entities) >= d.config.Limits.Entities:
		return tableEntities, true
	case (len(d.entities)+1)*d.largest > d.config.Limits.MemoryMiB<<20:
		return tableBytes, true
	}
	return 0, false
}

// newEntity makes an entity that has learned nothing, and has no place yet. Its settings were validated, so there is no error.
func (d *detector) newEntity(key string, now time.Time) *entity {
	values, _ := grouping.Values(key, len(d.config.GroupBy))
	e := &entity{detector: d, key: key, values: values, metrics: make([]metricState, len(d.plans)), seen: now}
	for i := range e.metrics {
		e.setKind(i, kindCumulative) // until a series says it
	}
	settings := d.settings
	settings.Seed = seed(settings.Seed, d.config.Name, key)
	e.judge, _ = anomaly.NewDetector(settings, d.columns)
	e.aligner, _ = anomaly.NewAligner(d.config.alignment(), len(d.columns))
	return e
}

func (d *detector) add(e *entity) {
	d.entities[e.key] = e
	d.list = append(d.list, e)
}

// look takes stock of the memory.
func (d *detector) look() {
	d.bytes = 0
	for _, e := range d.list {
		n := e.bytes()
		d.bytes += n
		d.largest = max(d.largest, n)
	}
}

// forget removes series and entities for which nothing has come for long.
func (d *detector) forget(now time.Time) {
	evicted := d.series.Stats().Evicted
	d.series.Advance(now, func(_ series.Ref, s *seriesState) {
		if s.entity != nil {
			s.entity.detach(s)
		}
	})
	d.tally.evicted[tableSeries] += int64(d.series.Stats().Evicted - evicted)
	d.list = slices.DeleteFunc(d.list, func(e *entity) bool {
		if now.Sub(e.seen) <= d.config.Limits.IdleAfter {
			return false
		}
		d.remove(e)
		return true
	})
}

// remove forgets an entity but for its place in the list.
func (d *detector) remove(e *entity) {
	e.gone = true
	d.tally.evicted[tableEntities]++
	delete(d.entities, e.key)
	for i := range e.metrics {
		for _, s := range e.metrics[i].series {
			*s = seriesState{}
		}
	}
	d.output.end(e)
}

// count counts a verdict.
func (d *detector) count(v *anomaly.Verdict) {
	switch {
	case !v.Judged:
		d.tally.rows[rowNotJudged]++
	case v.Anomalous:
		d.tally.rows[rowAnomalous]++
	default:
		d.tally.rows[rowNormal]++
	}
}
