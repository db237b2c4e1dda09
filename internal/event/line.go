// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"errors"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// keyLineType is the field that makes a JSON log line an event.
const keyLineType = "event_type"

// Fields that have another name in lines.
var (
	durationField = requestTable.field("duration_s")
	scoreField    = resultTable.field("score")
	judgingField  = resultTable.field("duration_s")
)

// Types of the JSON log lines that applications without an SDK write.
const (
	lineRequestStart          = "request_start"
	lineRequestComplete       = "request_complete"
	lineEvaluation            = "guardian_evaluation"
	lineError                 = "error"
	linePerformanceAlert      = "performance_alert"
	linePredictionStarted     = "prediction_started"
	linePreprocessingComplete = "preprocessing_complete"
	linePredictionComplete    = "prediction_complete"
	linePredictionFailed      = "prediction_failed"
)

// LineFields gives the fields of a JSON log line that was parsed into the attributes
// or the body of a record, and whether it is an event.
func LineFields(record plog.LogRecord) (fields pcommon.Map, lineType string, ok bool) {
	if value, found := record.Attributes().Get(keyLineType); found {
		return record.Attributes(), value.Str(), true
	}
	if record.Body().Type() == pcommon.ValueTypeMap {
		if value, found := record.Body().Map().Get(keyLineType); found {
			return record.Body().Map(), value.Str(), true
		}
	}
	return pcommon.Map{}, "", false
}

// Lines makes events of JSON log lines. The events are its own and good until the
// next call. The zero Lines is ready.
type Lines struct {
	request    Request
	result     Result
	issue      Issue
	prediction Prediction
	failure    Failure
	alert      PerformanceAlert
}

// Read gives the events that a line stands for, through yield: none if its type is
// unknown. Strings are borrowed from the record; the error is that of Read, of the
// event just yielded.
//
// The fields are those of the events, in the spelling of the lines (duration,
// success, issues_detected and the like).
func (l *Lines) Read(record plog.LogRecord, fields pcommon.Map, lineType string, yield func(Event, error)) {
	switch lineType {
	case lineRequestStart, lineRequestComplete:
		l.readRequest(record, fields, lineType, yield)
	case lineEvaluation:
		l.readEvaluation(record, fields, yield)
	case linePredictionStarted, linePredictionComplete, linePredictionFailed:
		l.readPrediction(record, fields, lineType, yield)
	case lineError:
		err := l.begin(record, fields, &l.failure)
		l.failure.Context = nil // the field error of a line says the message, context is free text
		if l.failure.ErrorMessage == "" {
			l.failure.ErrorMessage = first(fields, "error")
		}
		if l.failure.Specialist.Type == "" && l.failure.GuardianType == "" {
			l.failure.Specialist.Type = l.failure.Component
		}
		yield(&l.failure, err)
	case linePerformanceAlert:
		yield(&l.alert, l.begin(record, fields, &l.alert))
	case linePreprocessingComplete: // a step within a prediction: nothing is counted
	}
}

// begin reads what every line has.
func (l *Lines) begin(record plog.LogRecord, fields pcommon.Map, e Event) error {
	e.reset()
	readRecordContext(record, e.Common())
	return ReadAttributes(fields, e)
}

func (l *Lines) readRequest(record plog.LogRecord, fields pcommon.Map, lineType string, yield func(Event, error)) {
	r := &l.request
	err := l.begin(record, fields, r)
	r.Phase = PhaseComplete
	if lineType == lineRequestStart {
		r.Phase = PhaseStart
	}
	err = errors.Join(err, lineNumber(fields, "duration", durationField, &r.Duration))
	if r.Specialist.Type == "" && r.Model.Name == "" {
		r.Specialist.Type = first(fields, "component")
	}
	if r.Status == "" {
		status, problem := lineStatus(fields)
		r.Status, err = status, errors.Join(err, problem)
	}
	if r.Status == StatusError && r.ErrorType == "" {
		r.ErrorType = "_OTHER"
	}
	yield(r, err)
}

// lineNumber reads a number of a line into a field that has another name there, if it is
// absent. Parsers of lines often leave numbers as text.
func lineNumber(fields pcommon.Map, name string, f *field, into *Float) error {
	value, ok := fields.Get(name)
	if !ok || into.Set {
		return nil
	}
	if value.Type() == pcommon.ValueTypeStr {
		number, err := strconv.ParseFloat(value.Str(), 64)
		if err != nil {
			return f.problem(CodeWrongType, "must be a number")
		}
		value = pcommon.NewValueDouble(number)
	}
	return f.takeDouble(into, value)
}

// lineStatus reads success, a bool or its text. Without it, a line with an error failed.
func lineStatus(fields pcommon.Map) (string, error) {
	value, ok := fields.Get("success")
	if !ok {
		if first(fields, "error", "error_type", "error.type") != "" {
			return StatusError, nil
		}
		return "", nil
	}
	success, err := strconv.ParseBool(value.AsString())
	switch {
	case err != nil:
		return "", &Problem{Code: CodeWrongType, Pointer: "/success", Message: "must be a bool"}
	case success:
		return StatusSuccess, nil
	default:
		return StatusError, nil
	}
}

func (l *Lines) readEvaluation(record plog.LogRecord, fields pcommon.Map, yield func(Event, error)) {
	r := &l.result
	err := l.begin(record, fields, r)
	if r.Name == "" {
		r.Name = "quality" // what evaluation_score has always meant in these lines
	}
	err = errors.Join(err,
		lineNumber(fields, "evaluation_score", scoreField, &r.Score),
		lineNumber(fields, "duration", judgingField, &r.Duration))
	if r.Target.none() {
		r.Target.RequestID = r.RequestID
	}
	yield(r, err)
	l.readIssues(fields, yield)
}

// readIssues yields the issues of an evaluation line: a list of names or of objects
// with type and severity. A bare count names no type and gives none.
func (l *Lines) readIssues(fields pcommon.Map, yield func(Event, error)) {
	issues, ok := fields.Get("issues_detected")
	if !ok || issues.Type() != pcommon.ValueTypeSlice {
		return
	}
	for i := range issues.Slice().Len() {
		l.issue = Issue{Meta: l.result.Meta, Judgement: l.result.Judgement}
		l.issue.Part = int64(i + 1)
		switch issue := issues.Slice().At(i); issue.Type() {
		case pcommon.ValueTypeStr:
			l.issue.Category = issue.Str()
		case pcommon.ValueTypeMap:
			l.issue.Category = first(issue.Map(), "issue_type", "type", "category")
			l.issue.SeverityName = first(issue.Map(), "severity")
		}
		if l.issue.Category != "" {
			yield(&l.issue, nil)
		}
	}
}

func (l *Lines) readPrediction(record plog.LogRecord, fields pcommon.Map, lineType string, yield func(Event, error)) {
	if lineType == linePredictionStarted {
		r := &l.request
		err := l.begin(record, fields, r)
		r.Phase = PhaseStart
		yield(r, err)
		return
	}
	p := &l.prediction
	err := l.begin(record, fields, p)
	if p.PredictionID == "" {
		p.PredictionID = p.RequestID
	}
	if value, ok := fields.Get("prediction"); ok && p.Predicted.none() {
		switch value.Type() {
		case pcommon.ValueTypeDouble, pcommon.ValueTypeInt:
			_ = predictionTable.field("predicted.value").takeDouble(&p.Predicted.Value, value) // stays absent if it is not finite
		default:
			p.Predicted.Class = value.AsString()
		}
	}
	r := &l.request
	requestErr := l.begin(record, fields, r)
	r.Phase, r.Duration = PhaseComplete, milliseconds(p.Latency)
	if lineType == linePredictionFailed {
		p.Outcome, r.Phase, r.Status = StatusError, PhaseFailed, StatusError
		if r.ErrorType == "" {
			r.ErrorType = "_OTHER"
		}
	}
	r.Specialist = Specialist{} // a prediction line speaks of a model alone
	yield(p, err)
	if r.RequestID != "" {
		yield(r, requestErr)
	}
}

func milliseconds(latency Float) Float {
	if !latency.Set {
		return latency
	}
	return Some(latency.Value / 1000)
}
