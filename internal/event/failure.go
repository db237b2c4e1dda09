// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "go.opentelemetry.io/collector/pdata/plog"

// Failure is an error of a specialist, a guardian or another component: the JSON
// type error.
type Failure struct {
	Meta
	Component               string
	Specialist              Specialist
	GuardianType            string
	Model                   Model
	Endpoint                string
	ErrorType, ErrorMessage string
	SeverityName            string
	Context                 Attributes
}

// Severity implements Event.
func (f *Failure) Severity() plog.SeverityNumber {
	return severityNumber(f.SeverityName, plog.SeverityNumberError)
}

func (f *Failure) reset()      { *f = Failure{Context: f.Context[:0]} }
func (*Failure) table() *table { return failureTable }

var failureTable = newTable(TypeError, NameError, func() Event { return new(Failure) }, checkFailure, join(
	metaFields(requestIDOptional),
	fields{
		text("component", "what failed", func(f *Failure) *string { return &f.Component }),
		text("guardian_type", "kind of the guardian that failed", func(f *Failure) *string { return &f.GuardianType }).as("guardian_type", "guardian.type").path("guardian.type"),
	},
	specialistFields(func(f *Failure) *Specialist { return &f.Specialist }),
	modelFields(func(f *Failure) *Model { return &f.Model }),
	fields{
		text("endpoint", "route or method that was called", func(f *Failure) *string { return &f.Endpoint }),
		text("error_type", "class of the error, of low cardinality", func(f *Failure) *string { return &f.ErrorType }).as("error.type", "error_type").needed(),
		text("error_message", "what the error said; secrets in it are masked", func(f *Failure) *string { return &f.ErrorMessage }).as("error.message", "error_message", "exception.message").message(),
		text("severity", "how bad it is", func(f *Failure) *string { return &f.SeverityName }).oneOf(severities...),
		open("context", "what else is known: names and values", func(f *Failure) *Attributes { return &f.Context }),
	},
), shorthand{"guardian": "guardian_type", "model": "model.name"})

func checkFailure(e Event) *Problem {
	f := e.(*Failure)
	if f.Component == "" && f.Specialist.Type == "" && f.Specialist.ID == "" && f.GuardianType == "" && f.Model.Name == "" {
		return &Problem{Code: CodeMissingField, Pointer: "/component", Message: "an error needs component, specialist, guardian_type or model"}
	}
	return nil
}

// PerformanceAlert says that a figure has passed a limit which the application
// itself watches.
type PerformanceAlert struct {
	Meta
	Metric           string
	Value, Threshold Float
	Component        string
	SeverityName     string
	Specialist       Specialist
	Model            Model
	Message          string
}

// Severity implements Event.
func (a *PerformanceAlert) Severity() plog.SeverityNumber {
	return severityNumber(a.SeverityName, plog.SeverityNumberWarn)
}

func (a *PerformanceAlert) reset()      { *a = PerformanceAlert{} }
func (*PerformanceAlert) table() *table { return performanceAlertTable }

var performanceAlertTable = newTable(TypePerformanceAlert, NamePerformanceAlert, func() Event { return new(PerformanceAlert) }, nil, join(
	metaFields(requestIDOptional),
	fields{
		text("metric", "which figure", func(a *PerformanceAlert) *string { return &a.Metric }).needed(),
		double("value", "what it was", func(a *PerformanceAlert) *Float { return &a.Value }).needed(),
		double("threshold", "what it should not pass", func(a *PerformanceAlert) *Float { return &a.Threshold }),
		text("component", "whose figure it is", func(a *PerformanceAlert) *string { return &a.Component }),
		text("severity", "how bad it is", func(a *PerformanceAlert) *string { return &a.SeverityName }).oneOf(severities...),
		text("message", "the alert in words; secrets in it are masked", func(a *PerformanceAlert) *string { return &a.Message }).message(),
	},
	specialistFields(func(a *PerformanceAlert) *Specialist { return &a.Specialist }),
	modelFields(func(a *PerformanceAlert) *Model { return &a.Model }),
), shorthand{"model": "model.name"})
