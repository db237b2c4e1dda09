// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"errors"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Reader reads records of one type into one event, again and again. It does what Read does, in less time: it knows
// where the fields of its event lie, and expects each attribute where it was in the record before, where it is if both come
// from one sender. It is not safe for concurrent use.
type Reader struct {
	event Event
	table *table
	// places are what field.at gives for each field of the table. Without them nothing is expected either: the event is
	// read only once.
	places   []any
	expected []seat // by position among the attributes
	found    seat   // where something else was expected
}

// seat is what an attribute stands for.
type seat struct {
	keyed
	place any     // what field.at gives
	text  *string // the same, if any string will do
}

// maxExpected bounds the expectations.
const maxExpected = 64

// NewReader gives a reader for the records of an event name, or nil if this vocabulary does not have it.
func NewReader(eventName string) *Reader {
	t, ok := byEventName[eventName]
	if !ok {
		return nil
	}
	return newReader(t.new())
}

func newReader(e Event) *Reader {
	r := &Reader{event: e, table: e.table()}
	for i := range r.table.fields {
		r.places = append(r.places, r.table.fields[i].at(e))
	}
	return r
}

// Read reads a record. The event is the reader's own and good until the next one; the error is that of the function Read.
func (r *Reader) Read(record plog.LogRecord) (Event, error) {
	r.event.reset()
	readRecordContext(record, r.event.Common())
	return r.event, r.attributes(record.Attributes())
}

// SpanReader reads spans that stand for calls into one request, as ReadSpan does, in less time. It is not safe for
// concurrent use.
type SpanReader struct {
	request Request
	reader  *Reader
}

// NewSpanReader gives a reader of spans.
func NewSpanReader() *SpanReader {
	r := &SpanReader{}
	r.reader = newReader(&r.request)
	return r
}

// Read reads a span. The request is the reader's own and good until the next one; the error is that of ReadSpan.
func (r *SpanReader) Read(span ptrace.Span, resource pcommon.Map) (*Request, error) {
	return &r.request, r.request.readSpan(span, resource, r.reader)
}

// attributes reads the attributes of a record or a span.
func (r *Reader) attributes(attributes pcommon.Map) error {
	var problems []error
	highest, position := 0, 0 // rank among the keys
	for key, value := range attributes.All() {
		found := r.seat(position, key)
		position++
		if found.text != nil && value.Type() == pcommon.ValueTypeStr {
			*found.text = value.Str()
			continue
		}
		var problem error
		switch {
		case found.field == nil:
			problem = r.table.takeUnknown(r.event, key, value)
		case found.rank == 0:
			problem = found.field.take(found.place, value)
		default:
			highest = max(highest, found.rank)
		}
		if problem != nil {
			problems = append(problems, problem)
		}
	}
	for rank := 1; rank <= highest; rank++ {
		problems = append(problems, r.table.takeRank(rank, attributes, r.event)...)
	}
	return errors.Join(problems...)
}

// seat gives what the key at a position stands for.
func (r *Reader) seat(position int, key string) *seat {
	if position < len(r.expected) && r.expected[position].key == key {
		return &r.expected[position]
	}
	return r.look(position, key)
}

// look looks a key up, and expects it again at its position if it is that of a field.
func (r *Reader) look(position int, key string) *seat {
	known, ok := find(&r.table.keys, key)
	r.found = seat{keyed: known}
	switch {
	case !ok:
	case r.places == nil:
		r.found.place = known.field.at(r.event)
	default:
		r.found.place = r.places[known.field.number]
		r.expect(position)
	}
	return &r.found
}

func (r *Reader) expect(position int) {
	if position >= maxExpected {
		return
	}
	if r.found.rank == 0 && r.found.field.takesAnyString() {
		r.found.text, _ = r.found.place.(*string)
	}
	for len(r.expected) <= position {
		r.expected = append(r.expected, seat{})
	}
	r.expected[position] = r.found
}
