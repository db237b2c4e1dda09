// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// readers turn records and spans into events. Their events are used again for each.
type readers struct {
	byName map[string]event.Event
	lines  event.Lines
	// For spans.
	request event.Request
	result  event.Result
}

// event gives the event of a name, or nil.
func (r *readers) event(name string) event.Event {
	if e, ok := r.byName[name]; ok {
		return e
	}
	e := event.New(name)
	if e == nil {
		return nil // not remembered: names come from outside, and there is no end to them
	}
	if r.byName == nil {
		r.byName = map[string]event.Event{}
	}
	r.byName[name] = e
	return e
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
			records := resource.ScopeLogs().At(j).LogRecords()
			for k := range records.Len() {
				e.counts.record(records.At(k), resource.Resource().Attributes(), now)
			}
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
	if ev := c.seen.readers.event(name); ev != nil {
		err := event.Read(record, ev)
		c.take(name, ev, err, record, resource, now)
		return
	}
	if name != "" {
		return
	}
	if fields, lineType, ok := event.LineFields(record); ok {
		c.seen.readers.lines.Read(record, fields, lineType, func(ev event.Event, err error) {
			c.take(lineType, ev, err, record, resource, now)
		})
	}
}

// take counts an event that was read, unless it was counted before.
func (c *counts) take(name string, ev event.Event, err error, record plog.LogRecord, resource pcommon.Map, now time.Time) {
	if err != nil {
		c.rejected(name, err)
	}
	meta := ev.Common()
	if meta.Time.Sub(now) > clockSkew {
		c.telemetry.rejected(name, "future")
		return
	}
	if c.seen.again(ev, record, now) {
		c.telemetry.duplicate(name)
		return
	}
	c.telemetry.counted(name)
	c.count(ev, resource, now)
}

// count gives the event to what counts it.
func (c *counts) count(ev event.Event, resource pcommon.Map, now time.Time) {
	at := occasion{now: now}
	at.of(ev.Common())
	if tenant := ev.Common().TenantID; tenant != "" {
		c.tenants.add(tenant, now)
	}
	switch ev := ev.(type) {
	case *event.Request:
		if ev.Specialist.Type == "" {
			ev.Specialist.Type = resourceText(resource, "specialist.type")
		}
		c.request(ev, &at)
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
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // each of the joined errors counts
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
	for i := range traces.ResourceSpans().Len() {
		resource := traces.ResourceSpans().At(i)
		for j := range resource.ScopeSpans().Len() {
			scope := resource.ScopeSpans().At(j)
			// A call of a model that encloses another one is the same call, seen by
			// two instrumentations: the inner one counts. It ends first, but may
			// stand after the outer one in its batch.
			for k := range scope.Spans().Len() {
				if span := scope.Spans().At(k); event.KindOf(span) == event.SpanInference {
					e.counts.seen.encloses(span.TraceID(), span.ParentSpanID(), now)
				}
			}
			for k := range scope.Spans().Len() {
				e.span(ctx, resource, scope, scope.Spans().At(k), now)
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
		err := event.ReadSpan(span, resource.Resource().Attributes(), &c.seen.readers.request)
		c.spanRequest(&c.seen.readers.request, err, now)
	case event.SpanEvaluation:
		err := event.ReadEvaluationSpan(span, &c.seen.readers.result)
		c.spanResult(&c.seen.readers.result, err, now)
	case event.SpanOther:
		for _, mapping := range e.mappings {
			matched, err := mapping.read(ctx, resource, scope, span, &c.seen.readers.request)
			if err != nil {
				c.telemetry.rejected("span", string(event.CodeInvalidValue))
			}
			if matched {
				c.spanRequest(&c.seen.readers.request, nil, now)
				return
			}
		}
	}
}

func (c *counts) spanRequest(request *event.Request, err error, now time.Time) {
	if c.beginSpan(&request.Meta, err, now) {
		return
	}
	if c.seen.spanAgain(request, now) {
		c.telemetry.duplicate("span")
		return
	}
	c.telemetry.counted("span")
	c.count(request, pcommon.NewMap(), now)
}

func (c *counts) spanResult(result *event.Result, err error, now time.Time) {
	if c.beginSpan(&result.Meta, err, now) {
		return
	}
	if c.seen.spanSeen(result.TraceID, result.SpanID, now) {
		c.telemetry.duplicate("span")
		return
	}
	c.telemetry.counted("span")
	c.count(result, pcommon.NewMap(), now)
}

// beginSpan counts what is wrong with a span and reports whether it must be left.
func (c *counts) beginSpan(meta *event.Meta, err error, now time.Time) (leave bool) {
	if err != nil {
		c.rejected("span", err)
	}
	if meta.Time.Sub(now) > clockSkew {
		c.telemetry.rejected("span", "future")
		return true
	}
	return false
}

func (e *engine) expectSpans() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.seen.withSpans = true
}
