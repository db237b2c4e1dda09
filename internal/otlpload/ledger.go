// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"sync"
)

// IDKey is the attribute that holds the ledger id on every span, log record and data point.
const IDKey = "ledger.id"

// Ledger ids lie between FirstID and LastID, a range in which every id takes the same number of bytes (5 as a protobuf varint, 10 as
// decimal digits), so that ids can be patched in place.
const (
	FirstID int64 = 1 << 30
	LastID  int64 = 1<<31 - 1
)

// Ledger hands out the ids of one signal and remembers which of them the server accepted. It is safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	sent     int
	accepted bitmap
}

// NewLedger returns an empty ledger whose first id is [FirstID].
func NewLedger() *Ledger { return &Ledger{} }

// Reserve counts n items as sent and returns the first of their consecutive ids.
// It panics when the ids are used up, after 2^30 items.
func (l *Ledger) Reserve(n int) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := FirstID + int64(l.sent)
	if first+int64(n)-1 > LastID {
		panic("otlpload: the ledger has no ids left")
	}
	l.sent += n
	return first
}

// Accept records that the server accepted the n items whose ids begin at first.
func (l *Ledger) Accept(first int64, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range n {
		l.accepted.add(int(first-FirstID) + i)
	}
}

// Balance compares what was sent and accepted with what was delivered to one place.
func (l *Ledger) Balance(r *Receipts) Balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	delivered := r.delivered.count(l.sent)
	missing := 0
	for i, accepted := range l.accepted {
		missing += bits.OnesCount64(accepted &^ r.delivered.word(i))
	}
	return Balance{
		Sent:       l.sent,
		Accepted:   l.accepted.count(l.sent),
		Delivered:  delivered,
		Duplicates: r.duplicates,
		Missing:    missing,
		Unknown:    r.foreign + r.distinct - delivered,
	}
}

// Missing returns up to limit ids that were accepted and not delivered, in ascending order.
func (l *Ledger) Missing(r *Receipts, limit int) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []int64
	for i, accepted := range l.accepted {
		for rest := accepted &^ r.delivered.word(i); rest != 0 && len(ids) < limit; rest &= rest - 1 {
			ids = append(ids, FirstID+int64(i<<6+bits.TrailingZeros64(rest)))
		}
	}
	return ids
}

// Settle waits until everything that was accepted has been delivered and returns the balance of that moment. When ctx ends
// first it returns the balance of that moment and an error that names some of the missing ids.
func (l *Ledger) Settle(ctx context.Context, r *Receipts) (Balance, error) {
	for {
		delivery := r.next()
		balance := l.Balance(r)
		if balance.Missing == 0 {
			return balance, nil
		}
		select {
		case <-delivery:
		case <-ctx.Done():
			return balance, fmt.Errorf("cannot settle the ledger, %v missing, first ids %v: %w",
				balance.Missing, l.Missing(r, 5), context.Cause(ctx))
		}
	}
}

// Receipts remembers which ids were delivered to one place. It is safe for concurrent use; the zero value is empty.
type Receipts struct {
	mu         sync.Mutex
	delivered  bitmap
	distinct   int           // ids in delivered
	duplicates int           // deliveries beyond the first of an id
	foreign    int           // ids outside of the range of ledgers
	waiting    chan struct{} // closed at the next delivery; nil while nobody waits
}

// Deliver records one delivery of each id.
func (r *Receipts) Deliver(ids iter.Seq[int64]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range ids {
		switch {
		case id < FirstID || id > LastID:
			r.foreign++
		case r.delivered.add(int(id - FirstID)):
			r.distinct++
		default:
			r.duplicates++
		}
	}
	if r.waiting != nil {
		close(r.waiting)
		r.waiting = nil
	}
}

// next returns a channel that is closed at the next delivery.
func (r *Receipts) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = make(chan struct{})
	}
	return r.waiting
}

// Balance is the account of a ledger against the receipts of one place, in items.
type Balance struct {
	Sent       int `json:"sent"`       // ids handed out
	Accepted   int `json:"accepted"`   // of these, acknowledged by the server
	Delivered  int `json:"delivered"`  // of those sent, seen at least once
	Duplicates int `json:"duplicates"` // deliveries beyond the first of an id
	Missing    int `json:"missing"`    // accepted and not delivered
	Unknown    int `json:"unknown"`    // delivered and never sent
}

// Plus returns the balance of two ledgers taken together.
func (b Balance) Plus(other Balance) Balance {
	return Balance{
		Sent:       b.Sent + other.Sent,
		Accepted:   b.Accepted + other.Accepted,
		Delivered:  b.Delivered + other.Delivered,
		Duplicates: b.Duplicates + other.Duplicates,
		Missing:    b.Missing + other.Missing,
		Unknown:    b.Unknown + other.Unknown,
	}
}

// String returns the balance in one line.
func (b Balance) String() string {
	return fmt.Sprintf("sent %d, accepted %d, delivered %d, duplicates %d, missing %d, unknown %d",
		b.Sent, b.Accepted, b.Delivered, b.Duplicates, b.Missing, b.Unknown)
}

var (
	errMissing    = errors.New("accepted items are missing")
	errUnknown    = errors.New("items were delivered that nobody sent")
	errRefused    = errors.New("sent items were not accepted")
	errDuplicated = errors.New("items were delivered more than once")
)

// Complete returns an error when the place lacks an accepted item or has one that was never sent. Duplicates are allowed.
func (b Balance) Complete() error {
	return b.verdict(finding{b.Missing > 0, errMissing}, finding{b.Unknown > 0, errUnknown})
}

// Exact returns an error unless every item that was sent was accepted and delivered exactly once.
func (b Balance) Exact() error {
	return b.verdict(finding{b.Missing > 0, errMissing}, finding{b.Unknown > 0, errUnknown},
		finding{b.Accepted != b.Sent, errRefused}, finding{b.Duplicates > 0, errDuplicated})
}

type finding struct {
	found bool
	err   error
}

func (b Balance) verdict(findings ...finding) error {
	var errs []error
	for _, f := range findings {
		if f.found {
			errs = append(errs, f.err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%v: %w", b, errors.Join(errs...))
}
