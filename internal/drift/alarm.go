// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math/bits"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// State is what a feature is in after a window.
type State uint8

// States.
const (
	Clear State = iota
	Raised
	// InsufficientData means that the window says nothing; an alarm that is raised stays raised.
	InsufficientData
)

// String returns the state as in events.
func (s State) String() string {
	switch s {
	case Clear:
		return "clear"
	case Raised:
		return "raised"
	case InsufficientData:
		return "insufficient_data"
	}
	return "unknown"
}

// alarm remembers the last windows.
type alarm struct {
	history uint64 // a bit per window that reached the limits, the last one lowest
	calm    int    // windows in a row below the lower limits
	raised  bool
}

// update takes the next window and says whether the alarm was raised or cleared by it.
func (a *alarm) update(h Hysteresis, over, calm bool) (changed bool) {
	a.history <<= 1
	if over {
		a.history |= 1
	}
	a.calm++
	if !calm {
		a.calm = 0
	}
	recent := a.history << (64 - h.Of)
	was := a.raised
	switch {
	case a.raised && a.calm >= h.Clear:
		a.raised, a.history = false, 0
	case !a.raised && over && bits.OnesCount64(recent) >= h.Raise:
		a.raised, a.calm = true, 0
	}
	return a.raised != was
}

func (a *alarm) state() State {
	if a.raised {
		return Raised
	}
	return Clear
}

func (a *alarm) encode(e *codec.Encoder) {
	e.Uvarint(a.history)
	e.Count(a.calm)
	e.Bool(a.raised)
}

func decodeAlarm(d *codec.Decoder) alarm {
	return alarm{history: d.Uvarint(), calm: int(d.Below(1 << 32)), raised: d.Bool()}
}
