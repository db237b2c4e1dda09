// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"time"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// watcher waits for the driver's events in a goroutine of its own.
type watcher struct {
	uuids []string // of the GPUs by the index that events have
	stop  chan struct{}
	done  chan struct{}
}

// driverEvent is an event and the GPU that it is about; the UUID is empty if
// the driver does not say.
type driverEvent struct {
	driver.Event
	uuid string
	at   time.Time
}

const (
	// waitTime is how long one wait for events lasts, and so how long a stop takes.
	waitTime = 500 * time.Millisecond
	// waitAgain is the pause after a failed wait.
	waitAgain = time.Second
)

// watchEvents passes the events of a watch on to a queue, which may be full:
// then dropped is called.
func watchEvents(watch driver.Watch, uuids []string, queue chan<- driverEvent, dropped func()) *watcher {
	w := &watcher{uuids: uuids, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		defer watch.Close()
		for !w.stopped(0) {
			event, err := watch.Wait(waitTime)
			switch {
			case err == nil:
				select {
				case queue <- w.of(event):
				default:
					dropped()
				}
			case errors.Is(err, driver.ErrTimeout):
			default:
				w.stopped(waitAgain)
			}
		}
	}()
	return w
}

func (w *watcher) of(event driver.Event) driverEvent {
	of := driverEvent{Event: event, at: time.Now()}
	if event.Device >= 0 && event.Device < len(w.uuids) {
		of.uuid = w.uuids[event.Device]
	}
	return of
}

// stopped says whether the watcher shall end, and waits for that a while.
func (w *watcher) stopped(wait time.Duration) bool {
	if wait == 0 {
		select {
		case <-w.stop:
			return true
		default:
			return false
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.stop:
		return true
	case <-timer.C:
		return false
	}
}

// end stops the watcher and says whether it ended before the deadline. A wait that hangs is left alone.
func (w *watcher) end(deadline <-chan struct{}) bool {
	close(w.stop)
	select {
	case <-w.done:
		return true
	case <-deadline:
		return false
	}
}
