// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// Timing says what became of a point.
type Timing uint8

// Timings.
const (
	OnTime Timing = iota
	// Late means that the point's step is closed, and that it was left out.
	Late
	// Ahead means that its time lies too far ahead of the clock, and that it was left out: it would have closed all steps before.
	Ahead
	// Unusable means that the value is NaN, ±Inf or beyond ±1e150, and that it was left out.
	Unusable
)

// Alignment says how points become rows.
type Alignment struct {
	// Step is the time of a row, 1 ms to 24 h.
	Step time.Duration
	// Lateness is how long after the end of a step its points may still come, at most 64 steps.
	Lateness time.Duration
	// Carry is how long the last value of a metric stands in for one that is missing.
	Carry time.Duration
	// Ahead is how far ahead of the clock the time of a point may lie.
	Ahead time.Duration
}

const (
	maxOpenSteps = 64
	// alignerVersion is the first byte of an encoded aligner.
	alignerVersion = 2
	// turnSteps is the number of steps that late points must cover, none on time among them, to show that the source's clock was set
	// back.
	turnSteps = 16
)

// Validate returns everything that is wrong with the alignment.
func (a *Alignment) Validate() error {
	var errs []error
	if a.Step < time.Millisecond || a.Step > day {
		errs = append(errs, fmt.Errorf("step must be 1ms to 24h (got %s)", a.Step))
	}
	if a.Lateness < 0 || a.Carry < 0 || a.Ahead < 0 {
		errs = append(errs, fmt.Errorf("lateness, carry and ahead must not be negative (got %s, %s, %s)", a.Lateness, a.Carry, a.Ahead))
	}
	if a.Step >= time.Millisecond && a.Lateness/maxOpenSteps > a.Step {
		errs = append(errs, fmt.Errorf("lateness must be at most %d steps of %s (got %s)", maxOpenSteps, a.Step, a.Lateness))
	}
	return errors.Join(errs...)
}

// Row is what came in a step.
type Row struct {
	// At is the end of the step, in Unix nanoseconds.
	At int64
	// Values has one per metric, NaN where there is none. It is valid until the next call of [Aligner.Next].
	Values []float64
	// Carried and Missing are how many values are older than the step, and how many there are not.
	Carried, Missing int
}

// AlignTally counts what became of points and steps.
type AlignTally struct {
	OnTime, Late, Ahead, Unusable uint64
	// Rows came of the steps. Gaps are runs of steps in which no point came, which make no rows.
	Rows, Gaps uint64
	// ClockSteps are the times at which the clock, or that of the source, was set back, so that steps began anew.
	ClockSteps uint64
	// Lost are rows that nobody took in time.
	Lost uint64
}

// Aligner makes rows of the points of one entity. It is not safe for concurrent use.
//
//	aligner.Add(metric, at, value, now)
//	for row, ok := aligner.Next(now); ok; row, ok = aligner.Next(now) {
//		verdict := detector.Observe(row.At, row.Values)
//	}
type Aligner struct {
	settings Alignment
	tally    AlignTally
	steps    []step // open ones with points, the oldest first
	spare    []step
	known    []sample // the last value of each metric in a closed step
	row      []float64
	started  bool
	closed   int64 // the number of the last step that is closed
	latest   int64 // the latest event time
	seenAt   int64 // by the clock
	now      int64 // the latest time of the clock
	turning  bool  // the last point was late
	turnFrom int64 // the time of the first late point since one was on time
}

// sample is a value at a time.
type sample struct {
	at    int64
	value float64
	ok    bool
}

type step struct {
	number  int64
	samples []sample
}

// NewAligner returns an aligner for so many metrics.
func NewAligner(s Alignment, metrics int) (*Aligner, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("cannot align metrics: %w", err)
	}
	if metrics < 1 || metrics > maxMetrics {
		return nil, fmt.Errorf("cannot align metrics: there must be 1 to %d (got %d)", maxMetrics, metrics)
	}
	return &Aligner{settings: s, known: make([]sample, metrics), row: make([]float64, metrics)}, nil
}

// Add takes the value of a metric, by its index, in the step of a time: event time and the clock, in Unix nanoseconds. It takes the place of
// what was added for that step before, whatever their times are. Call Next until it has no more rows before the next Add, as a point may
// close steps.
func (a *Aligner) Add(metric int, at int64, value float64, now int64) Timing {
	a.keepClock(now)
	timing := a.add(metric, at, value, now)
	*a.tally.of(timing)++
	return timing
}

func (t *AlignTally) of(timing Timing) *uint64 {
	return [...]*uint64{&t.OnTime, &t.Late, &t.Ahead, &t.Unusable}[timing]
}

func (a *Aligner) add(metric int, at int64, value float64, now int64) Timing {
	number := floorDiv(at, int64(a.settings.Step))
	switch {
	case !(math.Abs(value) <= largestValue):
		return Unusable
	case at-now > int64(a.settings.Ahead):
		return Ahead
	case a.started && number <= a.closed && !a.turned(at):
		return Late
	}
	a.turning = false
	s := &a.open(number).samples[metric]
	if s.ok {
		at = max(at, s.at)
	}
	*s = sample{at, value, true}
	if !a.started {
		a.started, a.latest, a.seenAt, a.closed = true, at, now, number-1-int64(a.settings.Lateness/a.settings.Step)
	}
	if at > a.latest {
		a.latest, a.seenAt = at, now
	}
	return OnTime
}

// keepClock begins anew when the clock was set back.
func (a *Aligner) keepClock(now int64) {
	if a.now-now > int64(a.settings.Lateness+a.settings.Step) {
		a.turn()
		a.now = now
	}
	a.now = max(a.now, now)
}

// turned says whether a late point shows that the clock of the source was set back, and begins anew then.
func (a *Aligner) turned(at int64) bool {
	if !a.turning || at < a.turnFrom {
		a.turning, a.turnFrom = true, at
	}
	if at-a.turnFrom < turnSteps*int64(a.settings.Step) {
		return false
	}
	a.turn()
	return true
}

// turn forgets the times so far, and the points of open steps.
func (a *Aligner) turn() {
	a.tally.ClockSteps++
	a.spare = append(a.spare, a.steps...)
	a.steps = a.steps[:0]
	a.started, a.turning = false, false
	clear(a.known)
}

// open returns the step of a number.
func (a *Aligner) open(number int64) *step {
	i, found := slices.BinarySearchFunc(a.steps, number, func(s step, n int64) int { return int(max(-1, min(1, s.number-n))) })
	if found {
		return &a.steps[i]
	}
	if len(a.steps) > maxOpenSteps+2 {
		a.tally.Lost++
		a.closed = a.steps[0].number
		a.release()
		i = max(0, i-1)
	}
	a.steps = slices.Insert(a.steps, i, a.empty(number))
	return &a.steps[i]
}

// empty is a step without points.
func (a *Aligner) empty(number int64) step {
	if n := len(a.spare); n > 0 {
		s := a.spare[n-1]
		a.spare = a.spare[:n-1]
		s.number = number
		clear(s.samples)
		return s
	}
	return step{number, make([]sample, len(a.known))}
}

// release takes the oldest step away.
func (a *Aligner) release() {
	a.spare = append(a.spare, a.steps[0])
	a.steps = slices.Delete(a.steps, 0, 1)
}

// Next returns the next row whose step is closed. Steps are closed by the latest event time of the entity, which is supposed to go on
// with the clock where no points come; so the past can be replayed, and a source whose clock is wrong has rows of its own time.
func (a *Aligner) Next(now int64) (Row, bool) {
	a.keepClock(now)
	if len(a.steps) == 0 {
		return Row{}, false
	}
	s := &a.steps[0]
	end := (s.number + 1) * int64(a.settings.Step)
	reached := a.latest + max(0, now-a.seenAt)
	if reached-end < int64(a.settings.Lateness) {
		return Row{}, false
	}
	if a.tally.Rows > 0 && s.number > a.closed+1 {
		a.tally.Gaps++
	}
	row := a.close(s, end)
	a.closed = max(a.closed, s.number)
	a.release()
	a.tally.Rows++
	return row, true
}

func (a *Aligner) close(s *step, end int64) Row {
	row := Row{At: end, Values: a.row}
	for m := range a.row {
		known := &a.known[m]
		switch {
		case s.samples[m].ok:
			*known = s.samples[m]
		case known.ok && end-known.at <= int64(a.settings.Carry):
			row.Carried++
		default:
			row.Missing++
			a.row[m] = math.NaN()
			continue
		}
		a.row[m] = known.value
	}
	return row
}

// Tally returns what came so far.
func (a *Aligner) Tally() AlignTally { return a.tally }

func (t *AlignTally) fields() []*uint64 {
	return []*uint64{&t.OnTime, &t.Late, &t.Ahead, &t.Unusable, &t.Rows, &t.Gaps, &t.ClockSteps, &t.Lost}
}

// Append appends everything that decides later rows.
func (a *Aligner) Append(dst []byte) []byte {
	e := codec.NewEncoder(append(dst, alignerVersion))
	e.Varint(int64(a.settings.Step))
	e.Count(len(a.known))
	for _, n := range a.tally.fields() {
		e.Uvarint(*n)
	}
	e.Bool(a.started)
	e.Bool(a.turning)
	for _, v := range []int64{a.closed, a.latest, a.seenAt, a.now, a.turnFrom} {
		e.Varint(v)
	}
	encodeSamples(e, a.known)
	e.Count(len(a.steps))
	for _, s := range a.steps {
		e.Varint(s.number)
		encodeSamples(e, s.samples)
	}
	return e.Data()
}

// Restore replaces everything in the aligner by what [Aligner.Append] wrote. The error wraps [codec.ErrDamaged], or ErrSettings for another step or
// another number of metrics; then the aligner is as it was.
func (a *Aligner) Restore(b []byte) error {
	restored, err := NewAligner(a.settings, len(a.known))
	if err == nil {
		err = restored.decode(codec.NewDecoder(b))
	}
	if err != nil {
		return fmt.Errorf("cannot restore the state of aligned metrics: %w", err)
	}
	*a = *restored
	return nil
}

func (a *Aligner) decode(d *codec.Decoder) error {
	d.Require(d.Uvarint() == alignerVersion)
	if width, metrics := d.Varint(), d.Uvarint(); d.Err() == nil && (width != int64(a.settings.Step) || metrics != uint64(len(a.known))) {
		return ErrSettings
	}
	for _, n := range a.tally.fields() {
		*n = d.Uvarint()
	}
	a.started, a.turning = d.Bool(), d.Bool()
	for _, v := range []*int64{&a.closed, &a.latest, &a.seenAt, &a.now, &a.turnFrom} {
		*v = d.Varint()
	}
	decodeSamples(d, a.known)
	n := d.Count(1)
	d.Require(n <= maxOpenSteps+3)
	for i := range n {
		s := a.empty(d.Varint())
		decodeSamples(d, s.samples)
		d.Require(i == 0 || s.number > a.steps[i-1].number)
		if d.Err() != nil {
			break
		}
		a.steps = append(a.steps, s)
	}
	return d.Finish()
}

func encodeSamples(e *codec.Encoder, list []sample) {
	for _, s := range list {
		e.Bool(s.ok)
		if s.ok {
			e.Varint(s.at)
			e.Float64(s.value)
		}
	}
}

func decodeSamples(d *codec.Decoder, list []sample) {
	for i := range list {
		if d.Bool() {
			list[i] = sample{d.Varint(), d.Finite(), true}
		}
	}
}
