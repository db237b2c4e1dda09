// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"time"
)

// Defaults of [Config].
const (
	DefaultLimit     = 100_000
	DefaultIdleAfter = time.Hour
)

// ErrFull is wrapped by errors of [Store.Restore] about series that find no room.
var ErrFull = errors.New("series store is full")

// grains is the number of steps of IdleAfter in which the sightings of a series are told apart: it moves to the end of the
// ring once per step, and most sightings only read.
const grains = 16

// Config bounds a [Store]. Fields that are not positive stand for their defaults.
type Config struct {
	// Limit is the number of series that the store holds, the overflow series not counted; DefaultLimit by default.
	Limit int
	// GroupLimit is the number of series that may share all levels above their attributes, such as the series of one
	// metric of one resource, so that one metric cannot take all the room; Limit by default.
	GroupLimit int
	// IdleAfter is how long a series may go unseen before it is evicted; DefaultIdleAfter by default.
	IdleAfter time.Duration
}

func (c Config) withDefaults() Config {
	if c.Limit <= 0 {
		c.Limit = DefaultLimit
	}
	c.Limit = min(c.Limit, math.MaxInt32)
	if c.GroupLimit <= 0 {
		c.GroupLimit = c.Limit
	}
	if c.IdleAfter <= 0 {
		c.IdleAfter = DefaultIdleAfter
	}
	return c
}

// Stats describe a store.
type Stats struct {
	Tracked    int    // series held now, the overflow series not counted
	Limit      int    // series that may be held
	Created    uint64 // series seen for the first time, or again after they were evicted or deleted; not those restored
	Evicted    uint64 // series that were idle
	Overflowed uint64 // points that went to the overflow series
	Bytes      int    // estimate of the memory held: labels, slabs of states, index. What states point to is not counted
}

// Ref refers to a series of a store, as long as the series lives: a Ref to a series that was evicted or deleted refers to
// nothing, also when another series has taken its place. The zero Ref refers to nothing.
type Ref struct{ slot, generation uint32 }

// IsOverflow says whether the Ref refers to the overflow series.
func (r Ref) IsOverflow() bool { return r == Ref{overflowSlot, 1} }

// Store holds a state of type S for each of a bounded number of series. Pointers to states are valid until the series
// is evicted or deleted, which only Advance and Delete do; who keeps a series for longer keeps its Ref.
type Store[S any] struct {
	config     Config
	table      table[S]
	clock      clock
	grain      int64  // nanoseconds
	overflowed bool   // the overflow series was ever used
	stats      Stats  // those that count
	labels     []byte // scratch
}

// NewStore returns an empty store.
func NewStore[S any](config Config) *Store[S] {
	config = config.withDefaults()
	return &Store[S]{
		config: config,
		table:  newTable[S](),
		clock:  clock{maxStep: config.IdleAfter / 2},
		grain:  int64(config.IdleAfter) / grains,
	}
}

// Advance lets time pass up to now, the arrival time of a batch or the tick of a timer, and evicts the series that went
// unseen for longer than IdleAfter, after showing each to evicted unless that is nil. No series is evicted early, none
// more than a sixteenth of IdleAfter late, in as far as Advance is called.
//
// A step of the clock evicts nobody who still reports: one backwards counts as no time, and no matter how far apart two
// calls are, only half of IdleAfter passes between them.
func (s *Store[S]) Advance(now time.Time, evicted func(Ref, *S)) {
	s.clock.advance(now)
	unseenSince := s.clock.now - int64(s.config.IdleAfter) - s.grain
	for {
		slot := s.table.oldest()
		if slot == overflowSlot || s.table.entry(slot).seen >= unseenSince {
			return
		}
		if evicted != nil {
			evicted(s.series(slot))
		}
		s.table.remove(slot)
		s.stats.Evicted++
	}
}

// Find returns a series that is known, which counts as a sighting, and nil if it is not.
func (s *Store[S]) Find(key Key) (Ref, *S) {
	slot := s.table.find(key)
	if slot == overflowSlot {
		return Ref{}, nil
	}
	e := s.table.entry(slot)
	if s.clock.now-e.seen >= s.grain {
		s.table.touch(slot, s.clock.now)
	}
	return Ref{slot, e.generation}, s.table.state(slot)
}

// Observe returns the series of the ID, which it creates if there is room; if not, it counts a point of the overflow
// series and returns that. The state of a new series is the zero S. For a known series Observe does not allocate.
func (s *Store[S]) Observe(id *ID) (Ref, *S) {
	if ref, state := s.Find(id.key); state != nil {
		return ref, state
	}
	if !s.room(id.group) {
		s.stats.Overflowed++
		return s.overflow()
	}
	s.labels = id.appendGroup(s.labels[:0])
	own := len(s.labels)
	s.labels = id.appendOwn(s.labels)
	if string(s.labels) == overflowLabels {
		// The overflow series of somebody upstream joins ours: two series with the same labels must not leave.
		s.stats.Overflowed++
		return s.overflow()
	}
	s.stats.Created++
	return s.series(s.table.add(identity{id.key, id.group, own}, s.labels, s.clock.now))
}

// Restore puts a series back by its labels and returns its state, which the caller fills; the series counts as seen now.
// Labels that AppendLabels has not written give an error that wraps [ErrLabels], a series that finds no room one that
// wraps [ErrFull].
func (s *Store[S]) Restore(labels []byte) (*S, error) {
	if string(labels) == overflowLabels {
		_, state := s.overflow()
		return state, nil
	}
	id, err := rekey(labels)
	if err != nil {
		return nil, fmt.Errorf("cannot restore a series: %w", err)
	}
	if slot := s.table.find(id.key); slot != overflowSlot {
		return s.table.state(slot), nil
	}
	if !s.room(id.group) {
		return nil, fmt.Errorf("cannot restore a series beside %d others: %w", s.Len(), ErrFull)
	}
	return s.table.state(s.table.add(id, labels, s.clock.now)), nil
}

// Get returns the state of a series, nil if the Ref refers to nothing.
func (s *Store[S]) Get(ref Ref) *S {
	if !s.alive(ref) {
		return nil
	}
	return s.table.state(ref.slot)
}

// Delete forgets a series. Of the overflow series it only clears the state. It does nothing if the Ref refers to nothing.
func (s *Store[S]) Delete(ref Ref) {
	switch {
	case ref.IsOverflow():
		var none S
		*s.table.state(overflowSlot), s.overflowed = none, false
	case s.alive(ref):
		s.table.remove(ref.slot)
	}
}

// AppendLabels appends the encoded labels of a series to dst, for [Store.Restore]; nothing if the Ref refers to nothing.
func (s *Store[S]) AppendLabels(dst []byte, ref Ref) []byte {
	if !s.alive(ref) {
		return dst
	}
	return s.table.appendLabels(dst, ref.slot)
}

// All iterates over the series: first the overflow series if it was ever used, then the others in order of their
// creation, except that a new series takes the turn of one that is gone. A store that was restored in this order iterates
// in this order. The current series may be deleted; other changes during the iteration are not allowed.
func (s *Store[S]) All() iter.Seq2[Ref, *S] {
	return func(yield func(Ref, *S) bool) {
		for slot := range s.table.slots {
			if slot == overflowSlot && !s.overflowed || !s.table.entry(slot).live() {
				continue
			}
			if !yield(s.series(slot)) {
				return
			}
		}
	}
}

// Len returns the number of series, the overflow series not counted.
func (s *Store[S]) Len() int { return s.table.len() }

// Stats returns the statistics of the store.
func (s *Store[S]) Stats() Stats {
	stats := s.stats
	stats.Tracked, stats.Limit = s.Len(), s.config.Limit
	stats.Bytes = s.table.bytes()
	return stats
}

func (s *Store[S]) room(group Key) bool {
	if s.Len() >= s.config.Limit {
		return false
	}
	g, ok := s.table.groups[group]
	return !ok || g.series < s.config.GroupLimit
}

func (s *Store[S]) overflow() (Ref, *S) {
	s.overflowed = true
	return s.series(overflowSlot)
}

func (s *Store[S]) series(slot uint32) (Ref, *S) {
	return Ref{slot, s.table.entry(slot).generation}, s.table.state(slot)
}

func (s *Store[S]) alive(ref Ref) bool {
	if ref.slot >= s.table.slots {
		return false // The zero Ref, or a Ref of another store.
	}
	e := s.table.entry(ref.slot)
	return e.live() && e.generation == ref.generation
}
