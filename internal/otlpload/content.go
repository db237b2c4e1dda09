// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	spansPerTrace   = 5  // one request: the root span and its four steps
	pointsPerMetric = 20 // data points in one metric
	scopeName       = "github.com/example/assistant"
)

var (
	models    = []string{"llama-3.1-8b-instruct", "mistral-7b-instruct", "qwen2.5-14b-instruct", "phi-4-mini"}
	providers = []string{"vllm", "tgi", "ollama"}
	hosts     = []string{"inference-0.models.svc", "inference-1.models.svc", "inference-2.models.svc"}
	finishes  = []string{"stop", "stop", "stop", "length", "content_filter"}
	tenants   = []string{"search", "support", "writing", "analytics"}

	// The first step is the root of a trace.
	steps    = [spansPerTrace]string{"POST /v1/chat/completions", "retrieve documents", "guard input", "chat", "parse answer"}
	messages = []string{
		"completion finished, streamed to the client",
		"prompt shortened to fit into the context window",
		"retrieved 8 passages for the question",
		"answer passed the content check",
		"slow first token, the batch queue is long",
	}
	metrics = []struct{ name, unit string }{
		{"llm.tokens.generated", "{token}"},
		{"llm.queue.length", "{request}"},
		{"llm.requests.completed", "{request}"},
		{"llm.kv_cache.utilization", "1"},
	}
)

// attributes are what an item says about its request besides the ledger id, the most telling first.
var attributes = []struct {
	key   string
	value func(rng *rand.Rand, v pcommon.Value)
}{
	{"gen_ai.request.model", oneOf(models)},
	{"gen_ai.provider.name", oneOf(providers)},
	{"server.address", oneOf(hosts)},
	{"gen_ai.response.finish_reason", oneOf(finishes)},
	{"tenant", oneOf(tenants)},
	{"gen_ai.usage.input_tokens", between(20, 4000)},
	{"gen_ai.usage.output_tokens", between(1, 1000)},
	{"gen_ai.request.temperature", func(rng *rand.Rand, v pcommon.Value) { v.SetDouble(float64(rng.IntN(11)) / 10) }},
	{"gen_ai.request.stream", func(rng *rand.Rand, v pcommon.Value) { v.SetBool(rng.IntN(2) == 0) }},
}

func oneOf(values []string) func(*rand.Rand, pcommon.Value) {
	return func(rng *rand.Rand, v pcommon.Value) { v.SetStr(values[rng.IntN(len(values))]) }
}

func between(low, high int64) func(*rand.Rand, pcommon.Value) {
	return func(rng *rand.Rand, v pcommon.Value) { v.SetInt(low + rng.Int64N(high-low)) }
}

// author writes the telemetry of a small language-model service, the same for the same seed.
type author struct {
	PayloadOptions
	rng *rand.Rand
}

func newAuthor(o PayloadOptions) *author {
	return &author{PayloadOptions: o, rng: rand.New(rand.NewPCG(o.Seed, o.Seed))}
}

func (a *author) traces() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	a.resource(rs.Resource())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scopeName)
	ss.Spans().EnsureCapacity(a.Items)
	for i := range a.Items {
		id, step := FirstID+int64(i), i%spansPerTrace
		root := id - int64(step)
		start := a.Time.Add(time.Duration(i) * time.Millisecond)
		s := ss.Spans().AppendEmpty()
		s.SetName(steps[step])
		s.SetTraceID(traceID(a.Seed, root))
		s.SetSpanID(spanID(a.Seed, id))
		s.SetKind(ptrace.SpanKindServer)
		if step > 0 {
			s.SetParentSpanID(spanID(a.Seed, root))
			s.SetKind(ptrace.SpanKindClient)
		}
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(1+a.rng.IntN(2000)) * time.Millisecond)))
		a.attributes(s.Attributes(), id)
		if a.rng.IntN(50) == 0 {
			s.Status().SetCode(ptrace.StatusCodeError)
			s.Status().SetMessage("upstream timed out")
		}
	}
	return td
}

func (a *author) logs() plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	a.resource(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(scopeName)
	sl.LogRecords().EnsureCapacity(a.Items)
	for i := range a.Items {
		id := FirstID + int64(i)
		now := pcommon.NewTimestampFromTime(a.Time.Add(time.Duration(i) * time.Millisecond))
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(now)
		r.SetObservedTimestamp(now)
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.SetSeverityText("INFO")
		r.Body().SetStr(messages[a.rng.IntN(len(messages))])
		r.SetTraceID(traceID(a.Seed, id))
		r.SetSpanID(spanID(a.Seed, id))
		a.attributes(r.Attributes(), id)
	}
	return ld
}

// metrics writes monotonic sums and gauges in turn. Histograms are left out because some exporters refuse them.
func (a *author) metrics() pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	a.resource(rm.Resource())
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(scopeName)
	start := pcommon.NewTimestampFromTime(a.Time.Add(-time.Hour))
	now := pcommon.NewTimestampFromTime(a.Time)
	var points pmetric.NumberDataPointSlice
	for i := range a.Items {
		if i%pointsPerMetric == 0 {
			points = a.metric(sm.Metrics().AppendEmpty(), i/pointsPerMetric)
		}
		p := points.AppendEmpty()
		p.SetStartTimestamp(start)
		p.SetTimestamp(now)
		p.SetDoubleValue(float64(a.rng.IntN(1_000_000)) / 1000)
		a.attributes(p.Attributes(), FirstID+int64(i))
	}
	return md
}

// metric names the i-th metric and returns its data points.
func (*author) metric(m pmetric.Metric, i int) pmetric.NumberDataPointSlice {
	kind := metrics[i%len(metrics)]
	m.SetName(kind.name)
	m.SetUnit(kind.unit)
	if i%2 == 1 {
		return m.SetEmptyGauge().DataPoints()
	}
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return sum.DataPoints()
}

func (*author) resource(r pcommon.Resource) {
	r.Attributes().PutStr("service.name", "assistant")
	r.Attributes().PutStr("service.namespace", "demo")
	r.Attributes().PutStr("service.version", "1.4.2")
	r.Attributes().PutStr("service.instance.id", "assistant-7c9f5d-x2k4q")
	r.Attributes().PutStr("deployment.environment.name", "production")
}

// attributes gives an item its ledger id and Attributes-1 others.
func (a *author) attributes(m pcommon.Map, id int64) {
	m.EnsureCapacity(a.Attributes)
	m.PutInt(IDKey, id)
	for i := range a.Attributes - 1 {
		if i < len(attributes) {
			attributes[i].value(a.rng, m.PutEmpty(attributes[i].key))
			continue
		}
		m.PutStr(fmt.Sprintf("request.tag.%d", i-len(attributes)), tenants[a.rng.IntN(len(tenants))])
	}
}
