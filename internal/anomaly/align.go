// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import "time"

// Timing says what became of a point.
type Timing uint8

// Timings.
const (
	OnTime Timing = iota
	// Late means that the point's step is closed, and that it was left out.
	Late
	// Ahead means that its time lies too far ahead of the clock, and that it was left out: it would have closed all steps before.
	Ahead
	// Duplicate means that the metric has a point of that time already, and that it was left out.
	Duplicate
	// OutOfOrder means that the metric has a later point in the step, and that it was left out.
	OutOfOrder
	// Unusable means that the value is NaN or ±Inf, and that it was left out.
	Unusable
)

// Alignment says how points become rows.
type Alignment struct {
	// Step is the time of a row. The last point of a metric within a step counts.
	Step time.Duration
	// Lateness is how long after the end of a step its points may still come, by the latest event time or the clock.
	Lateness time.Duration
	// Carry is how long the last value of a metric stands in for one that is missing.
	Carry time.Duration
	// Ahead is how far ahead of the clock the time of a point may lie.
	Ahead time.Duration
}

// Validate returns everything that is wrong with the alignment.
func (a *Alignment) Validate() error { return nil }

// Row is what came in a step.
type Row struct {
	// At is the end of the step, in Unix nanoseconds.
	At int64
	// Values has one per metric, NaN where none came. It is valid until the next call of [Aligner.Next].
	Values []float64
	// Carried and Missing are how many values are older than the step, and how many there are not.
	Carried, Missing int
}

// AlignTally counts what became of points and steps.
type AlignTally struct {
	OnTime, Late, Ahead, Duplicate, OutOfOrder, Unusable uint64
	// Rows came of the steps; Gaps are runs of steps in which no point came, which make no rows.
	Rows, Gaps uint64
	// ClockSteps are times at which the clock or the event time went back by more than Lateness, so that steps were counted anew.
	ClockSteps uint64
}

// Aligner makes rows of the points of one entity. It is not safe for concurrent use.
//
//	aligner.Add(metric, at, value, now)
//	for row, ok := aligner.Next(now); ok; row, ok = aligner.Next(now) {
//		verdict := detector.Observe(row.At, row.Values)
//	}
type Aligner struct{}

// NewAligner returns an aligner for so many metrics.
func NewAligner(s Alignment, metrics int) (*Aligner, error) { return &Aligner{}, nil }

// Add takes a point of a metric, by its index: its event time and the clock, in Unix nanoseconds. Call Next until it has no more rows before the
// next Add, as a point may close a step.
func (a *Aligner) Add(metric int, at int64, value float64, now int64) Timing { return OnTime }

// Next returns the next row whose step is closed: by a point of a later step and the lateness, or by the clock.
func (a *Aligner) Next(now int64) (Row, bool) { return Row{}, false }

// Tally returns what came so far.
func (a *Aligner) Tally() AlignTally { return AlignTally{} }

// Append appends everything that decides later rows.
func (a *Aligner) Append(dst []byte) []byte { return dst }

// Restore replaces everything in the aligner by what [Aligner.Append] wrote. The error wraps ErrDamaged or ErrSettings; then the aligner is as it was.
func (a *Aligner) Restore(b []byte) error { return nil }
