// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const scopeName = "github.com/llm-guardian/otelcol-guardian/cmd/guardianload"

// batch is a number of events that go out in one request.
type batch struct {
	route  *route
	types  []event.Type
	opened time.Time
	writer writer
}

// writer puts events into the body of a request.
type writer interface {
	// add takes an event and reports whether there was anything to take.
	add(e event.Event) bool
	// body gives the body of what was added, good until the writer is reset.
	body() ([]byte, error)
	reset()
}

// jsonWriter writes a list of events with something before, between and after them.
type jsonWriter struct {
	append                func([]byte, event.Event) []byte
	open, separate, close string
	text                  []byte
}

func newJSONWriter(format Format) *jsonWriter {
	switch format {
	case NDJSON:
		return &jsonWriter{append: event.AppendJSON, separate: "\n", close: "\n"}
	case CloudEvents:
		return &jsonWriter{append: appendCloudEvent, open: "[", separate: ",", close: "]"}
	default:
		return &jsonWriter{append: event.AppendJSON, open: "[", separate: ",", close: "]"}
	}
}

func (w *jsonWriter) add(e event.Event) bool {
	if len(w.text) == 0 {
		w.text = append(w.text, w.open...)
	} else {
		w.text = append(w.text, w.separate...)
	}
	w.text = w.append(w.text, e)
	return true
}

func (w *jsonWriter) body() ([]byte, error) {
	w.text = append(w.text, w.close...)
	return w.text, nil
}

func (w *jsonWriter) reset() { w.text = w.text[:0] }

// gzipWriter compresses what another writer writes.
type gzipWriter struct {
	writer
	compressor *gzip.Writer
	out        bytes.Buffer
}

func (w *gzipWriter) body() ([]byte, error) {
	plain, err := w.writer.body()
	if err != nil {
		return nil, err
	}
	w.out.Reset()
	w.compressor.Reset(&w.out)
	if _, err := w.compressor.Write(plain); err != nil {
		return nil, fmt.Errorf("cannot compress a batch: %w", err)
	}
	if err := w.compressor.Close(); err != nil {
		return nil, fmt.Errorf("cannot compress a batch: %w", err)
	}
	return w.out.Bytes(), nil
}

// logWriter writes events as OTLP log records, as an application with an SDK would: one
// resource per source, whose name is that of the service.
type logWriter struct {
	logs    plog.Logs
	records map[string]plog.LogRecordSlice // by source
}

func newLogWriter() writer {
	w := &logWriter{}
	w.reset()
	return w
}

func (w *logWriter) add(e event.Event) bool {
	source := e.Common().Source
	records, ok := w.records[source]
	if !ok {
		resource := w.logs.ResourceLogs().AppendEmpty()
		describe(resource.Resource(), source)
		scope := resource.ScopeLogs().AppendEmpty()
		scope.Scope().SetName(scopeName)
		records = scope.LogRecords()
		w.records[source] = records
	}
	event.Append(e, pcommon.NewTimestampFromTime(time.Now()), records)
	return true
}

func (w *logWriter) body() ([]byte, error) {
	return plogotlp.NewExportRequestFromLogs(w.logs).MarshalProto()
}

func (w *logWriter) reset() { w.logs, w.records = plog.NewLogs(), map[string]plog.LogRecordSlice{} }

// spanWriter writes the spans of traced requests.
type spanWriter struct {
	traces ptrace.Traces
	spans  map[string]ptrace.SpanSlice // by source
}

func newSpanWriter() writer {
	w := &spanWriter{}
	w.reset()
	return w
}

func (w *spanWriter) add(e event.Event) bool {
	source := e.Common().Source
	spans, ok := w.spans[source]
	if ok {
		return cluster.AppendSpan(e, spans)
	}
	spans = ptrace.NewSpanSlice()
	if !cluster.AppendSpan(e, spans) {
		return false
	}
	resource := w.traces.ResourceSpans().AppendEmpty()
	describe(resource.Resource(), source)
	scope := resource.ScopeSpans().AppendEmpty()
	scope.Scope().SetName(scopeName)
	spans.MoveAndAppendTo(scope.Spans())
	w.spans[source] = scope.Spans()
	return true
}

func (w *spanWriter) body() ([]byte, error) {
	return ptraceotlp.NewExportRequestFromTraces(w.traces).MarshalProto()
}

func (w *spanWriter) reset() { w.traces, w.spans = ptrace.NewTraces(), map[string]ptrace.SpanSlice{} }
