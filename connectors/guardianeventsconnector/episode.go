// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// kind is what an episode is of.
type kind uint8

const (
	kindAnomaly kind = iota
	kindDrift
	kinds
)

var kindNames = [kinds]string{"anomaly", "drift"}

// severity is an index into severityNames.
type severity uint8

const (
	severityNone severity = iota
	severityInfo
	severityWarning
	severityCritical
	severities
)

// opinion is what a sighting says.
type opinion uint8

const (
	unknown opinion = iota // nothing, such as that of a detector that is not trained
	usual
	lingering // not enough to begin an episode, and too much to end one
	unusual
	opinions
)

// label is an attribute of what a verdict is about.
type label struct{ key, value string }

// subject is what a verdict is about.
type subject struct {
	kind   kind
	of     string // data, concept or dataset, of drift
	labels []label
}

// sighting is what verdict metrics say of a subject at one time.
type sighting struct {
	at       int64 // event time, Unix nanoseconds
	opinion  opinion
	score    float64
	severity severity
	causes   []cause
	evidence evidence
	// acceptedAt is when a change was last accepted as the new normal, in Unix nanoseconds; 0 if none was.
	acceptedAt int64
}

// cause is a metric that caused an anomaly. Its numbers are NaN where they were not said.
type cause struct {
	metric                                 string
	value, mean, std, p95, z, contribution float64
}

// evidence is what a drift verdict rests on. Its numbers are NaN where they were not said.
type evidence struct{ p, js, n, nEffective float64 }

// episode is one that is open, or may become one.
type episode struct {
	subject
	recent []sighting // the last ones, until the episode is raised
	last   int64      // time of the last sighting
	seen   time.Time  // when it arrived
	raised bool
	calm   int // usual sightings in a row

	// Of an episode that was raised:
	start, end, peakAt int64
	peak               float64
	severity           severity
	causes             []cause // each as it was when it was furthest
	evidence           evidence
	accepted           bool // a change was, since it began
}

// change is the begin or the end of an episode.
type change struct {
	*episode
	at     int64
	ended  bool
	reason string
}

// refusal is why a sighting was not used.
type refusal uint8

const (
	none refusal = iota
	outOfOrder
	noRoom
)

// episodes are those that are open or may become one.
type episodes struct {
	hysteresis [kinds]HysteresisConfig
	limits     LimitsConfig
	byKey      map[string]*episode
	open       [kinds]int // entries by kind
}

func newEpisodes(c *Config) *episodes {
	return &episodes{
		hysteresis: [kinds]HysteresisConfig{c.Anomaly.Hysteresis, c.Drift.Hysteresis}, limits: c.Limits, byKey: map[string]*episode{},
	}
}

// observe takes a sighting. It gives the begin or the end of an episode if it is one. The sighting and the subject may be kept.
func (all *episodes) observe(key string, of *subject, s sighting, now time.Time) (changed change, why refusal) {
	e := all.byKey[key]
	if e == nil {
		if s.opinion != unusual {
			return changed, none
		}
		if len(all.byKey) >= all.limits.Episodes {
			return changed, noRoom
		}
		e = &episode{subject: *of, last: math.MinInt64}
		all.add(key, e)
	}
	if s.at <= e.last {
		return changed, outOfOrder
	}
	e.last, e.seen = s.at, now
	h := all.hysteresis[e.kind]
	switch {
	case s.opinion == unknown:
	case e.raised:
		e.goOn(&s, all.limits.Causes)
		if e.calm >= h.Clear {
			all.remove(key, e)
			return change{e, s.at, true, e.endReason()}, none
		}
	default:
		e.consider(s, h.Of)
		switch e.unusualRecently() {
		case 0:
			all.remove(key, e)
		case h.Raise:
			e.raise(all.limits.Causes)
			return change{episode: e, at: s.at}, none
		}
	}
	return changed, none
}

// add and remove are all that changes the table.
func (all *episodes) add(key string, e *episode) {
	all.byKey[key] = e
	all.open[e.kind]++
}

func (all *episodes) remove(key string, e *episode) {
	delete(all.byKey, key)
	all.open[e.kind]--
}

// expire ends the episodes about which nothing has come for long.
func (all *episodes) expire(now time.Time, after time.Duration) (ended []change) {
	for _, key := range slices.Sorted(maps.Keys(all.byKey)) {
		e := all.byKey[key]
		if now.Sub(e.seen) <= after {
			continue
		}
		all.remove(key, e)
		if e.raised {
			ended = append(ended, change{e, e.last, true, event.EndedSilence})
		}
	}
	return ended
}

// consider looks back on a number of sightings.
func (e *episode) consider(s sighting, of int) {
	if len(e.recent) >= of {
		e.recent = slices.Delete(e.recent, 0, len(e.recent)-of+1)
	}
	e.recent = append(e.recent, s)
}

func (e *episode) unusualRecently() int {
	n := 0
	for i := range e.recent {
		if e.recent[i].opinion == unusual {
			n++
		}
	}
	return n
}

// raise begins the episode with the first of the sightings that led to it.
func (e *episode) raise(causes int) {
	e.raised = true
	for i := range e.recent {
		if s := &e.recent[i]; s.opinion == unusual {
			if e.start == 0 {
				e.start, e.peak = s.at, math.Inf(-1)
			}
			e.goOn(s, causes)
		}
	}
	e.recent = nil
}

// endReason is why an episode ends after which all is as usual: as it was, or because what was unusual is now.
func (e *episode) endReason() string {
	if e.accepted {
		return event.EndedAccepted
	}
	return event.EndedCalm
}

// goOn adds a sighting to the episode.
func (e *episode) goOn(s *sighting, causes int) {
	e.accepted = e.accepted || s.acceptedAt != 0 && s.acceptedAt >= e.start-e.start%1000
	switch s.opinion {
	case usual:
		e.calm++
		return
	case lingering:
		e.calm = 0
		return
	}
	e.calm, e.end = 0, s.at
	e.severity = max(e.severity, s.severity)
	if s.score > e.peak {
		e.peak, e.peakAt, e.evidence = s.score, s.at, s.evidence
	}
	e.causes = furthest(e.causes, s.causes, causes)
}

// furthest keeps every cause as it was when it was furthest from its mean, the furthest first.
func furthest(kept, more []cause, limit int) []cause {
	for _, c := range more {
		i := slices.IndexFunc(kept, func(k cause) bool { return k.metric == c.metric })
		switch {
		case i < 0:
			kept = append(kept, c)
		case math.Abs(c.z) > math.Abs(kept[i].z) || kept[i].z != kept[i].z:
			kept[i] = c
		}
	}
	slices.SortStableFunc(kept, func(a, b cause) int {
		return cmp.Or(cmp.Compare(math.Abs(b.z), math.Abs(a.z)), cmp.Compare(a.metric, b.metric))
	})
	return kept[:min(len(kept), limit)]
}
