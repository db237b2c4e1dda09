// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"
	"slices"
	"unsafe"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	// visits is the number of times a phase came round that its level is the median of.
	visits = 5
	// visitsNeeded is the number of times a phase must have come round before rows in it are judged.
	visitsNeeded = 2
	maxPhases    = 168
)

func (s Season) on() bool { return s.Phases > 1 }

// numberAt says which of all phases since 1970 a time lies in.
func (s Season) numberAt(t int64) int64 { return floorDiv(t-int64(s.Offset), int64(s.Length)) }

// phaseOf says which of the phases that return it is.
func (s Season) phaseOf(number int64) int {
	return int(number - floorDiv(number, int64(s.Phases))*int64(s.Phases))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// visit is what a metric was like while a phase lasted.
type visit struct{ mean, variance float64 }

// phase is what a metric is like in a phase: the last visits, a ring once it is full.
type phase struct {
	visits [visits]visit
	n      uint64
}

func (p *phase) len() int { return int(min(p.n, visits)) }

// level is the median of the visits' means, and scale their deviation from it and that within a visit together.
func (p *phase) level() (level, scale float64) {
	n := p.len()
	var means, off, variances [visits]float64
	for i, v := range p.visits[:n] {
		means[i], variances[i] = v.mean, v.variance
	}
	level = median(means[:n])
	for i, v := range p.visits[:n] {
		off[i] = math.Abs(v.mean - level)
	}
	between := normalMAD * median(off[:n])
	return level, math.Sqrt(between*between + median(variances[:n]))
}

// median reorders the values.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// seasonal is what the metrics are like in each phase.
type seasonal struct {
	Season
	floor   float64
	phases  []phase // of the first metric, then of the next
	started bool
	open    int64 // the number of the open phase
	running []running
	levels  []levelScale // of the open phase
	known   bool         // the open phase has come round often enough
	present []bool       // the metric has had a value
}

type levelScale struct{ level, scale float64 }

// running is the mean and variance of values (Welford).
type running struct {
	n           uint64
	mean, sumSq float64
}

func (r *running) add(v float64) {
	r.n++
	delta := v - r.mean
	r.mean += delta / float64(r.n)
	r.sumSq += delta * (v - r.mean)
}

func newSeasonal(s Season, floor float64, metrics int) seasonal {
	return seasonal{
		Season: s, floor: floor, phases: make([]phase, s.Phases*metrics), running: make([]running, metrics),
		levels: make([]levelScale, metrics), present: make([]bool, metrics),
	}
}

// enter closes the phase before the time's if it is another one, and says whether the time's phase is known for all metrics that there
// ever were.
func (s *seasonal) enter(at int64, row []float64) bool {
	if number := s.numberAt(at); !s.started || number != s.open {
		if s.started {
			s.close()
		}
		s.started, s.open = true, number
		s.look()
	}
	for m, v := range row {
		if v == v && !s.present[m] {
			s.present[m] = true
			s.look()
		}
	}
	return s.known
}

// close adds the visit that ends to its phase.
func (s *seasonal) close() {
	for m := range s.running {
		o := &s.running[m]
		if o.n > 0 {
			p := s.current(m)
			p.visits[p.n%visits] = visit{o.mean, o.sumSq / float64(o.n)}
			p.n++
		}
		*o = running{}
	}
}

// look finds the levels of the open phase.
func (s *seasonal) look() {
	s.known = true
	for m := range s.levels {
		p := s.current(m)
		if p.len() < visitsNeeded {
			s.known = s.known && !s.present[m]
			s.levels[m] = levelScale{0, 1}
			continue
		}
		level, scale := p.level()
		s.levels[m] = levelScale{level, max(scale, leastScale(level, s.floor))}
	}
}

// current is the open phase of a metric.
func (s *seasonal) current(metric int) *phase {
	return &s.phases[metric*s.Phases+s.phaseOf(s.open)]
}

// learn takes the values of a row, anomalous or not: a level is a median of visits.
func (s *seasonal) learn(row []float64) {
	for m, v := range row {
		if v == v {
			s.running[m].add(v)
		}
	}
}

// adjust makes values distances from the level of the phase, in its scales.
func (s *seasonal) adjust(row, adjusted []float64) {
	for m, v := range row {
		l := s.levels[m]
		adjusted[m] = min(max((v-l.level)/l.scale, -maxDistance), maxDistance)
	}
}

func (s *seasonal) bytes() int { return len(s.phases)*int(unsafe.Sizeof(phase{})) + len(s.running)*40 }

func (s *seasonal) encode(e *codec.Encoder) {
	e.Bool(s.started)
	e.Varint(s.open)
	for i := range s.phases {
		p := &s.phases[i]
		e.Uvarint(p.n)
		for _, v := range p.visits[:p.len()] {
			e.Float64(v.mean)
			e.Float64(v.variance)
		}
	}
	for _, o := range s.running {
		e.Uvarint(o.n)
		e.Float64(o.mean)
		e.Float64(o.sumSq)
	}
}

func (s *seasonal) decode(d *codec.Decoder) {
	s.started, s.open = d.Bool(), d.Varint()
	for i := range s.phases {
		p := &s.phases[i]
		p.n = d.Uvarint()
		for j := range p.len() {
			p.visits[j] = visit{d.Finite(), d.Finite()}
			d.Require(p.visits[j].variance >= 0)
		}
	}
	for i := range s.running {
		s.running[i] = running{d.Uvarint(), d.Finite(), d.Finite()}
		d.Require(s.running[i].sumSq >= 0)
	}
	for i := range s.phases {
		m := i / s.Phases
		s.present[m] = s.present[m] || s.phases[i].n > 0 || s.running[m].n > 0
	}
	if d.Err() == nil && s.started {
		s.look()
	}
}
