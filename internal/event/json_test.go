// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func exampleLines(t testing.TB) []string {
	t.Helper()
	content, err := os.ReadFile("testdata/examples.ndjson")
	require.NoError(t, err)
	var lines []string
	for line := range bytes.Lines(content) {
		lines = append(lines, string(bytes.TrimSpace(line)))
	}
	return lines
}

// One example of each type becomes records; -update writes them.
func TestExamplesBecomeRecords(t *testing.T) {
	schema := compileSchema(t)
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	decoder := Decoder{Filter: Filter{Content: func(s string) (string, bool) { return s, true }}}
	seen := map[Type]bool{}
	for _, line := range exampleLines(t) {
		require.NoError(t, validate(t, schema, line), line)
		decoder.Reset([]byte(line))
		event, err := decoder.Next("")
		require.NoError(t, err, line)
		seen[event.table().typ] = true
		Append(event, pcommon.Timestamp(1), records)
		_, err = decoder.Next("")
		require.ErrorIs(t, err, io.EOF)
	}
	assert.Len(t, seen, len(Types), "testdata/examples.ndjson has an example of each type")
	assert.Zero(t, decoder.Unknown, "no field of the examples is unknown")
	testutil.GoldenLogs(t, "testdata/examples.json", logs)
}

// What is read back from a record, and written as JSON again, is the same record.
func TestRecordsGoBothWays(t *testing.T) {
	var decoder Decoder
	for _, line := range exampleLines(t) {
		first, second := plog.NewLogRecordSlice(), plog.NewLogRecordSlice()
		decoder.Reset([]byte(line))
		event, err := decoder.Next("")
		require.NoError(t, err)
		Append(event, 1, first)
		for i := range first.Len() {
			back := New(first.At(i).EventName())
			require.NotNil(t, back)
			require.NoError(t, Read(first.At(i), back))
			Append(back, 1, second)
		}
		require.Equal(t, first.Len(), second.Len())
		for i := range first.Len() {
			assert.Equal(t, attributesOf(first.At(i)), attributesOf(second.At(i)), line)
			assert.Equal(t, first.At(i).TraceID(), second.At(i).TraceID())
			assert.Equal(t, first.At(i).Timestamp(), second.At(i).Timestamp())
		}

		again := plog.NewLogRecordSlice()
		decoder.Reset([]byte(line))
		event, err = decoder.Next("")
		require.NoError(t, err)
		decoder.Reset(AppendJSON(nil, event))
		event, err = decoder.Next("")
		require.NoError(t, err)
		Append(event, 1, again)
		require.Equal(t, first.Len(), again.Len())
		for i := range first.Len() {
			assert.Equal(t, attributesOf(first.At(i)), attributesOf(again.At(i)), line)
		}
	}
}

func attributesOf(record plog.LogRecord) map[string]any { return record.Attributes().AsRaw() }

func TestRejects(t *testing.T) {
	decoder := Decoder{Limits: Limits{Depth: 6, Attributes: 20, Text: 64, Content: 128, Bytes: 2000}}
	f := func(json string, code Code, pointer string) {
		t.Helper()
		decoder.Reset([]byte(json))
		_, err := decoder.Next("")
		var problem *Problem
		require.ErrorAs(t, err, &problem, json)
		assert.Equal(t, code, problem.Code, json)
		assert.Equal(t, pointer, problem.Pointer, json)
		_, err = decoder.Next("")
		require.ErrorIs(t, err, io.EOF, "the decoder stands after the event: %s", json)
	}
	f(`{"data":{}}`, CodeMissingField, "/type")
	f(`{"type":"request"}`, CodeMissingField, "/data")
	f(`{"type":"reqest","data":{}}`, CodeUnknownType, "/type")
	f(`{"type":"dev.otelcol-guardian.request.v2","data":{}}`, CodeUnknownType, "/type")
	f(`{"type":7,"data":{}}`, CodeWrongType, "/type")
	f(`{"type":"request","data":[]}`, CodeWrongType, "/data")
	f(`{"type":"request","data":{"model":"m"}}`, CodeMissingField, "/data/request_id")
	f(`{"data":{"model":"m"},"type":"request"}`, CodeMissingField, "/data/request_id")
	f(`{"type":"request","data":{"request_id":"r"}}`, CodeMissingField, "/data/model/name")
	f(`{"type":"request","data":{"request_id":7,"model":"m"}}`, CodeWrongType, "/data/request_id")
	f(`{"type":"request","data":{"request_id":"r","model":"m","duration_s":"2"}}`, CodeWrongType, "/data/duration_s")
	f(`{"type":"request","data":{"request_id":"r","model":"m","duration_s":-2}}`, CodeOutOfRange, "/data/duration_s")
	f(`{"type":"request","data":{"request_id":"r","model":"m","duration_s":1e999}}`, CodeOutOfRange, "/data/duration_s")
	f(`{"type":"request","data":{"request_id":"r","model":"m","usage":{"input_tokens":1.5}}}`, CodeWrongType, "/data/usage/input_tokens")
	f(`{"type":"request","data":{"request_id":"r","model":"m","usage":{"input_tokens":1e30}}}`, CodeOutOfRange, "/data/usage/input_tokens")
	f(`{"type":"request","data":{"request_id":"r","model":"m","usage":7}}`, CodeWrongType, "/data/usage")
	f(`{"type":"request","data":{"request_id":"r","model":"m","phase":"begun"}}`, CodeInvalidValue, "/data/phase")
	f(`{"type":"request","time":"yesterday","data":{"request_id":"r","model":"m"}}`, CodeInvalidValue, "/time")
	f(`{"type":"request","traceparent":"00-1-2-3","data":{"request_id":"r","model":"m"}}`, CodeInvalidValue, "/traceparent")
	f(`{"type":"request","data":{"request_id":"r","model":"m","unknown":[[[[[[[[1]]]]]]]]}}`, CodeTooDeep, "")
	f(`{"type":"evaluation","data":{"guardian_type":"g","target":{"trace_id":"zz"},"results":[{"name":"q"}]}}`, CodeInvalidValue, "/data/target/trace_id")
	f(`{"type":"evaluation","data":{"guardian_type":"g","request_id":"r","results":[{"name":"q"},{"score":1}]}}`, CodeMissingField, "/data/results/1/name")
	f(`{"type":"evaluation","data":{"guardian_type":"g","results":[{"name":"q"}]}}`, CodeMissingField, "/data/target")
	f(`{"type":"label","data":{"target":{"prediction_id":"p"}}}`, CodeMissingField, "/data/actual")
	f(`{"type":"prediction","data":{"prediction_id":"p","model":"m","predicted":"a","features":{"a":[{}]}}}`, CodeWrongType, "/data/features")
}

func TestEndsOfBodies(t *testing.T) {
	f := func(body, message string) {
		t.Helper()
		var decoder Decoder
		decoder.Reset([]byte(body))
		for {
			_, err := decoder.Next(TypeDetection)
			var problem *Problem
			if err == nil || errors.As(err, &problem) {
				continue
			}
			assert.ErrorContains(t, err, message, body)
			return
		}
	}
	f(``, "empty")
	f(`"x"`, "object")
	f(`[`, "ends too early")
	f(`{"detector_type":"a"`, "ends too early")
	f(`{"detector_type":"a"} x`, "not JSON at byte")
	f(`{"detector_type":"a"}{}`, "follows")
	f(`[{"detector_type":"a"}]]`, "not JSON at byte")
	f(`{"detector_type":NaN}`, "not JSON at byte 17")
	f("{\"detector_type\":\"\xff\"}", "UTF-8")
}
