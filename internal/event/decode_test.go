// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// decoded decodes the only event of a body.
func decoded(t testing.TB, decoder *Decoder, bare Type, body string) Event {
	t.Helper()
	decoder.Reset([]byte(body))
	event, err := decoder.Next(bare)
	require.NoError(t, err, body)
	return event
}

// wholeRecord gives all of the record that an event becomes.
func wholeRecord(t testing.TB, body string) map[string]any {
	t.Helper()
	logs := plog.NewLogRecordSlice()
	Append(decoded(t, new(Decoder), "", body), 1, logs)
	require.Equal(t, 1, logs.Len())
	return attributesOf(logs.At(0))
}

func TestStringsAreCutAtARune(t *testing.T) {
	f := func(s string, limit int, want string) {
		t.Helper()
		got := cut(s, limit)
		assert.Equal(t, want, got)
		assert.True(t, utf8.ValidString(got))
		assert.Equal(t, got, cut(got, limit), "a cut string is not cut again")
	}
	long := strings.Repeat("ä", 20) // 40 bytes
	f("short", 0, "short")
	f("short", 5, "short")
	f(long, 40, long)
	f(long, 39, strings.Repeat("ä", 13)+Truncated) // 39-12 = 27 bytes for 13 runes of two
	f(long, 36, strings.Repeat("ä", 12)+Truncated)
	f(long, 12, Truncated)
	f(long, 11, strings.Repeat("ä", 5))
	f(long, 1, "")
}

func TestLimitsOfTexts(t *testing.T) {
	long := strings.Repeat("x", 100)
	decoder := Decoder{Limits: Limits{Text: 20, Content: 30}, Filter: keepAll}
	r := decoded(t, &decoder, "", `{"type":"request","id":"`+long+`","data":{"request_id":"`+long+`","model":"`+long+`","endpoint":"short",
		"prompt":"`+long+`","error_message":"`+long+`","finish_reasons":["`+long+`"]}}`).(*Request)
	short, content := strings.Repeat("x", 8)+Truncated, strings.Repeat("x", 18)+Truncated
	assert.Equal(t, short, r.ID)
	assert.Equal(t, short, r.RequestID)
	assert.Equal(t, short, r.Model.Name)
	assert.Equal(t, "short", r.Endpoint)
	assert.Equal(t, content, r.Prompt)
	assert.Equal(t, content, r.ErrorMessage)
	assert.Equal(t, []string{short}, r.FinishReasons)

	p := decoded(t, &decoder, TypePrediction, `{"prediction_id":"p","model":"m","predicted":"a","features":{"`+long+`":"`+long+`","a":{"`+long+`":["`+long+`"]}}}`).(*Prediction)
	require.Len(t, p.Features, 2)
	assert.Equal(t, "features."+short, p.Features[0].Key, "the key is still one of the field")
	assert.Equal(t, String(short), p.Features[0].Value)
	assert.Equal(t, "features.a."+strings.Repeat("x", 6)+Truncated, p.Features[1].Key)
	assert.Equal(t, []Value{String(short)}, p.Features[1].Value.List())
}

// What people wrote is kept as the filter says, and not at all without one.
func TestFilters(t *testing.T) {
	const body = `{"request_id":"r","model":"m","prompt":"secret","answer":"secret","error_message":"secret"}`
	r := decoded(t, new(Decoder), TypeRequest, body).(*Request)
	assert.Equal(t, []string{"", "", "secret"}, []string{r.Prompt, r.Answer, r.ErrorMessage})
	decoder := Decoder{Filter: Filter{
		Content: func(s string) (string, bool) { return "hash of " + s, true },
		Message: func(s string) string { return strings.ReplaceAll(s, "secret", "***") },
	}}
	r = decoded(t, &decoder, TypeRequest, body).(*Request)
	assert.Equal(t, []string{"hash of secret", "hash of secret", "***"}, []string{r.Prompt, r.Answer, r.ErrorMessage})
}

// The last of members with the same name counts.
func TestNamesThatOccurTwice(t *testing.T) {
	r := decoded(t, new(Decoder), "", `{"type":"request","type":"request","id":"1","id":"2","data":{"request_id":"lost"},
		"data":{"request_id":"a","request_id":"b","model":"m","model":{"name":"n"},"finish_reasons":["lost"],"finish_reasons":["stop"]}}`).(*Request)
	assert.Equal(t, "2", r.ID)
	assert.Equal(t, "b", r.RequestID)
	assert.Equal(t, "n", r.Model.Name)
	assert.Equal(t, []string{"stop"}, r.FinishReasons)

	e := decoded(t, new(Decoder), TypeEvaluation, `{"guardian_type":"g","request_id":"r","results":[{"name":"lost"},{"name":"lost"}],"results":[{"name":"q"}]}`).(*Evaluation)
	require.Len(t, e.Results, 1)
	assert.Equal(t, Result{Name: "q"}, e.Results[0])

	// Data before its type, then data again.
	r = decoded(t, new(Decoder), "", `{"data":{"request_id":"lost","model":"m"},"type":"request","data":{"request_id":"b","model":"m"}}`).(*Request)
	assert.Equal(t, "b", r.RequestID)

	attributes := wholeRecord(t, `{"type":"prediction","data":{"prediction_id":"p","model":"m","predicted":"a","features":{"lost":1},"features":{"a":1,"a":2}}}`)
	assert.Equal(t, int64(2), attributes["features.a"])
	assert.NotContains(t, attributes, "features.lost")

	var decoder Decoder
	decoder.Reset([]byte(`{"type":"request","data":{"request_id":"b","model":"m"},"type":"label"}`))
	_, err := decoder.Next("")
	assert.EqualError(t, err, "/type: stands there twice, with two values")
}

func TestEscapes(t *testing.T) {
	r := decoded(t, new(Decoder), "", `{"\u0074ype":"req\u0075est","\u0064ata":{"request\u005fid":"\u00fc\"\\\n\ud83d\ude00","m\u006fdel":{"n\u0061me":"\/m"}}}`).(*Request)
	assert.Equal(t, "ü\"\\\n😀", r.RequestID)
	assert.Equal(t, "/m", r.Model.Name)
	p := decoded(t, new(Decoder), TypePrediction, `{"prediction_id":"p","model":"m","predicted":"a","features":{"\u0061\"":"\u0000","n":{"\u00fc":1}}}`).(*Prediction)
	assert.Equal(t, Attributes{{Key: `features.a"`, Value: String("\x00")}, {Key: "features.n.ü", Value: Integer(1)}}, p.Features)
}

func TestFeatures(t *testing.T) {
	f := func(json string, want Attributes) {
		t.Helper()
		p := decoded(t, new(Decoder), TypePrediction, `{"prediction_id":"p","model":"m","predicted":"a","features":`+json+`}`).(*Prediction)
		assert.Equal(t, want, p.Features, json)
	}
	entry := func(name string, v Value) Attribute { return Attribute{Key: "features." + name, Value: v} }
	f(`null`, nil)
	f(`{}`, nil)
	f(`{"a":null,"":1,"n":{},"m":{"":2,"x":null}}`, nil)
	f(`{"a":"b"}`, Attributes{entry("a", String("b"))})
	f(`{"a":7}`, Attributes{entry("a", Integer(7))})
	f(`{"a":7.0}`, Attributes{entry("a", Double(7))})
	f(`{"a":9223372036854775807}`, Attributes{entry("a", Integer(9223372036854775807))})
	f(`{"a":9223372036854775808}`, Attributes{entry("a", Double(9223372036854775808))})
	f(`{"a":1e3}`, Attributes{entry("a", Double(1000))})
	f(`{"a":true}`, Attributes{entry("a", Boolean(true))})
	f(`{"a":{"b":{"c":1}},"d":2}`, Attributes{entry("a.b.c", Integer(1)), entry("d", Integer(2))})
	f(`{"a":[1,"b",2.5,false]}`, Attributes{entry("a", Value{kind: emptyList().kind, list: []Value{Integer(1), String("b"), Double(2.5), Boolean(false)}})})
	f(`{"a":[]}`, Attributes{entry("a", emptyList())})
}

// A bare string or number may stand for an object's chief field.
func TestShorthands(t *testing.T) {
	f := func(short, long string) {
		t.Helper()
		assert.Equal(t, wholeRecord(t, long), wholeRecord(t, short))
	}
	f(`{"type":"request","data":{"request_id":"r","model":"m","cost":0.5,"specialist_type":"s","specialist_id":"i"}}`,
		`{"type":"request","data":{"request_id":"r","model":{"name":"m"},"cost":{"amount":0.5},"specialist":{"type":"s","id":"i"}}}`)
	f(`{"type":"prediction","data":{"prediction_id":"p","model_name":"m","model_version":"1","predicted":"a"}}`,
		`{"type":"prediction","data":{"prediction_id":"p","model":{"name":"m","version":"1"},"predicted":{"class":"a"}}}`)
	f(`{"type":"prediction","data":{"prediction_id":"p","model":"m","predicted":7}}`,
		`{"type":"prediction","data":{"prediction_id":"p","model":{"name":"m"},"predicted":{"value":7}}}`)
	f(`{"type":"label","data":{"target":{"prediction_id":"p"},"actual":7.5,"annotator":"team"}}`,
		`{"type":"label","data":{"target":{"prediction_id":"p"},"actual":{"value":7.5},"annotator":{"name":"team"}}}`)
	f(`{"type":"evaluation","data":{"guardian":"g","request_id":"r","quality_tier":"low"}}`,
		`{"type":"evaluation","data":{"guardian":{"type":"g"},"request_id":"r","quality_tier":"low"}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","usage":{"prompt_tokens":3,"completion_tokens":4}}}`,
		`{"type":"request","data":{"request_id":"r","model":"m","usage":{"input_tokens":3.0,"output_tokens":4e0}}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","status":"ok"}}`,
		`{"type":"request","data":{"request_id":"r","model":"m","status":"success"}}`)
	f(`{"type":"label","data":{"target":{"prediction_id":"p"},"actual":{"class":true},"annotator":{"kind":"human"}}}`,
		`{"type":"label","data":{"target":{"prediction_id":"p"},"actual":{"class":"true"},"annotator":{"kind":"HUMAN"}}}`)
}

// The members of an envelope come in any order.
func TestDataBeforeItsType(t *testing.T) {
	for _, line := range exampleLines(t) {
		first := plog.NewLogRecordSlice()
		Append(decoded(t, new(Decoder), "", line), 1, first)
		start := strings.Index(line, `"data":`)
		turned := `{` + line[start:len(line)-1] + `,` + strings.TrimSuffix(line[1:start], ",") + `}`
		second := plog.NewLogRecordSlice()
		Append(decoded(t, new(Decoder), "", turned), 1, second)
		require.Equal(t, first.Len(), second.Len())
		for i := range first.Len() {
			assert.Equal(t, first.At(i).Attributes().AsRaw(), second.At(i).Attributes().AsRaw(), turned)
			assert.Equal(t, first.At(i).TraceID(), second.At(i).TraceID())
		}
	}
}

// Limits hold for data that came before its type as they do after it.
func TestLimitsDoNotDependOnTheOrder(t *testing.T) {
	for _, body := range []string{
		`{"type":"prediction","data":{"prediction_id":"p","model":"m","predicted":"a","features":{"a":{"b":1}}}}`,
		`{"data":{"prediction_id":"p","model":"m","predicted":"a","features":{"a":{"b":1}}},"type":"prediction"}`,
		`{"data":{"prediction_id":"p","model":"m","predicted":"a","features":{"a":{"b":[]}}},"type":"detection","type":"prediction"}`,
	} {
		code := func(limits Limits) Code {
			decoder := Decoder{Limits: limits}
			decoder.Reset([]byte(body))
			_, err := decoder.Next("")
			var problem *Problem
			if errors.As(err, &problem) {
				return problem.Code
			}
			require.NoError(t, err)
			return ""
		}
		if strings.Contains(body, "detection") {
			assert.Equal(t, CodeInvalidValue, code(Limits{}))
			continue
		}
		assert.Empty(t, code(Limits{Depth: 4, Attributes: 4, Bytes: len(body)}))
		assert.Equal(t, CodeTooDeep, code(Limits{Depth: 3}))
		assert.Equal(t, CodeTooManyFields, code(Limits{Attributes: 3}))
		assert.Equal(t, CodeTooLarge, code(Limits{Bytes: len(body) - 1}))
	}
}

func TestDepthOfLists(t *testing.T) {
	f := func(bare Type, depth int, body string) {
		t.Helper()
		for limit, want := range map[int]bool{depth: true, depth - 1: false} {
			decoder := Decoder{Limits: Limits{Depth: limit}}
			decoder.Reset([]byte(body))
			_, err := decoder.Next(bare)
			assert.Equal(t, want, err == nil, "%d: %v", limit, err)
		}
	}
	f(TypeRequest, 2, `{"request_id":"r","model":{"name":"m"}}`)
	f(TypeRequest, 2, `{"request_id":"r","model":"m","finish_reasons":["stop"]}`)
	f(TypeEvaluation, 3, `{"request_id":"r","guardian_type":"g","results":[{"name":"q"}]}`)
	f(TypePrediction, 3, `{"prediction_id":"p","model":"m","predicted":"a","features":{"a":[1]}}`)
	f(TypeRequest, 5, `{"request_id":"r","model":"m","unknown":[[{"a":{}}]]}`)
}

func TestTimes(t *testing.T) {
	f := func(at string, code Code) {
		t.Helper()
		var decoder Decoder
		decoder.Reset([]byte(`{"type":"detection","time":"` + at + `","data":{"detector_type":"pii","status":"success"}}`))
		event, err := decoder.Next("")
		if code == "" {
			require.NoError(t, err, at)
			logs := plog.NewLogRecordSlice()
			Append(event, 1, logs)
			assert.True(t, logs.At(0).Timestamp().AsTime().Equal(event.Common().Time), at)
			return
		}
		var problem *Problem
		require.ErrorAs(t, err, &problem, at)
		assert.Equal(t, Problem{Code: code, Pointer: "/time", Message: problem.Message}, *problem)
	}
	f("2026-11-21T05:00:00Z", "")
	f("2026-11-21T05:00:00.123456789+05:30", "")
	f("1970-01-01T00:00:00.000000001Z", "")
	f("2261-12-31T23:59:59.999999999Z", "")
	f("1970-01-01T00:00:00Z", CodeTimeOutOfRange)
	f("0001-01-01T00:00:00Z", CodeTimeOutOfRange)
	f("1677-01-01T00:00:00Z", CodeTimeOutOfRange)
	f("9999-12-31T23:59:59Z", CodeTimeOutOfRange)
	f("2026-11-21 05:00:00Z", CodeInvalidValue)
	f("2026-11-21T5:00:00Z", CodeInvalidValue)
	f("2026-11-21T05:00:00,5Z", CodeInvalidValue)
	f("2026-11-21", CodeInvalidValue)
	f("2026-11-21T05:00:00+24:00", CodeInvalidValue)
	f("2026-11-21T05:00:00+05:60", CodeInvalidValue)
	f("2026-11-21T05:00:00+0530", CodeInvalidValue)
	f("2026-11-21T05:00:00.Z", CodeInvalidValue)
	f("2026-02-30T05:00:00Z", CodeInvalidValue)
}

// An evaluation without results becomes records and JSON that are read again.
func TestEvaluationWithoutResults(t *testing.T) {
	e := decoded(t, new(Decoder), TypeEvaluation, `{"guardian_type":"safety","request_id":"r","error_type":"timeout","duration_s":2,"issues":[{"category":"S7"}]}`).(*Evaluation)
	for range 2 {
		logs := plog.NewLogRecordSlice()
		Append(e, 1, logs)
		require.Equal(t, 2, logs.Len())
		assert.Equal(t, map[string]any{"request_id": "r", "guardian_type": "safety", "error.type": "timeout", "duration_s": 2.0, "gen_ai.evaluation.name": "safety"},
			attributesOf(logs.At(0)))
		assert.Equal(t, map[string]any{"request_id": "r", "guardian_type": "safety", "category": "S7", KeyPart: int64(1)}, attributesOf(logs.At(1)))
	}
	var decoder Decoder
	again := decoded(t, &decoder, "", string(AppendJSON(nil, e)))
	assert.Empty(t, again.(*Evaluation).Results)
}

// A rejected event does not keep the next one from being decoded, nor shine through.
func TestEventsAfterAProblem(t *testing.T) {
	var decoder Decoder
	decoder.Reset([]byte(`[{"type":"prediction","data":{"prediction_id":"p","model":"m","features":{"a":1}}},
		7, null, [], {"type":"prediction","id":"2","data":{"prediction_id":"q","model":"n","predicted":1}}]`))
	for _, code := range []Code{CodeMissingField, CodeWrongType, CodeWrongType, CodeWrongType} {
		_, err := decoder.Next("")
		var problem *Problem
		require.ErrorAs(t, err, &problem)
		assert.Equal(t, code, problem.Code)
	}
	event, err := decoder.Next("")
	require.NoError(t, err)
	p := event.(*Prediction)
	assert.Equal(t, "q", p.PredictionID)
	assert.Empty(t, p.Features)
	_, err = decoder.Next("")
	assert.ErrorIs(t, err, io.EOF)
}
