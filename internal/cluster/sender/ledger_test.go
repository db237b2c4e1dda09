// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// Four batches: taken, partly rejected, lost, in doubt.
func sampleReport() Report {
	var l Ledger
	both := []event.Type{event.TypeRequest, event.TypeRequest, event.TypeLabel}
	l.attempt(both, false)
	l.settle(both, answer{accepted: 1, duplicates: 2})
	l.attempt(both, false)
	l.attempt(both, true)
	l.settle(both, answer{accepted: 2, rejected: []reject{{Index: 2, ID: "event-1", Code: "missing_field", Pointer: "/data/target", Message: "is required"}}})
	l.attempt(both[:1], false)
	l.giveUp(both[:1], &refusal{err: errors.New("busy"), retry: true}, false)
	l.attempt([]event.Type{TypeSpan}, false)
	l.giveUp([]event.Type{TypeSpan}, &refusal{err: errors.New("cut"), retry: true}, true)
	return l.Report()
}

// The account as a table and as JSON; -update writes both.
func TestReport(t *testing.T) {
	r := sampleReport()
	requireBalanced(t, r)
	var table strings.Builder
	require.NoError(t, r.WriteTable(&table))
	testutil.Golden(t, "testdata/report.txt", []byte(table.String()))
	text, err := json.MarshalIndent(&r, "", "  ")
	require.NoError(t, err)
	testutil.Golden(t, "testdata/report.json", append(text, '\n'))
	assert.EqualError(t, r.Err(), `of 8 events 1 were rejected, 1 were lost and 1 are in doubt: event-1: missing_field at "/data/target": is required`)
}

func TestReportIsACopy(t *testing.T) {
	var l Ledger
	l.attempt([]event.Type{event.TypeLabel}, false)
	r := l.Report()
	r.ByType[event.TypeLabel] = Count{}
	assert.Equal(t, 1, l.Report().ByType[event.TypeLabel].Sent)
}

// Whatever an answer says, the account balances and nothing is said to be taken that was not.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"accepted":3}`, 3)
	f.Add(`{"accepted":1,"duplicates":1,"rejected":[{"index":2,"id":"x","code":"c","message":"m"}]}`, 3)
	f.Add(`{"accepted":1,"rejected":[{"index":1},{"index":1}]}`, 3)
	f.Add(`{"accepted":-1,"duplicates":4}`, 3)
	f.Add(`{"accepted":9223372036854775807,"duplicates":9223372036854775807}`, 2)
	f.Fuzz(func(t *testing.T, text string, n int) {
		types := make([]event.Type, min(max(n, 0), 100))
		a, err := readAnswer([]byte(text))
		if err != nil {
			require.ErrorAs(t, err, new(*refusal))
			return
		}
		var l Ledger
		l.attempt(types, false)
		l.settle(types, a)
		r := l.Report()
		requireBalanced(t, r)
		require.Equal(t, len(types), r.Total.Sent)
		if r.Err() == nil && len(types) > 0 {
			require.Equal(t, len(types), a.accepted+a.duplicates)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	f := func(text string, want time.Duration) {
		t.Helper()
		assert.Equal(t, want, retryAfter(http.Header{"Retry-After": {text}}, now))
	}
	f("", 0)
	f("3", 3*time.Second)
	f("-3", 0)
	f("soon", 0)
	f("86400", maxRetryAfter)
	f("99999999999999999999", 0)
	f("Sat, 21 Nov 2026 12:00:30 GMT", 30*time.Second)
	f("Sat, 21 Nov 2026 11:00:00 GMT", 0)
}

func TestPauseGrows(t *testing.T) {
	s := Sender{RetryFirst: 100 * time.Millisecond, RetryMost: time.Second}
	f := func(retries int, asked, least, most time.Duration) {
		t.Helper()
		for range 100 {
			pause := s.pause(retries, asked)
			require.GreaterOrEqual(t, pause, least)
			require.LessOrEqual(t, pause, most)
		}
	}
	f(0, 0, 50*time.Millisecond, 100*time.Millisecond)
	f(2, 0, 200*time.Millisecond, 400*time.Millisecond)
	f(30, 0, 500*time.Millisecond, time.Second)
	f(0, 5*time.Second, 5*time.Second, 5*time.Second)
}

func TestReason(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		assert.Equal(t, want, reason([]byte(text)))
	}
	f(`{"title":"Bad Request","detail":"not JSON at byte 3"}`, "not JSON at byte 3")
	f(`{"title":"Unauthorized"}`, "Unauthorized")
	f("go away", `"go away"`)
	f("", `""`)
}
