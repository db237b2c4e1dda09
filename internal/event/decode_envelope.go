// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// envelope is what is known of an event while its envelope is decoded.
type envelope struct {
	meta    Meta
	version string // of CloudEvents
	table   *table // of the type, once it is known
	event   Event  // made of data, once the type is known
	hasData bool
	later   jsontext.Value // data that came before its type
}

// envelope decodes an event in its envelope. Its members may come in any order.
func (d *Decoder) envelope() (Event, error) {
	if _, err := d.json.ReadToken(); err != nil {
		return nil, err
	}
	var e envelope
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadValue()
		if err != nil {
			return nil, err
		}
		if err := d.member(&e, d.unquoted(name)); err != nil {
			return nil, err
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return nil, err
	}
	if d.CloudEvents {
		d.cloudEvent(&e)
	}
	switch {
	case d.problem != nil:
	case e.table == nil:
		d.fail(CodeMissingField, "/type", isRequired)
	case !e.hasData:
		d.fail(CodeMissingField, "/data", isRequired)
	case e.later != nil:
		if err := d.laterData(&e); err != nil {
			return nil, err
		}
	}
	if e.event == nil {
		e.event = &Request{} // only carries the envelope of what is rejected
	}
	e.merge()
	return e.event, nil
}

// cloudEvent notes what CloudEvents requires and is not there; type and data are
// required of every envelope.
func (d *Decoder) cloudEvent(e *envelope) {
	switch {
	case e.version == "":
		d.fail(CodeMissingField, "/specversion", isRequired)
	case e.version != "1.0":
		d.fail(CodeInvalidValue, "/specversion", fmt.Sprintf("is %.20q; must be 1.0", e.version))
	case e.meta.ID == "":
		d.fail(CodeMissingField, "/id", isRequired)
	case e.meta.Source == "":
		d.fail(CodeMissingField, "/source", isRequired)
	}
}

// member decodes a member of the envelope.
func (d *Decoder) member(e *envelope, name []byte) error {
	switch string(name) {
	case "id":
		return d.envelopeText("/id", &e.meta.ID)
	case "source":
		return d.envelopeText("/source", &e.meta.Source)
	case "subject":
		return d.envelopeText("/subject", &e.meta.Subject)
	case "time":
		return d.envelopeTime(&e.meta.Time)
	case "traceparent":
		return d.envelopeTraceparent(&e.meta)
	case "correlation_id":
		return d.envelopeText("/correlation_id", &e.meta.CorrelationID)
	case "correlationid":
		return d.envelopeText("/correlationid", &e.meta.CorrelationID)
	case "specversion":
		return d.envelopeText("/specversion", &e.version)
	case "type":
		return d.envelopeType(e)
	case "data":
		return d.envelopeData(e)
	case "data_base64":
		d.fail(CodeInvalidValue, "/data_base64", "data must be JSON, in data")
		return d.skip()
	default:
		return d.skip() // CloudEvents extensions and attributes that say nothing of use here
	}
}

// stringBytes reads a string, good until the decoder reads on. A null, and with a
// problem what is no string, is passed over: ok is false then.
func (d *Decoder) stringBytes(pointer string) (value []byte, ok bool, err error) {
	if kind := d.json.PeekKind(); kind != '"' {
		if kind != 'n' {
			d.fail(CodeWrongType, pointer, "must be a string")
		}
		return nil, false, d.skip()
	}
	raw, err := d.json.ReadValue()
	if err != nil {
		return nil, false, err
	}
	return d.unquoted(raw), true, nil
}

func (d *Decoder) envelopeText(pointer string, into *string) error {
	value, ok, err := d.stringBytes(pointer)
	if ok {
		*into = cut(string(value), d.Limits.Text)
	}
	return err
}

func (d *Decoder) envelopeTime(into *time.Time) error {
	value, ok, err := d.stringBytes("/time")
	if !ok {
		return err
	}
	switch at, ok := parseTime(value); {
	case !ok:
		d.fail(CodeInvalidValue, "/time", notATime)
	case at.Before(earliest) || at.After(latest):
		d.fail(CodeTimeOutOfRange, "/time", "must lie after 1970 and before 2262")
	default:
		*into = at
	}
	return nil
}

func (d *Decoder) envelopeTraceparent(meta *Meta) error {
	header, ok, err := d.stringBytes("/traceparent")
	if !ok {
		return err
	}
	if meta.TraceID, meta.SpanID, meta.Flags, ok = parseTraceparent(header); !ok {
		d.fail(CodeInvalidValue, "/traceparent", "must be a W3C traceparent such as 00-<32 hex>-<16 hex>-01")
	}
	return nil
}

func (d *Decoder) envelopeType(e *envelope) error {
	name, ok, err := d.stringBytes("/type")
	if !ok {
		d.fail(CodeMissingField, "/type", isRequired)
		return err
	}
	typ, ok := ParseType(d.texts.get(name))
	switch {
	case !ok:
		d.fail(CodeUnknownType, "/type", fmt.Sprintf("there is no type %.100q; types are %s", name, typeNames()))
	case e.table != nil && e.table != byType[typ]:
		d.fail(CodeInvalidValue, "/type", "stands there twice, with two values")
	default:
		e.table = byType[typ]
	}
	return nil
}

func typeNames() string {
	names := make([]string, len(Types))
	for i, t := range Types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

func (d *Decoder) envelopeData(e *envelope) (err error) {
	e.hasData, e.later = true, nil
	switch {
	case d.json.PeekKind() != '{':
		d.fail(CodeWrongType, "/data", "must be an object")
		return d.skip()
	case e.table == nil:
		if e.later, err = d.json.ReadValue(); err == nil {
			e.later = d.body[d.json.InputOffset()-int64(len(e.later)) : d.json.InputOffset()]
		}
		return err
	default:
		return d.data(e)
	}
}

func (d *Decoder) data(e *envelope) error {
	e.event = d.empty(e.table)
	d.prefix = "/data"
	defer func() { d.prefix = "" }()
	return d.object(e.table.root, e.event)
}

// laterData decodes data that came before its type.
func (d *Decoder) laterData(e *envelope) error {
	outer, outerBase := d.json, d.base
	defer func() { d.json, d.base = outer, outerBase }()
	d.nestedInput = *bytes.NewBuffer(e.later)
	if d.nested == nil {
		d.nested = jsontext.NewDecoder(&d.nestedInput, jsonOptions...)
	} else {
		d.nested.Reset(&d.nestedInput, jsonOptions...)
	}
	d.json, d.base = d.nested, -1 // data is the second level
	return d.data(e)
}

// merge puts the envelope beside what the data said of request, correlation and tenant.
func (e *envelope) merge() {
	into := e.event.Common()
	if into.CorrelationID == "" {
		into.CorrelationID = e.meta.CorrelationID
	}
	into.ID, into.Source, into.Subject, into.Time = e.meta.ID, e.meta.Source, e.meta.Subject, e.meta.Time
	into.TraceID, into.SpanID, into.Flags = e.meta.TraceID, e.meta.SpanID, e.meta.Flags
}
