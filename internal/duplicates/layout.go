// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// segmentRecords makes segments of 192 KiB.
	segmentRecords = 8192
	// maxPieces bounds the number of small values, and with it how often the same record is written: once when it comes, once
	// in about 64 writes while its segment fills, and once with its segment.
	maxPieces = 64
)

func segmentName(n uint64) string { return fmt.Sprintf("segment-%d", n) }
func pieceName(n uint64) string   { return fmt.Sprintf("piece-%d", n) }

// layout is what the storage holds: full segments, then pieces with the records of the tail. It is a value: adding to it makes a new
// one, and the old one holds if the storage does not take the change.
type layout struct {
	meta
	full []segment // of meta.segments, oldest first
	tail []record  // of meta.pieces, oldest first
	size int       // number of records
}

// segment is what needs to be known of a full segment.
type segment struct {
	records int
	newest  int64 // Unix time in nanoseconds
}

// add returns the layout with more records, and the operations that lead to it: what is written comes before the meta data and what is
// deleted after it, for storages whose batches are not atomic. With rewrite, no piece of the old layout is relied on.
func (l layout) add(records []record, rewrite bool, keep Settings) (layout, []*storage.Operation) {
	l.tail = append(l.tail, records...)
	l.size += len(records)
	var puts, deletes []*storage.Operation
	if rewrite || len(l.tail) >= segmentRecords || l.pieces.len() >= maxPieces {
		puts, deletes = l.fold()
		records = l.tail
	}
	if len(records) > 0 {
		name := pieceName(l.pieces.next)
		puts = append(puts, storage.SetOperation(name, encodeRecords(name, records)))
		l.pieces.next++
	}
	deletes = append(deletes, l.dropOld(keep)...)
	puts = append(puts, storage.SetOperation(metaName, l.encode()))
	return l, append(puts, deletes...)
}

// fold cuts full segments off the tail and gives up all pieces.
func (l *layout) fold() (puts, deletes []*storage.Operation) {
	for chunk := range slices.Chunk(l.tail, segmentRecords) {
		if len(chunk) < segmentRecords {
			break
		}
		name := segmentName(l.segments.next)
		puts = append(puts, storage.SetOperation(name, encodeRecords(name, chunk)))
		l.full = append(l.full, segmentOf(chunk))
		l.segments.next++
	}
	// The rest must not keep the memory of what was cut off.
	l.tail = slices.Clone(l.tail[len(puts)*segmentRecords:])
	for ; l.pieces.first < l.pieces.next; l.pieces.first++ {
		deletes = append(deletes, storage.DeleteOperation(pieceName(l.pieces.first)))
	}
	return puts, deletes
}

func segmentOf(records []record) segment {
	s := segment{records: len(records)}
	for _, r := range records {
		s.newest = max(s.newest, r.at)
	}
	return s
}

// dropOld gives up the segments that a table with these settings has forgotten, measured by the newest record.
func (l *layout) dropOld(keep Settings) (deletes []*storage.Operation) {
	for len(l.full) > 0 {
		oldest := l.full[0]
		expired := oldest.newest <= l.newest()-int64(keep.TTL)
		if !expired && l.size-oldest.records < keep.Limit {
			break
		}
		deletes = append(deletes, storage.DeleteOperation(segmentName(l.segments.first)))
		l.segments.first++
		l.full = l.full[1:]
		l.size -= oldest.records
	}
	return deletes
}

func (l *layout) newest() int64 {
	if len(l.tail) > 0 {
		return l.tail[len(l.tail)-1].at
	}
	return l.full[len(l.full)-1].newest
}

// read calls found with the records of each value in order of commit, and damaged with what is wrong with a value. It
// returns the layout that it found, or the error of the storage.
func read(get func(...*storage.Operation) error, found func([]record), damaged func(error)) (layout, error) {
	var l layout
	op := storage.GetOperation(metaName)
	if err := get(op); err != nil || op.Value == nil {
		return l, err
	}
	m, err := decodeMeta(op.Value)
	if err != nil {
		damaged(err)
		return l, nil
	}
	l.meta = m
	each := func(records []record) {
		l.size += len(records)
		found(records)
	}
	err = readRange(get, l.segments, segmentName, func(records []record, err error) {
		if err != nil {
			damaged(err)
		}
		l.full = append(l.full, segmentOf(records)) // Of no records and no age if it is damaged: the next to go.
		each(records)
	})
	if err != nil {
		return l, err
	}
	return l, readRange(get, l.pieces, pieceName, func(records []record, err error) {
		if err != nil {
			damaged(err)
		}
		l.tail = append(l.tail, records...)
		each(records)
	})
}

// valuesPerRead bounds what a read holds in memory to 6 MB. Each read of file_storage is a write transaction.
const valuesPerRead = 32

func readRange(get func(...*storage.Operation) error, numbers span, name func(uint64) string, each func([]record, error)) error {
	for numbers.len() > 0 {
		ops := make([]*storage.Operation, 0, valuesPerRead)
		for ; numbers.len() > 0 && len(ops) < valuesPerRead; numbers.first++ {
			ops = append(ops, storage.GetOperation(name(numbers.first)))
		}
		if err := get(ops...); err != nil {
			return err
		}
		for _, op := range ops {
			each(decodeRecords(op.Key, op.Value))
		}
	}
	return nil
}

// appendRecords appends the records of keys that are committed at a time.
func appendRecords(dst []record, keys []Key, at time.Time) []record {
	for _, key := range keys {
		dst = append(dst, record{key, at.UnixNano()})
	}
	return dst
}
