// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"strconv"
	"strings"
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
	keys      *keyMaker
}

func newIdentities(config DuplicatesConfig, keys *keyMaker) *identities {
	return &identities{keys: keys, table: duplicates.NewTable(duplicates.Settings{TTL: config.Window, Limit: config.Limit})}
}

// identityKind tells identities apart that have the same parts. The numbers are part of what is remembered over a restart.
type identityKind byte

const (
	ofEvent identityKind = iota
	ofContent
	ofSpan
	ofResponse
	ofRequestEvent
	ofRequestSpan
	ofStart
	ofError
	ofEnclosing
	ofJoinedRequest
	ofJoinedResponse
	ofJoinedSpan
	ofEvaluationEvent
	ofEvaluationSpan
)

// first reports whether the key was not known, and remembers it.
func (s *identities) first(key duplicates.Key, now time.Time) bool { return s.table.Admit(key, now) }

// known reports whether the key is known, and does not remember it.
func (s *identities) known(key duplicates.Key, now time.Time) bool { return s.table.Knows(key, now) }

// identity is what an event is known by, if anything.
type identity struct {
	key   duplicates.Key
	known bool
}

func (s *identities) of(kind identityKind, parts ...string) identity {
	return identity{s.keys.of(kind, parts...), true}
}

// identify gives the identity of an event of a log record.
func (s *identities) identify(ev event.Event, record plog.LogRecord) identity {
	if request, ok := ev.(*event.Request); ok && request.RequestID != "" {
		return s.of(kindOf(request), request.RequestID)
	}
	meta := ev.Common()
	if meta.ID != "" {
		return s.of(ofEvent, meta.Source, meta.ID, event.NameOf(ev), strconv.FormatInt(meta.Part, 10))
	}
	if id := ownID(ev); id != "" {
		return s.of(ofEvent, event.NameOf(ev), id, strconv.FormatInt(meta.Part, 10))
	}
	if record.TraceID().IsEmpty() || record.SpanID().IsEmpty() {
		return identity{} // Nothing tells it from another one that says the same.
	}
	return s.ofContent(event.NameOf(ev), record)
}

// kindOf gives the kind of the identity that an event of a request with an id has.
func kindOf(request *event.Request) identityKind {
	if request.Phase == event.PhaseStart {
		return ofStart
	}
	return ofRequestEvent
}

// ownID gives the id that the fields of an event have, "" if they identify nothing.
func ownID(ev event.Event) string {
	switch ev := ev.(type) {
	case *event.Result:
		if ev.EvaluationID != "" {
			return ev.EvaluationID + "\x00" + ev.Name
		}
		return ""
	case *event.Issue:
		return ev.IssueID
	default:
		return event.NaturalID(ev)
	}
}

// evaluationAgain reports whether an evaluation was counted before in the other form,
// of which kind is. The event and the span guardian_evaluation of one evaluation have
// no id in common but the trace: they are one if guardian and specialist are the same too.
func (s *identities) evaluationAgain(kind identityKind, r *event.Result, now time.Time) bool {
	return s.withSpans && !r.TraceID.IsEmpty() && s.known(s.evaluationKey(kind, r), now)
}

// evaluated remembers that an evaluation was counted in one form.
func (s *identities) evaluated(kind identityKind, r *event.Result, now time.Time) {
	if s.withSpans && !r.TraceID.IsEmpty() {
		s.first(s.evaluationKey(kind, r), now)
	}
}

func (s *identities) evaluationKey(kind identityKind, r *event.Result) duplicates.Key {
	return s.keys.of(kind, string(r.TraceID[:]), r.GuardianType, r.Specialist.ID)
}

// asSpan reports whether a request that has ended was counted before as a span, and remembers the event.
func (s *identities) asSpan(request *event.Request, now time.Time) bool {
	if !s.withSpans || request.RequestID == "" || request.Phase == event.PhaseStart {
		return false
	}
	again := s.known(s.keys.of(ofRequestSpan, request.RequestID), now)
	return s.callAgain(request, now) || again
}

// callKeys are the keys of what a call of a model is known by besides its request: its response and its span; noKey where
// that is not known.
type callKeys [2]duplicates.Key

func (s *identities) callKeys(request *event.Request) (keys callKeys) {
	if request.ResponseID != "" {
		keys[0] = s.keys.of(ofResponse, request.ResponseID)
	}
	if !request.TraceID.IsEmpty() && !request.SpanID.IsEmpty() {
		keys[1] = s.keys.ofSpan(ofSpan, request.TraceID, request.SpanID)
	}
	return keys
}

// callAgain reports whether the response or the span of a call is known, and
// remembers both.
func (s *identities) callAgain(request *event.Request, now time.Time) bool {
	again := false
	for _, key := range s.callKeys(request) {
		if key != noKey {
			again = !s.first(key, now) || again
		}
	}
	return again
}

// spanAgain reports whether a call that a span stands for was counted before: the
// same span, one with the same response, one that encloses another call, or one of a
// request whose event was counted. Several spans of one request are several calls.
func (s *identities) spanAgain(request *event.Request, now time.Time) bool {
	again := s.callAgain(request, now)
	if s.known(s.keys.ofSpan(ofEnclosing, request.TraceID, request.SpanID), now) {
		again = true
	}
	if request.RequestID != "" {
		again = s.known(s.keys.of(ofRequestEvent, request.RequestID), now) || again
		if !again {
			s.first(s.keys.of(ofRequestSpan, request.RequestID), now)
		}
	}
	return again
}

func (s *identities) spanSeen(trace pcommon.TraceID, span pcommon.SpanID, now time.Time) bool {
	return !s.first(s.keys.ofSpan(ofSpan, trace, span), now)
}

// encloses notes that a span has a call of a model below it.
func (s *identities) encloses(trace pcommon.TraceID, parent pcommon.SpanID, now time.Time) {
	s.first(s.keys.ofSpan(ofEnclosing, trace, parent), now)
}

// A failed request and the error events that name it are one error, whatever they call
// it; error events alone are as many errors as they name types.
const (
	ofAnyError = "\x00any"
	ofFailure  = "\x00failed"
)

// failureAgain reports whether the failure of a request, or of its evaluation, was
// counted before, as itself or as an error event, and remembers it.
func (s *identities) failureAgain(requestID, whose string, now time.Time) bool {
	if requestID == "" {
		return false
	}
	s.first(s.keys.of(ofError, requestID, whose, ofFailure), now)
	return !s.first(s.keys.of(ofError, requestID, whose, ofAnyError), now)
}

// errorAgain does the same for an error event.
func (s *identities) errorAgain(requestID, whose, errorType string, now time.Time) bool {
	if requestID == "" {
		return false
	}
	if s.known(s.keys.of(ofError, requestID, whose, ofFailure), now) {
		return true
	}
	s.first(s.keys.of(ofError, requestID, whose, ofAnyError), now)
	return !s.first(s.keys.of(ofError, requestID, whose, strings.ToLower(errorType)), now)
}

// ended reports whether the end of a request that starts has come before, as an event or as a span.
func (s *identities) ended(start *event.Request, now time.Time) bool {
	if s.known(s.keys.of(ofRequestEvent, start.RequestID), now) {
		return true
	}
	if !s.withSpans {
		return false
	}
	for _, key := range s.callKeys(start) {
		if key != noKey && s.known(key, now) {
			return true
		}
	}
	return s.known(s.keys.of(ofRequestSpan, start.RequestID), now)
}

// ofContent is the identity of a record that has no id of its own, but a span: a
// retry repeats it to the last attribute and nanosecond.
func (s *identities) ofContent(name string, record plog.LogRecord) identity {
	trace, span := record.TraceID(), record.SpanID()
	content := make([]byte, 0, 512)
	for key, value := range record.Attributes().All() {
		content = append(append(content, key...), 0)
		content = append(append(content, value.AsString()...), 0)
	}
	if record.Body().Type() == pcommon.ValueTypeMap {
		content = append(content, record.Body().AsString()...)
	}
	return s.of(ofContent, name, string(trace[:]), string(span[:]),
		strconv.FormatUint(uint64(record.Timestamp()), 10), string(content))
}
