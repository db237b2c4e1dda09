// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// The expected ids are the first 32 digits that sha256sum of GNU coreutils prints
// for the id without a line end.
const (
	idOfReq42     = "fd1180d9f0c0819f00056b7b9de19fce" // req-42
	idOfPr7       = "c1cec5c4a6eb6fe4e24abc1a70827fd1" // pr-7
	idOfChatcmpl9 = "bb15a476693339792046e323abe40192" // chatcmpl-9
	idOfUeber     = "b51c854170449c382397a108bc58403e" // über, in UTF-8
)

const (
	givenTrace = "80f198ee56343ba864fe8b2a57d3eff7"
	givenSpan  = "e457b5a2e4d86bd1"
	otherTrace = "0af7651916cd43dd8448eb211c80319c"
	otherSpan  = "b7ad6b7169203331"
)

func TestDeriveTraceID(t *testing.T) {
	f := func(id, want string) {
		t.Helper()
		assert.Equal(t, want, DeriveTraceID(id).String())
	}
	f("req-42", idOfReq42)
	f("pr-7", idOfPr7)
	f("chatcmpl-9", idOfChatcmpl9)
	f("über", idOfUeber)
}

// The grammar is that of W3C Trace Context, section 3.2.
func TestParseTraceparent(t *testing.T) {
	f := func(header string, want bool, flags uint32) {
		t.Helper()
		trace, span, got, ok := ParseTraceparent(header)
		require.Equal(t, want, ok, header)
		if !ok {
			assert.True(t, trace.IsEmpty() && span.IsEmpty() && got == 0, header)
			return
		}
		assert.Equal(t, givenTrace, trace.String())
		assert.Equal(t, givenSpan, span.String())
		assert.Equal(t, flags, got)
	}
	const ids = givenTrace + "-" + givenSpan
	f("00-"+ids+"-01", true, 1)
	f("00-"+ids+"-00", true, 0)
	f("00-"+ids+"-ff", true, 255)
	f("01-"+ids+"-01", true, 1)
	f("cc-"+ids+"-01-what-the-future-brings", true, 1)
	f("fe-"+ids+"-01-", true, 1)
	f("00-"+ids+"-01-more", false, 0)
	f("cc-"+ids+"-01.more", false, 0)
	f("ff-"+ids+"-01", false, 0)
	f("0-"+ids+"-01", false, 0)
	f("zz-"+ids+"-01", false, 0)
	f("00-"+ids, false, 0)
	f("00-"+ids+"-0", false, 0)
	f("00-"+ids+"-0x", false, 0)
	f("00_"+ids+"-01", false, 0)
	f("00-00000000000000000000000000000000-"+givenSpan+"-01", false, 0)
	f("00-"+givenTrace+"-0000000000000000-01", false, 0)
	f("00-"+givenTrace+"x"+givenSpan+"-01", false, 0)
	f("00-"+givenSpan+"-"+givenTrace+"-01", false, 0)
	f("", false, 0)
}

func TestTraceparentGoesBothWays(t *testing.T) {
	const header = "00-" + givenTrace + "-" + givenSpan + "-01"
	trace, span, flags, ok := ParseTraceparent(header)
	require.True(t, ok)
	assert.Equal(t, header, string(AppendTraceparent(nil, trace, span, flags)))
}

// The target wins over the event's own trace context, that over the context of the
// request that brought the event, and that over ids, which have an order too.
func TestCorrelation(t *testing.T) {
	const traceparent = `"traceparent":"00-` + givenTrace + `-` + givenSpan + `-01",`
	var parent Parent
	f := func(json, trace, span string, flags uint32) {
		t.Helper()
		decoder := Decoder{Parent: parent}
		decoder.Reset([]byte(json))
		event, err := decoder.Next("")
		require.NoError(t, err, json)
		meta := event.Common()
		assert.Equal(t, trace, meta.TraceID.String(), json)
		assert.Equal(t, span, meta.SpanID.String(), json)
		assert.Equal(t, flags, meta.Flags, json)
	}
	evaluation := func(envelope, data string) string {
		return `{"type":"evaluation",` + envelope + `"data":{"guardian_type":"g","quality_tier":"high",` + data + `}}`
	}
	target := `"target":{"trace_id":"` + otherTrace + `","span_id":"` + otherSpan + `"}`

	f(evaluation(traceparent, target), otherTrace, otherSpan, 0)
	f(evaluation(traceparent, `"target":{"trace_id":"`+otherTrace+`"}`), otherTrace, "", 0)
	f(evaluation(traceparent, `"target":{"trace_id":"0AF7651916CD43DD8448EB211C80319C"}`), otherTrace, "", 0)
	f(evaluation(traceparent, `"target":{"trace_id":"`+givenTrace+`","span_id":"`+givenSpan+`"}`), givenTrace, givenSpan, 1)
	f(evaluation(traceparent, `"target":{"trace_id":"`+givenTrace+`"}`), givenTrace, "", 0)
	f(evaluation(traceparent, `"target":{"response_id":"chatcmpl-9"}`), givenTrace, givenSpan, 1)
	f(evaluation("", `"request_id":"req-42","target":{"request_id":"x","prediction_id":"pr-7","response_id":"chatcmpl-9"}`), idOfReq42, "", 0)
	f(evaluation("", `"target":{"request_id":"req-42","prediction_id":"pr-7","response_id":"chatcmpl-9"}`), idOfReq42, "", 0)
	f(evaluation("", `"target":{"prediction_id":"pr-7","response_id":"chatcmpl-9"}`), idOfPr7, "", 0)
	f(evaluation("", `"target":{"response_id":"chatcmpl-9"}`), idOfChatcmpl9, "", 0)
	f(evaluation("", `"target":{"evaluation_id":"e"}`), "", "", 0)
	f(`{"type":"request","data":{"request_id":"req-42","response_id":"chatcmpl-9","model":"m"}}`, idOfReq42, "", 0)
	f(`{"type":"prediction","data":{"prediction_id":"pr-7","model":"m","predicted":"a"}}`, idOfPr7, "", 0)
	f(`{"type":"prediction","data":{"prediction_id":"pr-7","request_id":"req-42","model":"m","predicted":"a"}}`, idOfReq42, "", 0)
	f(`{"type":"label","data":{"target":{"prediction_id":"pr-7"},"actual":"a"}}`, idOfPr7, "", 0)
	f(`{"type":"detection","data":{"detector_type":"pii","status":"success"}}`, "", "", 0)

	trace, span, _, ok := ParseTraceparent("00-" + otherTrace + "-" + otherSpan + "-01")
	require.True(t, ok)
	parent = Parent{TraceID: trace, SpanID: span, Flags: 1}
	f(`{"type":"prediction","data":{"prediction_id":"pr-7","model":"m","predicted":"a"}}`, otherTrace, otherSpan, 1)
	f(evaluation(traceparent, `"target":{"response_id":"chatcmpl-9"}`), givenTrace, givenSpan, 1)
}

func TestTraceIDText(t *testing.T) {
	id := pcommon.TraceID{}
	_, err := hex.Decode(id[:], []byte(givenTrace))
	require.NoError(t, err)
	assert.Equal(t, givenTrace, TraceIDText(id))
}

func TestNaturalID(t *testing.T) {
	f := func(e Event, want string) {
		t.Helper()
		assert.Equal(t, want, NaturalID(e))
	}
	f(&Request{}, "")
	f(&Request{Meta: Meta{RequestID: "a"}}, "request:a:complete")
	f(&Request{Meta: Meta{RequestID: "a"}, Phase: PhaseStart}, "request:a:start")
	f(&Evaluation{}, "")
	f(&Evaluation{Judgement: Judgement{EvaluationID: "a"}}, "evaluation:a")
	f(&Improvement{}, "")
	f(&Improvement{ImprovementID: "a"}, "improvement:a:suggested")
	f(&Improvement{ImprovementID: "a", Status: ImprovementAccepted}, "improvement:a:accepted")
	f(&Prediction{}, "")
	f(&Prediction{PredictionID: "a"}, "prediction:a")
	f(&Label{}, "")
	f(&Label{LabelID: "a"}, "label:a:upsert:0")
	f(&Label{LabelID: "a", Operation: LabelRetract, Revision: Some[int64](2)}, "label:a:retract:2")
	f(&Mapping{}, "")
	f(&Mapping{MappingID: "a"}, "mapping:a")
	f(&Violation{}, "")
	f(&Violation{ViolationID: "a"}, "violation:a")
	f(&Failure{Meta: Meta{RequestID: "a"}}, "")
	f(&Workload{Meta: Meta{RequestID: "a"}}, "")
}
