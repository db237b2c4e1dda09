// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"fmt"
	"math"
	"time"
)

// Defaults of Config.
const (
	DefaultSeriesLimit = 10_000
	DefaultIdleAfter   = time.Hour
)

// Config is what all metrics of a Meter have in common.
type Config struct {
	// SeriesLimit is the number of series of one metric, the overflow series not counted; DefaultSeriesLimit by default.
	SeriesLimit int
	// IdleAfter is how long a series stays without an update, from one flush to another; DefaultIdleAfter by default. A step of
	// the clock makes no series idle: back is no time, and however far apart two flushes are, only half of IdleAfter
	// passes between them.
	IdleAfter time.Duration
	// Delta makes counters and histograms show what came since the last flush, and nothing where nothing came. Gauges,
	// up-down counters and summaries have no such form and stay as they are.
	Delta bool
}

func (c Config) withDefaults() Config {
	if c.SeriesLimit <= 0 {
		c.SeriesLimit = DefaultSeriesLimit
	}
	c.SeriesLimit = min(c.SeriesLimit, math.MaxInt32)
	if c.IdleAfter <= 0 {
		c.IdleAfter = DefaultIdleAfter
	}
	return c
}

// Meter keeps the series of a number of metrics. It is not safe for concurrent use.
type Meter struct {
	config      Config
	instruments []*Instrument // in the order of the definitions
	byName      map[string]*Instrument
	clock       idleClock
	flushed     int64 // time of the last flush, nanoseconds since 1970; 0 before the first
	dropped     uint64
}

// New returns a Meter without series. It is an error if a definition contradicts itself or two have the same name.
func New(config Config, definitions []Definition) (*Meter, error) {
	m := &Meter{config: config.withDefaults(), byName: make(map[string]*Instrument, len(definitions))}
	m.clock.maxStep = m.config.IdleAfter / 2
	seeds := newSeeds()
	for i := range definitions {
		d := &definitions[i]
		if err := d.validate(); err != nil {
			return nil, fmt.Errorf("cannot define metric %q: %w", d.Name, err)
		}
		if m.byName[d.Name] != nil {
			return nil, fmt.Errorf("cannot define metric %q twice", d.Name)
		}
		instrument := newInstrument(*d, &m.config, &seeds)
		m.instruments = append(m.instruments, instrument)
		m.byName[d.Name] = instrument
	}
	return m, nil
}

// Instrument returns what updates the metric of that name, nil if it is not defined.
func (m *Meter) Instrument(name string) *Instrument { return m.byName[name] }

// reset forgets all series and lets the idle time begin at now.
func (m *Meter) reset(now time.Time) {
	m.clock = idleClock{last: now, maxStep: m.clock.maxStep}
	m.flushed, m.dropped = 0, 0
	for _, i := range m.instruments {
		i.table = newTable(i.table.bucketsEach)
	}
}
