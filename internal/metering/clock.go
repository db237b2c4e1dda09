// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import "time"

// idleClock adds up the time that passes between flushes. A step backwards counts as no time and a long gap as maxStep:
// neither a clock that is set nor a process that was suspended makes all series idle at once.
type idleClock struct {
	now     int64 // nanoseconds since the first flush
	last    time.Time
	maxStep time.Duration
}

func (c *idleClock) advance(to time.Time) {
	if !c.last.IsZero() {
		c.now += int64(min(max(to.Sub(c.last), 0), c.maxStep))
	}
	c.last = to
}
