// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Exemplar says which trace an observation belongs to. Without a trace ID it is none.
type Exemplar struct {
	TraceID pcommon.TraceID
	SpanID  pcommon.SpanID
	Time    time.Time // event time; the time of the update by default
}

// exemplar is what a series keeps of one until it is shown.
type exemplar struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
	time  int64 // nanoseconds since 1970
	value float64
}

// keepExemplar replaces the exemplar of a series.
func (t *table) keepExemplar(slot uint32, now time.Time, value float64, from *Exemplar) {
	at := from.Time
	if at.IsZero() {
		at = now
	}
	if t.exemplars == nil {
		t.exemplars = make([]exemplar, len(t.series))
	}
	t.exemplars[slot] = exemplar{from.TraceID, from.SpanID, at.UnixNano(), value}
}

// moveExemplar moves the exemplar of a series, if there is one, to a point that shows it.
func (t *table) moveExemplar(slot uint32, to pmetric.ExemplarSlice) {
	if t.exemplars == nil || t.exemplars[slot].trace.IsEmpty() {
		return
	}
	from := &t.exemplars[slot]
	shown := to.AppendEmpty()
	shown.SetTraceID(from.trace)
	shown.SetSpanID(from.span)
	shown.SetTimestamp(pcommon.Timestamp(from.time))
	shown.SetDoubleValue(from.value)
	*from = exemplar{}
}

func (t *table) clearExemplar(slot uint32) {
	if t.exemplars != nil {
		t.exemplars[slot] = exemplar{}
	}
}
