// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"time"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// reader reads one GPU. It belongs to whoever runs read, which may never come
// back: then nobody touches the reader again.
type reader struct {
	device   driver.Device
	throttle driver.ThrottleFields
	plan     *plan
	counters *counters
	profiles *profiles
	fast     batch
	slow     batch
	sequence uint64

	// absent figures are those that the GPU does not have.
	absent [figureCount]bool
	fixed  figures // what the classes that are read once have found
	done   [classCount]bool

	lastSample        uint64
	lastProcessSample uint64

	fans                              int // -1 until known
	divided                           bool
	noProcesses, noProcessUtilization bool
	maxProcesses                      int

	samples      []driver.Sample // scratch
	processes    []driver.Process
	utilizations []driver.ProcessUtilization
}

// reading is what one run of a reader found.
type reading struct {
	figures

	fans               []float64
	instances          []instance
	processes          []driver.Process
	processUtilization map[uint32]float64
	processesDropped   int

	// read and cost are of the classes that were read.
	read [classCount]bool
	cost [classCount]time.Duration
	// failures are of single calls; the rest of the reading stands.
	failures []failure
	// err says why the GPU could not be read at all.
	err error
}

// instance is a MIG device and what is known of it.
type instance struct {
	driver.Instance
	figures
}

// failure is one call that failed.
type failure struct {
	class class
	code  driver.CodeError
}

// plan is what the configuration asks for.
type plan struct {
	figures      [figureCount]bool
	classes      [classCount]bool
	maxProcesses int
}

func newReader(device driver.Device, throttle driver.ThrottleFields, plan *plan, counters *counters) *reader {
	return &reader{
		device: device, throttle: throttle, plan: plan, counters: counters, fans: -1, maxProcesses: plan.maxProcesses,
		profiles: newProfiles(&plan.figures),
		fast:     newBatch(false, &plan.figures, throttle),
		slow:     newBatch(true, &plan.figures, throttle),
	}
}

// forget makes the reader try again what the GPU did not have. A GPU has other
// abilities when it is divided.
func (r *reader) forget() {
	r.absent, r.done, r.fixed = [figureCount]bool{}, [classCount]bool{}, figures{}
	r.fast, r.slow = newBatch(false, &r.plan.figures, r.throttle), newBatch(true, &r.plan.figures, r.throttle)
	r.profiles.close()
	r.profiles.absent, r.noProcesses, r.noProcessUtilization, r.fans = false, false, false, -1
}

// read calls the driver for the classes that are due.
func (r *reader) read(due *[classCount]bool) *reading {
	into := &reading{}
	r.sequence++
	for class := range classes {
		if due[class] && !r.done[class] {
			start := time.Now()
			classes[class].read(r, into)
			into.cost[class], into.read[class] = time.Since(start), true
		}
		if into.err != nil {
			return into
		}
		if classes[class].once && into.read[class] {
			r.remember(into, classes[class].figures)
			r.done[class] = true
		}
	}
	into.merge(&r.fixed)
	return into
}

func (r *reader) remember(found *reading, figures []figureID) {
	for _, id := range figures {
		if value, known := found.get(id); known {
			r.fixed.set(id, value)
		}
	}
}

// keep notes what a call said of a figure, and whether it said anything.
func (r *reader) keep(into *reading, class class, id figureID, value float64, err error) bool {
	if into.failed(class, err) {
		r.absent[id] = isAbsent(err)
		return false
	}
	into.set(id, value)
	return true
}

// failed notes the failure of a call. One that says that the GPU or the driver
// is gone ends the reading.
func (r *reading) failed(class class, err error) bool {
	if err == nil {
		return false
	}
	var code driver.CodeError
	if !errors.As(err, &code) {
		code = driver.ErrUnknown
	}
	switch {
	case isGone(err):
		r.err = err
	case code.Absent():
		return true // Not to have something is no failure.
	}
	r.failures = append(r.failures, failure{class, code})
	return true
}

// isGone says that no call to this GPU will work.
func isGone(err error) bool {
	return errors.Is(err, driver.ErrGPUIsLost) || errors.Is(err, driver.ErrResetRequired) || isDisconnected(err)
}

// isDisconnected says that no call to any GPU will work until the library is opened again.
func isDisconnected(err error) bool {
	return errors.Is(err, driver.ErrUninitialized) || errors.Is(err, driver.ErrDriverNotLoaded) || errors.Is(err, driver.ErrVersionMismatch)
}

func isAbsent(err error) bool {
	var code driver.CodeError
	return errors.As(err, &code) && code.Absent()
}

func (r *reader) close() { r.profiles.close() }

func isCode(err error, code driver.CodeError) bool { return errors.Is(err, code) }
