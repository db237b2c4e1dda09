// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func formatInt(i int64) string { return strconv.FormatInt(i, 10) }

// Append writes the event to logs: one record, or those of an evaluation. It sets
// event name, time, observed time, severity, trace context and attributes.
func Append(e Event, observed pcommon.Timestamp, logs plog.LogRecordSlice) {
	if evaluation, ok := e.(*Evaluation); ok {
		evaluation.Records(func(part Event) bool {
			appendRecord(part, observed, logs.AppendEmpty())
			return true
		})
		return
	}
	appendRecord(e, observed, logs.AppendEmpty())
}

func appendRecord(e Event, observed pcommon.Timestamp, record plog.LogRecord) {
	t, meta := e.table(), e.Common()
	record.SetEventName(t.eventName)
	record.SetSeverityNumber(e.Severity())
	record.SetObservedTimestamp(observed)
	record.SetTimestamp(observed)
	if !meta.Time.IsZero() {
		record.SetTimestamp(pcommon.NewTimestampFromTime(meta.Time))
	}
	record.SetTraceID(meta.TraceID)
	record.SetSpanID(meta.SpanID)
	record.SetFlags(plog.LogRecordFlags(meta.Flags))

	attributes := record.Attributes()
	attributes.EnsureCapacity(16)
	putText(attributes, KeyID, meta.ID)
	putText(attributes, KeySource, meta.Source)
	putText(attributes, KeySubject, meta.Subject)
	if meta.Part > 0 {
		attributes.PutInt(KeyPart, meta.Part)
	}
	for i := range t.fields {
		t.fields[i].put(e, attributes)
	}
}

func putText(attributes pcommon.Map, key, value string) {
	if value != "" {
		attributes.PutStr(key, value)
	}
}

// put writes the field as an attribute, if the event has it.
func (f *field) put(e Event, attributes pcommon.Map) {
	if f.key == "" {
		return
	}
	switch v := f.at(e).(type) {
	case *string:
		if f.speaker != "" {
			putMessage(attributes, f.key, f.speaker, *v)
			return
		}
		putText(attributes, f.key, *v)
	case *Float:
		if v.Set {
			attributes.PutDouble(f.key, v.Value)
		}
	case *Int:
		if v.Set {
			attributes.PutInt(f.key, v.Value)
		}
	case *Bool:
		if v.Set {
			attributes.PutBool(f.key, v.Value)
		}
	case *[]string:
		if len(*v) > 0 {
			slice := attributes.PutEmptySlice(f.key)
			for _, s := range *v {
				slice.AppendEmpty().SetStr(s)
			}
		}
	case *Attributes:
		for i := range *v {
			(*v)[i].Value.to(attributes.PutEmpty((*v)[i].Key))
		}
	}
}

// putMessage writes a text as OpenTelemetry has it: a list of chat messages of
// parts, here one of one.
func putMessage(attributes pcommon.Map, key, speaker, content string) {
	if content == "" {
		return
	}
	message := attributes.PutEmptySlice(key).AppendEmpty().SetEmptyMap()
	message.PutStr("role", speaker)
	part := message.PutEmptySlice("parts").AppendEmpty().SetEmptyMap()
	part.PutStr("type", "text")
	part.PutStr("content", content)
}

// New gives an empty event for the event name of a log record, or nil if this
// vocabulary does not have it.
func New(eventName string) Event {
	if t, ok := byEventName[eventName]; ok {
		return t.new()
	}
	return nil
}

var byEventName = map[string]*table{}

func init() {
	for _, t := range []*table{
		requestTable, resultTable, issueTable, improvementTable, predictionTable, labelTable, failureTable,
		performanceAlertTable, workloadTable, detectionTable, mappingTable, violationTable,
	} {
		byEventName[t.eventName] = t
	}
}

// Read fills the event from a log record, whatever the event held before. Strings
// are borrowed from the record. Attributes that the event does not have are left
// alone; one whose value cannot be what the field is (another type, NaN, out of
// range) stays absent and is part of the error, which joins a *Problem for each.
func Read(record plog.LogRecord, e Event) error {
	e.reset()
	meta := e.Common()
	if record.Timestamp() != 0 {
		meta.Time = record.Timestamp().AsTime()
	} else if record.ObservedTimestamp() != 0 {
		meta.Time = record.ObservedTimestamp().AsTime()
	}
	meta.TraceID, meta.SpanID, meta.Flags = record.TraceID(), record.SpanID(), uint32(record.Flags())
	return ReadAttributes(record.Attributes(), e)
}

// ReadAttributes is Read for attributes alone; it does not empty the event first.
func ReadAttributes(attributes pcommon.Map, e Event) error {
	t := e.table()
	var problems []error
	others := false
	for key, value := range attributes.All() {
		if f := t.byKey[key]; f != nil {
			if problem := f.take(e, value); problem != nil {
				problems = append(problems, problem)
			}
			continue
		}
		switch key {
		case KeyID:
			e.Common().ID = value.Str()
		case KeySource:
			e.Common().Source = value.Str()
		case KeySubject:
			e.Common().Subject = value.Str()
		case KeyPart:
			e.Common().Part = value.Int()
		default:
			if t.byOther[key] != nil {
				others = true
				continue
			}
			if problem := t.takeOpen(e, key, value); problem != nil {
				problems = append(problems, problem)
			}
		}
	}
	if others {
		problems = append(problems, t.takeOthers(attributes, e)...)
	}
	return errors.Join(problems...)
}

// takeOthers reads fields from the other keys under which they may stand, where
// their own key was absent.
func (t *table) takeOthers(attributes pcommon.Map, e Event) (problems []error) {
	for i := range t.fields {
		f := &t.fields[i]
		for _, key := range f.otherKeys {
			if f.set(e) {
				break
			}
			if value, ok := attributes.Get(key); ok {
				if problem := f.take(e, value); problem != nil {
					problems = append(problems, problem)
				}
			}
		}
	}
	return problems
}

// takeOpen adds an attribute to the open field that its key belongs to, if any.
func (t *table) takeOpen(e Event, key string, value pcommon.Value) error {
	for _, f := range t.opens {
		name, ok := strings.CutPrefix(key, f.key)
		if !ok || !strings.HasPrefix(name, ".") {
			continue
		}
		v, ok := valueOf(value)
		if !ok {
			return f.problem(CodeWrongType, "must be a string, a number, a bool or a list of these")
		}
		if number, isNumber := v.Number(); isNumber && (math.IsNaN(number) || math.IsInf(number, 0)) {
			return f.problem(CodeInvalidValue, "must be a finite number")
		}
		attributes := f.at(e).(*Attributes)
		*attributes = append(*attributes, Attribute{Key: key, Value: v})
	}
	return nil
}

func (f *field) problem(code Code, message string) *Problem {
	return &Problem{Code: code, Pointer: "/" + strings.ReplaceAll(f.name, ".", "/"), Message: message}
}

// take reads the field from the value of an attribute.
func (f *field) take(e Event, value pcommon.Value) error {
	switch v := f.at(e).(type) {
	case *string:
		return f.takeText(v, value)
	case *Float:
		return f.takeDouble(v, value)
	case *Int:
		number := value.Int()
		if value.Type() == pcommon.ValueTypeDouble && value.Double() == math.Trunc(value.Double()) && math.Abs(value.Double()) < 1<<63 {
			number = int64(value.Double())
		} else if value.Type() != pcommon.ValueTypeInt {
			return f.problem(CodeWrongType, "must be an integer")
		}
		if problem := f.inRange(float64(number)); problem != nil {
			return problem
		}
		*v = Some(number)
	case *Bool:
		if value.Type() != pcommon.ValueTypeBool {
			return f.problem(CodeWrongType, "must be a bool")
		}
		*v = Some(value.Bool())
	case *[]string:
		return f.takeTexts(v, value)
	}
	return nil
}

func (f *field) takeText(v *string, value pcommon.Value) error {
	switch {
	case value.Type() == pcommon.ValueTypeStr:
		s, ok := f.normal(value.Str())
		if !ok {
			return f.problem(CodeInvalidValue, "must be one of "+strings.Join(f.enum, ", "))
		}
		*v = s
	case f.speaker != "":
		*v = messageText(value)
	case f.takesAnyScalar:
		*v = value.AsString()
	default:
		return f.problem(CodeWrongType, "must be a string")
	}
	return nil
}

func (f *field) takeDouble(v *Float, value pcommon.Value) error {
	var number float64
	switch value.Type() {
	case pcommon.ValueTypeDouble:
		number = value.Double()
	case pcommon.ValueTypeInt:
		number = float64(value.Int())
	default:
		return f.problem(CodeWrongType, "must be a number")
	}
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return f.problem(CodeInvalidValue, "must be a finite number")
	}
	if problem := f.inRange(number); problem != nil {
		return problem
	}
	*v = Some(number)
	return nil
}

func (f *field) takeTexts(v *[]string, value pcommon.Value) error {
	if value.Type() != pcommon.ValueTypeSlice {
		return f.problem(CodeWrongType, "must be a list of strings")
	}
	*v = (*v)[:0]
	for i := range value.Slice().Len() {
		if value.Slice().At(i).Type() != pcommon.ValueTypeStr {
			return f.problem(CodeWrongType, "must be a list of strings")
		}
		*v = append(*v, value.Slice().At(i).Str())
	}
	return nil
}

// messageText gives the first text of a list of chat messages, "" if there is none.
func messageText(messages pcommon.Value) string {
	if messages.Type() != pcommon.ValueTypeSlice {
		return ""
	}
	for i := range messages.Slice().Len() {
		message := messages.Slice().At(i)
		if message.Type() != pcommon.ValueTypeMap {
			continue
		}
		parts, _ := message.Map().Get("parts")
		if parts.Type() != pcommon.ValueTypeSlice {
			continue
		}
		for j := range parts.Slice().Len() {
			if part := parts.Slice().At(j); part.Type() == pcommon.ValueTypeMap {
				if content, ok := part.Map().Get("content"); ok && content.Type() == pcommon.ValueTypeStr {
					return content.Str()
				}
			}
		}
	}
	return ""
}

// normal gives the value of an enum in its own spelling, and whether it is one.
func (f *field) normal(s string) (string, bool) {
	if len(f.enum) == 0 {
		return s, true
	}
	for _, value := range f.enum {
		if s == value {
			return value, true
		}
	}
	value, ok := f.spelling[s]
	return value, ok
}

// inRange says what is wrong with a number, or nil.
func (f *field) inRange(number float64) error {
	if problem := f.rangeProblem(number); problem != nil {
		return problem
	}
	return nil
}

func (f *field) rangeProblem(number float64) *Problem {
	switch {
	case f.low.Set && number < f.low.Value && !f.high.Set:
		return f.problem(CodeOutOfRange, "must be at least "+formatFloat(f.low.Value))
	case (f.low.Set && number < f.low.Value) || (f.high.Set && number > f.high.Value):
		return f.problem(CodeOutOfRange, "must be from "+formatFloat(f.low.Value)+" to "+formatFloat(f.high.Value))
	default:
		return nil
	}
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
