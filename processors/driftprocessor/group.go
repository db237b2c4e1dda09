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
	files   []*referenceFile // one for all, or one for each phase of the season; none without a file
	ready   bool             // a file was looked for, or it has none
	number  uint32           // in the monitor, counted from 1

	seen     time.Time // when something came last
	last     int64     // the latest event time, Unix nanoseconds
	sharedBy int       // the number of groups that the budget was divided by

	order []*drift.Feature // in which the values of the last record came

	// Of monitors of a metric:
	feature   *drift.Feature // nil until a point made it
	numeric   bool           // the feature is there and compares numbers
	numbers   []float64      // of points of a batch that have one time
	numbersAt int64
	room      int // the number of them that is committed at the latest; 0 outside a batch
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

// reference gives what the file has for a feature, or the first of the files that has something; else nil.
func (g *group) reference(feature string) *drift.Reference {
	for _, f := range g.files {
		if r := f.find(feature); r != nil {
			return r
		}
	}
	return nil
}

// refer compares a feature with what the files have for it.
func (g *group) refer(feature *drift.Feature) {
	for i := range g.files {
		g.referIn(i, feature)
	}
}

// referIn compares a feature with what one of the files has for it.
func (g *group) referIn(i int, feature *drift.Feature) {
	f := g.files[i]
	phase := i
	if len(g.files) == 1 {
		phase = -1 // all of them
	}
	if r := f.find(feature.Name()); r != nil {
		f.mismatch(feature, g.drift.SetReference(feature, phase, r))
	}
}

// readyAt says whether there may be something to compare with at a time.
func (g *group) readyAt(at int64) bool {
	if len(g.files) < 2 {
		return g.ready
	}
	return g.files[g.monitor.settings.Window.Season.Phase(at)].usable()
}

// together is how many of n rows may be committed at once: where phases have files of their own, each has to be asked whether there is one.
func (g *group) together(n int) int {
	if len(g.files) > 1 {
		return 1
	}
	return n
}

// observeRows commits rows, and returns how many of the values are theirs.
func (g *group) observeRows(rows []drift.Row, values []drift.Value, now time.Time) (used int) {
	for _, row := range rows {
		used += row.Values
	}
	if !g.admit(rows[0].At, now, int64(len(rows))) {
		return used
	}
	o := g.drift.ObserveRows(now.UnixNano(), rows, values[:used])
	tally := &g.monitor.tally
	tally.rejected[reasonLate] += int64(o.Late)
	tally.rejected[reasonAhead] += int64(o.Ahead)
	tally.values += int64(o.Values)
	g.last = max(g.last, o.Latest)
	return used
}

// observe commits a value of the feature of the metric.
func (g *group) observe(at int64, now time.Time, value drift.Value) {
	if g.admit(at, now, 1) {
		g.observed(g.drift.Observe(at, now.UnixNano(), []drift.Value{value}), at, 1)
	}
}

// observeNumbers commits numbers of the feature of the metric, each of which is a row.
func (g *group) observeNumbers(at int64, now time.Time, numbers []float64) {
	rows := int64(len(numbers))
	if g.admit(at, now, rows) {
		g.observed(g.drift.ObserveNumbers(at, now.UnixNano(), g.feature, numbers), at, rows)
	}
}

// admit says whether rows can be judged.
func (g *group) admit(at int64, now time.Time, rows int64) bool {
	g.seen = now
	if !g.readyAt(at) {
		g.monitor.tally.rejected[reasonNoReference] += rows
		return false
	}
	g.divideBudget()
	return true
}

// observed counts what became of rows of one value.
func (g *group) observed(timing drift.Timing, at, rows int64) {
	tally := &g.monitor.tally
	switch timing {
	case drift.Late:
		tally.rejected[reasonLate] += rows
	case drift.Ahead:
		tally.rejected[reasonAhead] += rows
	default:
		tally.values += rows
		g.last = max(g.last, at)
	}
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
