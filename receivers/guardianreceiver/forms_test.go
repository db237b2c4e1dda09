// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const (
	trace1  = "80f198ee56343ba864fe8b2a57d3eff7"
	parent1 = "00-" + trace1 + "-e457b5a2e4d86bd1-01"
)

// cloudEvent gives an envelope with what CloudEvents requires, apart from what is left out.
func cloudEvent(without string) string {
	members := []string{
		`"specversion":"1.0"`, `"id":"a"`, `"source":"/s"`, `"type":"dev.otelcol-guardian.detection.v1"`,
		`"datacontenttype":"application/json"`, `"data":` + good,
	}
	var kept []string
	for _, member := range members {
		if without == "" || !strings.HasPrefix(member, `"`+without+`"`) {
			kept = append(kept, member)
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func TestStructuredCloudEvents(t *testing.T) {
	f := func(contentType, body string, status int, pointer string) {
		t.Helper()
		r := start(t, "")
		a := r.post(t, "/v1/events", body, "Content-Type", contentType)
		assert.Equal(t, status, a.status, a.raw)
		if status == 200 {
			assert.Equal(t, strings.Count(body, `"type"`), a.Accepted)
			assert.Equal(t, "guardian.detection", r.next.records()[0].EventName())
			return
		}
		require.Len(t, a.Rejected, 1)
		assert.Equal(t, pointer, a.Rejected[0].Pointer)
	}
	const one, batch = "application/cloudevents+json", "application/cloudevents-batch+json"
	f(one, cloudEvent(""), 200, "")
	f(one+"; charset=utf-8", cloudEvent(""), 200, "")
	f(batch, "["+cloudEvent("")+","+strings.Replace(cloudEvent(""), `"a"`, `"b"`, 1)+"]", 200, "")
	f(one, cloudEvent("specversion"), 400, "/specversion")
	f(one, strings.Replace(cloudEvent(""), "1.0", "0.3", 1), 400, "/specversion")
	f(one, cloudEvent("id"), 400, "/id")
	f(one, cloudEvent("source"), 400, "/source")
	f(one, cloudEvent("type"), 400, "/type")
	f(one, cloudEvent("data"), 400, "/data")
	f(batch, "["+cloudEvent("id")+"]", 400, "/id")
	// What says that it is JSON need not be a whole CloudEvent.
	f("application/json", strings.Replace(cloudEvent("specversion"), `"id":"a",`, "", 1), 200, "")
}

func TestBinaryCloudEvents(t *testing.T) {
	whole := map[string]string{
		"ce-specversion": "1.0", "ce-id": "id%20%C3%A4", "ce-source": "/s", "ce-type": "dev.otelcol-guardian.detection.v1",
		"ce-time": "2026-11-21T11:00:00Z", "ce-subject": "sub", "ce-traceparent": parent1,
	}
	f := func(path, body string, status int, detail string, changes ...string) *running {
		t.Helper()
		r := start(t, "limits: {string_bytes: 40}")
		var headers []string
		for name, value := range whole {
			headers = append(headers, name, value)
		}
		a := r.post(t, path, body, append(headers, changes...)...)
		assert.Equal(t, status, a.status, a.raw)
		assert.Contains(t, a.Detail, detail)
		return r
	}
	for _, path := range []string{"/v1/events", "/v1/detections"} {
		records := f(path, good, 200, "").next.records()
		require.Len(t, records, 1)
		attributes := records[0].Attributes().AsRaw()
		assert.Equal(t, "id ä", attributes["guardian.event.id"])
		assert.Equal(t, "/s", attributes["guardian.event.source"])
		assert.Equal(t, "sub", attributes["guardian.event.subject"])
		assert.Equal(t, trace1, records[0].TraceID().String())
		assert.Equal(t, "2026-11-21 11:00:00 +0000 UTC", records[0].Timestamp().AsTime().String())
	}
	f("/v1/events", "["+good+"]", 400, "one JSON object")
	f("/v1/requests", good, 400, "another type than the path")
	f("/v1/events", good, 400, "ce-specversion", "ce-specversion", "0.3")
	f("/v1/events", good, 400, "ce-id", "ce-id", "")
	f("/v1/events", good, 400, "ce-source", "ce-source", "")
	f("/v1/events", good, 400, "ce-type", "ce-type", "")
	f("/v1/events", good, 400, "ce-type", "ce-type", "nothing")
	f("/v1/events", good, 400, "ce-time", "ce-time", "yesterday")
	f("/v1/events", good, 400, "binary mode", "Content-Type", "application/x-ndjson")
	f("/v1/events", good, 400, "binary mode", "Content-Type", "application/cloudevents+json")
	f("/v1/events", good, 400, "ce-id must be UTF-8", "ce-id", "\xff")
	f("/v1/events", good, 400, "ce-id must be UTF-8", "ce-id", "%ff")
	f("/v1/events", good, 400, "ce-subject must be", "ce-subject", strings.Repeat("x", 41))
	f("/v1/events", good, 400, "no event", "ce-time", "1999-01-01T00:00:00Z")
	f("/v1/events", good, 200, "", "ce-id", "100%") // Not encoded after all.
}

// What the headers say of events that do not say it themselves.
func TestHeaders(t *testing.T) {
	f := func(path, body, contentType string, want map[string]any, headers ...string) {
		t.Helper()
		r := start(t, "")
		a := r.post(t, path, body, append([]string{"Content-Type", contentType, "X-Correlation-ID", "c1"}, headers...)...)
		require.Equal(t, 200, a.status, a.raw)
		got := map[string]any{}
		logs := r.next.AllLogs()[0]
		record := r.next.records()[0]
		for key := range want {
			if value, ok := record.Attributes().Get(key); ok {
				got[key] = value.AsString()
			}
		}
		service, _ := logs.ResourceLogs().At(0).Resource().Attributes().Get("service.name")
		got["service"], got["trace"] = service.Str(), record.TraceID().String()
		for _, key := range []string{"service", "trace"} {
			if _, ok := want[key]; !ok {
				delete(got, key)
			}
		}
		assert.Equal(t, want, got)
	}
	const js, nd = "application/json", "application/x-ndjson"
	derived := event.DeriveTraceID("r").String()
	bare := `{"request_id":"r","model":"m"}`
	withSource := `{"source":"/own","type":"request","correlation_id":"own","data":` + bare + `}`
	f("/v1/requests", bare, js, map[string]any{"service": "unknown_service", "trace": derived, "correlation_id": "c1", "guardian.event.id": "request:r:complete"})
	f("/v1/requests", bare, js, map[string]any{"service": "a/b", "guardian.event.source": "/a/b"}, "X-Guardian-Source", "/a/b")
	f("/v1/requests", bare, js, map[string]any{"service": "ce"}, "X-Guardian-Source", "/a", "ce-source", "ce")
	f("/v1/requests", bare, js, map[string]any{"trace": trace1}, "traceparent", parent1)
	f("/v1/requests", bare, js, map[string]any{"trace": derived}, "traceparent", "nonsense")
	f("/v1/requests", "["+bare+"]", js, map[string]any{"trace": derived}, "traceparent", parent1)
	f("/v1/requests", bare, nd, map[string]any{"trace": derived}, "traceparent", parent1)
	f("/v1/events", withSource, js, map[string]any{"service": "own", "trace": trace1, "correlation_id": "own"},
		"X-Guardian-Source", "/header", "traceparent", parent1)
}

// Events of one source share a resource, in order of first appearance.
func TestResources(t *testing.T) {
	r := start(t, "")
	var lines []string
	for i, source := range []string{"/b", "/a", "/b", "", "/a"} {
		lines = append(lines, `{"id":"`+string(rune('0'+i))+`","source":"`+source+`","type":"detection","data":`+good+`}`)
	}
	require.Equal(t, 5, r.lines(t, "/v1/events", lines...).Accepted)
	var got []string
	for _, resource := range r.next.AllLogs()[0].ResourceLogs().All() {
		name, _ := resource.Resource().Attributes().Get("service.name")
		entry := []string{name.Str()}
		for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
			id, _ := record.Attributes().Get("guardian.event.id")
			entry = append(entry, id.Str())
		}
		got = append(got, strings.Join(entry, " "))
		assert.Equal(t, "1.2.3", resource.ScopeLogs().At(0).Scope().Version())
	}
	assert.Equal(t, []string{"b 0 2", "a 1 4", "unknown_service 3"}, got)
}

func TestCorrelationID(t *testing.T) {
	r := start(t, "")
	f := func(sent string, taken bool) {
		t.Helper()
		r.next.Reset()
		a := r.post(t, "/v1/detections", good, "X-Correlation-ID", sent)
		answered := a.header.Get("X-Correlation-ID")
		assert.Equal(t, taken, answered == sent, answered)
		assert.NotEmpty(t, answered)
		id, _ := r.next.records()[0].Attributes().Get("correlation_id")
		assert.Equal(t, answered, id.Str(), "what is answered is on the record")
	}
	f("abc-1 ~", true)
	f(strings.Repeat("x", 128), true)
	f("", false)
	f(strings.Repeat("x", 129), false)
	f("ä", false)
	f("tab\tbed", false)
	first, second := r.post(t, "/v1/detections", good), r.post(t, "/v1/detections", good)
	assert.NotEqual(t, first.header.Get("X-Correlation-ID"), second.header.Get("X-Correlation-ID"))
	a := r.send(t, http.MethodGet, "/nothing", nil, "X-Correlation-ID", "c9")
	assert.Equal(t, "c9", a.header.Get("X-Correlation-ID"), "on every answer")
}

func TestSchema(t *testing.T) {
	r := start(t, "")
	a := r.send(t, http.MethodGet, "/v1/schema", nil)
	require.Equal(t, 200, a.status)
	assert.Equal(t, "application/schema+json", a.header.Get("Content-Type"))
	assert.Equal(t, string(event.Schema()), a.raw)
	tag := a.header.Get("ETag")
	require.NotEmpty(t, tag)
	assert.Equal(t, 304, r.send(t, http.MethodGet, "/v1/schema", nil, "If-None-Match", tag).status)
	assert.Equal(t, 200, r.send(t, http.MethodHead, "/v1/schema", nil).status)
}

func TestContent(t *testing.T) {
	f := func(section string, want any, message string) {
		t.Helper()
		r := start(t, section)
		a := r.post(t, "/v1/requests", `{"request_id":"r","model":"m","prompt":"Write to ann@example.com","error_message":"no user ann@example.com"}`)
		require.Equal(t, 200, a.status)
		attributes := r.next.records()[0].Attributes().AsRaw()
		var prompt any
		if messages, ok := attributes["gen_ai.input.messages"].([]any); ok {
			prompt = messages[0].(map[string]any)["parts"].([]any)[0].(map[string]any)["content"]
		}
		assert.Equal(t, want, prompt)
		assert.Equal(t, message, attributes["error.message"])
	}
	f("", nil, "no user [EMAIL]")
	f("content: {mode: redacted, patterns: [Write]}", "[REDACTED] to [EMAIL]", "no user [EMAIL]")
	f("content: {mode: full}", "Write to ann@example.com", "no user ann@example.com")
	// printf 'Write to ann@example.com' | openssl dgst -sha256 -hmac 0123456789abcdef.
	f("content: {mode: hash, hash_key: 0123456789abcdef, key_id: k1}", "hmac-sha256:k1:629de4f3a8b964e279e3097b7de612ed48f16e9af8f63c806f0664c374e05949", "no user [EMAIL]")
}
