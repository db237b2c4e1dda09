// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"math"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

var nan = math.NaN()

// group is what a monitor knows of one combination of values of group_by.
type group struct {
	monitor *monitor
	key     string
	values  []string // of group_by
	drift   *drift.Group
	file    *referenceFile // nil without a file
	ready   bool           // its file was looked for, or it has none
	gone    bool           // it was forgotten

	seen     time.Time // when something came last
	last     int64     // the latest event time, Unix nanoseconds
	sharedBy int       // the number of groups that the budget was divided by

	gathered   []drift.Value // of points that have one time
	gatheredAt int64
	filled     int // values in the open part of a window, or more than it can hold where that is not known
}

// value gives the value of a key of group_by.
func (g *group) value(key string) string {
	for i, k := range g.monitor.config.GroupBy {
		if k == key {
			return g.values[i]
		}
	}
	return ""
}

// reference gives what the file has for a feature, or nil.
func (g *group) reference(feature string) *drift.Reference {
	if g.file == nil || g.file.set == nil {
		return nil
	}
	return g.file.set.Find(feature)
}

// refer compares a feature with what the file has for it.
func (g *group) refer(f *drift.Feature) {
	if r := g.reference(f.Name()); r != nil {
		g.file.mismatch(f, g.drift.SetReference(f, -1, r))
	}
}

// observe commits a row, or as many as it stands for.
func (g *group) observe(at int64, now time.Time, values []drift.Value, rows int64) {
	m := g.monitor
	g.seen = now
	if !g.ready {
		m.tally.rejected[reasonNoReference] += rows
		return
	}
	g.divideBudget()
	switch g.drift.Observe(at, now.UnixNano(), values) {
	case drift.Late:
		m.tally.rejected[reasonLate] += rows
	case drift.Ahead:
		m.tally.rejected[reasonAhead] += rows
	default:
		m.tally.values += int64(len(values))
		g.last = max(g.last, at)
		g.fill(len(values))
	}
}

// fill notes that values came to the only feature of the group.
func (g *group) fill(n int) {
	if samples := g.partSamples(); g.filled < samples {
		g.filled = (g.filled + n) % samples
	}
}

// windowEnded notes that the open part of the window is empty, where that was not known.
func (g *group) windowEnded() {
	if g.filled >= g.partSamples() {
		g.filled = 0
	}
}

// partSamples is the number of values that ends a part of a window by itself, 0 where something else may end it.
func (g *group) partSamples() int {
	w := &g.monitor.settings.Window
	if w.MaxAge > 0 || w.Season.Phases > 1 || w.Samples == 0 {
		return 0
	}
	return w.Samples / max(1, w.SubWindows)
}

// room is the number of values that the open part of the window is sure to have room for, at least 1.
func (g *group) room() int {
	return max(1, g.partSamples()-g.filled)
}

// divideBudget gives the group its part of the monitor's budget of false alarms.
func (g *group) divideBudget() {
	m := g.monitor
	if m.settings.Budget == 0 || g.sharedBy == len(m.groups) {
		return
	}
	settings := m.settings
	settings.Budget /= float64(len(m.groups))
	if err := g.drift.SetSettings(settings); err == nil {
		g.sharedBy = len(m.groups)
	}
}

// tick ends a window where nothing comes to end it. Its clock is that of the events, moved on by the time since the last one
// came: so a stream that is replayed, or late as a whole, is judged as it would have been in its own time.
func (g *group) tick(now time.Time) {
	if g.last != 0 {
		g.drift.Tick(g.last + int64(now.Sub(g.seen)))
	}
}
