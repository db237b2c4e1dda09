// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// form is what a request's path and headers say of its body.
type form struct {
	bare        event.Type // of bare data; "" if the body has envelopes
	lines       bool       // NDJSON
	cloudEvents bool       // envelopes must be whole CloudEvents
	binary      bool       // one event, whose envelope is in the headers
	strict      bool       // all events or none

	// envelope is the headers' part of an envelope. Its source is that of events
	// which name none; the rest belongs to binary mode.
	envelope event.Meta
	// parent is the trace context of a body that is one object.
	parent event.Parent
}

const mediaTypes = "application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json"

// formOf reads the headers of a request to the path of a type, or to that of
// all types if it is empty.
func (r *guardianReceiver) formOf(req *http.Request, bare event.Type) (form, error) {
	f := form{bare: bare}
	if err := f.mediaType(req.Header.Get("Content-Type")); err != nil {
		return f, err
	}
	if req.URL.RawQuery != "" {
		f.strict = isTrue(req.URL.Query(), "strict")
	}
	for _, take := range []func(http.Header, int) error{f.source, f.binaryMode, f.trace} {
		if err := take(req.Header, r.cfg.Limits.StringBytes); err != nil {
			return f, err
		}
	}
	return f, nil
}

func isTrue(query url.Values, name string) bool {
	value := query.Get(name)
	return query.Has(name) && (value == "" || value == "1" || strings.EqualFold(value, "true"))
}

func (f *form) mediaType(header string) error {
	if header == "application/json" {
		return nil
	}
	if header == "" {
		return refuse(http.StatusUnsupportedMediaType, "Content-Type is missing; it must be "+mediaTypes)
	}
	name, parameters, err := mime.ParseMediaType(header)
	if err != nil {
		return refuse(http.StatusUnsupportedMediaType, "Content-Type cannot be read; it must be "+mediaTypes)
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return refuse(http.StatusUnsupportedMediaType, "the charset must be utf-8, as JSON is")
	}
	switch name {
	case "application/json":
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		f.lines = true
	case "application/cloudevents+json", "application/cloudevents-batch+json":
		if f.bare != "" {
			return refuse(http.StatusUnsupportedMediaType, "this path takes bare data; send CloudEvents to /v1/events")
		}
		f.cloudEvents = true
	default:
		return refuse(http.StatusUnsupportedMediaType, "Content-Type must be "+mediaTypes)
	}
	return nil
}

// source takes the source of events that name none.
func (f *form) source(header http.Header, limit int) (err error) {
	if f.envelope.Source, err = headerText(header, "Ce-Source", limit); err == nil && f.envelope.Source == "" {
		f.envelope.Source, err = headerText(header, "X-Guardian-Source", limit)
	}
	return err
}

// binaryMode takes the envelope of a CloudEvent in binary mode, if it is one.
func (f *form) binaryMode(header http.Header, limit int) error {
	values := [5]string{}
	for i, name := range [...]string{"Ce-Specversion", "Ce-Id", "Ce-Type", "Ce-Time", "Ce-Subject"} {
		var err error
		if values[i], err = headerText(header, name, limit); err != nil {
			return err
		}
	}
	version, id, typ, at, subject := values[0], values[1], values[2], values[3], values[4]
	if version == "" && id == "" && typ == "" {
		return nil
	}
	f.binary = true
	f.envelope.ID, f.envelope.Subject = id, subject
	switch {
	case f.lines || f.cloudEvents:
		return refuse(http.StatusBadRequest, "a CloudEvent in binary mode has Content-Type application/json")
	case version != "1.0":
		return refuse(http.StatusBadRequest, "ce-specversion must be 1.0")
	case id == "" || typ == "" || f.envelope.Source == "":
		return refuse(http.StatusBadRequest, "a CloudEvent needs ce-id, ce-source and ce-type")
	}
	return firstError(f.binaryType(typ), f.binaryTime(at))
}

func (f *form) binaryType(name string) error {
	named, ok := event.ParseType(name)
	switch {
	case !ok:
		return refuse(http.StatusBadRequest, "ce-type names no type of event; /v1/schema lists them")
	case f.bare != "" && f.bare != named:
		return refuse(http.StatusBadRequest, "ce-type names another type than the path")
	}
	f.bare = named
	return nil
}

func (f *form) binaryTime(value string) error {
	if value == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return refuse(http.StatusBadRequest, "ce-time must be a time as RFC 3339 has it")
	}
	f.envelope.Time = at
	return nil
}

// trace takes the trace context of the request; one that cannot be read is ignored,
// as W3C Trace Context wants it.
func (f *form) trace(header http.Header, _ int) error {
	for _, name := range [...]string{"Ce-Traceparent", "Traceparent"} {
		if trace, span, flags, ok := event.ParseTraceparent(header.Get(name)); ok {
			f.parent = event.Parent{TraceID: trace, SpanID: span, Flags: flags}
			return nil
		}
	}
	return nil
}

// headerText reads a header as CloudEvents writes it, percent-encoded.
func headerText(header http.Header, name string, limit int) (string, error) {
	value := header.Get(name)
	if strings.IndexByte(value, '%') >= 0 {
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
	}
	if !utf8.ValidString(value) || len(value) > limit {
		return "", refuse(http.StatusBadRequest, "the header "+strings.ToLower(name)+" must be UTF-8 and not longer than limits::string_bytes")
	}
	return value, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
