// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

var fuzzLimits = Limits{Bytes: 4000, Attributes: 40, Text: 40, Content: 60, Depth: 6}

// Whatever the body, decoding ends; an event that is accepted keeps the limits, is
// one that the schema accepts, and stays the same on its way through JSON, records
// and structs.
func FuzzDecode(f *testing.F) {
	for _, line := range exampleLines(f) {
		f.Add([]byte(line), uint8(0))
	}
	for _, body := range benchmarkEvents() {
		f.Add([]byte(body), uint8(0))
	}
	f.Add([]byte(`[{"detector_type":"a","status":"b"},7,{}]`), uint8(9))
	f.Add([]byte(`{"prediction_id":"p","model":"m","predicted":1e3,"features":{"a":{"b":[1,"",2.5,true]},"c":null,"":1}}`), uint8(4))
	f.Add([]byte(`{"data":{"target":{"trace_id":"80f198ee56343ba864fe8b2a57d3eff7"},"actual":true},"type":"label","time":"2026-11-21T05:00:00.5+05:30"}`), uint8(0))
	schemas := compileSchemas(f)
	decoder, again := Decoder{Limits: fuzzLimits, Filter: keepAll}, Decoder{Filter: keepAll}
	f.Fuzz(func(t *testing.T, body []byte, kind uint8) {
		bare := Type("")
		if n := int(kind) % (len(Types) + 1); n > 0 {
			bare = Types[n-1]
		}
		decoder.Reset(body)
		for range len(body) + 1 { // Each event has a byte at least.
			event, err := decoder.Next(bare)
			var problem *Problem
			if errors.As(err, &problem) {
				require.NotEmpty(t, problem.Message)
				continue
			}
			if err != nil {
				return
			}
			checkLimits(t, event)
			checkSchema(t, schemas[bare], body)
			checkJourney(t, &again, event)
		}
		t.Fatal("decoding does not end")
	})
}

// compileSchemas gives the schema of envelopes, under the empty type, and those of
// bare data.
func compileSchemas(tb testing.TB) map[Type]*jsonschema.Schema {
	tb.Helper()
	schemas := map[Type]*jsonschema.Schema{"": compileSchema(tb)}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(tb, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(tb, compiler.AddResource(SchemaID, document))
	for _, typ := range Types {
		schemas[typ], err = compiler.Compile(SchemaID + "#/$defs/" + string(typ))
		require.NoError(tb, err)
	}
	return schemas
}

// checkSchema validates bodies of one event. Numbers are taken as doubles, as the
// decoder takes them.
func checkSchema(t *testing.T, schema *jsonschema.Schema, body []byte) {
	t.Helper()
	var instance any
	if json.Unmarshal(body, &instance) != nil {
		return // a number beyond doubles, in a member that nobody reads
	}
	if _, single := instance.(map[string]any); single {
		require.NoError(t, schema.Validate(instance), "%s", body)
	}
}

func checkLimits(t *testing.T, event Event) {
	t.Helper()
	text := func(s string, limit int) int {
		require.True(t, utf8.ValidString(s), "%q", s)
		require.LessOrEqual(t, len(s), limit)
		return 1
	}
	meta := event.Common()
	for _, s := range []string{meta.ID, meta.Source, meta.Subject, meta.CorrelationID} {
		text(s, fuzzLimits.Text)
	}
	var count func(table *table, event any) int
	count = func(table *table, event any) (n int) {
		for i := range table.fields {
			f := &table.fields[i]
			limit := fuzzLimits.Text
			if f.secrecy != plain {
				limit = fuzzLimits.Content
			}
			switch v := f.at(event).(type) {
			case *string:
				if *v != "" {
					n += text(*v, limit)
				}
			case *[]string:
				for _, s := range *v {
					n += text(s, limit)
				}
			case *Attributes:
				for _, a := range *v {
					text(a.Key, len(f.key)+1+limit)
					n += max(len(a.Value.List()), 1)
					for _, element := range append(a.Value.List(), a.Value) {
						s, _ := element.Text()
						text(s, limit)
					}
				}
			case listOf:
				for i := range v.len() {
					n += count(f.elements, v.element(i))
				}
			default:
				if f.set(event) {
					n++
				}
			}
		}
		return n
	}
	const correlationOfEnvelope = 1
	require.LessOrEqual(t, count(event.table(), event), fuzzLimits.Attributes+correlationOfEnvelope)
}

// checkJourney sends an event through JSON, and if it is one record through the
// record too, and compares the records that come of it.
func checkJourney(t *testing.T, decoder *Decoder, event Event) {
	t.Helper()
	first, logs := written(t, event)
	decoder.Reset(AppendJSON(nil, event))
	back, err := decoder.Next("")
	require.NoError(t, err, "%s", first)
	second, _ := written(t, back)
	require.Equal(t, first, second)

	if _, several := event.(*Evaluation); several {
		return
	}
	read := New(logs.At(0).EventName())
	require.NoError(t, Read(logs.At(0), read))
	decoder.Reset(AppendJSON(nil, read))
	back, err = decoder.Next("")
	require.NoError(t, err, "%s", first)
	third, _ := written(t, back)
	require.Equal(t, first, third)
}

func written(t *testing.T, event Event) (string, plog.LogRecordSlice) {
	t.Helper()
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	Append(event, 1, records)
	body, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return string(body), records
}

// Whatever the attributes, what is read of them are values that the fields may
// have, and reading what they are written as gives the same.
func FuzzRead(f *testing.F) {
	marshaler := plog.ProtoMarshaler{}
	add := func(logs plog.Logs) {
		body, err := marshaler.MarshalLogs(logs)
		require.NoError(f, err)
		f.Add(body)
	}
	for _, line := range exampleLines(f) {
		add(records(f, line))
	}
	logs := plog.NewLogs()
	recordOf(f, NameRequest,
		attribute{"gen_ai.usage.prompt_tokens", 7.0}, attribute{"gen_ai.system", "vllm"}, attribute{"duration_s", math.NaN()},
		attribute{"gen_ai.input.messages", []any{map[string]any{"parts": []any{map[string]any{"content": "x"}}}}},
		attribute{"model.name", nil}, attribute{"stream", []any{}}, attribute{KeyPart, 1}, attribute{KeyID, "i"},
	).CopyTo(logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	add(logs)

	f.Fuzz(func(t *testing.T, body []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
		if err != nil {
			return
		}
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					for _, table := range tables() {
						if table.eventName != "" {
							checkRead(t, record, table)
						}
					}
				}
			}
		}
	})
}

func checkRead(t *testing.T, record plog.LogRecord, table *table) {
	t.Helper()
	event := table.new()
	_ = Read(record, event) // What it cannot take is absent.
	for i := range table.fields {
		f := &table.fields[i]
		switch v := f.at(event).(type) {
		case *string:
			require.True(t, *v == "" || len(f.enum) == 0 || slices.Contains(f.enum, *v), *v)
			require.True(t, *v == "" || f.format == "" || isTime(*v), *v)
		case *Float:
			require.False(t, math.IsNaN(v.Value) || math.IsInf(v.Value, 0))
			require.True(t, !v.Set || !f.low.Set || v.Value >= f.low.Value)
			require.True(t, !v.Set || !f.high.Set || v.Value <= f.high.Value)
		case *Int:
			require.True(t, !v.Set || !f.low.Set || float64(v.Value) >= f.low.Value)
		case *Attributes:
			for _, a := range *v {
				number, _ := a.Value.Number()
				require.False(t, math.IsNaN(number) || math.IsInf(number, 0))
				require.NotEmpty(t, a.Name())
			}
		}
	}
	written := plog.NewLogRecordSlice()
	Append(event, 1, written)
	again := table.new()
	require.NoError(t, Read(written.At(0), again))
	again.Common().Time = event.Common().Time
	rewritten := plog.NewLogRecordSlice()
	Append(again, 1, rewritten)
	require.Equal(t, attributesOf(written.At(0)), attributesOf(rewritten.At(0)))
}
