// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "strings"

// Feature is one variable of a group, with its references and what was seen of it since the last verdict.
type Feature struct {
	open    window // the open part of the window, nil without a reference
	learner *learner
	seen    uint64 // values in the open part

	name   string
	kind   Kind
	phases []phase
	alarm  alarm

	// Of the open window:
	reference *Reference
	windows   []window // the parts of a window, the open one last
}

// phase is what a feature is compared with in one phase of the season.
type phase struct {
	reference *Reference
	given     bool // somebody else keeps the reference
	learner   *learner
}

// Name returns the name of the feature.
func (f *Feature) Name() string { return f.name }

// Kind returns what its values are.
func (f *Feature) Kind() Kind { return f.kind }

// Category makes a value of a name. It costs memory only for a name that the reference does not have.
func (f *Feature) Category(name string) Value {
	if f.reference != nil && f.kind == Categorical {
		if i, ok := f.reference.categories.find(cutName(name)); ok {
			return Value{Feature: f, Category: f.reference.categories.names[i], number: i + 1}
		}
	}
	return Value{Feature: f, Category: strings.Clone(cutName(name))}
}

// add counts a value.
func (f *Feature) add(v *Value) {
	seen := uint64(1)
	if f.kind == Aggregated && v.Buckets != nil {
		seen = v.Buckets.total
	}
	if f.open != nil {
		seen = f.open.add(v)
	}
	f.learn(v)
	f.seen += seen
}

// addNumbers counts values of a numeric feature.
func (f *Feature) addNumbers(values []float64) {
	if w, ok := f.open.(*numericWindow); ok {
		w.addAll(values)
	}
	if f.learner != nil {
		for _, v := range values {
			f.learner.add(&Value{Number: v})
		}
	}
	f.seen += uint64(len(values))
}

func (f *Feature) learn(v *Value) {
	if f.learner != nil {
		f.learner.add(v)
	}
}

// observed is the number of values in the window, missing ones included.
func (f *Feature) observed() uint64 {
	var n uint64
	for _, w := range f.windows {
		n += w.observed()
	}
	return n
}

// enter makes windows for a phase, or keeps those that fit.
func (f *Feature) enter(number, parts int) {
	p := &f.phases[number]
	f.learner = p.learner
	if p.reference == f.reference && len(f.windows) == parts {
		return
	}
	keep := f.reference != nil && p.reference != nil && f.reference.hash == p.reference.hash && len(f.windows) == parts
	f.reference = p.reference
	if keep {
		return
	}
	f.windows, f.open = nil, nil
	if f.reference != nil {
		f.windows = make([]window, parts)
		for i := range f.windows {
			f.windows[i] = newWindow(f.reference)
		}
		f.open = f.windows[parts-1]
	}
}

// advance ends a part of a window: the oldest part makes room.
func (f *Feature) advance() {
	f.seen = 0
	if len(f.windows) == 0 {
		return
	}
	oldest := f.windows[0]
	copy(f.windows, f.windows[1:])
	oldest.reset()
	f.windows[len(f.windows)-1], f.open = oldest, oldest
}
