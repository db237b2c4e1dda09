// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Drift shifts the values of one feature of one model, from a moment on, for a while or for good.
type Drift struct {
	Model, Feature string
	// At is when it begins, counted from the start.
	At time.Duration
	// Until is when it ends, outside; 0 is never.
	Until time.Duration
	// Shift moves a numeric feature by that many standard deviations of the normal
	// variable behind it, so that the Kolmogorov–Smirnov distance between before and after is
	// 2Φ(|Shift|/2)−1: 0.38 for 1. Of a categorical feature it moves that share (0 to
	// 1) of all values to the last category. It is 10 at most, either way.
	Shift float64
}

const (
	maxShift         = 10
	maxLatencyFactor = 1000
)

func (d Drift) validate() error {
	known := Models()
	if err := oneOf("model", d.Model, slices.Sorted(maps.Keys(known))); err != nil {
		return err
	}
	if err := oneOf("feature of "+d.Model, d.Feature, known[d.Model]); err != nil {
		return err
	}
	f := modelNamed(d.Model).feature(d.Feature)
	if f.categories != nil && !isShare(d.Shift) {
		return fmt.Errorf("the shift of %s.%s is %v: of a feature with categories it must be a share from 0 to 1", d.Model, d.Feature, d.Shift)
	}
	if !(math.Abs(d.Shift) <= maxShift) { // Not so for NaN either.
		return fmt.Errorf("the shift of %s.%s is %v: it must be from -%d to %d", d.Model, d.Feature, d.Shift, maxShift, maxShift)
	}
	if d.At < 0 {
		return fmt.Errorf("the drift of %s.%s begins at %s, before the start", d.Model, d.Feature, d.At)
	}
	if d.Until == 0 {
		return nil
	}
	return validateSpan("the drift of "+d.Model+"."+d.Feature, d.At, d.Until)
}

// Trouble makes one specialist slow and wrong for a while: requests that begin then take
// longer and fail more often, and the quality of its answers halves.
type Trouble struct {
	Specialist    string        // id
	From, To      time.Duration // counted from the start; To is outside
	LatencyFactor float64       // 1 to 1000; 0 means 5
	ErrorShare    float64       // share of requests that fail then, 0 to 1; 0 means 0.3
}

const (
	defaultLatencyFactor = 5
	defaultErrorShare    = 0.3
)

func (t Trouble) withDefaults() Trouble {
	if t.LatencyFactor == 0 {
		t.LatencyFactor = defaultLatencyFactor
	}
	if t.ErrorShare == 0 {
		t.ErrorShare = defaultErrorShare
	}
	return t
}

func (t Trouble) validate() error {
	if err := oneOf("specialist", t.Specialist, Specialists()); err != nil {
		return err
	}
	if t = t.withDefaults(); !(1 <= t.LatencyFactor && t.LatencyFactor <= maxLatencyFactor) || !isShare(t.ErrorShare) {
		return fmt.Errorf("the trouble of %s has latency factor %v and error share %v: they must be from 1 to %d, and from 0 to 1",
			t.Specialist, t.LatencyFactor, t.ErrorShare, maxLatencyFactor)
	}
	return validateSpan("the trouble of "+t.Specialist, t.From, t.To)
}

// Burst makes requests of all specialists fail for a while.
type Burst struct {
	From, To   time.Duration // counted from the start; To is outside
	ErrorShare float64       // share of requests that fail then, 0 to 1; 0 means 0.3
}

func (b Burst) withDefaults() Burst {
	if b.ErrorShare == 0 {
		b.ErrorShare = defaultErrorShare
	}
	return b
}

func (b Burst) validate() error {
	if !isShare(b.ErrorShare) {
		return fmt.Errorf("the error share of a burst is %v: it must be from 0 to 1", b.ErrorShare)
	}
	return validateSpan("a burst", b.From, b.To)
}

// isShare tells whether a number lies from 0 to 1. NaN does not.
func isShare(x float64) bool { return 0 <= x && x <= 1 }

func validateSpan(what string, from, to time.Duration) error {
	if from < 0 || to <= from {
		return fmt.Errorf("%s lasts from %s to %s: it must begin at 0 or later and end after that", what, from, to)
	}
	return nil
}

// condition is how a specialist fares at a moment.
type condition struct {
	latencyFactor float64
	errorShare    float64
	qualityFactor float64
}

// conditionOf applies the troubles and bursts of a moment. Where several meet, the worst counts.
func (c *Cluster) conditionOf(s *specialist, at time.Duration) condition {
	now := condition{latencyFactor: 1, errorShare: backgroundErrorShare, qualityFactor: 1}
	for _, t := range c.config.Troubles {
		if t.Specialist == s.id && t.From <= at && at < t.To {
			t = t.withDefaults()
			now.latencyFactor = max(now.latencyFactor, t.LatencyFactor)
			now.errorShare = max(now.errorShare, t.ErrorShare)
			now.qualityFactor = 0.5
		}
	}
	for _, b := range c.config.Bursts {
		if b.From <= at && at < b.To {
			now.errorShare = max(now.errorShare, b.withDefaults().ErrorShare)
		}
	}
	return now
}

// shiftOf gives the drift of a feature at a moment, 0 without one.
func (c *Cluster) shiftOf(m *model, f *feature, at time.Duration) float64 {
	shift := 0.0
	for _, d := range c.config.Drifts {
		if d.Model == m.name && d.Feature == f.name && at >= d.At && (d.Until == 0 || at < d.Until) {
			shift += d.Shift
		}
	}
	return shift
}
