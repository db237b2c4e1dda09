// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
)

// FuzzRequest sends any body in any form. No answer is a 5xx or anything but JSON; what
// was taken is what the next consumer got; and a 200 accounts for every event, counted
// by encoding/json and by lines.
func FuzzRequest(f *testing.F) {
	taken := 0
	count, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		taken += countEvents(logs)
		return nil
	})
	require.NoError(f, err)
	handler := guardianHandler(f, count)
	examples, err := os.ReadFile("../../internal/event/testdata/examples.ndjson")
	require.NoError(f, err)
	lines := strings.Split(strings.TrimSpace(string(examples)), "\n")
	for i, line := range lines {
		f.Add([]byte(line), uint8(i))
	}
	f.Add(examples, uint8(1))
	f.Add([]byte("["+strings.Join(lines, ",")+"]"), uint8(0))
	f.Add([]byte(good+"\n"+good+"\nbroken\n\n"+good), uint8(1+8))
	f.Add([]byte(cloudEvent("")), uint8(2))
	f.Add([]byte("["+good+",{}]"), uint8(4+8))

	f.Fuzz(func(t *testing.T, body []byte, form uint8) {
		path := "/v1/events"
		if form&8 != 0 {
			path = "/v1/detections"
		}
		if form&4 != 0 {
			path += "?strict=true"
		}
		contentType := [...]string{"application/json", "application/x-ndjson", "application/cloudevents+json", "application/ndjson"}[form&3]
		reader := io.Reader(bytes.NewReader(body))
		if form&16 != 0 {
			reader = iotest.HalfReader(reader)
		}
		req := httptest.NewRequestWithContext(t.Context(), "POST", path, reader)
		req.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		taken = 0
		handler.ServeHTTP(w, req)

		var a answer
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a), w.Body)
		require.Less(t, w.Code, 500, w.Body)
		require.Equal(t, taken, a.Accepted)
		if w.Code != 200 {
			return
		}
		events := countLines(body)
		if form&1 == 0 {
			events = countElements(t, body)
		}
		require.Equal(t, events, a.Accepted+a.Duplicates+a.RejectedTotal)
	})
}

// countEvents counts records that stand for an event: the others of an evaluation are numbered.
func countEvents(logs plog.Logs) (n int) {
	for _, resource := range logs.ResourceLogs().All() {
		for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
			if _, numbered := record.Attributes().Get("guardian.event.part"); !numbered {
				n++
			}
		}
	}
	return n
}

func countLines(body []byte) (n int) {
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if strings.Trim(string(line), " \t\r") != "" {
			n++
		}
	}
	return n
}

func countElements(t *testing.T, body []byte) int {
	t.Helper()
	var elements []json.RawMessage
	if body = bytes.TrimSpace(body); body[0] == '{' {
		return 1
	}
	require.NoError(t, json.Unmarshal(body, &elements))
	return len(elements)
}
