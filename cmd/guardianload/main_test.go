// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// receiver is a stand-in for the guardian receiver: it decodes what it gets, and takes it.
type receiver struct {
	busy  int    // so many requests first get 503
	token string // that is asked for

	mu     sync.Mutex
	byType map[event.Type]int
}

// bareTypes are the types by the last element of their endpoint's path.
var bareTypes = map[string]event.Type{"events": ""}

func init() {
	for _, t := range event.Types {
		bareTypes[string(t)+"s"] = t
	}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bare, known := bareTypes[strings.TrimPrefix(request.URL.Path, "/v1/")]
	switch {
	case !known || request.Method != http.MethodPost:
		http.NotFound(w, request)
		return
	case r.token != "" && request.Header.Get("Authorization") != "Bearer "+r.token:
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	case r.busy > 0:
		r.busy--
		w.Header().Set("Retry-After", "0")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	n, err := r.take(request, bare)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]int{"accepted": n})
}

// take decodes the events of a request. None may be at fault or have an unknown field.
func (r *receiver) take(request *http.Request, bare event.Type) (n int, err error) {
	text, err := io.ReadAll(request.Body)
	bodies := [][]byte{text}
	if request.Header.Get("Content-Type") == "application/x-ndjson" {
		bodies = nil
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			bodies = append(bodies, bytes.Clone(lines.Bytes()))
		}
	}
	if r.byType == nil {
		r.byType = map[event.Type]int{}
	}
	var decoder event.Decoder
	for _, body := range bodies {
		decoder.Reset(body)
		for err == nil {
			var e event.Event
			if e, err = decoder.Next(bare); err == nil {
				n++
				r.byType[typeOf(e)]++
			}
		}
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		err = nil
	}
	if decoder.Unknown > 0 {
		err = errors.New("there are unknown fields")
	}
	return n, err
}

// typeOf gives the type as the JSON of an event spells it.
func typeOf(e event.Event) event.Type {
	var envelope struct{ Type event.Type }
	_ = json.Unmarshal(event.AppendJSON(nil, e), &envelope)
	return envelope.Type
}

func TestRun(t *testing.T) {
	r := &receiver{busy: 2}
	server := httptest.NewServer(r)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ledger.json")
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{
		"-endpoint", server.URL, "-rate", "0", "-events", "1000", "-seed", "9", "-format", "ndjson", "-late", "1s:1m", "-ledger", file,
		"-drift", "churn:age:5m:1", "-drift", "churn:income:5m:1:6m", "-trouble", "chat-1:1m:3m", "-burst", "2m:3m:0.9",
	}, &stdout, &stderr)
	require.NoError(t, err)
	assert.Contains(t, stdout.String(), "accepted 1000, duplicates 0; 12 requests, 2 of them retries with 200 events")
	assert.Regexp(t, "age of model churn drifts by 1 from [-0-9T:Z]+ on", stderr.String())
	assert.Regexp(t, "income of model churn drifts by 1 from [-0-9T:Z]+ to ", stderr.String())
	assert.Contains(t, stderr.String(), "specialist chat-1 is in trouble from ")
	assert.Contains(t, stderr.String(), "all specialists fail more often from ")

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var written ledger
	require.NoError(t, json.Unmarshal(text, &written))
	assert.EqualValues(t, 9, written.Seed)
	assert.WithinDuration(t, time.Now().Add(-backlog), written.Start, time.Minute)
	assert.Equal(t, 1000, written.Total.Taken)
	for what, n := range r.byType {
		assert.Equal(t, n, written.ByType[what].Taken, what)
	}
}

func TestRunFails(t *testing.T) {
	server := httptest.NewServer(&receiver{token: "secret"})
	defer server.Close()
	var stdout bytes.Buffer
	err := run(t.Context(), []string{"-endpoint", server.URL, "-rate", "0"}, &stdout, io.Discard)
	require.ErrorContains(t, err, "401")
	assert.Contains(t, stdout.String(), "total", "the ledger is there all the same")
}

func TestRunWithTLSAndTokenFile(t *testing.T) {
	r := &receiver{token: "secret"}
	server := httptest.NewTLSServer(r)
	defer server.Close()
	folder := t.TempDir()
	token, authorities := filepath.Join(folder, "token"), filepath.Join(folder, "ca.pem")
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(authorities, certificate, 0o600))
	args := []string{"-endpoint", server.URL, "-rate", "0", "-events", "10", "-token", "@" + token, "-tls-ca", authorities}
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard))

	f := func(want string, more ...string) {
		t.Helper()
		err := run(t.Context(), append(args, more...), io.Discard, io.Discard)
		require.ErrorContains(t, err, want)
	}
	f("cannot read the -token", "-token", "@"+folder+"/none")
	f("cannot read -tls-ca", "-tls-ca", folder+"/none")
	f("holds no certificate", "-tls-ca", token)
	f("cannot write the ledger", "-ledger", folder)
}

func TestInterruptedRun(t *testing.T) {
	r := &receiver{}
	server := httptest.NewServer(r)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout bytes.Buffer
	require.NoError(t, run(ctx, []string{"-endpoint", server.URL}, &stdout, io.Discard))
	assert.Contains(t, stdout.String(), "total     0")
}

func TestFlagsThatAreRefused(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		err := run(t.Context(), args, io.Discard, io.Discard)
		require.ErrorContains(t, err, want)
	}
	f("is no flag", "more")
	f("-rate is -1", "-rate", "-1")
	f("-rate is NaN", "-rate", "NaN")
	f("-speed is 0", "-speed", "0")
	f("-otlp-share is 2", "-otlp-share", "2")
	f("-events is -1", "-events", "-1")
	f("must be more than 0", "-batch", "0")
	f("-spans needs -otlp", "-spans")
	f("model:feature:after:shift", "-drift", "churn:age")
	f("invalid duration", "-drift", "churn:age:x:1")
	f("invalid duration", "-drift", "churn:age:1m:1:x")
	f("model:feature:after:shift", "-drift", "churn:age:1m:1:2m:3m")
	f("lasts from 2m0s to 1m0s", "-drift", "churn:age:2m:1:1m")
	f("invalid syntax", "-drift", "churn:age:1m:x")
	f(`no feature of churn "x"`, "-drift", "churn:x:1m:1")
	f("specialist:from:to", "-trouble", "chat-1:1m")
	f("invalid duration", "-trouble", "chat-1:1m:x")
	f("from:to", "-burst", "1m")
	f("invalid syntax", "-burst", "1m:2m:x")
	f("least:most", "-late", "1m")
	f("LateWithin", "-late", "2m:1m")
	f("parsing time", "-start", "yesterday")
	f("-speed needs a -rate", "-speed", "10", "-rate", "0")
	f("-speed above 1 needs -duration", "-speed", "10")
	f("90 days", "-speed", "100000", "-duration", "10m")
	f(`no format "xml"`, "-format", "xml", "-events", "1")
	f("the endpoint is", "-endpoint", "localhost:4319")
	f("the OTLP endpoint is", "-otlp", "https://localhost:4318")
	f("the rate is", "-rate", "1e9")
	assert.ErrorIs(t, run(t.Context(), []string{"-help"}, io.Discard, io.Discard), flag.ErrHelp)
}

var now = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func TestPlan(t *testing.T) {
	f := func(args string, start, until time.Time, speed, rate float64, duration time.Duration) {
		t.Helper()
		o, err := parse(strings.Fields(args), io.Discard)
		require.NoError(t, err)
		p, err := o.plan(now)
		require.NoError(t, err)
		assert.Equal(t, start, p.cluster.Start, args)
		assert.Equal(t, until, p.until, args)
		assert.InDelta(t, speed, p.speed, 0, args)
		assert.InDelta(t, rate, p.cluster.Rate, 1e-9, args)
		assert.Equal(t, duration, p.duration, args)
	}
	f("", now, time.Time{}, 1, 100, 0)
	f("-duration 1m", now, now.Add(time.Minute), 1, 100, 0)
	f("-duration 1m -speed 60", now.Add(-59*time.Minute), now.Add(time.Minute), 60, 100.0/60, 0)
	f("-events 6000 -speed 60", now.Add(-59*time.Minute), time.Time{}, 60, 100.0/60, 0)
	f("-events 6000 -duration 1h -speed 60", now.Add(-59*time.Minute), now.Add(time.Hour-59*time.Minute+59*time.Hour), 60, 100.0/60, 0)
	f("-duration 1m -speed 0.5", now, now.Add(30*time.Second), 0.5, 200, 0)
	f("-rate 0", now.Add(-backlog), time.Time{}, 0, 0, 0)
	f("-rate 0 -duration 1m", now.Add(-backlog), time.Time{}, 0, 0, time.Minute)
	start := now.Add(-time.Hour)
	f("-speed 60 -start 2026-11-21T11:00:00Z", start, time.Time{}, 60, 100.0/60, 0)
	f("-rate 0 -start 2026-11-21T11:00:00Z", start, time.Time{}, 0, 0, 0)
}
