// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// readers turn records and spans into events. Their events are used again for each.
type readers struct {
	byName map[string]*event.Reader
	lines  event.Lines
	spans  *event.RequestReader
	// For spans that are no calls of models.
	request event.Request
	result  event.Result
}

func newReaders() readers {
	return readers{byName: map[string]*event.Reader{}, spans: event.NewRequestReader()}
}

// reader gives the reader of an event name, or nil.
func (r *readers) reader(name string) *event.Reader {
	if reader, ok := r.byName[name]; ok {
		return reader
	}
	reader := event.NewReader(name)
	if reader != nil { // else not remembered: names come from outside, and there is no end to them
		r.byName[strings.Clone(name)] = reader
	}
	return reader
}

// logs counts the events of a batch.
func (e *engine) logs(logs plog.Logs) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.counts.telemetry.report()
	for i := range logs.ResourceLogs().Len() {
		resource := logs.ResourceLogs().At(i)
		for j := range resource.ScopeLogs().Len() {
			e.counts.records(resource.ScopeLogs().At(j).LogRecords(), resource.Resource().Attributes(), now)
		}
	}
}

// record counts one log record: an event, a JSON log line, or nothing.
func (c *counts) record(record plog.LogRecord, resource pcommon.Map, now time.Time) {
	name := record.EventName()
	if name == "" {
		if value, ok := record.Attributes().Get("event.name"); ok { // as SDKs wrote it before event names had a field
			name = value.Str()
		}
	}
	if reader := c.readers.reader(name); reader != nil {
		ev, err := reader.Read(record)
		c.take(name, ev, err, record, resource, now)
		return
	}
	if name != "" {
		return
	}
	if fields, lineType, ok := event.LineFields(record); ok {
		c.readers.lines.Read(record, fields, lineType, func(ev event.Event, err error) {
			c.take(lineType, ev, err, record, resource, now)
		})
	}
}

// take counts an event that was read, unless it was counted before.
func (c *counts) take(name string, ev event.Event, err error, record plog.LogRecord, resource pcommon.Map, now time.Time) {
	if !c.refuse(name, ev.Common(), err, now) {
		c.takeRead(name, ev, record, resource, now)
	}
}

// takeRead counts an event whose values are right, unless it was counted before.
func (c *counts) takeRead(name string, ev event.Event, record plog.LogRecord, resource pcommon.Map, now time.Time) {
	if id := c.seen.identify(ev, record); id.known && !c.seen.first(id.key, now) {
		c.telemetry.duplicate(name)
		return
	}
	c.countOnce(name, ev, resource, now)
}

// refuse counts what is wrong with an event and reports whether it must be left.
func (c *counts) refuse(name string, meta *event.Meta, err error, now time.Time) bool {
	if err != nil {
		c.rejected(name, err)
	}
	if meta.Time.After(now) && meta.Time.Sub(now) > clockSkew {
		c.telemetry.rejected(name, "future")
		return true
	}
	return false
}

// countOnce counts an event of which no record was counted before, unless it is a request of which a span was.
func (c *counts) countOnce(name string, ev event.Event, resource pcommon.Map, now time.Time) {
	if request, ok := ev.(*event.Request); ok {
		fillSpecialist(request, resource)
		if c.countRequest(request, c.labelled(request), now) {
			c.telemetry.counted(name, 1)
		}
		return
	}
	c.telemetry.counted(name, 1)
	c.count(ev, now)
}

// fillSpecialist takes the specialist from the resource where the request does not name it.
func fillSpecialist(request *event.Request, resource pcommon.Map) {
	if request.Specialist.Type == "" {
		request.Specialist.Type = resourceText(resource, "specialist.type")
	}
}

// countRequest counts a request of which no event was counted before, and reports whether none of its spans was either.
func (c *counts) countRequest(request *event.Request, labels *keyedLabels, now time.Time) bool {
	if c.seen.asSpan(request, now) {
		c.open.end(request.RequestID) // the span did not say of which start it is the end
		c.telemetry.duplicate(event.NameRequest)
		return false
	}
	at := occasion{now: now}
	c.begin(&at, &request.Meta)
	c.request(request, labels, &at)
	return true
}

// begin makes an occasion that of an event, and counts its tenant.
func (c *counts) begin(at *occasion, meta *event.Meta) {
	at.of(meta)
	if meta.TenantID != "" {
		c.tenants.add(meta.TenantID, at.now)
	}
}

// count gives an event other than a request to what counts it.
func (c *counts) count(ev event.Event, now time.Time) {
	at := occasion{now: now}
	c.begin(&at, ev.Common())
	switch ev := ev.(type) {
	case *event.Result:
		c.result(ev, &at)
	case *event.Issue:
		c.issue(ev, &at)
	case *event.Improvement:
		c.improvement(ev, &at)
	case *event.Prediction:
		c.prediction(ev, &at)
	case *event.Failure:
		c.failure(ev, &at)
	case *event.Workload:
		c.workload(ev, &at)
	case *event.Detection:
		c.detection(ev, &at)
	case *event.Mapping:
		c.mapping(ev, &at)
	case *event.Violation:
		c.violation(ev, &at)
	case *event.Drift:
		c.drift(ev, &at)
	}
}

func resourceText(resource pcommon.Map, key string) string {
	value, ok := resource.Get(key)
	if !ok {
		return ""
	}
	return value.AsString()
}

// rejected counts the values that an event lost when it was read.
func (c *counts) rejected(name string, err error) {
	var problem *event.Problem
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			if errors.As(one, &problem) {
				c.telemetry.rejected(name, string(problem.Code))
			}
		}
		return
	}
	if errors.As(err, &problem) {
		c.telemetry.rejected(name, string(problem.Code))
	}
}

// traces counts the spans of a batch.
func (e *engine) traces(traces ptrace.Traces) { e.tracesAt(traces, time.Now()) }

func (e *engine) tracesAt(traces ptrace.Traces, now time.Time) {
	ctx := context.Background()
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.counts.telemetry.report()
	// A call of a model that encloses another one is the same call, seen by two
	// instrumentations: the inner one counts. It ends first, but may stand after the
	// outer one in its batch, and in another scope.
	eachSpan(traces, func(_ ptrace.ResourceSpans, _ ptrace.ScopeSpans, span ptrace.Span) {
		if !span.ParentSpanID().IsEmpty() && event.KindOf(span) == event.SpanInference {
			e.counts.seen.encloses(span.TraceID(), span.ParentSpanID(), now)
		}
	})
	eachSpan(traces, func(resource ptrace.ResourceSpans, scope ptrace.ScopeSpans, span ptrace.Span) {
		e.span(ctx, resource, scope, span, now)
	})
}

func eachSpan(traces ptrace.Traces, do func(ptrace.ResourceSpans, ptrace.ScopeSpans, ptrace.Span)) {
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				do(resource, scope, span)
			}
		}
	}
}

// span counts one span: a call of a model, an evaluation, what a mapping makes of
// it, or nothing.
func (e *engine) span(ctx context.Context, resource ptrace.ResourceSpans, scope ptrace.ScopeSpans, span ptrace.Span, now time.Time) {
	c := e.counts
	switch event.KindOf(span) {
	case event.SpanInference:
		request, err := c.readers.spans.ReadSpan(span, resource.Resource().Attributes())
		c.spanRequest(request, err, now)
	case event.SpanEvaluation:
		err := event.ReadEvaluationSpan(span, &c.readers.result)
		c.spanResult(&c.readers.result, err, now)
	case event.SpanOther:
		for _, mapping := range e.mappings {
			matched, err := mapping.read(ctx, resource, scope, span, &c.readers.request)
			if err != nil {
				c.telemetry.rejected("span", string(event.CodeInvalidValue))
			}
			if matched {
				c.spanRequest(&c.readers.request, nil, now)
				return
			}
		}
	}
}

func (c *counts) spanRequest(request *event.Request, err error, now time.Time) {
	if c.refuse("span", &request.Meta, err, now) {
		return
	}
	c.endBySpan(request)
	if c.seen.spanAgain(request, now) {
		c.telemetry.duplicate("span")
		return
	}
	c.telemetry.counted("span", 1)
	at := occasion{now: now}
	c.begin(&at, &request.Meta)
	c.request(request, c.labelled(request), &at)
}

func (c *counts) spanResult(result *event.Result, err error, now time.Time) {
	if c.refuse("span", &result.Meta, err, now) {
		return
	}
	if c.seen.spanSeen(result.TraceID, result.SpanID, now) || c.seen.evaluationAgain(ofEvaluationEvent, result, now) {
		c.telemetry.duplicate("span")
		return
	}
	c.telemetry.counted("span", 1)
	c.seen.evaluated(ofEvaluationSpan, result, now)
	at := occasion{now: now}
	at.of(&result.Meta)
	c.evaluation(result, &at)
}

func (e *engine) expectSpans() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.seen.withSpans = true
}
