// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"time"
)

// Timing says what became of an observation.
type Timing uint8

// Timings.
const (
	OnTime Timing = iota
	// Late means that the observation lies before the open window and was left out.
	Late
	// Ahead means that its time lies too far ahead of the clock, and that it was left out: it would have ended the window.
	Ahead
)

// Stats count what a group left out, since it was made.
type Stats struct {
	Late, Ahead uint64
	// Mismatched are values of features that the group does not have.
	Mismatched uint64
	// Refused are requests for features beyond the limit or of another kind.
	Refused uint64
	// Windows are windows that were judged, and Lost those whose report made room because nobody took it.
	Windows, Lost uint64
}

// maxReports is the number of reports that a group keeps until they are taken.
const maxReports = 1024

// Group judges the features of one model, or of whatever they have in common: they share their windows, and verdicts are corrected
// for their number. Values come in two steps. To extract them asks the group for its features and changes nothing in it; to
// commit them is a call of Observe per row:
//
//	f := group.Feature("age", drift.Numeric)           // Once; nil beyond the limit.
//	row = append(row, drift.Value{Feature: f, Number: 41})
//	group.Observe(eventTime, now, row)
//	for _, report := range group.Reports() { … }
//
// With a budget of false alarms, a verdict falls by significance alone: every window may use up the part of the budget that the
// time since the last one is worth, divided by the number of its tests. Then the number of false alarms is at most the budget
// on average over references and days, as far as the p-values hold.
//
// Same settings, references and observations in the same order give the same reports, bit for bit, also across [Group.Append]
// and [Group.Restore]. A Group is not safe for concurrent use.
type Group struct {
	settings Settings
	features []*Feature
	byName   map[string]*Feature
	alarm    alarm
	stats    Stats
	reports  []Report

	opened  bool
	start   int64 // of the open part, in Unix nanoseconds
	end     int64 // when it ends at the latest
	last    int64 // the latest time in it
	judged  int64 // the end of the last part that was judged
	phase   int
	rows    []uint64 // of the parts of a window
	starts  []int64  // of the parts of a window
	fullest uint64   // values of the fullest feature in the open part
	scratch []uint32
}

// NewGroup returns a group without features.
func NewGroup(s Settings) (*Group, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("cannot judge drift: %w", err)
	}
	parts := s.Window.parts()
	return &Group{settings: s, byName: map[string]*Feature{}, rows: make([]uint64, parts), starts: make([]int64, parts)}, nil
}

// Feature returns the feature of a name, which it makes if there is none. It returns nil beyond the limit of features, and for a
// feature that has another kind.
func (g *Group) Feature(name string, kind Kind) *Feature {
	if f := g.byName[name]; f != nil && f.kind == kind {
		return f
	}
	if g.byName[name] != nil || len(g.features) >= g.settings.MaxFeatures || kind < Numeric || kind > Aggregated {
		g.stats.Refused++
		return nil
	}
	f := &Feature{name: name, kind: kind, phases: make([]phase, g.settings.Window.Season.phases())}
	if g.settings.Learning.First > 0 {
		for i := range f.phases {
			f.phases[i].learner = newLearner(kind, g.settings.Learning)
		}
	}
	g.insert(f)
	return f
}

func (g *Group) insert(f *Feature) {
	g.features = append(g.features, f)
	g.byName[f.name] = f
	f.enter(g.phase, g.settings.Window.parts())
}

// Find returns the feature of a name, nil if there is none. It changes nothing.
func (g *Group) Find(name string) *Feature { return g.byName[name] }

// SetReference makes a feature be compared with a reference in a phase of the season, or in all with phase -1, from the next window
// on; if the content is the same as before, the open window stays. It ends learning in that phase. Numeric references serve
// aggregated features too.
func (g *Group) SetReference(f *Feature, number int, r *Reference) error {
	if r.kind != f.kind && (r.kind != Numeric || f.kind != Aggregated) {
		return fmt.Errorf("cannot compare feature %q with reference %q: it is %s, the reference %s", f.name, r.id, f.kind, r.kind)
	}
	if number < -1 || number >= len(f.phases) {
		return fmt.Errorf("cannot set a reference of feature %q for phase %d: there are %d", f.name, number, len(f.phases))
	}
	if r.kind != f.kind {
		r = r.aggregated()
	}
	for i := range f.phases {
		if number == -1 || number == i {
			f.phases[i] = phase{reference: r, given: true}
		}
	}
	if number == -1 || number == g.phase {
		f.enter(g.phase, g.settings.Window.parts())
	}
	return nil
}

// Accept confirms the learned reference of a phase: it is no longer provisional, and learning ends. It returns false if there is
// none yet.
func (g *Group) Accept(f *Feature, number int) bool {
	if number < 0 || number >= len(f.phases) || f.phases[number].reference == nil {
		return false
	}
	p := &f.phases[number]
	p.reference, p.learner = p.reference.accepted(), nil
	if number == g.phase {
		f.enter(number, g.settings.Window.parts())
	}
	return true
}

// SetSettings changes the settings and keeps windows, references and alarms, as far as the new settings leave the windows and
// the season alone; if not, the open windows start again.
func (g *Group) SetSettings(s Settings) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("cannot change how drift is judged: %w", err)
	}
	reshaped := s.Window != g.settings.Window
	if s.Window.Season != g.settings.Window.Season {
		return fmt.Errorf("cannot change the season of a group: make a new one")
	}
	g.settings = s
	if !reshaped {
		return nil
	}
	parts := s.Window.parts()
	g.rows, g.starts, g.opened, g.fullest = make([]uint64, parts), make([]int64, parts), false, 0
	for _, f := range g.features {
		f.reference, f.windows, f.open, f.seen = nil, nil, nil, 0
		f.enter(g.phase, parts)
	}
	return nil
}

// Observe commits a row: values of one observation, at an event time and by the clock now, both in Unix nanoseconds. It judges every
// window that ends before the row or with it.
func (g *Group) Observe(at, now int64, row []Value) Timing {
	if timing := g.beginRow(at, now); timing != OnTime {
		return timing
	}
	g.countAll(row)
	g.endRow()
	return OnTime
}

// Row is one of the observations of ObserveRows: Values of the values, which follow those of the row before it, at a time in Unix
// nanoseconds.
type Row struct {
	At     int64
	Values int
}

// Observed is what became of rows.
type Observed struct {
	Late, Ahead int   // rows that were left out
	Values      int   // of the others
	Latest      int64 // of their times, 0 if there are none
}

// ObserveRows is Observe for rows that follow one another, none of an aggregated feature, which is faster.
func (g *Group) ObserveRows(now int64, rows []Row, values []Value) (o Observed) {
	waiting := 0 // Values of rows that have begun are counted together, but before they can complete a window, or time ends it.
	count := func() {
		g.countAll(values[:waiting])
		values, waiting = values[waiting:], 0
		g.endRow()
	}
	for _, row := range rows {
		if waiting > 0 && (row.At >= g.end || waiting+max(1, row.Values) > g.Room(row.At)) {
			count()
		}
		switch g.beginRow(row.At, now) {
		case OnTime:
			waiting += row.Values
			o.Values += row.Values
			o.Latest = max(o.Latest, row.At)
			continue
		case Late:
			o.Late++
		case Ahead:
			o.Ahead++
		}
		count()
		values = values[row.Values:]
	}
	count()
	return o
}

func (g *Group) countAll(values []Value) {
	for len(values) > 0 {
		part := values[:min(len(values), batch)]
		g.count(part)
		values = values[len(part):]
	}
}

// ObserveNumbers is Observe for a row that is nothing but values of one numeric feature, which is faster.
func (g *Group) ObserveNumbers(at, now int64, f *Feature, values []float64) Timing {
	if timing := g.beginRow(at, now); timing != OnTime {
		return timing
	}
	f.addNumbers(values)
	g.fullest = max(g.fullest, f.seen)
	g.endRow()
	return OnTime
}

// Room returns how many values of one feature a row of that time may hold and end the window no later than they would have one by
// one: at least 1.
func (g *Group) Room(at int64) int {
	room := g.settings.Window.partSamples()
	if g.opened && at < g.end {
		room -= min(room, g.fullest)
	}
	return int(max(1, room))
}

// beginRow ends the window before a row that belongs to the next one, and opens that.
func (g *Group) beginRow(at, now int64) Timing {
	if at-now > int64(g.settings.Window.Ahead) {
		g.stats.Ahead++
		return Ahead
	}
	if g.opened && at >= g.end {
		g.close(g.end)
	}
	if !g.opened {
		g.openAt(at)
	} else if g.start-at > int64(g.settings.Window.Lateness) {
		g.stats.Late++
		return Late
	}
	g.last = max(g.last, at)
	g.rows[len(g.rows)-1]++
	return OnTime
}

// endRow ends the window with the row that completes it.
func (g *Group) endRow() {
	if g.fullest >= g.settings.Window.partSamples() {
		g.close(g.last)
	}
}

// batch is the number of values whose cells are searched for together.
const batch = 32

// count adds values. With many features, their references come from memory rather than from the cache: the searches of several
// values take turns, level by level, so that the processor waits for all of them at once.
func (g *Group) count(row []Value) {
	if len(row) < small {
		g.countFew(row)
		return
	}
	var windows [batch]*numericWindow
	var at [batch]int
	for i := range row {
		if f := row[i].Feature; f != nil && row[i].Number == row[i].Number {
			windows[i], _ = f.open.(*numericWindow)
		}
	}
	for i, w := range windows[:len(row)] {
		if w != nil {
			at[i] = w.cuts.inTop(row[i].Number)
		}
	}
	for i, w := range windows[:len(row)] {
		if w != nil {
			at[i] = w.cuts.inMiddle(at[i], row[i].Number)
		}
	}
	for i, w := range windows[:len(row)] {
		if w != nil {
			at[i] = int(w.cuts.inLeaf(at[i], row[i].Number))
		}
	}
	for i := range row {
		g.add(&row[i], windows[i], uint16(at[i]))
	}
}

// small is the number of values from which it pays to search for cells together.
const small = 6

func (g *Group) countFew(row []Value) {
	for i := range row {
		f := row[i].Feature
		if f == nil {
			g.stats.Mismatched++
			continue
		}
		f.add(&row[i])
		g.fullest = max(g.fullest, f.seen)
	}
}

// add counts a value whose cell is known if it has a window of numbers.
func (g *Group) add(v *Value, w *numericWindow, cell uint16) {
	f := v.Feature
	switch {
	case f == nil:
		g.stats.Mismatched++
		return
	case w != nil:
		w.count(cell, v.Number)
		f.learn(v)
		f.seen++
	default:
		f.add(v)
	}
	g.fullest = max(g.fullest, f.seen)
}

// Tick ends a window by the clock where no row comes to end it, in Unix nanoseconds.
func (g *Group) Tick(now int64) {
	if g.opened && now-int64(g.settings.Window.Lateness) >= g.end {
		g.close(g.end)
	}
}

// Reports returns the reports since the last call, the last 1,024 at most.
func (g *Group) Reports() []Report {
	out := g.reports
	g.reports = nil
	return out
}

// Features returns the features in the order in which they were made. The list must not be changed.
func (g *Group) Features() []*Feature { return g.features }

// Stats returns the statistics of the group.
func (g *Group) Stats() Stats { return g.stats }

func (g *Group) openAt(at int64) {
	number, end := g.settings.Window.Season.at(at)
	g.opened, g.start, g.last, g.end = true, at, at, end
	if age := g.settings.Window.MaxAge; age > 0 {
		length := int64(age) / int64(g.settings.Window.parts())
		// Windows of a stream without long gaps follow one another.
		if since := at - g.judged; g.judged > 0 && since >= 0 && since < length {
			g.start = g.judged
		}
		g.end = min(g.end, g.start+length)
	}
	g.starts[len(g.starts)-1] = g.start
	if number != g.phase {
		g.phase = number
		for _, f := range g.features {
			f.enter(number, g.settings.Window.parts())
		}
	}
}

// close judges the window that ends with the open part, and opens nothing.
func (g *Group) close(end int64) {
	g.judge(end)
	g.opened, g.fullest, g.judged = false, 0, end
	shift(g.rows)
	shift(g.starts)
	for _, f := range g.features {
		f.advance()
		g.learn(f, end)
	}
}

func shift[T any](list []T) {
	var zero T
	copy(list, list[1:])
	list[len(list)-1] = zero
}

func (g *Group) judge(end int64) {
	r := Report{Start: fromUnixNano(g.windowStart()), End: fromUnixNano(end)}
	for _, n := range g.rows {
		r.Rows += n
	}
	var judged []*Feature
	for _, f := range g.features {
		if f.reference == nil {
			continue
		}
		judged = append(judged, f)
		r.Features = append(r.Features, g.verdict(f, r.Rows, end))
	}
	if len(judged) == 0 {
		return
	}
	g.stats.Windows++
	g.settings.judge(&r, g.elapsed(end))
	for i, f := range judged {
		g.settings.update(&f.alarm, &r.Features[i])
	}
	g.settings.summarize(&r, &g.alarm)
	if len(g.reports) == maxReports {
		g.reports = append(g.reports[:0], g.reports[1:]...)
		g.stats.Lost++
	}
	g.reports = append(g.reports, r)
}

// elapsed is the time since the last verdict, or since the start of the first window.
func (g *Group) elapsed(end int64) time.Duration {
	since := g.judged
	if since == 0 {
		since = g.windowStart()
	}
	return time.Duration(max(0, end-since))
}

// windowStart is the start of the oldest part that has rows.
func (g *Group) windowStart() int64 {
	for i, n := range g.rows {
		if n > 0 {
			return g.starts[i]
		}
	}
	return g.start
}

func (g *Group) verdict(f *Feature, rows uint64, end int64) Verdict {
	absent := uint64(0)
	if g.settings.AbsentIsMissing {
		absent = rows - min(rows, f.observed())
	}
	r := f.reference
	v := Verdict{Feature: f.name, Kind: f.kind, Evidence: collect(r, f.windows, absent, &g.scratch)}
	v.Reference = ReferenceInfo{ID: r.id, Hash: r.hash, Provisional: r.provisional, N: r.n, Error: r.Error()}
	if r.created != 0 {
		v.Reference.Age = time.Duration(max(0, end-r.created))
	}
	return v
}

// update moves the alarm of a feature on.
func (s *Settings) update(a *alarm, v *Verdict) {
	if v.State != InsufficientData {
		v.Changed = a.update(s.Hysteresis, v.Severity >= Warning, !v.excited)
		v.State = a.state()
	}
	v.Raised = a.raised
}

// learn makes the next reference of a feature that learns.
func (g *Group) learn(f *Feature, end int64) {
	p := &f.phases[g.phase]
	if p.learner == nil {
		return
	}
	r, more := p.learner.next(&g.settings, ReferenceSettings{
		ID: "first", Created: fromUnixNano(end), Ordered: true, Bins: g.settings.Bins,
	}, p.reference == nil)
	if !more {
		p.learner = nil
	}
	if r != nil {
		p.reference = r
	}
	f.enter(g.phase, g.settings.Window.parts())
}
