// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// The events of a cluster as log events of OpenTelemetry's Python SDK, which knows nothing of event ids, make the metrics that
// they make when they come as JSON.
func TestGuardianMetricsFromTheSDK(t *testing.T) {
	const events = 600
	m := startMetered(t, meteredSetup{flush: meteredFlush, tierWait: 5 * time.Second})
	config := cluster.Config{
		Seed: 6, Start: time.Now().Add(-time.Hour), Rate: streamRate, LateAfter: time.Second, LateWithin: 5 * time.Second,
	}
	c, err := cluster.New(config)
	require.NoError(t, err)
	ledger, records := newMetricLedger(), plog.NewLogRecordSlice()
	for range events {
		e := c.Next()
		ledger.Observe(e)
		event.Append(e, 0, records)
	}
	ledger.settle()

	m.python(t, nil, sdkLines(t, records), "otel_events.py")
	m.awaitSeries(t, exactly(ledger.grown), grown)
	m.awaitSeries(t, exactly(ledger.gauges), states)
}

// sdkLines writes records as test/e2e/python/otel_events.py reads them.
func sdkLines(t *testing.T, records plog.LogRecordSlice) io.Reader {
	t.Helper()
	var lines bytes.Buffer
	for i := range records.Len() {
		record := records.At(i)
		record.Attributes().Remove(event.KeyID)
		record.Attributes().Remove(event.KeySource)
		require.NoError(t, json.NewEncoder(&lines).Encode(sdkRecord{
			Name: record.EventName(), Time: int64(record.Timestamp()), Severity: int(record.SeverityNumber()),
			TraceID: fmt.Sprintf("%x", [16]byte(record.TraceID())), SpanID: fmt.Sprintf("%x", [8]byte(record.SpanID())),
			Attributes: record.Attributes().AsRaw(),
		}))
	}
	return &lines
}

// python runs a script of test/e2e/python whose OpenTelemetry SDK sends to the collector.
func (m metered) python(t *testing.T, environment []string, input io.Reader, script string, arguments ...string) {
	t.Helper()
	root := testutil.Root(t)
	command := exec.CommandContext(t.Context(), filepath.Join(root, "build", "venv", "bin", "python"),
		append([]string{filepath.Join(root, "test", "e2e", "python", script)}, arguments...)...)
	command.Env = append(append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+m.URL("OTLP_HTTP")), environment...)
	command.Stdin = input
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
}

// Instrumentation libraries look on while OpenAI's client is used: OpenTelemetry's, OpenLLMetry's, or both at once, which then
// make a span each, one within the other. The metrics are those of the calls: an agent's span above calls is none, and neither is
// a guardian event that tells of a call once more, before its span or after it.
func TestGuardianMetricsFromGenAILibraries(t *testing.T) {
	m := startMetered(t, meteredSetup{flush: meteredFlush, tierWait: 5 * time.Second})
	ledger := newMetricLedger()

	ledger.observeCalls("gpt-specialist", "legal")
	m.python(t, []string{"OTEL_RESOURCE_ATTRIBUTES=specialist.type=legal"}, nil, "genai_openai.py", "gpt-specialist", "opentelemetry")
	m.postLines(t, strings.NewReader(callEvent("gpt-specialist", 2)+
		`{"type":"evaluation","data":{"guardian_type":"quality","evaluation_type":"quality","specialist_id":"legal-1","target":{"response_id":"chatcmpl-gpt-specialist-1"},"results":[{"name":"quality","score":0.75}]}}`+"\n"))
	judgement := event.Judgement{GuardianType: "quality", EvaluationType: "quality", Target: event.Target{RequestID: "chatcmpl-gpt-specialist-1"}}
	judgement.Specialist.ID = "legal-1"
	ledger.Observe(&event.Evaluation{Judgement: judgement, Verdict: event.Verdict{QualityTier: "medium"}})

	ledger.observeCalls("gpt-other", "")
	m.postLines(t, strings.NewReader(callEvent("gpt-other", 3)))
	m.python(t, nil, nil, "genai_openai.py", "gpt-other", "openllmetry")

	ledger.observeCalls("gpt-twice", "")
	m.python(t, nil, nil, "genai_openai.py", "gpt-twice", "openllmetry", "opentelemetry")

	ledger.settle()
	m.awaitSeries(t, exactly(withoutTimes(ledger.grown)), func(shown map[string]float64) map[string]float64 { return withoutTimes(grown(shown)) })
}

// observeCalls takes into account what test/e2e/python/genai_openai.py does, as its documentation says.
func (l *metricLedger) observeCalls(model, specialist string) {
	const refused = 0
	for _, answer := range []int64{1, 2, 3, 4, 5, 6, 9, 10, refused} {
		call := newCall("chat", model, specialist)
		if answer == refused {
			call.Phase, call.ErrorType = event.PhaseFailed, "RateLimitError"
		} else {
			call.Usage = event.Usage{Input: event.Some(10 * answer), Output: event.Some(answer)}
		}
		call.RequestID = fmt.Sprintf("chatcmpl-%s-%d", model, answer)
		l.Observe(call)
	}
	for _, answer := range []int64{7, 8} {
		call := newCall("embeddings", model, specialist)
		call.Usage.Input = event.Some(10 * answer)
		call.RequestID = fmt.Sprintf("embedding-%s-%d", model, answer)
		l.Observe(call)
	}
}

func newCall(operation, model, specialist string) *event.Request {
	return &event.Request{
		Operation: operation, Endpoint: operation, Provider: "openai", Duration: event.Some(0.0),
		Model: event.Model{Name: model}, Specialist: event.Specialist{Type: specialist},
	}
}

// callEvent is what an application says of the call whose answer has this number.
func callEvent(model string, answer int) string {
	return fmt.Sprintf(`{"type":"request","data":{"request_id":"r-%d","response_id":"chatcmpl-%s-%d","model":%q,"operation":"chat","endpoint":"chat",`+
		`"provider":"openai","duration_s":0.5,"usage":{"input_tokens":%d,"output_tokens":%d}}}`+"\n", answer, model, answer, model, 10*answer, answer)
}

// withoutTimes leaves out what depends on how long something took. That it was counted stays.
func withoutTimes(series map[string]float64) map[string]float64 {
	kept := map[string]float64{}
	for name, value := range series {
		if !strings.Contains(name, "_seconds_bucket{") && !strings.Contains(name, "_seconds_sum{") {
			kept[name] = value
		}
	}
	return kept
}
