// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// TypePrefix and TypeSuffix enclose a type's name in CloudEvents, as in
// dev.otelcol-guardian.request.v1.
const (
	TypePrefix = "dev.otelcol-guardian."
	TypeSuffix = ".v1"
)

// Truncated ends a string that was cut.
const Truncated = "…truncated"

// Limits bound what a Decoder makes of an event. Zero fields stand for no limit.
type Limits struct {
	Bytes      int // of the JSON of one event
	Attributes int // values that an event may have, entries of open fields included
	Text       int // bytes of a string; longer ones are cut at a rune and end with Truncated
	Content    int // the same for what people wrote, and for messages of errors
	Depth      int // levels of an event, the event itself being the first
}

// Filter is what is done with texts before they are kept.
type Filter struct {
	// Content gives what to keep of a text that people wrote or that quotes it, and
	// whether to keep it; nil keeps none.
	Content func(string) (string, bool)
	// Message gives what to keep of the message of an error; nil keeps it as it is.
	Message func(string) string
}

// Parent is a trace context.
type Parent struct {
	TraceID pcommon.TraceID
	SpanID  pcommon.SpanID
	Flags   uint32
}

// Decoder reads events from JSON. The events that it returns are its own: they are
// good until the next one is decoded. A Decoder is not safe for concurrent use.
type Decoder struct {
	Limits Limits
	Filter Filter
	// CloudEvents holds envelopes to what CloudEvents 1.0 requires: specversion 1.0,
	// an id and a source.
	CloudEvents bool
	// Unknown counts fields that the event's type does not have; they are dropped.
	Unknown int64
	// Parent is the trace context in which the events came. It is that of events
	// that have none of their own.
	Parent Parent

	json    *jsontext.Decoder
	body    []byte
	input   bytes.Buffer // reads body
	inArray bool
	ended   bool

	events  map[*table]Event
	texts   textCache
	problem *Problem // the first of the event
	prefix  string   // pointer of what is decoded: "" or /data
	list    *node    // the list below it whose elements are decoded, if any
	item    int      // of the list
	values  int
	base    int // depth at which the event begins
	scratch []byte
	key     []byte // of an open field's entry

	// nested decodes data that came before its type.
	nested      *jsontext.Decoder
	nestedInput bytes.Buffer
}

// jsonOptions: names that occur twice are taken as most parsers do, the last one
// counts; looking for them costs more than the rest of the decoding.
var jsonOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true)}

// Reset makes the decoder read body: one JSON object, or an array of objects.
// body must stay unchanged until everything is decoded.
func (d *Decoder) Reset(body []byte) {
	d.body, d.input = body, *bytes.NewBuffer(body)
	if d.json == nil {
		d.json = jsontext.NewDecoder(&d.input, jsonOptions...)
		d.events = map[*table]Event{}
	} else {
		d.json.Reset(&d.input, jsonOptions...)
	}
	d.inArray, d.ended = false, false
}

var (
	errNotEvents = errors.New("must be a JSON object, or an array of them")
	errEmpty     = errors.New("is empty")
)

// Next decodes the next event. With an empty type the JSON is an envelope (id,
// source, type, time, traceparent, data); else it is bare data of that type. The
// error is io.EOF after the last event; a *Problem if this event cannot be
// accepted, after which decoding goes on with the next one; any other error ends the
// body, which is not JSON.
func (d *Decoder) Next(bare Type) (Event, error) {
	if err := d.begin(); err != nil {
		return nil, err
	}
	start := d.json.InputOffset()
	d.problem, d.prefix, d.list, d.values, d.base = nil, "", nil, 0, d.json.StackDepth()
	event, err := d.one(bare)
	if err != nil {
		return nil, d.explain(err)
	}
	switch size := d.json.InputOffset() - start; {
	case d.problem != nil:
		return event, d.problem
	case event == nil:
		return nil, &Problem{Code: CodeWrongType, Message: "an event must be a JSON object"}
	case d.Limits.Bytes > 0 && size > int64(d.Limits.Bytes):
		return event, &Problem{Code: CodeTooLarge, Message: fmt.Sprintf("the event has %d bytes; at most %d are allowed", size, d.Limits.Bytes)}
	}
	if d.finish(event, bare); d.problem != nil {
		return event, d.problem
	}
	return event, nil
}

// begin enters the array, if there is one, and sees whether an event follows.
func (d *Decoder) begin() error {
	if d.ended {
		return d.End()
	}
	if !d.inArray {
		switch d.json.PeekKind() {
		case '[':
			if _, err := d.json.ReadToken(); err != nil {
				return d.explain(err)
			}
			d.inArray = true
		case '{':
			d.ended = true
			return nil
		case 0:
			_, err := d.json.ReadToken()
			if errors.Is(err, io.EOF) {
				return errEmpty
			}
			return d.explain(err)
		default:
			return errNotEvents
		}
	}
	if d.json.PeekKind() == ']' {
		d.ended = true
		if _, err := d.json.ReadToken(); err != nil {
			return d.explain(err)
		}
		return d.End()
	}
	return nil
}

// End returns io.EOF if nothing but white space is left of the body, else what is
// wrong with it.
func (d *Decoder) End() error {
	_, err := d.json.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err == nil:
		return fmt.Errorf("something follows the JSON at byte %d", d.json.InputOffset())
	default:
		return d.explain(err)
	}
}

// explain turns an error of the JSON parser into one that says where.
func (d *Decoder) explain(err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return err
	}
	reason := syntax.Err.Error()
	if errors.Is(syntax.Err, io.ErrUnexpectedEOF) {
		reason = "the JSON ends too early"
	}
	return fmt.Errorf("not JSON at byte %d: %s", syntax.ByteOffset, reason)
}

// one decodes an envelope or bare data. A nil event without an error is not an
// object.
func (d *Decoder) one(bare Type) (Event, error) {
	if d.json.PeekKind() != '{' {
		return nil, d.json.SkipValue()
	}
	if bare != "" {
		t := byType[bare]
		event := d.empty(t)
		return event, d.object(t.root, event)
	}
	return d.envelope()
}

// empty gives the decoder's event of a type, emptied.
func (d *Decoder) empty(t *table) Event {
	event := d.events[t]
	if event == nil {
		event = t.new()
		d.events[t] = event
	}
	event.reset()
	return event
}

var byType = map[Type]*table{}

func init() {
	for _, t := range []*table{
		requestTable, evaluationTable, improvementTable, predictionTable, labelTable, failureTable,
		performanceAlertTable, workloadTable, detectionTable, mappingTable, violationTable,
	} {
		byType[t.typ] = t
	}
}

// ParseType gives the type of a name as it stands in an envelope: request, or
// dev.otelcol-guardian.request.v1.
func ParseType(name string) (Type, bool) {
	if long, ok := strings.CutPrefix(name, TypePrefix); ok {
		if name, ok = strings.CutSuffix(long, TypeSuffix); !ok {
			return "", false
		}
	}
	_, ok := byType[Type(name)]
	return Type(name), ok
}

// NewOf gives an empty event of a JSON type, or nil.
func NewOf(t Type) Event {
	if table := byType[t]; table != nil {
		return table.new()
	}
	return nil
}

// fail notes the first problem of the event; pointer is below what is decoded.
func (d *Decoder) fail(code Code, pointer, message string) {
	if d.problem != nil {
		return
	}
	if d.list != nil {
		pointer = d.list.pointer + "/" + strconv.Itoa(d.item) + pointer
	}
	d.problem = &Problem{Code: code, Pointer: d.prefix + pointer, Message: message}
}

// skip passes over a value, as deep as events may be.
func (d *Decoder) skip() error {
	switch d.json.PeekKind() {
	case '{', '[':
	default:
		return d.json.SkipValue()
	}
	outside := d.json.StackDepth()
	for {
		if _, err := d.json.ReadToken(); err != nil {
			return err
		}
		depth := d.json.StackDepth()
		if depth == outside {
			return nil
		}
		d.deep(depth)
	}
}

// deep notes a problem if the event has too many levels, and reports whether so.
func (d *Decoder) deep(depth int) bool {
	if d.Limits.Depth <= 0 || depth-d.base <= d.Limits.Depth {
		return false
	}
	if d.problem == nil {
		d.problem = &Problem{Code: CodeTooDeep, Message: fmt.Sprintf("the event has more than %d levels", d.Limits.Depth)}
	}
	return true
}

// finish holds the event to the rules of its type and correlates it.
func (d *Decoder) finish(event Event, bare Type) {
	t, meta := event.table(), event.Common()
	d.prefix = ""
	if bare == "" {
		d.prefix = "/data"
	}
	if meta.TraceID.IsEmpty() {
		meta.TraceID, meta.SpanID, meta.Flags = d.Parent.TraceID, d.Parent.SpanID, d.Parent.Flags
	}
	d.required(t, event)
	if t.check != nil {
		d.note(t.check(event))
	}
	d.note(correlate(event))
}

// note takes a problem whose pointer is below data.
func (d *Decoder) note(problem *Problem) {
	if problem != nil {
		d.fail(problem.Code, problem.Pointer, problem.Message)
	}
}
