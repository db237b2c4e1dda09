// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// identities remembers what was counted, so that nothing counts twice: an event by
// its id, a span by its trace and span id, and a request by every id that its event and
// its span may share.
type identities struct {
	table *duplicates.Table
	// withSpans is whether spans come too. Without them a request is known by its
	// request id alone.
	withSpans bool
	readers   readers
}

func newIdentities(config DuplicatesConfig) *identities {
	return &identities{table: duplicates.NewTable(duplicates.Settings{TTL: config.Window, Limit: config.Limit})}
}

// Kinds of identities. Each makes keys of its own.
const (
	ofEvent        = "event"
	ofContent      = "content"
	ofSpan         = "span"
	ofResponse     = "response"
	ofRequestEvent = "request/event"
	ofRequestSpan  = "request/span"
	ofStart        = "start"
	ofError        = "error"
	ofEnclosing    = "enclosing"
)

// first reports whether the key was not known, and remembers it.
func (s *identities) first(key duplicates.Key, now time.Time) bool {
	if s.table.Claim(key, now) != duplicates.New {
		return false
	}
	s.table.Commit([]duplicates.Key{key}, now)
	return true
}

// known reports whether the key is known, and does not remember it.
func (s *identities) known(key duplicates.Key, now time.Time) bool {
	if s.table.Claim(key, now) != duplicates.New {
		return true
	}
	s.table.Release(key)
	return false
}

// again reports whether an event of a log record was counted before, and remembers
// it if not.
func (s *identities) again(ev event.Event, record plog.LogRecord, now time.Time) bool {
	if request, ok := ev.(*event.Request); ok && request.RequestID != "" {
		if request.Phase == event.PhaseStart {
			return !s.first(duplicates.KeyOf(ofStart, request.RequestID), now)
		}
		return s.requestAgain(request, now)
	}
	meta := ev.Common()
	if meta.ID != "" {
		return !s.first(duplicates.KeyOf(ofEvent, meta.Source, meta.ID, event.NameOf(ev), strconv.FormatInt(meta.Part, 10)), now)
	}
	if result, ok := ev.(*event.Result); ok && result.EvaluationID != "" {
		return !s.first(duplicates.KeyOf(ofEvent, result.EvaluationID, result.Name, strconv.FormatInt(meta.Part, 10)), now)
	}
	if record.TraceID().IsEmpty() || record.SpanID().IsEmpty() {
		return false // Nothing tells it from another one that says the same.
	}
	return !s.first(contentKey(event.NameOf(ev), record), now)
}

// requestAgain does the same for a request that has ended: it was counted if its
// event was, or its span.
func (s *identities) requestAgain(request *event.Request, now time.Time) bool {
	if !s.first(duplicates.KeyOf(ofRequestEvent, request.RequestID), now) {
		return true
	}
	if !s.withSpans {
		return false
	}
	again := s.known(duplicates.KeyOf(ofRequestSpan, request.RequestID), now)
	return s.callAgain(request, now) || again
}

// callAgain reports whether the response or the span of a call is known, and
// remembers both.
func (s *identities) callAgain(request *event.Request, now time.Time) bool {
	again := false
	if request.ResponseID != "" {
		again = !s.first(duplicates.KeyOf(ofResponse, request.ResponseID), now)
	}
	if !request.TraceID.IsEmpty() && !request.SpanID.IsEmpty() {
		again = s.spanSeen(request.TraceID, request.SpanID, now) || again
	}
	return again
}

// spanAgain reports whether a call that a span stands for was counted before: the
// same span, one with the same response, one that encloses another call, or one of a
// request whose event was counted. Several spans of one request are several calls.
func (s *identities) spanAgain(request *event.Request, now time.Time) bool {
	again := s.callAgain(request, now)
	if s.known(spanKey(ofEnclosing, request.TraceID, request.SpanID), now) {
		again = true
	}
	if request.RequestID != "" {
		again = s.known(duplicates.KeyOf(ofRequestEvent, request.RequestID), now) || again
		if !again {
			s.first(duplicates.KeyOf(ofRequestSpan, request.RequestID), now)
		}
	}
	return again
}

func (s *identities) spanSeen(trace pcommon.TraceID, span pcommon.SpanID, now time.Time) bool {
	return !s.first(spanKey(ofSpan, trace, span), now)
}

// encloses notes that a span has a call of a model below it.
func (s *identities) encloses(trace pcommon.TraceID, parent pcommon.SpanID, now time.Time) {
	if !parent.IsEmpty() {
		s.first(spanKey(ofEnclosing, trace, parent), now)
	}
}

// errorAgain reports whether an error of a request was counted before: a failed
// request and an error event that names it are one error.
func (s *identities) errorAgain(requestID, whose, errorType string, now time.Time) bool {
	return requestID != "" && !s.first(duplicates.KeyOf(ofError, requestID, whose, errorType), now)
}

func spanKey(kind string, trace pcommon.TraceID, span pcommon.SpanID) duplicates.Key {
	return duplicates.KeyOf(kind, string(trace[:]), string(span[:]))
}

// contentKey is the identity of a record that has no id of its own, but a span: a
// retry repeats it to the last attribute and nanosecond.
func contentKey(name string, record plog.LogRecord) duplicates.Key {
	trace, span := record.TraceID(), record.SpanID()
	content := make([]byte, 0, 512)
	for key, value := range record.Attributes().All() {
		content = append(append(content, key...), 0)
		content = append(append(content, value.AsString()...), 0)
	}
	if record.Body().Type() == pcommon.ValueTypeMap {
		content = append(content, record.Body().AsString()...)
	}
	return duplicates.KeyOf(ofContent, name, string(trace[:]), string(span[:]),
		strconv.FormatUint(uint64(record.Timestamp()), 10), string(content))
}
