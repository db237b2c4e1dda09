// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"sync"
	"time"
)

// Verdict is the answer of [Table.Claim].
type Verdict uint8

const (
	// New means that the key was not known. It is pending now and the caller owes a Commit or a Release.
	New Verdict = iota
	// Pending means that a request is under way that holds the key, be it the caller's own, which has it twice.
	Pending
	// Done means that the key has been committed: the event is a duplicate.
	Done
	// Full means that the key was not known, and that too many keys are pending. The caller should ask the sender to try later.
	Full
)

// Defaults and bounds of [Settings].
const (
	DefaultTTL          = 24 * time.Hour
	DefaultLimit        = 1_000_000
	DefaultPendingLimit = 250_000
	MaxLimit            = 1 << 30
)

// Settings of a [Table]. What is zero or negative becomes its default.
type Settings struct {
	// TTL is how long a key is known after its commit. Default 24 h.
	TTL time.Duration
	// Limit is how many committed keys are known at most, up to MaxLimit. A key takes about 40 bytes. Default 1,000,000.
	Limit int
	// PendingLimit is how many keys may be pending at a time. Default 250,000.
	PendingLimit int
}

func (s Settings) withDefaults() Settings {
	if s.TTL <= 0 {
		s.TTL = DefaultTTL
	}
	if s.Limit <= 0 {
		s.Limit = DefaultLimit
	}
	s.Limit = min(s.Limit, MaxLimit)
	if s.PendingLimit <= 0 {
		s.PendingLimit = DefaultPendingLimit
	}
	return s
}

// Stats is what a [Table] holds and has forgotten.
type Stats struct {
	// Done and Pending are numbers of keys. Keys that have expired are part of Done until their memory is reclaimed.
	Done, Pending int
	// Expired counts the keys that were forgotten because of their age, Displaced those that had to make room for younger ones. A
	// table that displaces keys is too small for its rate of events.
	Expired, Displaced uint64
}

// Table says which keys have been seen. It is safe for concurrent use.
type Table struct {
	settings Settings

	mu      sync.Mutex
	done    history
	pending map[Key]struct{}
	epoch   time.Time // the first time seen
	now     int64     // the latest time seen, in nanoseconds since the epoch
	stats   Stats
}

// NewTable returns an empty table.
func NewTable(settings Settings) *Table {
	return &Table{settings: settings.withDefaults(), done: newHistory(), pending: map[Key]struct{}{}}
}

// Claim says whether a key is known and, if not, makes it pending.
func (t *Table) Claim(key Key, now time.Time) Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	if _, ok := t.pending[key]; ok {
		return Pending
	}
	if e := t.done.entry(&key); e != nil && !t.expired(e) {
		return Done
	}
	if len(t.pending) >= t.settings.PendingLimit {
		return Full
	}
	t.pending[key] = struct{}{}
	return New
}

// Release makes pending keys unknown again. Keys that are not pending stay as they are.
func (t *Table) Release(keys ...Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		delete(t.pending, key)
	}
}

// Commit makes keys done as of now, whether they were pending or not. The oldest ones make room for them.
func (t *Table) Commit(keys []Key, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	for _, key := range keys {
		t.sweep(sweepPerKey)
		delete(t.pending, key)
		t.put(entry{key, t.now})
	}
}

// Stats returns what the table holds and has forgotten.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	stats := t.stats
	stats.Done, stats.Pending = t.done.used, len(t.pending)
	return stats
}

// advance lets time pass, never backwards.
func (t *Table) advance(now time.Time) {
	if t.epoch.IsZero() {
		t.epoch = now
	}
	t.now = max(t.now, int64(now.Sub(t.epoch)))
	t.sweep(sweepPerKey)
}

// sweepPerKey is how many keys that have expired are reclaimed for each that is added: more than are added meanwhile, and not so
// many that one request waits for what piled up over a quiet night.
const sweepPerKey = 4

// sweep reclaims keys that have expired, up to a number.
func (t *Table) sweep(most int) {
	for range most {
		if t.done.len() == 0 || !t.expired(t.done.at(t.done.head)) {
			return
		}
		t.forget()
	}
}

func (t *Table) expired(e *entry) bool { return t.now-e.at >= int64(t.settings.TTL) }

func (t *Table) put(e entry) {
	if t.done.len() >= t.settings.Limit {
		t.forget()
	}
	hash := t.done.hash(&e.key)
	if known := t.done.find(&e.key, hash); known != nil {
		if t.expired(t.done.at(known.pos)) {
			t.stats.Expired++
		}
		t.done.supersede(known)
	}
	t.done.add(hash, e)
}

// forget forgets the key that was committed first.
func (t *Table) forget() {
	expired := t.expired(t.done.at(t.done.head))
	switch forgotten := t.done.forget(); {
	case !forgotten: // Committed again since.
	case expired:
		t.stats.Expired++
	default:
		t.stats.Displaced++
	}
}
