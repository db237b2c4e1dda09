// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/reference"
)

// referenceTimeout bounds a look at a reference file.
const referenceTimeout = 30 * time.Second

// references are the reference files of a monitor. Groups that have the same path share a file.
type references struct {
	monitor  *monitor
	template *reference.Template
	files    map[string]*referenceFile
	wake     func() // wakes the goroutine that reads files
	logger   *zap.Logger
}

// referenceFile is a file that groups are compared with.
type referenceFile struct {
	owner    *references
	location string
	groups   []*group
	due      time.Time // of the next look
	version  reference.Version
	set      *reference.Set // nil until it was read
	fault    error          // of the last look
}

func newReferences(m *monitor) *references {
	template, _ := reference.ParseTemplate(m.config.Reference.File) // it was validated
	return &references{monitor: m, template: template, files: map[string]*referenceFile{}, wake: func() {}, logger: zap.NewNop()}
}

// add finds the file of a group.
func (r *references) add(g *group) {
	location, err := r.template.Expand(g.value)
	f := r.files[location]
	if f == nil {
		f = &referenceFile{owner: r, location: location, fault: err}
		if err == nil {
			r.files[location] = f
		}
	}
	g.file = f
	f.groups = append(f.groups, g)
	switch {
	case err != nil:
		r.logger.Warn("Group has no usable path of a reference.", zap.Strings("group", g.values), zap.Error(err))
		f.apply()
	case f.set != nil || f.fault != nil:
		f.apply()
	default:
		r.wake()
	}
}

func (r *references) remove(g *group) {
	f := g.file
	f.groups = slices.DeleteFunc(f.groups, func(other *group) bool { return other == g })
	if len(f.groups) == 0 && r.files[f.location] == f {
		delete(r.files, f.location)
	}
}

// degraded is the number of groups whose file cannot be used.
func (r *references) degraded() (n int) {
	for _, g := range r.monitor.groups {
		if g.file.fault != nil {
			n++
		}
	}
	return n
}

// settings say how to read the files.
func (r *references) settings() reference.Settings {
	return reference.Settings{Ordered: r.monitor.config.Reference.Ordered, Bins: r.monitor.config.Bins.settings()}
}

// look reads the file if it has changed. It needs no lock: it works on copies.
func (f *referenceFile) look(ctx context.Context, version reference.Version, loaded bool) (reference.Version, *reference.Set, error) {
	ctx, cancel := context.WithTimeout(ctx, referenceTimeout)
	defer cancel()
	found, err := reference.Stat(ctx, f.location)
	if err != nil {
		return version, nil, fmt.Errorf("cannot find the reference: %w", err)
	}
	if loaded && found == version {
		return version, nil, nil
	}
	set, err := reference.Load(ctx, f.location, found, f.owner.settings())
	return found, set, err
}

// looked takes the result of a look.
func (f *referenceFile) looked(now time.Time, version reference.Version, set *reference.Set, err error) {
	f.due = now.Add(f.owner.monitor.config.Reference.ReloadInterval)
	tally := &f.owner.monitor.tally
	switch {
	case err != nil:
		tally.loads[outcomeFailed]++
		if f.fault == nil {
			f.owner.logger.Warn("Reference cannot be used; it is tried again.", zap.Error(err))
		}
	case set == nil:
		tally.loads[outcomeUnchanged]++
	default:
		tally.loads[outcomeLoaded]++
		f.version, f.set = version, set
		f.owner.logger.Info("Reference loaded.", zap.String("location", f.location), zap.Int("features", len(set.Names())), zap.Int("skipped", len(set.Skipped)))
	}
	f.fault = err
	if err != nil || set != nil {
		f.apply()
	}
}

// apply lets the groups be compared with what the file has. Without it they wait, or learn if they may.
func (f *referenceFile) apply() {
	for _, g := range f.groups {
		g.ready = f.set != nil || f.owner.monitor.config.Reference.First > 0
		for _, feature := range g.drift.Features() {
			g.refer(feature)
		}
	}
}

// mismatch notes that a feature cannot be compared with what the file has.
func (f *referenceFile) mismatch(feature *drift.Feature, err error) {
	if err != nil {
		f.owner.logger.Warn("Feature is not judged.", zap.String("feature", feature.Name()), zap.Error(err))
	}
}

// readReferences reads files as they come due, until the context is done.
func (e *engine) readReferences(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-e.wanted:
		}
		e.lookAtDue(ctx)
	}
}

// lookAtDue looks at every file that is due.
func (e *engine) lookAtDue(ctx context.Context) {
	for ctx.Err() == nil {
		f, version, loaded := e.nextDue(time.Now())
		if f == nil {
			e.reportStatus()
			return
		}
		found, set, err := f.look(ctx, version, loaded)
		if ctx.Err() != nil {
			return
		}
		e.mu.Lock()
		f.looked(time.Now(), found, set, err)
		e.mu.Unlock()
	}
}

func (e *engine) nextDue(now time.Time) (f *referenceFile, version reference.Version, loaded bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.monitors {
		if m.references == nil {
			continue
		}
		for _, f := range m.references.files {
			if !f.due.After(now) {
				return f, f.version, f.set != nil
			}
		}
	}
	return nil, version, false
}

// reportStatus tells the collector whether a monitor lacks its reference.
func (e *engine) reportStatus() {
	e.mu.Lock()
	var fault error
	for _, m := range e.monitors {
		if m.references == nil {
			continue
		}
		for _, g := range m.groups {
			if g.file.fault != nil {
				fault = fmt.Errorf("monitor %s is degraded: %w", m.config.Name, g.file.fault)
			}
		}
	}
	degraded := fault != nil
	changed := degraded != e.degraded
	e.degraded = degraded
	e.mu.Unlock()
	switch {
	case !changed:
	case degraded:
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(fault))
	default:
		componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}
