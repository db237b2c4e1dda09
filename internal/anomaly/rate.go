// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import "math"

// Rate makes rates of a cumulative counter. The zero value has seen nothing. It may be copied.
type Rate struct {
	at, start int64
	value     float64
	known     bool
}

// Update takes the counter's value at a time, and the time since when it counts (0 if that is unknown), in Unix nanoseconds. It
// returns the increase per second since the value before. After a reset, which a later start or a smaller value shows, the
// counter has counted from 0: since its new start if that lies after the value before, else since the value before, which is less than
// the true rate. There is no rate (ok is false) for the first value, for one that is not finite or negative, and for one that is no
// later than the one before, which is left out.
func (r *Rate) Update(at, start int64, value float64) (perSecond float64, ok bool) {
	if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 || r.known && at <= r.at {
		return 0, false
	}
	before := *r
	*r = Rate{at: at, start: start, value: value, known: true}
	if !before.known {
		return 0, false
	}
	since, increase := before.at, value-before.value
	if value < before.value || start > before.start && before.start > 0 {
		increase = value
		if start > since && start < at {
			since = start
		}
	}
	return increase / (float64(at-since) / 1e9), true
}

// Append appends the counter's state.
func (r *Rate) Append(dst []byte) []byte {
	e := &encoder{buf: dst}
	e.bool(r.known)
	if r.known {
		e.varint(r.at)
		e.varint(r.start)
		e.float(r.value)
	}
	return e.buf
}

// Restore replaces the state by what [Rate.Append] wrote at the front of b, and returns the rest. The error is ErrDamaged; then the
// state is as it was.
func (r *Rate) Restore(b []byte) (rest []byte, err error) {
	d := &decoder{rest: b}
	restored := Rate{known: d.bool()}
	if restored.known {
		restored.at, restored.start, restored.value = d.varint(), d.varint(), d.finite()
		d.require(restored.value >= 0)
	}
	if d.err != nil {
		return b, d.err
	}
	*r = restored
	return d.rest, nil
}
