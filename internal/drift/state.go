// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"errors"
	"fmt"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// stateVersion is the first byte of an encoded group.
const stateVersion = 1

// ErrWindow means that a group was encoded with windows of another form than its settings have now.
var ErrWindow = errors.New("windows have another form")

// Append appends everything that decides later reports: windows, references that were learned, alarms. Of references that were
// set it appends the hash only. Reports that nobody has taken are not among it: take them before.
func (g *Group) Append(dst []byte) []byte {
	e := codec.NewEncoder(append(dst, stateVersion))
	e.Count(len(g.rows))
	e.Count(g.settings.Window.Season.phases())
	for _, v := range []int64{g.start, g.end, g.last, g.judged} {
		e.Varint(v)
	}
	e.Bool(g.opened)
	e.Count(g.phase)
	for i := range g.rows {
		e.Uvarint(g.rows[i])
		e.Varint(g.starts[i])
	}
	e.Uvarint(g.fullest)
	g.alarm.encode(e)
	for _, n := range []uint64{g.stats.Late, g.stats.Ahead, g.stats.Mismatched, g.stats.Refused, g.stats.Windows, g.stats.Lost} {
		e.Uvarint(n)
	}
	e.Count(len(g.features))
	for _, f := range g.features {
		f.encode(e)
	}
	return e.Data()
}

func (f *Feature) encode(e *codec.Encoder) {
	e.String(f.name)
	e.Uvarint(uint64(f.kind))
	f.alarm.encode(e)
	e.Uvarint(f.seen)
	for i := range f.phases {
		f.phases[i].encode(e)
	}
	hash := ""
	if f.reference != nil {
		hash = f.reference.hash
	}
	e.String(hash)
	// The windows have a length, so that those of a reference that is gone can be skipped.
	var windows codec.Encoder
	for _, w := range f.windows {
		w.encode(&windows)
	}
	e.Bytes(windows.Data())
}

func (p *phase) encode(e *codec.Encoder) {
	e.Bool(p.given)
	switch {
	case p.reference == nil:
		e.String("")
	case p.given:
		e.String(p.reference.hash)
	default:
		e.Bytes(p.reference.Append(nil))
	}
	e.Bool(p.learner != nil)
	if p.learner != nil {
		p.learner.encode(e)
	}
}

// Lookup returns a reference that somebody keeps, by the feature it was set for and its hash, or nil.
type Lookup func(feature, hash string) *Reference

// Restore replaces everything in the group by what [Group.Append] wrote. References that were set come from lookup; where it returns
// nil, the feature starts again without windows and references. The error wraps [codec.ErrDamaged], ErrWindow for a state of windows or
// seasons of another form, or says that there are too many features; then the group is as it was.
func (g *Group) Restore(b []byte, lookup Lookup) error {
	restored, err := NewGroup(g.settings)
	if err == nil {
		err = restored.decode(codec.NewDecoder(b), lookup)
	}
	if err != nil {
		return fmt.Errorf("cannot restore the state of drift windows: %w", err)
	}
	*g = *restored
	return nil
}

func (g *Group) decode(d *codec.Decoder, lookup Lookup) error {
	d.Require(d.Uvarint() == stateVersion)
	parts, phases := d.Below(65), d.Below(169)
	if d.Err() == nil && (int(parts) != len(g.rows) || int(phases) != g.settings.Window.Season.phases()) {
		return ErrWindow
	}
	g.start, g.end, g.last, g.judged = d.Varint(), d.Varint(), d.Varint(), d.Varint()
	g.opened = d.Bool()
	g.phase = int(d.Below(max(1, phases)))
	for i := range g.rows {
		g.rows[i], g.starts[i] = d.Uvarint(), d.Varint()
	}
	g.fullest = d.Uvarint()
	g.alarm = decodeAlarm(d)
	s := &g.stats
	for _, n := range []*uint64{&s.Late, &s.Ahead, &s.Mismatched, &s.Refused, &s.Windows, &s.Lost} {
		*n = d.Uvarint()
	}
	count := d.Count(8)
	if count > g.settings.MaxFeatures {
		return fmt.Errorf("state has %d features, the limit is %d", count, g.settings.MaxFeatures)
	}
	for range count {
		if err := g.decodeFeature(d, lookup); err != nil {
			return err
		}
	}
	return d.Finish()
}

func (g *Group) decodeFeature(d *codec.Decoder, lookup Lookup) error {
	f := &Feature{name: d.String(), kind: Kind(d.Below(uint64(Aggregated) + 1))}
	d.Require(f.kind >= Numeric && g.byName[f.name] == nil)
	f.alarm = decodeAlarm(d)
	f.seen = d.Uvarint()
	f.phases = make([]phase, g.settings.Window.Season.phases())
	for i := range f.phases {
		if err := f.phases[i].decode(d, f, lookup); err != nil {
			return err
		}
	}
	hash := d.String()
	windows := codec.NewDecoder(d.Bytes())
	if d.Err() != nil {
		return d.Err()
	}
	g.insert(f)
	if f.reference == nil || f.reference.hash != hash {
		return nil
	}
	for _, w := range f.windows {
		w.decode(windows)
	}
	return windows.Finish()
}

func (p *phase) decode(d *codec.Decoder, f *Feature, lookup Lookup) error {
	p.given = d.Bool()
	reference := d.Bytes()
	switch {
	case len(reference) == 0 || d.Err() != nil:
	case p.given:
		p.reference = lookupKind(lookup, f, string(reference))
	default:
		r, err := DecodeReference(reference)
		if err != nil {
			return err
		}
		d.Require(r.kind == f.kind)
		p.reference = r
	}
	if d.Bool() {
		p.learner = decodeLearner(d, f.kind)
	}
	return d.Err()
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
