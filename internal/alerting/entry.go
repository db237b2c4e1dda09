// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"maps"
	"time"
)

// entry is what is known of an alert, whatever its severity. An Alertmanager sees one alert per severity.
type entry struct {
	Name        string             `json:"name"`
	Labels      Labels             `json:"labels,omitempty"`
	Annotations map[string]string  `json:"annotations,omitempty"` // of the worst that was said of the alert in force
	Milder      string             `json:"milder,omitempty"`      // what was said since, if nobody says the worst any more
	Claims      []claim            `json:"claims"`
	Severity    Severity           `json:"severity"` // of the alert in force; None if there is none
	Levels      [severities]period `json:"levels"`   // by severity
	Heard       time.Time          `json:"heard"`    // when the last notice came
}

// period is when an alert of a severity was in force. Both times are zero if it never was, and the end is zero while it is.
type period struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// claim is what a source says.
type claim struct {
	Source   string    `json:"source"`
	Severity Severity  `json:"severity"`
	At       time.Time `json:"at"`             // of the last notice
	Until    time.Time `json:"until,omitzero"` // zero: until the source says so
}

// severity gives the severity of a claim at a time.
func (c *claim) severity(now time.Time) Severity {
	if !c.Until.IsZero() && !now.Before(c.Until) {
		return None
	}
	return c.Severity
}

// newEntry begins with what a notice says. One that says that an alert is over does not say which severity it had: all of them are.
func newEntry(n *Notice, now time.Time) *entry {
	e := &entry{Name: n.Name, Labels: n.Labels}
	if n.Severity == None {
		for s := Info; s < severities; s++ {
			e.Levels[s] = period{From: now, To: now}
		}
	}
	e.claim(n, now)
	e.settle(now)
	return e
}

// claimOf finds the claim of a source.
func (e *entry) claimOf(source string) *claim {
	for i := range e.Claims {
		if e.Claims[i].Source == source {
			return &e.Claims[i]
		}
	}
	return nil
}

// claim takes what a source says.
func (e *entry) claim(n *Notice, now time.Time) {
	c := e.claimOf(n.Source)
	if c == nil {
		e.Claims = append(e.Claims, claim{Source: n.Source})
		c = &e.Claims[len(e.Claims)-1]
	}
	c.Severity, c.At, c.Until = n.Severity, n.At, time.Time{}
	if n.Lasts > 0 {
		c.Until = now.Add(n.Lasts)
	}
	e.describe(n, now)
	e.Heard = now
}

// describe takes the texts of a notice. The severity does not go down with a milder one, so the texts stay those of the worst, and say
// what it is now.
func (e *entry) describe(n *Notice, now time.Time) {
	switch {
	case e.Annotations == nil, n.Severity > None && n.Severity >= e.severity(now):
		e.Annotations, e.Milder = maps.Clone(n.Annotations), ""
	case n.Severity > None && e.claimed(now) < e.Severity:
		e.Milder = n.Annotations[AnnotationDescription]
	}
}

// texts are the annotations that are told.
func (e *entry) texts() map[string]string {
	if e.Milder == "" || e.Annotations == nil {
		return e.Annotations
	}
	texts := maps.Clone(e.Annotations)
	texts[AnnotationDescription] = Text("Now: " + e.Milder + " At its worst: " + texts[AnnotationDescription])
	return texts
}

// claimed is the worst that a source says.
func (e *entry) claimed(now time.Time) Severity {
	worst := None
	for i := range e.Claims {
		worst = max(worst, e.Claims[i].severity(now))
	}
	return worst
}

// severity is that of the alert by its claims. It grows worse with them, and better only when the worst of them is at most Info: a
// value that wanders between warning and critical is one alert.
func (e *entry) severity(now time.Time) Severity {
	worst := e.claimed(now)
	if worst >= Warning {
		worst = max(worst, e.Severity)
	}
	return worst
}

// settle brings the severity of the alert in force in line with the claims.
func (e *entry) settle(now time.Time) {
	severity := e.severity(now)
	if severity == e.Severity {
		return
	}
	if e.Severity > None {
		e.Levels[e.Severity].To = e.over(now)
	}
	if severity > None {
		e.Levels[severity] = period{From: now}
	}
	e.Severity = severity
}

// over is when the alert in force ended, at a time when it has: a claim may have ended by itself before.
func (e *entry) over(now time.Time) time.Time {
	var last time.Time
	for i := range e.Claims {
		until := e.Claims[i].Until
		if until.IsZero() {
			return now
		}
		if until.After(last) {
			last = until
		}
	}
	if last.IsZero() || last.After(now) {
		return now
	}
	return last
}

// until is when the alert in force ends if nothing more is heard of it: as far ahead as asked for, or when its claims end.
func (e *entry) until(now time.Time, ahead time.Duration) time.Time {
	var last time.Time
	for i := range e.Claims {
		c := &e.Claims[i]
		switch {
		case c.severity(now) == None:
		case c.Until.IsZero():
			return now.Add(ahead)
		case c.Until.After(last):
			last = c.Until
		}
	}
	return last
}

// end puts the alert out of force.
func (e *entry) end(now time.Time) {
	for i := range e.Claims {
		e.Claims[i].Severity = None
	}
	e.settle(now)
}

// ended says since when nothing has been in force; it is the zero time if something is.
func (e *entry) ended() time.Time {
	last := e.Heard
	if e.Severity > None {
		return time.Time{}
	}
	for _, level := range e.Levels {
		if level.To.After(last) {
			last = level.To
		}
	}
	return last
}

// alerts appends the alert in force, and those that ended after a time.
func (e *entry) alerts(dst []Alert, now, after time.Time, ahead time.Duration) []Alert {
	texts := e.texts()
	for s, level := range e.Levels {
		alert := Alert{Name: e.Name, Labels: e.Labels, Severity: Severity(s), Annotations: texts, StartsAt: level.From, EndsAt: level.To}
		switch {
		case level.From.IsZero():
			continue
		case alert.Severity == e.Severity:
			alert.EndsAt = e.until(now, ahead)
		case !level.To.After(after):
			continue
		}
		dst = append(dst, alert)
	}
	return dst
}
