// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"math"

	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
)

// kind is what the points of a series are.
type kind uint8

const (
	kindGauge          kind = iota
	kindUpDown              // a cumulative sum that may fall: what is, as a gauge says it
	kindCumulative          // a counter
	kindDelta               // what was added
	kindHistogram           // cumulative
	kindDeltaHistogram      // what was added
	kinds
)

// delta says whether silence means that nothing was added.
func (k kind) delta() bool { return k == kindDelta || k == kindDeltaHistogram }

var nan = math.NaN()

// turnAfter is the number of points in a row, in order, but older than the last one, that show that the clock of the source was set back.
const turnAfter = 5

// seriesState is what is known of a series. Times are in Unix nanoseconds.
type seriesState struct {
	entity *entity // nil until it has a place there
	metric uint16  // of the entity
	kind   kind
	known  bool  // there was a point
	stale  bool  // the series has ended
	older  uint8 // points in a row that were older than the last one
	turnAt int64 // the time of the last of those

	at, start int64
	value     float64 // of the last point
	step      int64   // number of the step that has what follows
	added     float64 // in the step
	over      float64 // seconds in which it was added
	counts    *counts // of a histogram
}

// counts are what is known of a histogram.
type counts struct {
	last, step, since histogram.Histogram // the last point, what was counted in the step, and scratch
}

// take takes a point; why says why not.
func (s *seriesState) take(p *point, b *batch, step int64) (why reason, ok bool) {
	if s.known && p.at <= s.at && !s.turned(p) {
		if p.at == s.at {
			return reasonDuplicate, false
		}
		return reasonOutOfOrder, false
	}
	s.older = 0
	last := *s
	s.known, s.at, s.start, s.stale = true, p.at, p.start, p.stale
	if p.stale {
		s.known = false
		return 0, true
	}
	if step != s.step {
		s.step, s.added, s.over = step, 0, 0
		if s.counts != nil {
			s.counts.step.Reset()
		}
	}
	switch s.kind {
	case kindGauge, kindUpDown:
		s.value = p.number
	case kindDelta:
		s.added += p.number
	case kindDeltaHistogram:
		s.add(&b.histograms[p.histogram-1])
	case kindCumulative:
		s.value = p.number
		if last.known {
			s.addSince(&last, p)
		}
	case kindHistogram:
		s.addCounts(&last, p, &b.histograms[p.histogram-1])
	}
	return 0, true
}

// turned says whether an older point shows that the clock of the source was set back; the series then begins anew.
func (s *seriesState) turned(p *point) bool {
	if s.older == 0 || p.at > s.turnAt {
		s.older, s.turnAt = s.older+1, p.at
	}
	if s.older < turnAfter {
		return false
	}
	s.known = false
	return true
}

// addSince adds what a counter has counted since its last point. One that began again has counted from 0, since its start if that is
// known.
func (s *seriesState) addSince(last *seriesState, p *point) {
	since, added := last.at, p.number-last.value
	if p.start != last.start || added < 0 {
		since, added = max(last.at, p.start), p.number
	}
	if seconds := float64(p.at-since) / 1e9; seconds > 0 && added >= 0 {
		s.added += added
		s.over += seconds
	}
}

// addCounts adds what a histogram has counted since its last point, and keeps the point.
func (s *seriesState) addCounts(last *seriesState, p *point, h *histogram.Histogram) {
	c := s.counts
	since := last.at
	switch {
	case !last.known:
	case p.start == last.start && c.since.Since(h, &c.last):
		s.add(&c.since)
	default: // it began again
		since = max(last.at, p.start)
		s.add(h)
	}
	if last.known {
		s.over += max(0, float64(p.at-since)/1e9)
	}
	c.last, *h = *h, c.last
}

func (s *seriesState) add(h *histogram.Histogram) {
	s.added += float64(h.Count)
	s.counts.step.Add(h)
}

// rate is what was added per second in the step that the series was last heard in; NaN if that is not known.
func (s *seriesState) rate(stepSeconds float64) float64 {
	if s.kind.delta() {
		return s.added / stepSeconds
	}
	if s.over == 0 {
		return nan
	}
	return s.added / s.over
}
