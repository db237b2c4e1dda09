// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pipeline"
)

var (
	errStarted = errors.New("is started already")
	errClosing = errors.New("has been shut down")
)

// Engines are the running engines of one component type. The zero value is
// ready; a component's package has one as a variable. Engines is safe for
// concurrent use.
type Engines[E component.Component] struct {
	mu      sync.Mutex
	engines map[component.Config]*engine[E]
}

// engine is an engine and the instances that hold it open.
type engine[E component.Component] struct {
	engine E
	host   *statusHost
	users  []*Instance[E]
}

// Instance is the part of one component instance that starts and stops the
// shared engine. Embed it: it has the Start and Shutdown of a component.
type Instance[E component.Component] struct {
	engines *Engines[E]
	id      component.ID
	config  component.Config
	create  func() E
	use     use

	engine  E
	host    component.Host
	started bool
	stopped bool
}

// Option changes an instance.
type Option func(*use)

// use is how an instance uses the engine.
type use struct {
	alone  bool
	signal pipeline.Signal
}

// AlonePerSignal makes the Start of a second instance for the same signal fail,
// with the names of both pipelines: two processors with one stored state would
// each see half of the data.
func AlonePerSignal(signal pipeline.Signal) Option {
	return func(u *use) { u.alone, u.signal = true, signal }
}

// Instance prepares one component instance and has no side effect. Instances
// share an engine if they were given the same config, which the collector does
// for the instances of one component ID; config must be a pointer. create makes
// the engine and is called by the first Start.
func (e *Engines[E]) Instance(id component.ID, config component.Config, create func() E, options ...Option) *Instance[E] {
	instance := &Instance[E]{engines: e, id: id, config: config, create: create}
	for _, option := range options {
		option(&instance.use)
	}
	return instance
}

// Start opens the engine if this is the first of its instances to start.
func (i *Instance[E]) Start(ctx context.Context, host component.Host) error {
	if err := i.engines.open(ctx, i, host); err != nil {
		return fmt.Errorf("cannot start %s: %w", i.id, err)
	}
	return nil
}

// Shutdown closes the engine if this is the last of its instances to stop. An
// instance that never started, or has stopped, does nothing.
func (i *Instance[E]) Shutdown(ctx context.Context) error {
	return i.engines.close(ctx, i)
}

// Engine gives the shared engine. It is valid from Start on.
func (i *Instance[E]) Engine() E { return i.engine }

// open holds the lock while the engine starts, so that no instance uses one that
// is half open.
func (e *Engines[E]) open(ctx context.Context, user *Instance[E], host component.Host) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case user.stopped:
		return errClosing
	case user.started:
		return errStarted
	}
	shared, found := e.engines[user.config]
	if !found {
		shared = &engine[E]{engine: user.create(), host: &statusHost{Host: host}}
	}
	if other := shared.rival(user); other != nil {
		return fmt.Errorf("it keeps state, so it may stand in one %s pipeline only, and it stands in %q and %q: give each its own name, such as %s/2",
			user.use.signal, pipelineName(other.host), pipelineName(host), user.id.Type())
	}
	shared.host.add(host)
	if !found {
		if err := shared.engine.Start(ctx, shared.host); err != nil {
			return err
		}
		if e.engines == nil {
			e.engines = map[component.Config]*engine[E]{}
		}
		e.engines[user.config] = shared
	}
	shared.users = append(shared.users, user)
	user.engine, user.host, user.started = shared.engine, host, true
	return nil
}

func (e *Engines[E]) close(ctx context.Context, user *Instance[E]) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !user.started || user.stopped {
		user.stopped = true
		return nil
	}
	user.stopped = true
	shared := e.engines[user.config]
	shared.users = slices.DeleteFunc(shared.users, func(other *Instance[E]) bool { return other == user })
	shared.host.remove(user.host)
	if len(shared.users) > 0 {
		return nil
	}
	delete(e.engines, user.config)
	return shared.engine.Shutdown(ctx)
}

// rival gives the running instance that forbids user to start, or nil.
func (s *engine[E]) rival(user *Instance[E]) *Instance[E] {
	if !user.use.alone {
		return nil
	}
	for _, other := range s.users {
		if other.use == user.use {
			return other
		}
	}
	return nil
}

// statusHost passes what the engine says of its state on to every instance, so
// that each of them shows it. It remembers the last event for those who come later.
type statusHost struct {
	component.Host

	mu    sync.Mutex
	hosts []component.Host
	last  *componentstatus.Event
}

// Report passes an event on to every instance.
func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = event
	for _, host := range h.hosts {
		componentstatus.ReportStatus(host, event)
	}
}

func (h *statusHost) add(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hosts = append(h.hosts, host)
	if h.last != nil {
		componentstatus.ReportStatus(host, h.last)
	}
}

func (h *statusHost) remove(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.hosts, host); i >= 0 {
		h.hosts = slices.Delete(h.hosts, i, i+1)
	}
}
