// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"errors"
	"fmt"
)

// stateVersion is the first byte of an encoded group.
const stateVersion = 1

// ErrWindow means that a group was encoded with windows of another form than its settings have now.
var ErrWindow = errors.New("windows have another form")

// Append appends everything that decides later reports: windows, references that were learned, alarms. Of references that were
// set it appends the hash only. Reports that nobody has taken are not among it: take them before.
func (g *Group) Append(dst []byte) []byte {
	e := &encoder{buf: append(dst, stateVersion)}
	e.count(len(g.rows))
	e.count(g.settings.Window.Season.phases())
	for _, v := range []int64{g.start, g.end, g.last, g.judged} {
		e.varint(v)
	}
	e.bool(g.opened)
	e.count(g.phase)
	for i := range g.rows {
		e.uvarint(g.rows[i])
		e.varint(g.starts[i])
	}
	e.uvarint(g.fullest)
	g.alarm.encode(e)
	for _, n := range []uint64{g.stats.Late, g.stats.Ahead, g.stats.Mismatched, g.stats.Refused, g.stats.Windows, g.stats.Lost} {
		e.uvarint(n)
	}
	e.count(len(g.features))
	for _, f := range g.features {
		f.encode(e)
	}
	return e.buf
}

func (f *Feature) encode(e *encoder) {
	e.string(f.name)
	e.uvarint(uint64(f.kind))
	f.alarm.encode(e)
	e.uvarint(f.seen)
	for i := range f.phases {
		f.phases[i].encode(e)
	}
	hash := ""
	if f.reference != nil {
		hash = f.reference.hash
	}
	e.string(hash)
	// The windows have a length, so that those of a reference that is gone can be skipped.
	var windows encoder
	for _, w := range f.windows {
		w.encode(&windows)
	}
	e.string(string(windows.buf))
}

func (p *phase) encode(e *encoder) {
	e.bool(p.given)
	switch {
	case p.reference == nil:
		e.string("")
	case p.given:
		e.string(p.reference.hash)
	default:
		e.string(string(p.reference.Append(nil)))
	}
	e.bool(p.learner != nil)
	if p.learner != nil {
		p.learner.encode(e)
	}
}

// Lookup returns a reference that somebody keeps, by the feature it was set for and its hash, or nil.
type Lookup func(feature, hash string) *Reference

// Restore replaces everything in the group by what [Group.Append] wrote. References that were set come from lookup; where it returns
// nil, the feature starts again without windows and references. The error wraps ErrDamaged, ErrWindow for a state of windows or
// seasons of another form, or says that there are too many features; then the group is as it was.
func (g *Group) Restore(b []byte, lookup Lookup) error {
	restored, err := NewGroup(g.settings)
	if err == nil {
		err = restored.decode(&decoder{rest: b}, lookup)
	}
	if err != nil {
		return fmt.Errorf("cannot restore the state of drift windows: %w", err)
	}
	*g = *restored
	return nil
}

func (g *Group) decode(d *decoder, lookup Lookup) error {
	version := d.take(1)
	d.require(len(version) == 1 && version[0] == stateVersion)
	parts, phases := d.below(65), d.below(169)
	if d.err == nil && (int(parts) != len(g.rows) || int(phases) != g.settings.Window.Season.phases()) {
		return ErrWindow
	}
	g.start, g.end, g.last, g.judged = d.varint(), d.varint(), d.varint(), d.varint()
	g.opened = d.bool()
	g.phase = int(d.below(max(1, phases)))
	for i := range g.rows {
		g.rows[i], g.starts[i] = d.uvarint(), d.varint()
	}
	g.fullest = d.uvarint()
	g.alarm = decodeAlarm(d)
	s := &g.stats
	for _, n := range []*uint64{&s.Late, &s.Ahead, &s.Mismatched, &s.Refused, &s.Windows, &s.Lost} {
		*n = d.uvarint()
	}
	count := d.count(8)
	if count > g.settings.MaxFeatures {
		return fmt.Errorf("state has %d features, the limit is %d", count, g.settings.MaxFeatures)
	}
	for range count {
		if err := g.decodeFeature(d, lookup); err != nil {
			return err
		}
	}
	return d.finish()
}

func (g *Group) decodeFeature(d *decoder, lookup Lookup) error {
	f := &Feature{name: d.string(), kind: Kind(d.below(uint64(Aggregated) + 1))}
	d.require(f.kind >= Numeric && g.byName[f.name] == nil)
	f.alarm = decodeAlarm(d)
	f.seen = d.uvarint()
	f.phases = make([]phase, g.settings.Window.Season.phases())
	for i := range f.phases {
		if err := f.phases[i].decode(d, f, lookup); err != nil {
			return err
		}
	}
	hash := d.string()
	windows := &decoder{rest: d.take(d.count(1)), err: d.err}
	if d.err != nil {
		return d.err
	}
	g.insert(f)
	if f.reference == nil || f.reference.hash != hash {
		return nil
	}
	for _, w := range f.windows {
		w.decode(windows)
	}
	return windows.finish()
}

func (p *phase) decode(d *decoder, f *Feature, lookup Lookup) error {
	p.given = d.bool()
	reference := d.string()
	switch {
	case reference == "" || d.err != nil:
	case p.given:
		p.reference = lookupKind(lookup, f, reference)
	default:
		r, err := DecodeReference([]byte(reference))
		if err != nil {
			return err
		}
		d.require(r.kind == f.kind)
		p.reference = r
	}
	if d.bool() {
		p.learner = decodeLearner(d, f.kind)
	}
	return d.err
}

// lookupKind looks for a reference that a feature can be compared with.
func lookupKind(lookup Lookup, f *Feature, hash string) *Reference {
	if lookup == nil {
		return nil
	}
	r := lookup(f.name, hash)
	switch {
	case r == nil || r.hash != hash:
		return nil
	case r.kind == Numeric && f.kind == Aggregated:
		return r.aggregated()
	case r.kind != f.kind:
		return nil
	}
	return r
}
