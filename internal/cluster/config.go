// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config says which cluster is simulated. Fields that are not positive stand for
// their defaults.
type Config struct {
	// Seed decides everything that is left to chance.
	Seed uint64
	// Start is the virtual time at which the cluster begins to work; 2026-01-01 UTC by default.
	// Ids are made of Seed and Start, so that two runs that begin at different times
	// have no id in common.
	Start time.Time
	// Rate is the mean number of events per second of virtual time, from 0.001 to a million; 1000 by default. What
	// comes late (labels, and what becomes of improvements) comes on top, up to a
	// tenth after some days.
	Rate float64
	// LateAfter and LateWithin bound the delays of what comes late, in virtual time, spread
	// evenly over their logarithm: 1 minute and 48 hours by default, a year at most.
	LateAfter, LateWithin time.Duration

	Drifts   []Drift
	Troubles []Trouble
	Bursts   []Burst
}

// Defaults of [Config].
const (
	DefaultRate       = 1000
	DefaultLateAfter  = time.Minute
	DefaultLateWithin = 48 * time.Hour
)

const (
	minRate  = 1e-3
	maxRate  = 1e6
	maxDelay = 365 * 24 * time.Hour
)

var defaultStart = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func (c Config) withDefaults() Config {
	if c.Start.IsZero() {
		c.Start = defaultStart
	}
	if c.Rate <= 0 {
		c.Rate = DefaultRate
	}
	if c.LateAfter <= 0 {
		c.LateAfter = DefaultLateAfter
	}
	if c.LateWithin <= 0 {
		c.LateWithin = max(DefaultLateWithin, c.LateAfter)
	}
	return c
}

// validate finds all faults of a configuration.
func (c *Config) validate() error {
	var faults []error
	if !(minRate <= c.Rate && c.Rate <= maxRate) { // Not so for NaN either.
		faults = append(faults, fmt.Errorf("the rate is %v: it must be from %v to %v events per second", c.Rate, minRate, maxRate))
	}
	if c.LateWithin > maxDelay {
		faults = append(faults, fmt.Errorf("LateWithin is %s: it must be at most %s", c.LateWithin, maxDelay))
	}
	if c.LateWithin < c.LateAfter {
		faults = append(faults, fmt.Errorf("LateWithin is %s, less than LateAfter, which is %s", c.LateWithin, c.LateAfter))
	}
	for _, d := range c.Drifts {
		faults = append(faults, d.validate())
	}
	for _, t := range c.Troubles {
		faults = append(faults, t.validate())
	}
	for _, b := range c.Bursts {
		faults = append(faults, b.validate())
	}
	return errors.Join(faults...)
}

// Models names the classic models, each with its features.
func Models() map[string][]string {
	names := map[string][]string{}
	for i := range models {
		for j := range models[i].features {
			names[models[i].name] = append(names[models[i].name], models[i].features[j].name)
		}
	}
	return names
}

// Specialists gives the ids of the specialists, in the order of the documentation.
func Specialists() []string {
	var ids []string
	for i := range specialists {
		ids = append(ids, specialists[i].id)
	}
	return ids
}

// oneOf says that a name does not exist, and which ones do.
func oneOf(what, name string, names []string) error {
	if slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("there is no %s %q: it must be one of %s", what, name, strings.Join(names, ", "))
}
