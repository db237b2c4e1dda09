// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// The spans of the first requests and evaluations; -update writes them.
func TestSpans(t *testing.T) {
	c := newCluster(t, Config{Seed: 1, Rate: 2})
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for spans.Len() < 12 {
		AppendSpan(c.Next(), spans)
	}
	testutil.GoldenTraces(t, "testdata/spans.json", traces)
}

func TestEveryTracedRequestHasItsSpan(t *testing.T) {
	c := newCluster(t, Config{Seed: 2, Rate: 50, Troubles: []Trouble{{Specialist: "chat-1", To: time.Hour}}})
	spans := ptrace.NewSpanSlice()
	ends, evaluations := 0, 0
	for e := range c.Until(defaultStart.Add(5 * time.Minute)) {
		meta := e.Common()
		if !AppendSpan(e, spans) {
			if r, isRequest := e.(*event.Request); isRequest {
				require.True(t, !r.Ended() || meta.SpanID.IsEmpty(), "an end without a span is not traced")
			}
			continue
		}
		span := spans.At(spans.Len() - 1)
		require.Equal(t, meta.TraceID, span.TraceID())
		require.Equal(t, meta.Time, span.EndTimestamp().AsTime())
		switch e := e.(type) {
		case *event.Request:
			ends++
			require.Equal(t, meta.SpanID, span.SpanID())
			require.Equal(t, e.Duration.Value, (span.EndTimestamp() - span.StartTimestamp()).AsTime().Sub(time.Unix(0, 0)).Seconds())
			require.Equal(t, e.Failed(), span.Status().Code() == ptrace.StatusCodeError)
		case *event.Evaluation:
			evaluations++
			require.Equal(t, meta.SpanID, span.ParentSpanID())
			require.NotEqual(t, meta.SpanID, span.SpanID())
		}
	}
	assert.Greater(t, ends, 1500)
	assert.Greater(t, evaluations, 700)
}
