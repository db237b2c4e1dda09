// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/grouping"
	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
)

// stateSchema is the version of what snapshot writes.
const stateSchema = 1

// snapshot writes everything that decides later verdicts.
func (e *engine) snapshot() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	var to codec.Encoder
	to.Count(len(e.monitors))
	for _, m := range e.monitors {
		m.encode(&to)
	}
	e.output.encode(&to)
	return to.Data()
}

func (m *monitor) encode(e *codec.Encoder) {
	e.String(m.config.Name)
	e.String(m.signature())
	encodeWindow(e, m.settings.Window)
	groups := m.inOrder()
	e.Count(len(groups))
	for _, g := range groups {
		e.String(g.key)
		e.Varint(g.last)
		e.Bytes(g.drift.Append(nil))
	}
	m.encodeSeries(e)
}

// signature is what must be as it was for a state to mean the same.
func (m *monitor) signature() string {
	c := m.config
	return strings.Join([]string{c.Input.Events, c.Input.Attribute, c.Input.EventName, c.Input.Metric, c.Input.Sums, c.Value, c.Type, strings.Join(c.GroupBy, ",")}, "\x00")
}

func encodeWindow(e *codec.Encoder, w drift.Window) {
	for _, n := range []int64{
		int64(w.Samples), int64(w.MaxAge), int64(w.SubWindows), int64(w.Lateness), int64(w.Ahead),
		int64(w.Season.Phases), int64(w.Season.Length), int64(w.Season.Offset),
	} {
		e.Varint(n)
	}
}

func decodeWindow(d *codec.Decoder) (w drift.Window) {
	w.Samples, w.MaxAge, w.SubWindows = int(d.Varint()), time.Duration(d.Varint()), int(d.Varint())
	w.Lateness, w.Ahead = time.Duration(d.Varint()), time.Duration(d.Varint())
	w.Season = drift.Season{Phases: int(d.Varint()), Length: time.Duration(d.Varint()), Offset: time.Duration(d.Varint())}
	return w
}

// saved is the state of a monitor as it was saved.
type saved struct {
	name, signature string
	window          drift.Window
	groups          []savedGroup
	series          []savedSeries
}

type savedGroup struct {
	key   string
	last  int64
	drift []byte
}

func decodeMonitor(d *codec.Decoder) (s saved) {
	s.name, s.signature, s.window = d.String(), d.String(), decodeWindow(d)
	for range d.Count(3) {
		s.groups = append(s.groups, savedGroup{d.String(), d.Varint(), d.Bytes()})
	}
	s.series = decodeSeries(d)
	return s
}

// restore reads what snapshot wrote. Monitors that are configured otherwise than they were begin again.
func (e *engine) restore(schema uint32, blob []byte) (r checkpoint.Outcome, err error) {
	if schema != stateSchema {
		return r, fmt.Errorf("the state has schema %d; this version reads %d", schema, stateSchema)
	}
	d := codec.NewDecoder(blob)
	var all []saved
	for range d.Count(4) {
		all = append(all, decodeMonitor(d))
	}
	if d.Err() != nil {
		return r, d.Err()
	}
	now := time.Now()
	apply, err := e.output.decode(d, now)
	if err := errors.Join(err, d.Finish()); err != nil {
		return r, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reset()
	apply()
	for i := range all {
		e.restoreMonitor(&all[i], now, &r)
	}
	return r, nil
}

func (e *engine) restoreMonitor(s *saved, now time.Time, r *checkpoint.Outcome) {
	logger := e.set.Logger.With(zap.String("monitor", s.name))
	for _, m := range e.monitors {
		if m.config.Name == s.name && m.signature() == s.signature {
			m.restore(s, now, logger, r)
			return
		}
	}
	logger.Warn("Monitor looks at something else than it did, or is gone: what it has learned is dropped.", zap.Int("groups", len(s.groups)))
	r.Dropped += len(s.groups)
}

var errKey = errors.New("its key is damaged, or there twice")

func (m *monitor) restore(s *saved, now time.Time, logger *zap.Logger, r *checkpoint.Outcome) {
	refused, noRoom, why := 0, 0, errKey
	var groups []*group // nil where there is none
	for i := range s.groups {
		g, full := m.restoreGroup(&s.groups[i], now)
		groups = append(groups, g)
		switch {
		case full:
			noRoom++
		case g == nil:
			refused++
		}
	}
	if m.references != nil {
		m.references.readAll(now)
	}
	for i, g := range groups {
		if g == nil {
			continue
		}
		if err := g.restore(s.window, s.groups[i].drift); err != nil {
			refused, why = refused+1, err
		}
	}
	for i := range s.series {
		m.restoreSeries(&s.series[i])
	}
	if refused > 0 {
		logger.Warn("Groups begin again: what they have learned cannot be used.", zap.Int("groups", refused), zap.Error(why))
	}
	if noRoom > 0 {
		logger.Warn("Groups of the last run found no room: see limits.", zap.Int("groups", noRoom))
	}
	r.Add(checkpoint.Outcome{Restored: len(s.groups) - refused - noRoom, Refused: refused, NoRoom: noRoom})
}

// restoreGroup makes a group that was saved, as one that has seen nothing. It gives nil where there is no room, or its key is damaged.
func (m *monitor) restoreGroup(s *savedGroup, now time.Time) (g *group, full bool) {
	if _, ok := grouping.Values(s.key, len(m.config.GroupBy)); !ok || m.groups[s.key] != nil {
		return nil, false
	}
	if len(m.groups) >= m.config.Limits.Groups {
		return nil, true
	}
	g = m.addGroup(s.key, now)
	g.last = s.last
	return g, false
}

// restore puts windows, learned references and alarms back. They were saved with a window that may have been changed since.
func (g *group) restore(window drift.Window, blob []byte) error {
	settings := g.monitor.settings
	settings.Window = window
	restored, err := drift.NewGroup(settings)
	if err != nil {
		return err
	}
	lookup := func(feature, hash string) *drift.Reference {
		for _, f := range g.files {
			if r := f.find(feature); r != nil && r.Hash() == hash {
				return r
			}
		}
		return nil
	}
	if err := restored.Restore(blob, lookup); err != nil {
		return err
	}
	restored.Reports() // none are saved
	if err := restored.SetSettings(g.monitor.settings); err != nil {
		return err
	}
	g.drift, g.order, g.feature, g.numeric = restored, nil, nil, false
	for _, f := range g.drift.Features() {
		g.refer(f)
	}
	return nil
}

// readAll reads the files of restored groups, whose windows mean nothing without.
func (r *references) readAll(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), referenceTimeout)
	defer cancel()
	for _, f := range r.files {
		version, set, err := f.look(ctx, f.version, false)
		f.looked(now, version, set, err)
	}
}

// savedSeries is the last point of a cumulative series.
type savedSeries struct {
	labels []byte
	sum    lastSum
	at     int64
	counts *distribution
}

func (m *monitor) encodeSeries(e *codec.Encoder) {
	n := 0
	if m.series != nil {
		for _, state := range m.series.All() {
			if state.cumulative() {
				n++
			}
		}
	}
	e.Count(n)
	if n == 0 {
		return
	}
	var labels []byte
	for ref, state := range m.series.All() {
		if !state.cumulative() {
			continue
		}
		labels = m.series.AppendLabels(labels[:0], ref)
		e.Bytes(labels)
		e.Float64(state.sum.value)
		e.Varint(state.sum.at)
		e.Varint(state.sum.start)
		e.Varint(state.at)
		counts := m.histograms.get(state.counts)
		e.Bool(counts != nil)
		if counts != nil {
			counts.encode(e)
		}
	}
}

func (s *pointState) cumulative() bool { return s.sum.at != 0 || s.counts != 0 }

func decodeSeries(d *codec.Decoder) (all []savedSeries) {
	for range d.Count(13) {
		s := savedSeries{labels: d.Bytes(), sum: lastSum{value: d.Float64(), at: d.Varint(), start: d.Varint()}, at: d.Varint()}
		if d.Bool() {
			s.counts = decodeDistribution(d)
		}
		all = append(all, s)
	}
	return all
}

func (m *monitor) restoreSeries(s *savedSeries) {
	if m.series == nil {
		return
	}
	// A series that cannot be put back begins again with its next point.
	if state, err := m.series.Restore(s.labels); err == nil {
		state.sum, state.at = s.sum, s.at
		if s.counts != nil {
			state.counts = m.histograms.put(state.counts, s.counts)
		}
	}
}

func (d *distribution) encode(e *codec.Encoder) {
	e.Bool(d.Exponential)
	e.Varint(d.start)
	if !d.Exponential {
		e.Float64s(d.Bounds)
		e.Uvarints(d.Counts)
		return
	}
	e.Varint(int64(d.Scale))
	e.Float64(d.ZeroThreshold)
	e.Uvarint(d.Zeros)
	for _, s := range []*histogram.Side{&d.Negative, &d.Positive} {
		e.Varint(int64(s.Offset))
		e.Uvarints(s.Counts)
	}
}

func decodeDistribution(d *codec.Decoder) *distribution {
	var s distribution
	s.Exponential, s.start = d.Bool(), d.Varint()
	if !s.Exponential {
		for range d.Count(8) {
			s.Bounds = append(s.Bounds, d.Float64())
		}
		s.Counts = d.Uvarints()
		return &s
	}
	s.Scale, s.ZeroThreshold, s.Zeros = int32(d.Varint()), d.Float64(), d.Uvarint()
	s.Negative = histogram.Side{Offset: int32(d.Varint()), Counts: d.Uvarints()}
	s.Positive = histogram.Side{Offset: int32(d.Varint()), Counts: d.Uvarints()}
	return &s
}
