// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"errors"
	"math"

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
	place any // what field.at gives
	// One of these is the same place, if values go there as they are: any string, and finite numbers from low to high.
	text      *string
	double    *Float
	integer   *Int
	low, high float64
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

// RequestReader reads records of requests, and spans that stand for calls, into one request, as Read and ReadSpan do, in less
// time. It is not safe for concurrent use.
type RequestReader struct {
	request Request
	reader  *Reader
}

// NewRequestReader gives a reader of requests.
func NewRequestReader() *RequestReader {
	r := &RequestReader{}
	r.reader = newReader(&r.request)
	return r
}

// Read reads a record. The request is the reader's own and good until the next one; the error is that of the function Read.
func (r *RequestReader) Read(record plog.LogRecord) (*Request, error) {
	r.request.reset()
	readRecordContext(record, &r.request.Meta)
	return &r.request, r.reader.attributes(record.Attributes())
}

// ReadSpan reads a span. The request is the reader's own and good until the next one; the error is that of the function ReadSpan.
func (r *RequestReader) ReadSpan(span ptrace.Span, resource pcommon.Map) (*Request, error) {
	return &r.request, r.request.readSpan(span, resource, r.reader)
}

// attributes reads the attributes of a record or a span.
func (r *Reader) attributes(attributes pcommon.Map) error {
	var problems []error
	highest, position := 0, -1 // rank among the keys
	for key, value := range attributes.All() {
		position++
		// What most attributes are is dealt with here, without a call. Empty strings and zeros are not: values of other types
		// look like these.
		found := &r.found
		if position < len(r.expected) {
			found = &r.expected[position]
		}
		if found.key != key {
			found = r.look(position, key)
		}
		switch {
		case found.text != nil:
			if text := value.Str(); text != "" {
				*found.text = text
				continue
			}
		case found.double != nil:
			if number := value.Double(); number != 0 && found.low <= number && number <= found.high {
				*found.double = Float{number, true}
				continue
			}
		case found.integer != nil:
			if number := value.Int(); number != 0 && found.low <= float64(number) && float64(number) <= found.high {
				*found.integer = Int{number, true}
				continue
			}
		}
		if found.rank > 0 {
			highest = max(highest, found.rank)
		} else if problem := r.take(found, key, value); problem != nil {
			problems = append(problems, problem)
		}
	}
	for rank := 1; rank <= highest; rank++ {
		problems = append(problems, r.takeRank(rank, attributes)...)
	}
	if problems == nil {
		return nil
	}
	return errors.Join(problems...)
}

// take reads an attribute of rank 0, or one that is not that of a field.
func (r *Reader) take(found *seat, key string, value pcommon.Value) error {
	if found.field == nil {
		return r.table.takeUnknown(r.event, key, value)
	}
	return found.field.take(found.place, value)
}

// takeRank reads the fields that are still absent from the other keys of one rank.
func (r *Reader) takeRank(rank int, attributes pcommon.Map) (problems []error) {
	position := -1
	for key, value := range attributes.All() {
		position++
		known := r.seat(position, key)
		if known.rank != rank || isSet(known.place) {
			continue
		}
		if problem := known.field.take(known.place, value); problem != nil {
			problems = append(problems, problem)
		}
	}
	return problems
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
	r.found.prepare()
	for len(r.expected) <= position {
		r.expected = append(r.expected, seat{})
	}
	r.expected[position] = r.found
}

// prepare sets what values that are taken as they are need.
func (s *seat) prepare() {
	if s.rank > 0 {
		return
	}
	s.low, s.high = s.field.low.Or(-math.MaxFloat64), s.field.high.Or(math.MaxFloat64)
	switch place := s.place.(type) {
	case *string:
		if s.field.takesAnyString() {
			s.text = place
		}
	case *Float:
		s.double = place
	case *Int:
		s.integer = place
	}
}
