// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/reference"
)

const (
	// referenceReaders is the number of files that are looked at at once, so that a store that does not answer holds up no other.
	referenceReaders = 4
	// findTimeout bounds the question whether a file has changed, referenceTimeout a look that reads it.
	findTimeout      = 5 * time.Second
	referenceTimeout = 30 * time.Second
)

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
	missed   bool      // it was looked for in vain
	version  reference.Version
	set      *reference.Set // nil until it was read
	fault    error          // of the last look
}

func newReferences(m *monitor) *references {
	template, _ := reference.ParseTemplate(m.config.Reference.File) // it was validated
	return &references{monitor: m, template: template, files: map[string]*referenceFile{}, wake: func() {}, logger: zap.NewNop()}
}

// phaseKey stands for the number of the phase in a path, counted from 0.
const phaseKey = "season.phase"

// add finds the file of a group, or those of its phases.
func (r *references) add(g *group) {
	files := 1
	if slices.Contains(r.template.Keys(), phaseKey) {
		files = r.monitor.config.Season.Phases
	}
	for phase := range files {
		r.addFile(g, phase)
	}
}

func (r *references) addFile(g *group, phase int) {
	location, err := r.template.Expand(func(key string) string {
		if key == phaseKey {
			return strconv.Itoa(phase)
		}
		return g.value(key)
	})
	f := r.files[location]
	if f == nil {
		f = &referenceFile{owner: r, location: location, fault: err, missed: err != nil}
		if err == nil {
			r.files[location] = f
		}
	}
	g.files = append(g.files, f)
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
	for _, f := range g.files {
		f.groups = slices.DeleteFunc(f.groups, func(other *group) bool { return other == g })
		if len(f.groups) == 0 && r.files[f.location] == f {
			delete(r.files, f.location)
		}
	}
}

// degraded is the number of groups with a file that cannot be used.
func (r *references) degraded() (n int) {
	for _, g := range r.monitor.groups {
		if g.fault() != nil {
			n++
		}
	}
	return n
}

// fault says what is wrong with the files, of the first one that cannot be used.
func (g *group) fault() error {
	for _, f := range g.files {
		if f.fault != nil {
			return f.fault
		}
	}
	return nil
}

// find gives what the file has for a feature, or nil.
func (f *referenceFile) find(feature string) *drift.Reference {
	if f.set == nil {
		return nil
	}
	return f.set.Find(feature)
}

// usable says that values have something to be compared with, or may be learned from in its place.
func (f *referenceFile) usable() bool {
	return f.set != nil || f.missed && f.owner.monitor.config.Reference.First > 0
}

// settings say how to read the files.
func (r *references) settings() reference.Settings {
	return reference.Settings{Ordered: r.monitor.config.Reference.Ordered, Bins: r.monitor.config.Bins.settings()}
}

// look reads the file if it has changed. It needs no lock: it works on copies.
func (f *referenceFile) look(ctx context.Context, version reference.Version, loaded bool) (reference.Version, *reference.Set, error) {
	ctx, cancel := context.WithTimeout(ctx, referenceTimeout)
	defer cancel()
	found, err := versionOf(ctx, f.location)
	if err != nil {
		return version, nil, fmt.Errorf("cannot find the reference: %w", err)
	}
	if loaded && found == version {
		return version, nil, nil
	}
	set, err := reference.Load(ctx, f.location, found, f.owner.settings())
	return found, set, err
}

func versionOf(ctx context.Context, location string) (reference.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	return reference.Stat(ctx, location)
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
	f.fault, f.missed = err, f.set == nil
	if err != nil || set != nil {
		f.apply()
	}
}

// apply lets the groups be compared with what the file has. Without it they wait, or learn if they may.
func (f *referenceFile) apply() {
	for _, g := range f.groups {
		g.ready = g.ready || f.usable()
		for i := range g.files {
			if g.files[i] != f {
				continue
			}
			for _, feature := range g.drift.Features() {
				g.referIn(i, feature)
			}
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

// nextDue gives a file that is due, to one reader only.
func (e *engine) nextDue(now time.Time) (f *referenceFile, version reference.Version, loaded bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.monitors {
		if m.references == nil {
			continue
		}
		for _, f := range m.references.files {
			if !f.due.After(now) {
				f.due = now.Add(2 * referenceTimeout)
				return f, f.version, f.set != nil
			}
		}
	}
	return nil, version, false
}

// reportStatus tells the collector whether a monitor lacks its reference.
func (e *engine) reportStatus() {
	e.reporting.Lock()
	defer e.reporting.Unlock()
	e.mu.Lock()
	var fault error
	for _, m := range e.monitors {
		if m.references == nil {
			continue
		}
		for _, g := range m.groups {
			if err := g.fault(); err != nil {
				fault = fmt.Errorf("monitor %s is degraded: %w", m.config.Name, err)
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
