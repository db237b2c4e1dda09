// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import "time"

// Admit is Claim and Commit in one, for callers that nobody can refuse an event of: it makes a key done that was neither done
// nor pending, and says whether it did.
func (t *Table) Admit(key Key, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	t.sweep(sweepPerKey)
	return t.admit(&key, t.done.hash(&key))
}

// AdmitAll does what Admit does for one key after the other, in less time, and puts what it says of each into admitted, which
// has as many elements.
func (t *Table) AdmitAll(keys []Key, admitted []bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	t.sweep(len(keys) * sweepPerKey)
	for i := range keys {
		admitted[i] = t.admit(&keys[i], t.done.hash(&keys[i]))
	}
}

// Expect says which keys will be admitted or claimed next. Little of what that reads is in the processor's caches, and is fetched
// while the caller does something else. It is of use for some dozens of keys at a time.
func (t *Table) Expect(keys []Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done.expect(keys)
}

// Knows says whether a key is done or pending, and leaves it as it is.
func (t *Table) Knows(key Key, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	if t.isPending(&key) {
		return true
	}
	e := t.done.entry(&key)
	return e != nil && !t.expired(e)
}

func (t *Table) admit(key *Key, hash uint32) bool {
	if t.isPending(key) {
		return false
	}
	if known := t.done.find(key, hash); known != nil {
		if !t.expired(t.done.at(known.pos)) {
			return false
		}
		t.stats.Expired++
		t.done.supersede(known)
	}
	t.done.add(hash, entry{*key, t.now})
	if t.done.len() > t.settings.Limit {
		t.forget()
	}
	return true
}

func (t *Table) isPending(key *Key) bool {
	if len(t.pending) == 0 {
		return false
	}
	_, ok := t.pending[*key]
	return ok
}
