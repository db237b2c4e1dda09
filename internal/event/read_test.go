// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// attribute is one attribute as an OpenTelemetry SDK sends it.
type attribute struct {
	key   string
	value any
}

func recordOf(t testing.TB, name string, attributes ...attribute) plog.LogRecord {
	t.Helper()
	record := plog.NewLogRecord()
	record.SetEventName(name)
	for _, a := range attributes {
		require.NoError(t, record.Attributes().PutEmpty(a.key).FromRaw(a.value))
	}
	return record
}

// problemsOf lists what Read found, as pointer and code.
func problemsOf(err error) map[string]Code {
	found := map[string]Code{}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, each := range joined.Unwrap() {
			var problem *Problem
			if errors.As(each, &problem) {
				found[problem.Pointer] = problem.Code
			}
		}
	}
	return found
}

// The keys are those of the GenAI conventions before and after their move to a
// repository of their own: gen_ai.system became gen_ai.provider.name, prompt_tokens
// input_tokens, and cache_creation cache_write.
func TestReadsOlderAndNewerSpellings(t *testing.T) {
	want := &Request{
		Meta: Meta{RequestID: "r"}, Provider: "vllm", Model: Model{Name: "llama"}, Operation: "chat", ErrorType: "timeout",
		ResponseID: "a", FinishReasons: []string{"stop"},
		Usage: Usage{Input: Some[int64](9), Output: Some[int64](2), CacheRead: Some[int64](3), CacheWrite: Some[int64](4), ReasoningOutput: Some[int64](5)},
	}
	f := func(attributes ...attribute) {
		t.Helper()
		attributes = append(attributes,
			attribute{"request_id", "r"}, attribute{"gen_ai.operation.name", "chat"}, attribute{"gen_ai.response.id", "a"},
			attribute{"gen_ai.usage.reasoning.output_tokens", 5}, attribute{"gen_ai.response.finish_reasons", []any{"stop"}})
		var got Request
		require.NoError(t, Read(recordOf(t, NameRequest, attributes...), &got))
		assert.Equal(t, want, &got)
	}
	// Older.
	f(attribute{"gen_ai.system", "vllm"}, attribute{"gen_ai.request.model", "llama"}, attribute{"error.type", "timeout"},
		attribute{"gen_ai.usage.prompt_tokens", 9}, attribute{"gen_ai.usage.completion_tokens", 2},
		attribute{"gen_ai.usage.cache_read_input_tokens", 3}, attribute{"gen_ai.usage.cache_creation_input_tokens", 4})
	f(attribute{"gen_ai.system", "vllm"}, attribute{"gen_ai.response.model", "llama"}, attribute{"error.type", "timeout"},
		attribute{"gen_ai.usage.prompt_tokens", 9}, attribute{"gen_ai.usage.completion_tokens", 2},
		attribute{"gen_ai.usage.cache_read.input_tokens", 3}, attribute{"gen_ai.usage.cache_creation.input_tokens", 4})
	// Newer.
	f(attribute{"gen_ai.provider.name", "vllm"}, attribute{"gen_ai.request.model", "llama"}, attribute{"error.type", "timeout"},
		attribute{"gen_ai.usage.input_tokens", 9}, attribute{"gen_ai.usage.output_tokens", 2},
		attribute{"gen_ai.usage.cache_read.input_tokens", 3}, attribute{"gen_ai.usage.cache_write.input_tokens", 4})
	// As the fields are called in JSON.
	f(attribute{"gen_ai.provider.name", "vllm"}, attribute{"model.name", "llama"}, attribute{"error_type", "timeout"},
		attribute{"usage.input_tokens", 9}, attribute{"usage.output_tokens", 2},
		attribute{"usage.cache_read_input_tokens", 3}, attribute{"usage.cache_write_input_tokens", 4})
}

func TestReadsAnEvaluationResult(t *testing.T) {
	var got Result
	require.NoError(t, Read(recordOf(t, NameEvaluationResult,
		attribute{"gen_ai.evaluation.name", "relevance"}, attribute{"gen_ai.evaluation.score.value", 4},
		attribute{"gen_ai.evaluation.score.label", "good"}, attribute{"gen_ai.response.id", "a"}, attribute{"guardian.type", "quality"},
		attribute{"score.max", 5.0}, attribute{KeyPart, 2}), &got))
	assert.Equal(t, Result{
		Meta: Meta{Part: 2}, Judgement: Judgement{GuardianType: "quality", Target: Target{ResponseID: "a"}},
		Name: "relevance", Label: "good", Score: Some(4.0), Max: Some(5.0),
	}, got)
}

// A field's own key wins, then the other keys in the order of the table, in
// whatever order the attributes come.
func TestOwnKeyWins(t *testing.T) {
	own, second, third := attribute{"model.name", "own"}, attribute{"model_name", "second"}, attribute{"gen_ai.request.model", "third"}
	f := func(want string, attributes ...attribute) {
		t.Helper()
		var r Request
		require.NoError(t, Read(recordOf(t, NameRequest, attributes...), &r))
		assert.Equal(t, want, r.Model.Name)
	}
	f("own", own, second, third)
	f("own", second, own, third)
	f("own", third, second, own)
	f("second", third, second)
	f("second", second, third)
	f("third", third)
	f("second", attribute{"model.name", ""}, third, second)

	var r Request
	err := Read(recordOf(t, NameRequest, attribute{"model.name", 7}, second), &r)
	assert.Equal(t, map[string]Code{"/model/name": CodeWrongType}, problemsOf(err))
	assert.Equal(t, "second", r.Model.Name, "an own key that cannot be read does not stand in the way")
}

// Each problem is reported, its field stays absent, and the rest is read.
func TestReadReportsWhatItCannotTake(t *testing.T) {
	f := func(e Event, key string, value any, pointer string, code Code) {
		t.Helper()
		record := recordOf(t, NameOf(e), attribute{"tenant_id", "acme"}, attribute{key, value}, attribute{"request_id", "r"})
		want := New(NameOf(e))
		want.Common().RequestID, want.Common().TenantID = "r", "acme"
		err := Read(record, e)
		assert.Equal(t, map[string]Code{pointer: code}, problemsOf(err), "%s = %v", key, value)
		assert.Equal(t, want, e, "%s = %v", key, value)
	}
	f(&Request{}, "phase", "begun", "/phase", CodeInvalidValue)
	f(&Request{}, "endpoint", 3, "/endpoint", CodeWrongType)
	f(&Request{}, "duration_s", "2", "/duration_s", CodeWrongType)
	f(&Request{}, "duration_s", math.NaN(), "/duration_s", CodeInvalidValue)
	f(&Request{}, "duration_s", math.Inf(1), "/duration_s", CodeInvalidValue)
	f(&Request{}, "duration_s", -0.5, "/duration_s", CodeOutOfRange)
	f(&Request{}, "quality_score", 1.5, "/quality_score", CodeOutOfRange)
	f(&Request{}, "gen_ai.usage.input_tokens", 1.5, "/usage/input_tokens", CodeWrongType)
	f(&Request{}, "gen_ai.usage.input_tokens", 1e300, "/usage/input_tokens", CodeWrongType)
	f(&Request{}, "gen_ai.usage.input_tokens", math.NaN(), "/usage/input_tokens", CodeWrongType)
	f(&Request{}, "gen_ai.usage.prompt_tokens", -1, "/usage/input_tokens", CodeOutOfRange)
	f(&Request{}, "stream", "yes", "/stream", CodeWrongType)
	f(&Request{}, "gen_ai.response.finish_reasons", "stop", "/finish_reasons", CodeWrongType)
	f(&Request{}, "gen_ai.input.messages", 7, "/prompt", CodeWrongType)
	f(&Label{}, "observed_at", "yesterday", "/observed_at", CodeInvalidValue)
	f(&Label{}, "actual.class", []any{"a"}, "/actual/class", CodeWrongType)
	f(&Label{}, "actual.class", math.NaN(), "/actual/class", CodeInvalidValue)
	f(&Detection{}, KeyID, 7, "/guardian.event.id", CodeWrongType)
	f(&Detection{}, KeyPart, -1, "/guardian.event.part", CodeWrongType)
	f(&Detection{}, KeyPart, "1", "/guardian.event.part", CodeWrongType)

	var r Request
	require.Error(t, Read(recordOf(t, NameRequest, attribute{"gen_ai.response.finish_reasons", []any{"stop", 7}}), &r))
	assert.Empty(t, r.FinishReasons, "no half of a list")
	var p Prediction
	err := Read(recordOf(t, NamePrediction, attribute{"features.a", math.NaN()}, attribute{"features.b", 1.5},
		attribute{"features.c", []any{1, []any{2}}}, attribute{"features.d", map[string]any{}}, attribute{"features.e", []any{math.Inf(-1)}}), &p)
	assert.Equal(t, map[string]Code{"/features": CodeWrongType}, problemsOf(err))
	assert.Equal(t, Attributes{{Key: "features.b", Value: Double(1.5)}}, p.Features)
}

// What OpenTelemetry sends as no value is absent, as null is in JSON; what the
// vocabulary does not have is left alone.
func TestReadPassesOver(t *testing.T) {
	var p Prediction
	require.NoError(t, Read(recordOf(t, NamePrediction, attribute{"outcome", nil}, attribute{"features.a", nil},
		attribute{"features", "?"}, attribute{"features.", 1}, attribute{"featuresque.a", 1}, attribute{"http.route", "/"}), &p))
	assert.Equal(t, Prediction{}, p)
	assert.Nil(t, New("app.started"))
}

func TestReadTakesMessages(t *testing.T) {
	text := func(content any) any {
		return map[string]any{"role": "user", "parts": []any{map[string]any{"type": "text", "content": content}}}
	}
	f := func(messages any, want string) {
		t.Helper()
		var r Request
		require.NoError(t, Read(recordOf(t, NameRequest, attribute{"gen_ai.input.messages", messages}), &r))
		assert.Equal(t, want, r.Prompt)
	}
	f([]any{text("hello")}, "hello")
	f([]any{map[string]any{"role": "system"}, 7, text(7), text("hello")}, "hello")
	f([]any{map[string]any{"parts": "x"}, map[string]any{"parts": []any{"x", map[string]any{}}}}, "")
	f([]any{}, "")
	f("hello", "hello")
}

func TestTimeOfARecord(t *testing.T) {
	f := func(at, observed pcommon.Timestamp, want time.Time) {
		t.Helper()
		record := recordOf(t, NameDetection)
		record.SetTimestamp(at)
		record.SetObservedTimestamp(observed)
		var d Detection
		require.NoError(t, Read(record, &d))
		assert.Equal(t, want, d.Time)
	}
	f(7, 9, time.Unix(0, 7).UTC())
	f(0, 9, time.Unix(0, 9).UTC())
	f(0, 0, time.Time{})
}

func TestReadEmptiesTheEventFirst(t *testing.T) {
	var p Prediction
	require.NoError(t, Read(recordOf(t, NamePrediction, attribute{"features.a", 1}, attribute{"task", "x"}), &p))
	require.NoError(t, Read(recordOf(t, NamePrediction, attribute{"features.b", "c"}), &p))
	assert.Equal(t, Attributes{{Key: "features.b", Value: String("c")}}, p.Features)
	assert.Empty(t, p.Task)
}

func TestReadDoesNotAllocate(t *testing.T) {
	for name, body := range benchmarkEvents() {
		record := records(t, body).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		event := New(record.EventName())
		require.NoError(t, Read(record, event))
		assert.Zero(t, testing.AllocsPerRun(100, func() { _ = Read(record, event) }), name)
	}
}
