// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

var start = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func newCluster(t testing.TB, config cluster.Config) *cluster.Cluster {
	t.Helper()
	c, err := cluster.New(config)
	require.NoError(t, err)
	return c
}

// firstIDs gives the ids of the first events of a cluster.
func firstIDs(t testing.TB, config cluster.Config, n int) []string {
	t.Helper()
	c := newCluster(t, config)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = c.Next().Common().ID
	}
	return ids
}

// receiver is a stand-in for the guardian receiver. It keeps the ids of what it has taken.
type receiver struct {
	// before gives the status and headers of the n-th request (from 0), whose events are then not taken; 0 lets it through.
	before func(n int, w http.ResponseWriter) (status int)
	// rejects tells which events are found at fault.
	rejects func(e event.Event) bool
	// dies tells whether the connection breaks after the events of the n-th request were taken.
	dies func(n int) bool

	mu       sync.Mutex
	requests int
	ids      []string    // in the order in which they were taken
	arrivals []time.Time // of the ids
	headers  []http.Header
	known    map[string]bool
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.requests
	r.requests++
	r.headers = append(r.headers, request.Header.Clone())
	if r.before != nil {
		if status := r.before(n, w); status != 0 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"title":"refused","detail":"the stand-in was told to refuse"}`)
			return
		}
	}
	answer, err := r.take(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.dies != nil && r.dies(n) {
		panic(http.ErrAbortHandler)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

type takenAnswer struct {
	Accepted   int      `json:"accepted"`
	Duplicates int      `json:"duplicates"`
	Rejected   []reject `json:"rejected,omitempty"`
}

func (r *receiver) take(request *http.Request) (a takenAnswer, err error) {
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return a, err
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return a, err
	}
	bodies := [][]byte{text}
	if request.Header.Get("Content-Type") == "application/x-ndjson" {
		bodies = nil
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			bodies = append(bodies, bytes.Clone(lines.Bytes()))
		}
	}
	index := 0
	var decoder event.Decoder
	for _, body := range bodies {
		decoder.Reset(body)
		for {
			e, err := decoder.Next("")
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return a, err
			}
			r.takeOne(e, index, &a)
			index++
		}
	}
	return a, nil
}

func (r *receiver) takeOne(e event.Event, index int, a *takenAnswer) {
	id := e.Common().ID
	switch {
	case r.known[id]:
		a.Duplicates++
	case r.rejects != nil && r.rejects(e):
		a.Rejected = append(a.Rejected, reject{Index: index, ID: id, Code: "invalid_value", Pointer: "/data", Message: "the stand-in does not like it"})
	default:
		if r.known == nil {
			r.known = map[string]bool{}
		}
		r.known[id] = true
		r.ids = append(r.ids, id)
		r.arrivals = append(r.arrivals, time.Now())
		a.Accepted++
	}
}

// inProcess calls a handler without a network, so that tests can run on a clock of their own. Where
// the handler breaks off, the connection breaks.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(request *http.Request) (response *http.Response, err error) {
	defer func() {
		if recover() != nil {
			response, err = nil, errors.New("the connection broke")
		}
	}()
	recorder := httptest.NewRecorder()
	p.ServeHTTP(recorder, request)
	return recorder.Result(), nil
}

// to gives a client for a handler in this process.
func to(t testing.TB, handler http.Handler, format Format) *Guardian {
	t.Helper()
	g, err := NewGuardian(GuardianOptions{Endpoint: "http://receiver", Format: format, Transport: inProcess{handler}})
	require.NoError(t, err)
	return g
}

// requireBalanced checks what holds for every report.
func requireBalanced(t testing.TB, r Report) {
	t.Helper()
	sum := Count{}
	for _, c := range r.ByType {
		require.Equal(t, c.Sent, c.Taken+c.Rejected+c.Lost+c.Unknown)
		sum.plus(c)
	}
	require.Equal(t, sum, r.Total)
	require.Equal(t, r.Total.Taken, r.Accepted+r.Duplicates)
}
