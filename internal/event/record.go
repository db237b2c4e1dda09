// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
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

	var room [64]given // more fields are possible, and cost an allocation
	fields, count := t.given(e, room[:0])
	attributes := record.Attributes()
	attributes.EnsureCapacity(count)
	putText(attributes, KeyID, meta.ID)
	putText(attributes, KeySource, meta.Source)
	putText(attributes, KeySubject, meta.Subject)
	if meta.Part > 0 {
		attributes.PutInt(KeyPart, meta.Part)
	}
	for i := range fields {
		fields[i].put(attributes)
	}
}

// given is a field that an event has.
type given struct {
	*field
	value any // what field.at gives
}

// given appends the fields that stand on the event's record, and counts its
// attributes, or a few more.
func (t *table) given(e Event, dst []given) (fields []given, attributes int) {
	const ofMeta = 4
	attributes = ofMeta
	for i := range t.fields {
		f := &t.fields[i]
		value := f.at(e)
		if f.key == "" || !isSet(value) {
			continue
		}
		dst = append(dst, given{f, value})
		if open, ok := value.(*Attributes); ok {
			attributes += len(*open)
		} else {
			attributes++
		}
	}
	return dst, attributes
}

func putText(attributes pcommon.Map, key, value string) {
	if value != "" {
		attributes.PutStr(key, value)
	}
}

// put writes the field as an attribute, or as one for each entry.
func (g *given) put(attributes pcommon.Map) {
	switch v := g.value.(type) {
	case *string:
		if g.speaker != "" {
			putMessage(attributes, g.key, g.speaker, *v)
			return
		}
		attributes.PutStr(g.key, *v)
	case *Float:
		attributes.PutDouble(g.key, v.Value)
	case *Int:
		attributes.PutInt(g.key, v.Value)
	case *Bool:
		attributes.PutBool(g.key, v.Value)
	case *[]string:
		slice := attributes.PutEmptySlice(g.key)
		slice.EnsureCapacity(len(*v))
		for _, s := range *v {
			slice.AppendEmpty().SetStr(s)
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
	readRecordContext(record, e.Common())
	return ReadAttributes(record.Attributes(), e)
}

func readRecordContext(record plog.LogRecord, meta *Meta) {
	switch {
	case record.Timestamp() != 0:
		meta.Time = record.Timestamp().AsTime()
	case record.ObservedTimestamp() != 0:
		meta.Time = record.ObservedTimestamp().AsTime()
	}
	meta.TraceID, meta.SpanID, meta.Flags = record.TraceID(), record.SpanID(), uint32(record.Flags())
}

// ReadAttributes is Read for attributes alone; it does not empty the event first.
func ReadAttributes(attributes pcommon.Map, e Event) error {
	once := Reader{event: e, table: e.table()}
	return once.attributes(attributes)
}

// takeUnknown reads an attribute whose key is not that of a field: one that every
// event may have, or one of an open field.
func (t *table) takeUnknown(e Event, key string, value pcommon.Value) error {
	meta := e.Common()
	switch key {
	case KeyID:
		return takeMeta(key, &meta.ID, value)
	case KeySource:
		return takeMeta(key, &meta.Source, value)
	case KeySubject:
		return takeMeta(key, &meta.Subject, value)
	case KeyPart:
		if value.Type() != pcommon.ValueTypeInt || value.Int() < 0 {
			return &Problem{Code: CodeWrongType, Pointer: "/" + key, Message: "must be an integer of at least 0"}
		}
		meta.Part = value.Int()
		return nil
	default:
		return t.takeOpen(e, key, value)
	}
}

func takeMeta(key string, into *string, value pcommon.Value) error {
	if value.Type() != pcommon.ValueTypeStr {
		return &Problem{Code: CodeWrongType, Pointer: "/" + key, Message: "must be a string"}
	}
	*into = value.Str()
	return nil
}

// takeOpen adds an attribute to the open field that its key belongs to, if any.
func (t *table) takeOpen(e Event, key string, value pcommon.Value) error {
	for _, f := range t.opens {
		if !f.opens(key) || value.Type() == pcommon.ValueTypeEmpty {
			continue
		}
		attributes := f.at(e).(*Attributes)
		*attributes = append(*attributes, Attribute{Key: key})
		problem := (*attributes)[len(*attributes)-1].Value.from(value)
		if problem != "" {
			*attributes = (*attributes)[:len(*attributes)-1]
			return f.problem(CodeWrongType, problem)
		}
	}
	return nil
}

// opens reports whether a key is that of an entry of the open field.
func (f *field) opens(key string) bool {
	end := len(f.key)
	return len(key) > end+1 && key[end] == '.' && key[:end] == f.key
}

func (f *field) problem(code Code, message string) *Problem {
	return &Problem{Code: code, Pointer: "/" + strings.ReplaceAll(f.name, ".", "/"), Message: message}
}

// take reads the field, which lies at a place, from the value of an attribute.
func (f *field) take(place any, value pcommon.Value) error {
	kind := value.Type()
	if kind == pcommon.ValueTypeEmpty {
		return nil
	}
	switch v := place.(type) {
	case *string:
		if kind == pcommon.ValueTypeStr {
			return f.takeString(v, value.Str())
		}
		return f.takeText(v, value)
	case *Float:
		return f.takeDouble(v, value)
	case *Int:
		number := value.Int()
		if kind == pcommon.ValueTypeDouble && value.Double() == math.Trunc(value.Double()) && math.Abs(value.Double()) < 1<<63 {
			number = int64(value.Double())
		} else if kind != pcommon.ValueTypeInt {
			return f.problem(CodeWrongType, "must be an integer")
		}
		if problem := f.inRange(float64(number)); problem != nil {
			return problem
		}
		*v = Some(number)
	case *Bool:
		if kind != pcommon.ValueTypeBool {
			return f.problem(CodeWrongType, "must be a bool")
		}
		*v = Some(value.Bool())
	case *[]string:
		return f.takeTexts(v, value)
	}
	return nil
}

func (f *field) takeString(v *string, value string) error {
	s, ok := f.normal(value)
	if !ok {
		return f.problem(CodeInvalidValue, "must be one of "+strings.Join(f.enum, ", "))
	}
	if f.format != "" && !isTime(s) {
		return f.problem(CodeInvalidValue, notATime)
	}
	*v = s
	return nil
}

// takesAnyString reports whether takeString does nothing but assign.
func (f *field) takesAnyString() bool { return len(f.enum) == 0 && f.format == "" }

// takeText reads a text from a value that is no string.
func (f *field) takeText(v *string, value pcommon.Value) error {
	switch {
	case f.speaker != "" && value.Type() == pcommon.ValueTypeSlice:
		*v = messageText(value.Slice())
	case f.takesAnyScalar:
		return f.takeScalar(v, value)
	default:
		return f.problem(CodeWrongType, "must be a string")
	}
	return nil
}

// takeScalar reads a string that may be written as a number or a bool.
func (f *field) takeScalar(v *string, value pcommon.Value) error {
	switch value.Type() {
	case pcommon.ValueTypeInt, pcommon.ValueTypeBool:
	case pcommon.ValueTypeDouble:
		if !isFinite(value.Double()) {
			return f.problem(CodeInvalidValue, notFinite)
		}
	default:
		return f.problem(CodeWrongType, "must be a string, a number or a bool")
	}
	*v = value.AsString()
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
	if !isFinite(number) {
		return f.problem(CodeInvalidValue, notFinite)
	}
	if problem := f.inRange(number); problem != nil {
		return problem
	}
	*v = Some(number)
	return nil
}

func (f *field) takeTexts(v *[]string, value pcommon.Value) error {
	*v = (*v)[:0]
	if value.Type() != pcommon.ValueTypeSlice {
		return f.problem(CodeWrongType, "must be a list of strings")
	}
	for i := range value.Slice().Len() {
		if value.Slice().At(i).Type() != pcommon.ValueTypeStr {
			*v = (*v)[:0]
			return f.problem(CodeWrongType, "must be a list of strings")
		}
		*v = append(*v, value.Slice().At(i).Str())
	}
	return nil
}

// messageText gives the first text of a list of chat messages, "" if there is none.
func messageText(messages pcommon.Slice) string {
	for i := range messages.Len() {
		if messages.At(i).Type() != pcommon.ValueTypeMap {
			continue
		}
		parts, ok := messages.At(i).Map().Get("parts")
		if !ok || parts.Type() != pcommon.ValueTypeSlice {
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
