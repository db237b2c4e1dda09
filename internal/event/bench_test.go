// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// benchmarkEvents are what applications send most: a request with 15 values, an
// evaluation that becomes four records, and a prediction with 20 features.
func benchmarkEvents() map[string]string {
	features := make([]string, 20)
	for i := range features {
		features[i] = fmt.Sprintf(`"feature_%02d":%d.5`, i, i)
	}
	return map[string]string{
		"request": `{"id":"r-4711","source":"/cluster/a","type":"request","time":"2026-11-21T05:00:00Z",` +
			`"traceparent":"00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01","data":{"request_id":"req-4711",` +
			`"response_id":"chatcmpl-9","operation":"chat","provider":"vllm","model":{"name":"llama-70b","version":"3.1"},` +
			`"specialist":{"id":"sp-3","type":"legal"},"endpoint":"/v1/chat","duration_s":2.4,"status":"success",` +
			`"complexity":"high","quality_score":0.83,"usage":{"input_tokens":900,"output_tokens":210}}}`,
		"evaluation": `{"id":"e-4711","source":"/guardian/safety-1","type":"evaluation","time":"2026-11-21T05:00:01Z","data":{"evaluation_id":"ev-1",` +
			`"target":{"trace_id":"80f198ee56343ba864fe8b2a57d3eff7","span_id":"e457b5a2e4d86bd1","response_id":"chatcmpl-9"},` +
			`"guardian_type":"safety","evaluator":{"id":"llama-guard-4","type":"llm_judge","version":"2026-10"},` +
			`"results":[{"name":"hallucination","score":0.82,"direction":"lower_is_better","threshold":0.5,"label":"fail"},{"name":"quality","score":0.9}],` +
			`"issues":[{"issue_id":"i1","category":"S7","taxonomy":"mlcommons","severity":"high","stage":"output"}],` +
			`"improvements":[{"improvement_id":"m1","type":"prompt","priority":"high","status":"suggested"}],"duration_s":0.41}}`,
		"prediction": `{"id":"p-4711","source":"/model/churn","type":"prediction","time":"2026-11-21T05:00:02Z","data":{"prediction_id":"pr-7",` +
			`"model":{"name":"churn","version":"12"},"predicted":{"class":"yes"},"confidence":0.61,"latency_ms":12.5,` +
			`"segments":{"region":"eu"},"features":{` + strings.Join(features, ",") + `}}}`,
	}
}

// records decodes an event into logs of their own.
func records(tb testing.TB, body string) plog.Logs {
	tb.Helper()
	var decoder Decoder
	decoder.Reset([]byte(body))
	event, err := decoder.Next("")
	require.NoError(tb, err)
	logs := plog.NewLogs()
	Append(event, 1, logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords())
	return logs
}

// Each event as JSON of this package becomes records, and for comparison the same
// records are read from OTLP JSON, and the event's JSON into maps.
func BenchmarkDecode(b *testing.B) {
	for name, body := range benchmarkEvents() {
		b.Run(name+"/event", func(b *testing.B) {
			var decoder Decoder
			input := []byte(body)
			logs := plog.NewLogRecordSlice()
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				decoder.Reset(input)
				event, err := decoder.Next("")
				if err != nil {
					b.Fatal(err)
				}
				logs.RemoveIf(func(plog.LogRecord) bool { return true })
				Append(event, pcommon.Timestamp(1), logs)
			}
		})
		b.Run(name+"/event_without_append", func(b *testing.B) {
			var decoder Decoder
			input := []byte(body)
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				decoder.Reset(input)
				if _, err := decoder.Next(""); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/otlp_json", func(b *testing.B) {
			input, err := (&plog.JSONMarshaler{}).MarshalLogs(records(b, body))
			require.NoError(b, err)
			var unmarshaler plog.JSONUnmarshaler
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				if _, err := unmarshaler.UnmarshalLogs(input); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/encoding_json_map", func(b *testing.B) {
			input := []byte(body)
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				var into map[string]any
				if err := json.Unmarshal(input, &into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Reading the records of each event, by the function and by a reader; for comparison the values of all attributes
// are looked at, one by one, without making anything of them.
func BenchmarkRead(b *testing.B) {
	for name, body := range benchmarkEvents() {
		record := records(b, body).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		b.Run(name+"/event", func(b *testing.B) {
			event := New(record.EventName())
			b.ReportAllocs()
			for b.Loop() {
				if err := Read(record, event); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(record.Attributes().Len()), "attributes")
		})
		b.Run(name+"/reader", func(b *testing.B) {
			reader := NewReader(record.EventName())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := reader.Read(record); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/map_all", func(b *testing.B) {
			b.ReportAllocs()
			seen := 0
			for b.Loop() {
				for key, value := range record.Attributes().All() {
					seen += len(key) + int(value.Type())
				}
			}
			require.Positive(b, seen)
		})
	}
}
