// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/binary"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// AppendSpan adds the span that an application makes of what an event tells, and reports
// whether there is one: the client's span for the end of a traced request, with
// OpenTelemetry's GenAI attributes, and a guardian_evaluation below it for an evaluation of
// one. The event must be one of a Cluster.
func AppendSpan(e event.Event, spans ptrace.SpanSlice) bool {
	if e.Common().SpanID.IsEmpty() {
		return false
	}
	switch e := e.(type) {
	case *event.Request:
		if !e.Ended() {
			return false
		}
		requestSpan(e, spans.AppendEmpty())
		return true
	case *event.Evaluation:
		evaluationSpan(e, spans.AppendEmpty())
		return true
	default:
		return false
	}
}

func requestSpan(r *event.Request, span ptrace.Span) {
	begin(span, &r.Meta, r.Operation+" "+r.Model.Name, r.Duration.Value)
	span.SetKind(ptrace.SpanKindClient)
	span.SetSpanID(r.SpanID)
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", r.Operation)
	a.PutStr("gen_ai.provider.name", r.Provider)
	a.PutStr("gen_ai.request.model", r.Model.Name)
	a.PutStr("model.version", r.Model.Version)
	a.PutStr("http.route", r.Endpoint)
	a.PutStr("specialist.id", r.Specialist.ID)
	a.PutStr("specialist.type", r.Specialist.Type)
	a.PutStr("complexity", r.Complexity)
	a.PutStr("operation.name", r.Operation)
	a.PutStr("operation.status", r.Status)
	a.PutBool("success", !r.Failed())
	if r.Failed() {
		a.PutStr("error.type", r.ErrorType)
		a.PutStr("error.message", r.ErrorMessage)
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage(r.ErrorMessage)
		return
	}
	a.PutStr("gen_ai.response.id", r.ResponseID)
	a.PutInt("gen_ai.usage.input_tokens", r.Usage.Input.Value)
	a.PutInt("gen_ai.usage.output_tokens", r.Usage.Output.Value)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", r.Usage.CacheRead.Value)
	reasons := a.PutEmptySlice("gen_ai.response.finish_reasons")
	for _, reason := range r.FinishReasons {
		reasons.AppendEmpty().SetStr(reason)
	}
}

func evaluationSpan(e *event.Evaluation, span ptrace.Span) {
	begin(span, &e.Meta, "guardian_evaluation", e.Duration.Value)
	span.SetKind(ptrace.SpanKindInternal)
	span.SetParentSpanID(e.SpanID)
	span.SetSpanID(below(e.SpanID))
	a := span.Attributes()
	a.PutStr("guardian.type", e.GuardianType)
	a.PutStr("specialist.id", e.Specialist.ID)
	a.PutInt("issues.count", int64(len(e.Issues)))
	if len(e.Results) > 0 {
		a.PutDouble("evaluation.score", e.Results[0].Score.Value)
	}
	if e.ErrorType != "" {
		a.PutStr("error.type", e.ErrorType)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
}

// begin fills in what every span has. Events tell of the end.
func begin(span ptrace.Span, meta *event.Meta, name string, duration float64) {
	span.SetName(name)
	span.SetTraceID(meta.TraceID)
	span.SetFlags(meta.Flags)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(meta.Time.Add(-seconds(duration))))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(meta.Time))
	span.Attributes().EnsureCapacity(24)
	span.Attributes().PutStr("request_id", meta.RequestID)
	span.Attributes().PutStr("correlation_id", meta.CorrelationID)
}

// below derives the id of the span below another one.
func below(parent pcommon.SpanID) (child pcommon.SpanID) {
	binary.BigEndian.PutUint64(child[:], mix(binary.BigEndian.Uint64(parent[:])))
	return child
}
