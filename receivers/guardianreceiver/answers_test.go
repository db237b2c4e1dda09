// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const good = `{"detector_type":"pii","status":"success"}`

// Every status that a client can be answered, apart from those that need more than a request.
func TestAnswers(t *testing.T) {
	r := start(t, `
max_request_body_size: 4096
limits: {events: 3, event_bytes: 300}
`)
	f := func(method, path, contentType, body string, status int, detail string) answer {
		t.Helper()
		a := r.send(t, method, path, strings.NewReader(body), "Content-Type", contentType)
		assert.Equal(t, status, a.status, a.raw)
		assert.Contains(t, a.Detail, detail)
		return a
	}
	const js, nd = "application/json", "application/x-ndjson"
	f("POST", "/v1/detections", js, good, 200, "")
	f("POST", "/v1/detections", js, " ["+good+","+good+"] ", 200, "")
	f("POST", "/v1/detections", js, "[]", 200, "")
	f("POST", "/v1/detections", "application/json; charset=UTF-8", good, 200, "")
	for _, name := range []string{"application/x-ndjson", "application/ndjson", "application/jsonl"} {
		f("POST", "/v1/detections", name, good+"\r\n\n  \n"+good, 200, "")
	}
	f("POST", "/v1/detections", js, "", 400, "empty")
	f("POST", "/v1/detections", nd, "\n \n", 400, "empty")
	f("POST", "/v1/detections", js, `{"detector_type":`, 400, "ends too early")
	f("POST", "/v1/detections", js, `[`+good+`, nonsense]`, 400, "not JSON at byte")
	f("POST", "/v1/detections", js, `7`, 400, "must be a JSON object")
	f("POST", "/v1/detections", js, `{}`, 400, "no event")
	f("POST", "/v1/detections", js, strings.Repeat("[", 3000), 400, "ends too early")
	f("POST", "/v1/detections", js, `["`+strings.Repeat("x", 5000)+`"]`, 413, "4096 bytes")
	f("POST", "/v1/detections", js, `[`+strings.Repeat(good+",", 3)+good+`]`, 413, "3 events")
	f("POST", "/v1/detections", "", good, 415, "Content-Type is missing")
	f("POST", "/v1/detections", "text/plain", good, 415, "application/x-ndjson")
	f("POST", "/v1/detections", "application/json; charset=latin1", good, 415, "utf-8")
	f("POST", "/v1/detections", "application/json; charset", good, 415, "cannot be read")
	f("POST", "/v1/detections", "application/cloudevents+json", detection("x"), 415, "/v1/events")
	f("POST", "/v1/nothing", js, good, 404, "/v1/events")
	a := f("GET", "/v1/detections", js, "", 405, "POST")
	assert.Equal(t, "POST", a.header.Get("Allow"))
	f("DELETE", "/v1/schema", js, "", 405, "GET")
}

// Each type has its path, and one example of each becomes the records of the golden file.
func TestExamplesOfEachType(t *testing.T) {
	r := start(t, "")
	examples, err := os.ReadFile("../../internal/event/testdata/examples.ndjson")
	require.NoError(t, err)
	a := r.send(t, http.MethodPost, "/v1/events", strings.NewReader(string(examples)),
		"Content-Type", "application/x-ndjson", "X-Correlation-ID", "corr-1", "X-Guardian-Source", "/batch")
	require.Equal(t, 200, a.status, a.raw)
	assert.JSONEq(t, `{"accepted":11,"duplicates":0,"rejected":[],"rejected_total":0}`, a.raw)
	require.Len(t, r.next.AllLogs(), 1)
	testutil.GoldenLogs(t, "testdata/examples.json", r.next.AllLogs()[0])
	for _, typ := range event.Types {
		a := r.post(t, "/v1/"+string(typ)+"s", "{")
		assert.Equal(t, 400, a.status, typ)
	}
}

func TestRejects(t *testing.T) {
	r := start(t, "limits: {event_bytes: 200, depth: 4, attributes: 5}")
	lines := []string{
		detection("ok1"),
		`{"id":"a","type":"detection","data":{}}`,
		`{"id":"b","type":"nothing","data":{}}`,
		`{"id":"c","type":"detection","data":{"detector_type":7}}`,
		`{"id":"d","type":"mapping","data":{"framework":"f","category":"c","confidence":-2}}`,
		`{"id":"e","type":"mapping","data":{"framework":"f","category":"c","confidence":1e999}}`,
		`{"id":"f","type":"mapping","data":{"framework":"f","category":"c","confidence":NaN}}`,
		"{\"id\":\"g\",\"type\":\"detection\",\"data\":{\"detector_type\":\"\xff\"}}",
		`{"id":"h","type":"detection","data":{"detector_type":"x","status":"s","y":[[[[[[1]]]]]]}}`,
		`{"id":"i","type":"detection","data":{"detector_type":"` + strings.Repeat("x", 200) + `"}}`,
		`{"id":"j","type":"prediction","data":{"prediction_id":"p","model":"m","predicted":"a","features":{"a":1,"b":2,"c":3}}}`,
		`{"id":"k","type":"detection","time":"2026-11-21T12:05:01Z","data":{"detector_type":"x","status":"s"}}`,
		`{"id":"l","type":"detection","time":"2026-08-23T11:59:59Z","data":{"detector_type":"x","status":"s"}}`,
		`[` + detection("m") + `]`,
		`"text"`,
		`broken`,
		detection("n") + " " + detection("o"),
		`{"id":"p"`,
		detection("ok2"),
	}
	a := r.lines(t, "/v1/events", lines...)
	require.Equal(t, 200, a.status, a.raw)
	assert.Equal(t, []string{"ok1", "ok2"}, r.next.ids())
	assert.Equal(t, 2, a.Accepted)
	assert.Equal(t, 17, a.RejectedTotal)
	want := []rejectedItem{
		{1, "a", "missing_field", "/data/detector_type", ""},
		{2, "b", "unknown_type", "/type", ""},
		{3, "c", "wrong_type", "/data/detector_type", ""},
		{4, "d", "out_of_range", "/data/confidence", ""},
		{5, "e", "out_of_range", "/data/confidence", ""},
		{6, "", "syntax", "", ""},
		{7, "", "not_utf8", "", ""},
		{8, "h", "too_deep", "", ""},
		{9, "", "too_large", "", ""},
		{10, "j", "too_many_attributes", "/data/features", ""},
		{11, "k", "time_out_of_range", "/time", ""},
		{12, "l", "time_out_of_range", "/time", ""},
		{13, "", "wrong_type", "", ""},
		{14, "", "wrong_type", "", ""},
		{15, "", "syntax", "", ""},
		{16, "", "syntax", "", ""},
		{17, "", "syntax", "", ""},
	}
	for i := range a.Rejected {
		assert.NotEmpty(t, a.Rejected[i].Message)
		a.Rejected[i].Message = ""
	}
	assert.Equal(t, want, a.Rejected)
}

// The borders of the time window are inside it.
func TestClockSkew(t *testing.T) {
	r := start(t, "")
	f := func(at string, status int) {
		t.Helper()
		a := r.post(t, "/v1/events", `{"type":"detection","time":"`+at+`","data":`+good+`}`)
		assert.Equal(t, status, a.status, at)
	}
	f("2026-11-21T12:05:00Z", 200)
	f("2026-11-21T12:05:00.000000001Z", 400)
	f("2026-08-23T12:00:00Z", 200) // 90 days before noon.
	f("2026-08-23T11:59:59.999999999Z", 400)
	f("0001-01-01T00:00:00Z", 400)
	f("9999-01-01T00:00:00Z", 400)
}

func TestTimes(t *testing.T) {
	r := start(t, "")
	r.post(t, "/v1/events", `[{"type":"detection","time":"2026-11-21T11:00:00Z","data":`+good+`},{"type":"detection","data":`+good+`}]`)
	records := r.next.records()
	require.Len(t, records, 2)
	assert.Equal(t, noon.Add(-time.Hour), records[0].Timestamp().AsTime())
	assert.Equal(t, noon, records[0].ObservedTimestamp().AsTime())
	assert.Equal(t, noon, records[1].Timestamp().AsTime())
}

// The list of rejects is bounded, the count is not.
func TestManyRejects(t *testing.T) {
	r := start(t, "")
	id := strings.Repeat("ä", 200)
	bad := `{"id":"` + id + `","type":"detection","data":{}}`
	a := r.post(t, "/v1/events", "["+strings.Repeat(bad+",", 499)+detection("x")+"]")
	assert.Equal(t, 200, a.status)
	assert.Len(t, a.Rejected, 100)
	assert.Equal(t, 499, a.RejectedTotal)
	assert.Equal(t, id[:128], a.Rejected[0].ID)
}

func TestTooManyLines(t *testing.T) {
	r := start(t, "limits: {events: 2}")
	a := r.lines(t, "/v1/events", detection("a"), detection("b"), detection("c"), "broken")
	assert.Equal(t, 200, a.status)
	assert.Equal(t, []string{"a", "b"}, r.next.ids())
	require.Equal(t, 2, a.RejectedTotal)
	assert.Equal(t, rejectedItem{2, "", "too_many_events", "", "a request may have 2 events"}, a.Rejected[0])
}

// Evaluations whose results are many more than the events cannot fill the memory.
func TestTooManyRecords(t *testing.T) {
	r := start(t, "limits: {events: 10}")
	evaluation := `{"type":"evaluation","data":{"guardian_type":"g","request_id":"r","target":{"request_id":"r"},"results":[` +
		strings.Repeat(`{"name":"q"},`, 80) + `{"name":"q"}]}}`
	a := r.post(t, "/v1/events", evaluation)
	assert.Equal(t, 413, a.status, a.raw)
	assert.Zero(t, r.next.LogRecordCount())
	a = r.lines(t, "/v1/events", evaluation)
	assert.Equal(t, 200, a.status, a.raw)
	assert.Equal(t, 81, r.next.LogRecordCount())
}

func TestStrict(t *testing.T) {
	r := start(t, "batch: {events: 1}")
	bad := `{"type":"detection","data":{}}`
	f := func(query string, a answer) {
		t.Helper()
		assert.Equal(t, 400, a.status, query)
		assert.Contains(t, a.Detail, "strict=true")
		assert.Equal(t, 1, a.RejectedTotal)
		assert.Zero(t, a.Accepted+a.Duplicates)
		assert.Zero(t, r.next.LogRecordCount(), "nothing is consumed")
	}
	f("json", r.post(t, "/v1/events?strict=true", "["+detection("a")+","+bad+"]"))
	f("ndjson", r.lines(t, "/v1/events?strict=1", detection("a"), bad))
	f("bare", r.post(t, "/v1/detections?strict", "["+good+",{}]"))

	a := r.lines(t, "/v1/events?strict=true", detection("a"), detection("b"))
	assert.Equal(t, 200, a.status)
	assert.Equal(t, 2, a.Accepted)
	assert.Len(t, r.next.AllLogs(), 1, "all or nothing is one part")
	a = r.lines(t, "/v1/events?strict=false", detection("c"), bad)
	assert.Equal(t, 200, a.status)
}

func TestDuplicates(t *testing.T) {
	r := start(t, "")
	a := r.post(t, "/v1/events", "["+detection("a")+","+detection("b")+","+detection("a")+"]")
	assert.Equal(t, 2, a.Accepted)
	assert.Equal(t, 1, a.Duplicates, "within a request")
	a = r.lines(t, "/v1/events", detection("c"), detection("b"))
	assert.Equal(t, 1, a.Accepted)
	assert.Equal(t, 1, a.Duplicates, "over requests")
	a = r.post(t, "/v1/events", strings.Replace(detection("a"), "/s", "/other", 1))
	assert.Equal(t, 1, a.Accepted, "another source")
	assert.Equal(t, []string{"a", "b", "c", "a"}, r.next.ids())

	// Without an id the ids in the data tell the event, if it has any.
	const request = `{"request_id":"r1","model":"m"}`
	assert.Equal(t, 1, r.post(t, "/v1/requests", request).Accepted)
	assert.Equal(t, 1, r.post(t, "/v1/requests", request).Duplicates)
	assert.Equal(t, 1, r.post(t, "/v1/requests", `{"request_id":"r1","model":"m","phase":"start"}`).Accepted)
	assert.Equal(t, 1, r.post(t, "/v1/requests", request, "X-Guardian-Source", "/other").Accepted)
	assert.Equal(t, 1, r.post(t, "/v1/detections", good).Accepted)
	assert.Equal(t, 1, r.post(t, "/v1/detections", good).Accepted, "an event without ids is always new")
}

// Refused events may come again, and then count once.
func TestRefusedDownstream(t *testing.T) {
	r := start(t, "batch: {events: 2}")
	parts := 0
	refuse := func(from int, err error) {
		parts = 0
		r.next.do(func(context.Context, plog.Logs) error {
			if parts++; parts >= from {
				return err
			}
			return nil
		})
	}
	body := "[" + detection("a") + "," + detection("b") + "]"
	refuse(1, errors.New("queue is full"))
	a := r.post(t, "/v1/events", body)
	assert.Equal(t, 503, a.status, "an unmarked error may pass")
	assert.NotContains(t, a.Detail, "queue is full", "what is behind the receiver is none of the client's business")
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, wait, 3, "half of 5 s")
	assert.LessOrEqual(t, wait, 8)
	refuse(1, consumererror.NewPermanent(errors.New("never")))
	a = r.post(t, "/v1/events", body)
	assert.Equal(t, 500, a.status)
	assert.Empty(t, a.header.Get("Retry-After"))
	r.next.do(nil)
	a = r.post(t, "/v1/events", body)
	assert.Equal(t, 2, a.Accepted, "what was refused is no duplicate")

	// The second part of NDJSON is refused: the retry delivers the rest.
	lines := []string{detection("c"), detection("d"), detection("e"), detection("f"), detection("g")}
	refuse(2, errors.New("queue is full"))
	a = r.lines(t, "/v1/events", lines...)
	assert.Equal(t, 503, a.status)
	assert.Equal(t, 2, a.Accepted, "the answer says what was taken before")
	r.next.do(nil)
	a = r.lines(t, "/v1/events", lines...)
	assert.Equal(t, 200, a.status)
	assert.Equal(t, 3, a.Accepted)
	assert.Equal(t, 2, a.Duplicates)
	assert.Equal(t, []string{"a", "b", "c", "d", "e", "f", "g"}, r.next.ids())
}

// One request is in the hands of the next consumer while others come.
func TestWhileOneIsUnderWay(t *testing.T) {
	r := start(t, "limits: {in_flight: 2}\nretry_after: 1ms")
	entered, leave := make(chan struct{}), make(chan struct{})
	r.next.do(func(context.Context, plog.Logs) error {
		entered <- struct{}{}
		<-leave
		return nil
	})
	first := r.background(t, detection("a"))
	<-entered
	a := r.post(t, "/v1/events", "["+detection("z")+","+detection("a")+"]")
	assert.Equal(t, 429, a.status, "whether it is a duplicate is not known yet")
	assert.Equal(t, "1", a.header.Get("Retry-After"), "at least a second")
	assert.Contains(t, a.Detail, "under way")

	second := r.background(t, detection("z"))
	<-entered // So the refused request has given z up.
	a = r.post(t, "/v1/events", detection("c"))
	assert.Equal(t, 429, a.status)
	assert.Contains(t, a.Detail, "in flight")
	assert.Equal(t, "1", a.header.Get("Retry-After"))
	assert.Equal(t, 200, r.send(t, http.MethodGet, "/v1/schema", nil).status, "which needs no room")
	close(leave)
	assert.Equal(t, 200, first().status)
	assert.Equal(t, 200, second().status)
	r.next.do(nil)
	assert.Equal(t, 200, r.post(t, "/v1/events", detection("c")).status)
	assert.ElementsMatch(t, []string{"a", "z", "c"}, r.next.ids())
}

// A panic of the next consumer costs that request, and nothing stays claimed.
func TestNextConsumerPanics(t *testing.T) {
	r := start(t, "")
	r.next.do(func(context.Context, plog.Logs) error { panic("in the next consumer") })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/v1/events", strings.NewReader(detection("a")))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(req) //nolint:bodyclose // there is none
	require.Error(t, err, response)
	r.next.do(nil)
	assert.Equal(t, 1, r.post(t, "/v1/events", detection("a")).Accepted)
	assert.Zero(t, r.flight.now.Load())
}

func TestOwnTelemetry(t *testing.T) {
	r := start(t, "duplicates: {limit: 1}")
	r.post(t, "/v1/events", "["+detection("a")+","+detection("a")+","+detection("b")+`,{"type":"x","data":{}}]`)
	r.post(t, "/v1/detections", `{"detector_type":"pii","status":"success","unknown":1}`)
	r.post(t, "/v1/detections", "{")
	f := func(name, labels string, value int64) {
		t.Helper()
		metric, err := r.telemetry.GetMetric("otelcol_guardian_receiver_" + name)
		require.NoError(t, err)
		var points []metricdata.DataPoint[int64]
		switch data := metric.Data.(type) {
		case metricdata.Sum[int64]:
			points = data.DataPoints
		case metricdata.Gauge[int64]:
			points = data.DataPoints
		}
		for _, point := range points {
			var got []string
			for _, attribute := range point.Attributes.ToSlice() {
				got = append(got, string(attribute.Key)+"="+attribute.Value.String())
			}
			if strings.Join(got, ",") == labels {
				assert.Equal(t, value, point.Value, name)
				return
			}
		}
		assert.Fail(t, "no such point", "%s{%s}", name, labels)
	}
	f("accepted_events", "type=detection", 3)
	f("duplicate_events", "type=detection", 1)
	f("rejected_events", "code=unknown_type", 1)
	f("unknown_fields", "", 1)
	f("requests", "status=200", 2)
	f("requests", "status=400", 1)
	f("requests_in_flight", "", 0)
	f("duplicate_keys", "", 1)
	f("forgotten_keys", "reason=displaced", 1)
	f("forgotten_keys", "reason=expired", 0)
	metric, err := r.telemetry.GetMetric("otelcol_receiver_accepted_log_records")
	require.NoError(t, err)
	assert.EqualValues(t, 3, metric.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
}

func TestKinds(t *testing.T) {
	require.Len(t, event.Types, kinds)
	for i, name := range event.Types {
		assert.Equal(t, i, kindOf(event.NewOf(name)), name)
	}
}
