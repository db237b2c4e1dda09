// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

var encodings = map[string]Encoding{"protobuf": Protobuf, "json": JSON}

func newTestPayload(t testing.TB, signal Signal, items, attributes int) *Payload {
	t.Helper()
	p, err := NewPayload(signal, PayloadOptions{Seed: 7, Items: items, Attributes: attributes})
	require.NoError(t, err)
	return p
}

func TestPayloadCarriesConsecutiveIDsAndTheAttributesAskedFor(t *testing.T) {
	for _, signal := range Signals {
		for name, encoding := range encodings {
			for _, attributes := range []int{1, 4, 16} {
				t.Run(signal.String()+" "+name, func(t *testing.T) {
					const first = FirstID + 1_000_003
					body := newTestPayload(t, signal, 47, attributes).Append(nil, encoding, first)
					items := decodeAttributes(t, signal, encoding, body)
					require.Len(t, items, 47)
					for i, attrs := range items {
						assert.Equal(t, attributes, attrs.Len())
						id, found := attrs.Get(IDKey)
						require.True(t, found)
						assert.Equal(t, first+int64(i), id.Int())
					}
				})
			}
		}
	}
}

func TestPayloadIsDecidedByItsSeed(t *testing.T) {
	for _, signal := range Signals {
		one, same := newTestPayload(t, signal, 20, 4), newTestPayload(t, signal, 20, 4)
		other, err := NewPayload(signal, PayloadOptions{Seed: 8, Items: 20, Attributes: 4})
		require.NoError(t, err)
		assert.Equal(t, one.Append(nil, Protobuf, FirstID), same.Append(nil, Protobuf, FirstID))
		assert.NotEqual(t, one.Append(nil, Protobuf, FirstID), other.Append(nil, Protobuf, FirstID))
	}
}

func TestPayloadSpansFormTraces(t *testing.T) {
	p := newTestPayload(t, Traces, 2*spansPerTrace, 2)
	traces, spans := map[pcommon.TraceID]int{}, map[pcommon.SpanID]bool{}
	for request := range 3 {
		first := FirstID + int64(request*p.Items())
		var roots []ptrace.Span
		for _, s := range decodeTraces(t, Protobuf, p.Append(nil, Protobuf, first)).ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			traces[s.TraceID()]++
			spans[s.SpanID()] = true
			if s.ParentSpanID().IsEmpty() {
				roots = append(roots, s)
				continue
			}
			root := roots[len(roots)-1]
			assert.Equal(t, root.SpanID(), s.ParentSpanID())
			assert.Equal(t, root.TraceID(), s.TraceID())
		}
	}
	assert.Len(t, spans, 6*spansPerTrace, "span ids are unique across requests")
	assert.Len(t, traces, 6)
	for _, n := range traces {
		assert.Equal(t, spansPerTrace, n)
	}
}

func TestPayloadAppendsBehindWhatIsThere(t *testing.T) {
	p := newTestPayload(t, Logs, 3, 4)
	body := p.Append([]byte("head"), Protobuf, FirstID+5)
	assert.Equal(t, "head", string(body[:4]))
	assert.Equal(t, p.Append(nil, Protobuf, FirstID+5), body[4:])
}

func TestPayloadRejectsOptionsWithoutIDs(t *testing.T) {
	for _, o := range []PayloadOptions{{}, {Items: 1}, {Attributes: 1}} {
		_, err := NewPayload(Logs, o)
		assert.ErrorContains(t, err, "a payload needs at least one item")
	}
}

func BenchmarkPayloadAppend(b *testing.B) {
	for _, signal := range Signals {
		b.Run(signal.String(), func(b *testing.B) {
			p := newTestPayload(b, signal, 1000, 4)
			body := p.Append(nil, Protobuf, FirstID)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				body = p.Append(body[:0], Protobuf, FirstID)
			}
		})
	}
}

func decodeTraces(t testing.TB, encoding Encoding, body []byte) ptrace.Traces {
	t.Helper()
	request := ptraceotlp.NewExportRequest()
	require.NoError(t, unmarshal(request, encoding, body))
	return request.Traces()
}

// decodeAttributes decodes a request with pdata and returns the attributes of each item.
func decodeAttributes(t testing.TB, signal Signal, encoding Encoding, body []byte) []pcommon.Map {
	t.Helper()
	var all []pcommon.Map
	switch signal {
	case Traces:
		for _, s := range decodeTraces(t, encoding, body).ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			all = append(all, s.Attributes())
		}
	case Logs:
		request := plogotlp.NewExportRequest()
		require.NoError(t, unmarshal(request, encoding, body))
		for _, r := range request.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			all = append(all, r.Attributes())
		}
	case Metrics:
		request := pmetricotlp.NewExportRequest()
		require.NoError(t, unmarshal(request, encoding, body))
		for _, m := range request.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			for _, p := range numberPoints(m).All() {
				all = append(all, p.Attributes())
			}
		}
	}
	return all
}

func numberPoints(m pmetric.Metric) pmetric.NumberDataPointSlice {
	if m.Type() == pmetric.MetricTypeSum {
		return m.Sum().DataPoints()
	}
	return m.Gauge().DataPoints()
}
