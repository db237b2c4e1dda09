// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Outcome is what became of a notice.
type Outcome uint8

// Outcomes.
const (
	Ignored  Outcome = iota // it says that something is over that was not in force, again
	Outdated                // the source has said something newer
	Raised                  // the alert was not in force
	Worsened                // it was, with a lower severity
	Eased                   // it was, with a higher severity
	Repeated                // it was, and goes on: those who hold it hear so when they are told again
	Resolved                // it is over
	Limited                 // there is no room to remember it
	Outcomes
)

// Tells reports whether an Alertmanager has to hear of it now.
func (o Outcome) Tells() bool {
	return o == Raised || o == Worsened || o == Eased || o == Resolved || o == Limited
}

// maxSources bounds the sources of one alert.
const maxSources = 16

// Retention is how long an alert that is over is remembered, so that those who missed its end can be told, and so that what comes
// late does not raise it again. Prometheus has the same.
const Retention = 15 * time.Minute

// Table holds the alerts in force. It is not safe for concurrent use.
type Table struct {
	limit   int
	ahead   time.Duration
	forget  time.Duration
	entries map[string]*entry
	changed bool
}

// NewTable makes a table of at most limit alerts. What is told of an alert is good for as long as ahead says, and an alert that
// nothing was heard of for as long as forget says is over.
func NewTable(limit int, ahead, forget time.Duration) *Table {
	return &Table{limit: limit, ahead: ahead, forget: forget, entries: map[string]*entry{}}
}

// Apply takes a notice. Taking it twice is as good as once.
func (t *Table) Apply(n *Notice, now time.Time) Outcome {
	key := n.Key()
	e := t.entries[key]
	if e == nil {
		return t.begin(key, n, now)
	}
	e.settle(now)
	c := e.claimOf(n.Source)
	switch {
	case c != nil && n.At.Before(c.At):
		e.Heard = now // while what is late still comes, the table must not forget what has overtaken it
		return Outdated
	case c != nil && n.At.Equal(c.At) && n.Severity == c.Severity:
		e.Heard = now
		return e.again(n)
	case c == nil && len(e.Claims) >= maxSources:
		return Limited
	case n.Severity == None && n.Repeats && (c == nil || c.severity(now) == None):
		return Ignored
	}
	before := e.Severity
	e.claim(n, now)
	e.settle(now)
	t.changed = true
	switch after := e.Severity; {
	case after == None:
		return Resolved
	case before == None:
		return Raised
	case after > before:
		return Worsened
	case after < before:
		return Eased
	}
	return Repeated
}

// again is the outcome of a notice that was taken before.
func (e *entry) again(n *Notice) Outcome {
	if n.Severity == None && n.Repeats {
		return Ignored
	}
	if e.Severity == None {
		return Resolved
	}
	return Repeated
}

// begin takes a notice of an alert that the table does not know.
func (t *Table) begin(key string, n *Notice, now time.Time) Outcome {
	if n.Severity == None && n.Repeats {
		return Ignored
	}
	if len(t.entries) >= t.limit && !t.makeRoom(now) {
		return Limited
	}
	t.entries[key] = newEntry(n, now)
	t.changed = true
	if n.Severity == None {
		return Resolved
	}
	return Raised
}

// makeRoom gives up the alert that has been over for longest.
func (t *Table) makeRoom(now time.Time) bool {
	var oldest string
	var since time.Time
	for key, e := range t.entries {
		e.settle(now)
		if ended := e.ended(); !ended.IsZero() && (oldest == "" || ended.Before(since)) {
			oldest, since = key, ended
		}
	}
	if oldest == "" {
		return false
	}
	delete(t.entries, oldest)
	return true
}

// Lookup appends what there is to tell of the alert that a notice speaks of, as it is now, which may not be what the notice says.
// An alert that ends by itself is told for as long as it lasts, however late it is told first. One that the table has no room for
// is told as the notice has it.
func (t *Table) Lookup(dst []Alert, n *Notice, now time.Time) []Alert {
	e := t.entries[n.Key()]
	if e == nil {
		e = newEntry(n, now)
	}
	e.settle(now)
	told := len(dst)
	dst = e.alerts(dst, now, now.Add(-Retention), t.ahead)
	if n.Lasts == 0 || n.Severity == None {
		return dst
	}
	for i := range dst[told:] {
		if alert := &dst[told+i]; alert.Severity == n.Severity && alert.EndsAt.Before(now.Add(n.Lasts)) {
			alert.EndsAt = now.Add(n.Lasts)
			return dst
		}
	}
	if len(dst) == told {
		dst = newEntry(n, now).alerts(dst, now, now, t.ahead)
	}
	return dst
}

// Alerts appends every alert in force, and those that are over for less than [Retention].
func (t *Table) Alerts(dst []Alert, now time.Time) []Alert {
	for _, key := range slices.Sorted(maps.Keys(t.entries)) {
		e := t.entries[key]
		e.settle(now)
		dst = e.alerts(dst, now, now.Add(-Retention), t.ahead)
	}
	return dst
}

// Sweep puts alerts out of force that nothing was heard of for too long, and says how many. It drops those that have been over for
// long enough.
func (t *Table) Sweep(now time.Time) (forgotten int) {
	for key, e := range t.entries {
		e.settle(now)
		if e.Severity > None && now.Sub(e.Heard) >= t.forget {
			e.end(now)
			t.changed = true
			forgotten++
		}
		if ended := e.ended(); !ended.IsZero() && now.Sub(ended) >= Retention {
			delete(t.entries, key)
			t.changed = true
		}
	}
	return forgotten
}

// Active counts the alerts in force by severity.
func (t *Table) Active() (n [severities]int) {
	for _, e := range t.entries {
		n[e.Severity]++
	}
	n[None] = 0
	return n
}

// Len is the number of alerts, those that are over included.
func (t *Table) Len() int { return len(t.entries) }

// Changed says whether the table has changed since it was last asked to write itself down.
func (t *Table) Changed() bool { return t.changed }

// Encode writes the table down.
func (t *Table) Encode() ([]byte, error) {
	list := make([]*entry, 0, len(t.entries))
	for _, key := range slices.Sorted(maps.Keys(t.entries)) {
		list = append(list, t.entries[key])
	}
	body, err := json.Marshal(list)
	if err == nil {
		t.changed = false
	}
	return body, err
}

// Decode reads what Encode wrote into an empty table, and says how many alerts were left out because there is no room for them. When it
// fails, the table is as it was.
func (t *Table) Decode(body []byte) (leftOut int, err error) {
	var list []*entry
	if err := json.Unmarshal(body, &list); err != nil {
		return 0, fmt.Errorf("cannot read alerts: %w", err)
	}
	for _, e := range list {
		if err := e.validate(); err != nil {
			return 0, fmt.Errorf("cannot read alerts: %w", err)
		}
	}
	room := min(len(list), t.limit)
	for _, e := range list[:room] {
		n := Notice{Name: e.Name, Labels: e.Labels}
		t.entries[n.Key()] = e
	}
	return len(list) - room, nil
}

func (e *entry) validate() error {
	switch {
	case e == nil || e.Name == "":
		return errors.New("an alert has no name")
	case e.Severity >= severities:
		return fmt.Errorf("%s has severity %d", e.Name, e.Severity)
	case len(e.Claims) > maxSources:
		return fmt.Errorf("%s has %d sources", e.Name, len(e.Claims))
	}
	for _, c := range e.Claims {
		if c.Severity >= severities {
			return fmt.Errorf("%s has severity %d from %s", e.Name, c.Severity, c.Source)
		}
	}
	return nil
}
