// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"encoding/binary"
	"errors"
	"time"
)

// record is a committed key as it is stored.
type record struct {
	key Key
	at  int64 // Unix time in nanoseconds
}

const recordBytes = 24

// errRecords means that a snapshot was not written by AppendSnapshot.
var errRecords = errors.New("cannot restore event ids: the size of the snapshot is not a multiple of that of a record")

func appendRecord(dst []byte, r record) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, r.key[:]...), uint64(r.at))
}

// parseRecords takes a multiple of recordBytes.
func parseRecords(b []byte) []record {
	records := make([]record, len(b)/recordBytes)
	for i := range records {
		r := b[i*recordBytes:]
		records[i] = record{Key(r[:16]), int64(binary.LittleEndian.Uint64(r[16:]))}
	}
	return records
}

// AppendSnapshot appends the committed keys that have not expired to dst, 24 bytes each, for [Table.Restore]. It is for callers
// that keep them in a checkpoint instead of a [Log].
func (t *Table) AppendSnapshot(dst []byte, now time.Time) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	wall := now.UnixNano()
	for pos := t.done.head; pos != t.done.tail; pos++ {
		if e := t.done.at(pos); !t.expired(e) {
			dst = appendRecord(dst, record{e.key, wall - (t.now - e.at)})
		}
	}
	return dst
}

// Restore commits the keys of a snapshot as of the times when they were committed first, unless they have expired since. Times
// in the future count as now. It is for a table that holds nothing yet.
func (t *Table) Restore(snapshot []byte, now time.Time) error {
	if len(snapshot)%recordBytes != 0 {
		return errRecords
	}
	t.restore(parseRecords(snapshot), now)
	return nil
}

// restore puts records back that are in order of commit. Times that are not, because the clock was stepped, are moved forward.
func (t *Table) restore(records []record, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	for _, r := range records {
		age := max(0, now.Sub(time.Unix(0, r.at)))
		if age >= t.settings.TTL {
			continue
		}
		at := t.now - int64(age)
		if t.done.len() > 0 {
			at = max(at, t.done.at(t.done.tail-1).at)
		}
		t.put(entry{r.key, at})
	}
}
