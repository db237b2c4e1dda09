// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Attribute keys of OpenTelemetry's GenAI conventions that decide what a span is.
const (
	keyOperation       = "gen_ai.operation.name"
	keyOldSystem       = "gen_ai.system" // until semantic conventions 1.36
	keyOldRequestType  = "llm.request.type"
	keyRequestModel    = "gen_ai.request.model"
	keySpecialistType  = "specialist.type"
	spanEvaluationName = "guardian_evaluation"
)

// SpanKind says what a span is to this vocabulary.
type SpanKind uint8

// The kinds of a span.
const (
	// SpanOther is a span that says nothing here.
	SpanOther SpanKind = iota
	// SpanInference is one call of a model.
	SpanInference
	// SpanAgent encloses calls of models, or calls a tool: it is no request of its own.
	SpanAgent
	// SpanEvaluation is a guardian's evaluation.
	SpanEvaluation
)

// KindOf tells what a span is by its attributes, in the GenAI conventions' older
// and newer spelling.
func KindOf(span ptrace.Span) SpanKind {
	attributes := span.Attributes()
	operation, ok := attributes.Get(keyOperation)
	if !ok {
		operation, ok = attributes.Get(keyOldRequestType)
	}
	if ok {
		switch operation.Str() {
		case "chat", "text_completion", "generate_content", "embeddings", "completion", "embedding", "responses":
			return SpanInference
		default:
			return SpanAgent
		}
	}
	if span.Name() == spanEvaluationName {
		return SpanEvaluation
	}
	_, system := attributes.Get(keyOldSystem)
	if _, model := attributes.Get(keyRequestModel); model && system {
		return SpanInference
	}
	return SpanOther
}

// ReadSpan fills the request from a span that stands for one call: its attributes,
// its duration, its status, and what of the specialist its resource says. Strings are
// borrowed. The error is that of Read.
func ReadSpan(span ptrace.Span, resource pcommon.Map, r *Request) error {
	return r.readSpan(span, resource, &Reader{event: r, table: requestTable})
}

func (r *Request) readSpan(span ptrace.Span, resource pcommon.Map, by *Reader) error {
	r.reset()
	readSpanContext(span, &r.Meta)
	err := by.attributes(span.Attributes())
	r.Phase = PhaseComplete
	r.Duration = spanDuration(span)
	if r.Endpoint == "" {
		r.Endpoint = first(span.Attributes(), "http.route", "rpc.method")
	}
	if r.Endpoint == "" {
		r.Endpoint = r.Operation
	}
	if r.Specialist.Type == "" {
		r.Specialist.Type = first(resource, keySpecialistType)
	}
	r.Status, r.ErrorType = spanStatus(span, r.ErrorType)
	return err
}

// ReadEvaluationSpan fills the result from a span guardian_evaluation.
func ReadEvaluationSpan(span ptrace.Span, r *Result) error {
	r.reset()
	readSpanContext(span, &r.Meta)
	err := ReadAttributes(span.Attributes(), r)
	if score, ok := span.Attributes().Get("evaluation.score"); ok && !r.Score.Set {
		if problem := resultTable.field("score").takeDouble(&r.Score, score); problem != nil {
			err = problem
		}
	}
	r.Duration = spanDuration(span)
	if status, errorType := spanStatus(span, r.ErrorType); status == StatusError {
		r.ErrorType = errorType
	}
	return err
}

func readSpanContext(span ptrace.Span, meta *Meta) {
	meta.Time = span.EndTimestamp().AsTime()
	meta.TraceID, meta.SpanID, meta.Flags = span.TraceID(), span.SpanID(), span.Flags()
}

// spanDuration is absent where the span ends before it starts.
func spanDuration(span ptrace.Span) Float {
	if span.EndTimestamp() < span.StartTimestamp() || span.StartTimestamp() == 0 {
		return Float{}
	}
	return Some(float64(span.EndTimestamp()-span.StartTimestamp()) / 1e9)
}

// spanStatus gives status and error type; "_OTHER" is what OpenTelemetry calls an
// error without a type.
func spanStatus(span ptrace.Span, errorType string) (status, kind string) {
	if span.Status().Code() != ptrace.StatusCodeError && errorType == "" {
		return StatusSuccess, ""
	}
	if errorType == "" {
		errorType = "_OTHER"
	}
	return StatusError, errorType
}

// first gives the first of the attributes that is there, as text.
func first(attributes pcommon.Map, keys ...string) string {
	for _, key := range keys {
		if value, ok := attributes.Get(key); ok && value.Type() == pcommon.ValueTypeStr {
			return value.Str()
		}
	}
	return ""
}

// IsTimeout reports whether an error type means that something took too long.
func IsTimeout(errorType string) bool {
	switch strings.ToLower(errorType) {
	case "timeout", "timeouterror", "deadline_exceeded", "deadlineexceeded", "504":
		return true
	default:
		return false
	}
}
