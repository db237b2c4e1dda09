// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

// Rate makes rates of a cumulative counter. The zero value has seen nothing. It is comparable and may be copied.
type Rate struct {
	at, start int64
	value     float64
	known     bool
}

// Update takes the counter's value at a time, and the time since when it counts (0 if that is unknown), in Unix nanoseconds. It returns the increase per second
// since the value before. ok is false for the first value, for one that is no later than the one before, and for one that is not finite. After a reset, which a new
// start or a smaller value show, the counter has counted from 0: since the new start if that is known and lies after the value before, else since the value before.
func (r *Rate) Update(at, start int64, value float64) (perSecond float64, ok bool) { return 0, false }

// Append appends the counter's state.
func (r *Rate) Append(dst []byte) []byte { return dst }

// Restore replaces the state by what [Rate.Append] wrote at the front of b, and returns the rest. The error wraps ErrDamaged.
func (r *Rate) Restore(b []byte) (rest []byte, err error) { return b, nil }
