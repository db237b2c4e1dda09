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

// envelope decodes an event in its envelope. Its members may come in any order.
func (d *Decoder) envelope() (Event, error) {
	if _, err := d.json.ReadToken(); err != nil {
		return nil, err
	}
	var (
		meta      Meta
		event     Event
		table     *table
		hasData   bool
		parent    string
		laterData = false
	)
	for d.json.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return nil, err
		}
		switch name {
		case "id":
			err = d.envelopeText("/id", &meta.ID)
		case "source":
			err = d.envelopeText("/source", &meta.Source)
		case "subject":
			err = d.envelopeText("/subject", &meta.Subject)
		case "time":
			err = d.envelopeTime(&meta.Time)
		case "traceparent":
			err = d.envelopeText("/traceparent", &parent)
		case "correlation_id", "correlationid":
			err = d.envelopeText("/"+name, &meta.CorrelationID)
		case "type":
			table, err = d.envelopeType()
		case "data":
			hasData = true
			switch {
			case d.json.PeekKind() != '{':
				d.fail(CodeWrongType, "/data", "must be an object")
				err = d.skip()
			case table == nil:
				laterData = true
				var data jsontext.Value
				data, err = d.json.ReadValue()
				d.later = append(d.later[:0], data...)
			default:
				event = d.empty(table)
				d.prefix = "/data"
				err = d.object(table.root, event)
				d.prefix = ""
			}
		case "data_base64":
			d.fail(CodeInvalidValue, "/data_base64", "data must be JSON, in data")
			err = d.skip()
		default:
			err = d.skip() // CloudEvents extensions and attributes that say nothing of use here
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return nil, err
	}
	switch {
	case d.problem != nil:
	case table == nil:
		d.problem = missing("/type")
	case !hasData:
		d.problem = missing("/data")
	case laterData:
		event = d.empty(table)
		if err := d.data(table, event); err != nil {
			return nil, err
		}
	}
	if d.problem == nil && parent != "" {
		d.traceparent(&meta, parent)
	}
	if event == nil {
		event = &Request{} // only carries the envelope of what is rejected
	}
	d.merge(event.Common(), &meta)
	return event, nil
}

// data decodes data that came before its type.
func (d *Decoder) data(t *table, event Event) error {
	outer, outerBase := d.json, d.base
	defer func() { d.json, d.base, d.prefix = outer, outerBase, "" }()
	d.json, d.base, d.prefix = jsontext.NewDecoder(bytes.NewBuffer(d.later), jsonOptions...), -1, "/data"
	return d.object(t.root, event)
}

// merge puts the envelope beside what the data said of request, correlation and tenant.
func (d *Decoder) merge(into, envelope *Meta) {
	if into.CorrelationID == "" {
		into.CorrelationID = envelope.CorrelationID
	}
	into.ID, into.Source, into.Subject, into.Time = envelope.ID, envelope.Source, envelope.Subject, envelope.Time
	into.TraceID, into.SpanID, into.Flags = envelope.TraceID, envelope.SpanID, envelope.Flags
}

func (d *Decoder) traceparent(meta *Meta, header string) {
	var ok bool
	if meta.TraceID, meta.SpanID, meta.Flags, ok = ParseTraceparent(header); !ok {
		d.fail(CodeInvalidValue, "/traceparent", "must be a W3C traceparent such as 00-<32 hex>-<16 hex>-01")
	}
}

// name reads the name of a member.
func (d *Decoder) name() (string, error) {
	raw, err := d.json.ReadValue()
	if err != nil {
		return "", err
	}
	return d.texts.get(d.unquoted(raw)), nil
}

func (d *Decoder) envelopeText(pointer string, into *string) error {
	if kind := d.json.PeekKind(); kind != '"' {
		if kind != 'n' {
			d.fail(CodeWrongType, pointer, "must be a string")
		}
		return d.skip()
	}
	raw, err := d.json.ReadValue()
	if err != nil {
		return err
	}
	*into = d.cut(string(d.unquoted(raw)), d.Limits.Text)
	return nil
}

func (d *Decoder) envelopeTime(into *time.Time) error {
	var value string
	if err := d.envelopeText("/time", &value); err != nil || value == "" {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		d.fail(CodeInvalidValue, "/time", notATime)
		return nil //nolint:nilerr // the event is rejected, not the body
	}
	*into = at
	return nil
}

func (d *Decoder) envelopeType() (*table, error) {
	var name string
	if err := d.envelopeText("/type", &name); err != nil || name == "" {
		return nil, err
	}
	t, ok := ParseType(name)
	if !ok {
		d.fail(CodeUnknownType, "/type", fmt.Sprintf("there is no type %.100q; types are %s", name, typeNames()))
		return nil, nil
	}
	return byType[t], nil
}

func typeNames() string {
	names := make([]string, len(Types))
	for i, t := range Types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}
