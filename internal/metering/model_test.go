// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// model is a Meter as one would write it with maps alone, from the rules in the package documentation.
type model struct {
	config  Config
	metrics map[string]*modelMetric
	flushed time.Time // last flush, for deltas
	resumed time.Time // from when on idle time counts
}

type modelMetric struct {
	Definition
	series map[Labels]*modelSeries
}

type modelSeries struct {
	values                 []float64 // all that were added, in order; the last one set, with those added after
	exemplar               float64
	start                  time.Time
	idle                   time.Duration
	zeroed, fresh, forgets bool
}

func newModel(config Config, definitions []Definition) *model {
	m := &model{config: config, metrics: map[string]*modelMetric{}}
	for _, d := range definitions {
		m.metrics[d.Name] = &modelMetric{d, map[Labels]*modelSeries{}}
	}
	return m
}

func (m *model) observe(name string, now time.Time, labels Labels, value float64, set, exemplar bool) {
	metric := m.metrics[name]
	s, known := metric.series[labels]
	if !known {
		n := len(metric.series)
		if metric.series[overflow] != nil {
			n--
		}
		if n >= m.config.SeriesLimit {
			labels = overflow
		}
		if s, known = metric.series[labels]; !known {
			s = &modelSeries{start: now}
			metric.series[labels] = s
		}
	}
	if set {
		s.values = nil
	}
	s.values = append(s.values, value)
	s.fresh, s.forgets = true, false
	if exemplar {
		s.exemplar = value
	}
}

func (m *model) flush(now time.Time) flushed {
	out := flushed{}
	for name, metric := range m.metrics {
		shown := map[Labels]point{}
		for labels, s := range metric.series {
			m.age(s, now)
			if s.forgets || s.idle >= m.config.IdleAfter && labels != overflow {
				delete(metric.series, labels)
			}
		}
		if s := metric.series[overflow]; s != nil && s.idle >= m.config.IdleAfter && len(metric.series) == 1 {
			delete(metric.series, overflow)
		}
		for labels, s := range metric.series {
			if p, ok := m.show(metric, s, now); ok {
				shown[labels] = p
			}
		}
		if len(shown) > 0 {
			out[name] = shown
		}
	}
	m.flushed, m.resumed = now, now
	return out
}

func (m *model) age(s *modelSeries, now time.Time) {
	if s.fresh {
		s.idle = 0
		return
	}
	s.idle += min(now.Sub(m.resumed), m.config.IdleAfter/2)
}

func (m *model) show(metric *modelMetric, s *modelSeries, now time.Time) (point, bool) {
	delta := m.config.Delta && (metric.Kind == Counter || metric.Kind == Histogram)
	if delta && !s.fresh {
		return point{}, false
	}
	s.fresh = false
	p := point{Start: s.start, Time: now}
	switch {
	case metric.Kind == Gauge:
		p.Start = time.Time{}
	case delta && !m.flushed.IsZero():
		p.Start = m.flushed
	}
	if metric.Kind == Histogram {
		p.Buckets = make([]uint64, len(metric.Bounds)+1)
	}
	if !delta && !s.zeroed && (metric.Kind == Counter || metric.Kind == Histogram || metric.Kind == Summary) {
		s.zeroed = true
		return p, true
	}
	for _, v := range s.values {
		p.Value += v
		if metric.Kind == Histogram {
			at := 0
			for at < len(metric.Bounds) && v > metric.Bounds[at] {
				at++
			}
			p.Buckets[at]++
		}
	}
	if metric.Kind == Histogram || metric.Kind == Summary {
		p.Count = uint64(len(s.values))
	}
	p.Exemplar, s.exemplar = s.exemplar, 0
	if delta {
		s.values = nil
	}
	return p, true
}

// restart forgets what a state does not hold.
func (m *model) restart(now time.Time) {
	m.resumed = now
	for _, metric := range m.metrics {
		for _, s := range metric.series {
			s.exemplar = 0
		}
	}
}

// TestMeterAgainstModel compares a Meter with the model under random updates, flushes, idle times, more series than there
// is room for, and restarts.
func TestMeterAgainstModel(t *testing.T) {
	f := func(name string, delta bool) {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(30) {
				config := Config{SeriesLimit: 6, IdleAfter: 4 * time.Minute, Delta: delta}
				compareWithModel(t, config, rand.New(rand.NewPCG(seed, 9)))
			}
		})
	}
	f("cumulative", false)
	f("delta", true)
}

func compareWithModel(t *testing.T, config Config, rng *rand.Rand) {
	t.Helper()
	definitions := oneOfEach()
	m, want, now := newMeter(t, config), newModel(config, definitions), start
	want.resumed = now
	flushes, expired := 0, uint64(0)
	for range 3000 {
		now = now.Add(time.Duration(rng.IntN(4000)) * time.Millisecond)
		d := &definitions[rng.IntN(len(definitions))]
		labels := Labels{string(rune('a' + rng.IntN(5))), string(rune('a' + rng.IntN(1+rng.IntN(4))))}
		switch rng.IntN(40) {
		case 0, 1, 2, 3:
			flushes++
			require.Equal(t, want.flush(now), flushAt(t, m, now), "flush %d", flushes)
			if rng.IntN(20) == 0 {
				now = now.Add(time.Duration(rng.IntN(int(config.IdleAfter))))
			}
		case 4:
			for _, s := range m.Stats().Metrics {
				expired += s.Expired
			}
			now = now.Add(time.Duration(rng.IntN(100)) * time.Minute)
			m = restart(t, m, config, now)
			want.restart(now)
		case 5:
			m.Instrument(d.Name).Forget(&labels)
			if s := want.metrics[d.Name].series[labels]; s != nil {
				s.forgets = true
			}
		default:
			updateBoth(m, want, rng, d, now, labels)
		}
	}
	assert.Greater(t, flushes, 100)
	assert.Positive(t, expired)
}

func updateBoth(m *Meter, want *model, rng *rand.Rand, d *Definition, now time.Time, labels Labels) {
	value := float64(rng.IntN(300)) / 100
	var exemplar *Exemplar
	if rng.IntN(3) == 0 && d.Kind != Gauge && d.Kind != Summary {
		value++ // The model marks absence by 0.
		exemplar = traced(now)
	}
	set := d.Kind == Gauge || d.Kind == UpDownCounter && exemplar == nil && rng.IntN(2) == 0
	i := m.Instrument(d.Name)
	switch {
	case set:
		i.Set(now, &labels, value)
	case d.Kind == Counter || d.Kind == UpDownCounter:
		i.Add(now, &labels, value, exemplar)
	default:
		i.Record(now, &labels, value, exemplar)
	}
	want.observe(d.Name, now, labels, value, set, exemplar != nil)
}
