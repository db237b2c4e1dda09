// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import "time"

// detached runs one function at a time that may never come back: a driver that
// hangs costs its goroutine, and nothing waits for it twice.
type detached[T any] struct {
	result  chan T
	running bool
}

// start runs f unless an earlier run is still under way.
func (d *detached[T]) start(f func() T) bool {
	if d.busy() {
		return false
	}
	result := make(chan T, 1)
	d.result, d.running = result, true
	go func() { result <- f() }()
	return true
}

// busy says whether a run is under way. The result of one that has ended unseen is dropped.
func (d *detached[T]) busy() bool {
	if d.running {
		select {
		case <-d.result:
			d.running = false
		default:
		}
	}
	return d.running
}

// wait gives the result if it is there before the deadline fires.
func (d *detached[T]) wait(deadline <-chan struct{}) (result T, ok bool) {
	if !d.running {
		return result, false
	}
	select {
	case result = <-d.result:
		d.running = false
		return result, true
	default:
	}
	select {
	case result = <-d.result:
		d.running = false
		return result, true
	case <-deadline:
		return result, false
	}
}

// after gives a channel that is closed when the time is up, and a function that gives up the timer.
func after(d time.Duration) (deadline <-chan struct{}, stop func() bool) {
	done := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(done) })
	return done, timer.Stop
}
