// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Names of the events, as they stand in the event name of a log record.
const (
	NameRequest          = "guardian.request"
	NameEvaluationResult = "gen_ai.evaluation.result"
	NameIssue            = "guardian.issue"
	NameImprovement      = "guardian.improvement"
	NamePrediction       = "guardian.prediction"
	NameLabel            = "guardian.label"
	NameError            = "guardian.error"
	NamePerformanceAlert = "guardian.performance_alert"
	NameWorkload         = "guardian.workload"
	NameDetection        = "guardian.detection"
	NameMapping          = "guardian.mapping"
	NameViolation        = "guardian.violation"
)

// Attribute keys that every event may have.
const (
	KeyID            = "guardian.event.id"
	KeySource        = "guardian.event.source"
	KeyPart          = "guardian.event.part"
	KeySubject       = "guardian.event.subject"
	KeyRequestID     = "request_id"
	KeyCorrelationID = "correlation_id"
	KeyTenantID      = "tenant_id"
)

// Type is the JSON type of an event.
type Type string

// The types that a JSON event may have.
const (
	TypeRequest          Type = "request"
	TypeEvaluation       Type = "evaluation"
	TypeImprovement      Type = "improvement"
	TypePrediction       Type = "prediction"
	TypeLabel            Type = "label"
	TypeError            Type = "error"
	TypePerformanceAlert Type = "performance_alert"
	TypeWorkload         Type = "workload"
	TypeDetection        Type = "detection"
	TypeMapping          Type = "mapping"
	TypeViolation        Type = "violation"
)

// Types lists the JSON types in the order in which the documentation names them.
var Types = []Type{
	TypeRequest, TypeEvaluation, TypeImprovement, TypePrediction, TypeLabel, TypeError,
	TypePerformanceAlert, TypeWorkload, TypeDetection, TypeMapping, TypeViolation,
}

// Event is one of the structs of this package: *Request, *Evaluation, *Result,
// *Issue, *Improvement, *Prediction, *Label, *Failure, *PerformanceAlert,
// *Workload, *Detection, *Mapping or *Violation.
type Event interface {
	// Common gives what every event has.
	Common() *Meta
	// Severity is that of the event's log record.
	Severity() plog.SeverityNumber
	table() *table
	reset()
}

// NameOf gives the event name of the event's log record. It is empty for an
// *Evaluation, which is several records.
func NameOf(e Event) string { return e.table().eventName }

// Meta is what every event has, whatever its type.
type Meta struct {
	// ID and Source identify the event: two events with both the same are one
	// event, sent twice (CloudEvents 1.0).
	ID, Source string
	// Subject is the CloudEvents subject, if any.
	Subject string
	// Part counts the records that were made of one event, from 0.
	Part int64
	// Time is when it happened; the zero time if unknown.
	Time time.Time
	// TraceID and SpanID are those of what the event speaks of.
	TraceID pcommon.TraceID
	SpanID  pcommon.SpanID
	Flags   uint32

	RequestID, CorrelationID, TenantID string
}

// Common implements Event.
func (m *Meta) Common() *Meta { return m }

// Optional is a value that may be absent. The zero Optional is.
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some gives an Optional that holds v.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }

// Or gives the value, or the given one where it is absent.
func (o Optional[T]) Or(absent T) T {
	if o.Set {
		return o.Value
	}
	return absent
}

type (
	// Float is a number that may be absent.
	Float = Optional[float64]
	// Int is an integer that may be absent.
	Int = Optional[int64]
	// Bool is true, false or absent.
	Bool = Optional[bool]
)

// Specialist is a model that answers.
type Specialist struct{ ID, Type, Version string }

// Model is a model by name and version.
type Model struct{ Name, Version string }

// Target is what an evaluation or a label speaks of, by any id that its author
// knows. TraceID and SpanID stand in Meta on records.
type Target struct {
	TraceID, SpanID                                    string
	ResponseID, RequestID                              string
	PredictionID, EvaluationID, IssueID, ImprovementID string
	Scope                                              string
}

// none reports whether the target names nothing.
func (t *Target) none() bool {
	return t.TraceID == "" && t.ResponseID == "" && t.RequestID == "" && t.PredictionID == "" && t.EvaluationID == "" && t.IssueID == "" && t.ImprovementID == ""
}

// Usage counts the tokens of a call of a model.
type Usage struct {
	Input, Output, CacheRead, CacheWrite, ReasoningOutput Int
}

// Outcome is a predicted or an actual answer: a class, a number, or both.
type Outcome struct {
	Class string
	Value Float
}

func (o *Outcome) none() bool { return o.Class == "" && !o.Value.Set }

// Severities that an event may name, from the least.
var severities = []string{"info", "low", "medium", "warning", "high", "error", "critical"}

// severityNumber translates a severity that an event names.
func severityNumber(name string, absent plog.SeverityNumber) plog.SeverityNumber {
	switch name {
	case "info", "low":
		return plog.SeverityNumberInfo
	case "medium", "warning":
		return plog.SeverityNumberWarn
	case "high", "error":
		return plog.SeverityNumberError
	case "critical":
		return plog.SeverityNumberFatal
	default:
		return absent
	}
}
