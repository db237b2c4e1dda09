// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// TypeSpan stands beside the types of events in a [Report]: spans are counted too.
const TypeSpan event.Type = "span"

// maxExamples is how many refusals a report quotes.
const maxExamples = 10

// Count says what became of a number of events. Sent is the sum of the others.
type Count struct {
	Sent     int `json:"sent"`
	Taken    int `json:"taken"`    // accepted, or known to the receiver already
	Rejected int `json:"rejected"` // found at fault by the receiver
	Lost     int `json:"lost"`     // certainly not taken: given up after the last refusal
	// Unknown events were perhaps taken: given up while some attempt may have got through, or
	// answered with counts that do not add up.
	Unknown int `json:"unknown"`
}

func (c *Count) plus(other Count) {
	c.Sent += other.Sent
	c.Taken += other.Taken
	c.Rejected += other.Rejected
	c.Lost += other.Lost
	c.Unknown += other.Unknown
}

// Report is the account of a run.
type Report struct {
	// ByType counts events by their JSON type, and spans.
	ByType map[event.Type]Count `json:"by_type"`
	Total  Count                `json:"total"`
	// Accepted and Duplicates divide what was taken. An event is a duplicate if the receiver knew it:
	// mostly because an earlier attempt got through whose answer did not come back. Their sum is Total.Taken.
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Requests   int `json:"requests"` // attempts to send a batch, the first ones and the retries
	Retries    int `json:"retries"`  // attempts after the first
	Retried    int `json:"retried"`  // events in those
	// Refusals quotes the first reasons why something was rejected, lost or unknown.
	Refusals []string `json:"refusals,omitempty"`
}

// Err tells what went wrong: the events that were rejected, lost, or are in doubt. It is nil if all
// were taken.
func (r *Report) Err() error {
	if r.Total.Taken == r.Total.Sent {
		return nil
	}
	reason := ""
	if len(r.Refusals) > 0 {
		reason = ": " + r.Refusals[0]
	}
	return fmt.Errorf("of %d events %d were rejected, %d were lost and %d are in doubt%s",
		r.Total.Sent, r.Total.Rejected, r.Total.Lost, r.Total.Unknown, reason)
}

// WriteTable writes the account as a table for people.
func (r *Report) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "type\tsent\ttaken\trejected\tlost\tunknown\t\n")
	for _, t := range append(slices.Clone(event.Types), TypeSpan) {
		if c, ok := r.ByType[t]; ok {
			writeRow(table, string(t), c)
		}
	}
	writeRow(table, "total", r.Total)
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "accepted %d, duplicates %d; %d requests, %d of them retries with %d events\n",
		r.Accepted, r.Duplicates, r.Requests, r.Retries, r.Retried)
	for _, refusal := range r.Refusals {
		if err == nil {
			_, err = fmt.Fprintf(w, "refused: %s\n", refusal)
		}
	}
	return err
}

func writeRow(table *tabwriter.Writer, name string, c Count) {
	fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t\n", name, c.Sent, c.Taken, c.Rejected, c.Lost, c.Unknown)
}

// Ledger keeps account of the events that were sent. It is safe for concurrent use; the
// zero value is empty.
type Ledger struct {
	mu     sync.Mutex
	report Report
}

// Report gives the account so far.
func (l *Ledger) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.report
	r.Refusals = slices.Clone(r.Refusals)
	r.ByType = make(map[event.Type]Count, len(l.report.ByType))
	for t, c := range l.report.ByType {
		r.ByType[t] = c
		r.Total.plus(c)
	}
	return r
}

// attempt notes that a batch goes out, again or for the first time.
func (l *Ledger) attempt(types []event.Type, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Requests++
	if again {
		l.report.Retries++
		l.report.Retried += len(types)
		return
	}
	l.add(types, Count{Sent: 1})
}

// add counts each of some events. The lock must be held.
func (l *Ledger) add(types []event.Type, each Count) {
	if l.report.ByType == nil {
		l.report.ByType = map[event.Type]Count{}
	}
	for _, t := range types {
		c := l.report.ByType[t]
		c.plus(each)
		l.report.ByType[t] = c
	}
}

// settle notes the answer to a batch.
func (l *Ledger) settle(types []event.Type, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rejected := make(map[int]bool, len(a.rejected))
	for _, r := range a.rejected {
		if 0 <= r.Index && r.Index < len(types) {
			rejected[r.Index] = true
		}
		l.quote(r.String())
	}
	rest := Count{Taken: 1}
	if !a.accountsFor(len(types)) || len(rejected) != len(a.rejected) {
		rest = Count{Unknown: 1}
		l.quote(fmt.Sprintf("the answer to %d events speaks of %d accepted, %d duplicates and %d rejected",
			len(types), a.accepted, a.duplicates, len(a.rejected)))
	} else {
		l.report.Accepted += a.accepted
		l.report.Duplicates += a.duplicates
	}
	for i := range types {
		if rejected[i] {
			l.add(types[i:i+1], Count{Rejected: 1})
		} else {
			l.add(types[i:i+1], rest)
		}
	}
}

// giveUp notes that a batch is not going to be taken, or perhaps was.
func (l *Ledger) giveUp(types []event.Type, why *refusal, inDoubt bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	each := Count{Lost: 1}
	switch {
	case inDoubt:
		each = Count{Unknown: 1}
	case why.atFault:
		each = Count{Rejected: 1}
	}
	l.add(types, each)
	l.quote(why.Error())
}

func (l *Ledger) quote(refusal string) {
	if len(l.report.Refusals) < maxExamples && !slices.Contains(l.report.Refusals, refusal) {
		l.report.Refusals = append(l.report.Refusals, refusal)
	}
}
