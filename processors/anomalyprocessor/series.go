// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"math"
	"unsafe"

	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
	"github.com/llm-guardian/otelcol-guardian/internal/series"
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
	ref    series.Ref
	entity *entity // nil until it has a place there
	metric uint16  // of the entity
	kind   kind
	known  bool  // there was a point
	stale  bool  // the series has ended
	older  uint8 // points in a row that were older than the last one
	turnAt int64 // the time of the last of those

	at, start int64
	value     float64 // of the last point
	// What it was in the last two steps in which points came: those of other series that are still to come may lie in the one before.
	now, before share
	counts      *counts // of a histogram
}

// bytes is how much memory the series takes beyond that of the table that it stands in.
func (s *seriesState) bytes() int {
	c := s.counts
	if c == nil {
		return 0
	}
	return int(unsafe.Sizeof(*c)) + c.last.Bytes() + c.now.Bytes() + c.before.Bytes() + c.since.Bytes()
}

// share is what a series was in a step.
type share struct {
	step  int64   // its number
	level float64 // its last value
	added float64
	over  float64 // seconds in which it was added
}

// counts are what is known of a histogram.
type counts struct {
	last, now, before histogram.Histogram // the last point, and what was counted in the steps of the shares
	since             histogram.Histogram // scratch
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
	if step != s.now.step {
		s.begin(step)
	}
	switch s.kind {
	case kindGauge, kindUpDown:
		s.now.level = p.number
	case kindDelta:
		s.now.added += p.number
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

// begin makes the step the one that points are counted in.
func (s *seriesState) begin(step int64) {
	s.before, s.now = s.now, share{step: step}
	if c := s.counts; c != nil {
		c.before, c.now = c.now, c.before
		c.now.Reset()
	}
}

// in gives what the series was in a step, and nil if it said nothing then.
func (s *seriesState) in(step int64) *share {
	switch step {
	case s.now.step:
		return &s.now
	case s.before.step:
		return &s.before
	}
	return nil
}

// countsIn gives what a histogram has counted in a step, and nil if it said nothing then.
func (s *seriesState) countsIn(step int64) *histogram.Histogram {
	switch s.in(step) {
	case &s.now:
		return &s.counts.now
	case &s.before:
		return &s.counts.before
	}
	return nil
}

// forgot says whether what the series was in a step is not known any more, although points of that step may still come: it has been heard in
// two of the steps that are open besides.
func (s *seriesState) forgot(step, open int64) bool {
	return s.now.step > step && s.before.step > step && s.before.step-step <= open
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

// beganAgain says whether a point has another start than the last one, and one that shows that the series has begun again since. A start that lies
// before the last point does not: sources that work out when they were started, such as a host from its uptime, are a second off.
func (s *seriesState) beganAgain(p *point) bool { return p.start != s.start && p.start >= s.at }

// addSince adds what a counter has counted since its last point. One that began again has counted from 0, since its start if that is
// known.
func (s *seriesState) addSince(last *seriesState, p *point) {
	since, added := last.at, p.number-last.value
	if last.beganAgain(p) || added < 0 {
		since, added = max(last.at, p.start), p.number
	}
	if seconds := float64(p.at-since) / 1e9; seconds > 0 && added >= 0 {
		s.now.added += added
		s.now.over += seconds
	}
}

// addCounts adds what a histogram has counted since its last point, and keeps the point.
func (s *seriesState) addCounts(last *seriesState, p *point, h *histogram.Histogram) {
	c := s.counts
	since := last.at
	switch {
	case !last.known:
	case !last.beganAgain(p) && c.since.Since(h, &c.last):
		s.add(&c.since)
	default: // it began again, unless the point says only that its source does not know since when it counts
		if since = max(last.at, p.start); since < p.at {
			s.add(h)
		}
	}
	if last.known {
		s.now.over += max(0, float64(p.at-since)/1e9)
	}
	c.last, *h = *h, c.last
}

func (s *seriesState) add(h *histogram.Histogram) {
	s.now.added += float64(h.Count)
	s.counts.now.Add(h)
}

// rate is what was added per second in the step of the share; NaN if that is not known.
func (s *seriesState) rate(in *share, stepSeconds float64) float64 {
	if s.kind.delta() {
		return in.added / stepSeconds
	}
	if in.over == 0 {
		return nan
	}
	return in.added / in.over
}
