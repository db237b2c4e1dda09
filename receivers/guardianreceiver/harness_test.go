// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// noon is the time at which tests happen that depend on it.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// next is a consumer that keeps what it gets, and does before what a test wants.
type next struct {
	consumertest.LogsSink
	mu     sync.Mutex
	before func(context.Context, plog.Logs) error
}

func (n *next) do(before func(context.Context, plog.Logs) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.before = before
}

func (n *next) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	n.mu.Lock()
	before := n.before
	n.mu.Unlock()
	if before != nil {
		if err := before(ctx, logs); err != nil {
			return err
		}
	}
	return n.LogsSink.ConsumeLogs(ctx, logs)
}

// records lists what has been taken, over all parts.
func (n *next) records() []plog.LogRecord {
	var records []plog.LogRecord
	for _, logs := range n.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					records = append(records, record)
				}
			}
		}
	}
	return records
}

// ids lists the ids of the events that have been taken.
func (n *next) ids() []string {
	var ids []string
	for _, record := range n.records() {
		id, _ := record.Attributes().Get("guardian.event.id")
		ids = append(ids, id.Str())
	}
	return ids
}

// running is a receiver that listens, and a client of it.
type running struct {
	*guardianReceiver
	next      *next
	host      *host
	client    *http.Client
	url       string
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	stop      func()
}

// host is a host with extensions that keeps what is reported to it.
type host struct {
	component.Host
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	reported   []componentstatus.Status
}

// Report implements componentstatus.Reporter.
func (h *host) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reported = append(h.reported, event.Status())
}

func newHost() *host {
	return &host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{}}
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// start starts a receiver at noon, on a port of its own.
func start(t testing.TB, section string, extensions ...component.Component) *running {
	t.Helper()
	return startOn(t, "endpoint: localhost:0\n"+section, new(next), extensions...)
}

func startOn(t testing.TB, section string, sink *next, extensions ...component.Component) *running {
	t.Helper()
	cfg, err := load(t, section)
	require.NoError(t, err)
	tel := componenttest.NewTelemetry()
	set := receivertest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = tel.NewTelemetrySettings()
	core, logs := observer.New(zapcore.InfoLevel)
	set.Logger = zap.New(core)
	set.ID = component.NewID(NewFactory().Type())
	set.BuildInfo.Version = "1.2.3"
	r, err := newReceiver(set, cfg, consumer.Logs(sink))
	require.NoError(t, err)
	r.now = func() time.Time { return noon }
	h := newHost()
	for _, extension := range extensions {
		h.extensions[extension.(interface{ id() component.ID }).id()] = extension
	}
	require.NoError(t, r.Start(t.Context(), h))
	transport := &http.Transport{}
	run := &running{host: h, guardianReceiver: r, next: sink, client: &http.Client{Transport: transport}, url: "http://" + r.address, telemetry: tel, logs: logs}
	run.stop = sync.OnceFunc(func() {
		transport.CloseIdleConnections()
		require.NoError(t, r.Shutdown(context.Background()))
		require.NoError(t, tel.Shutdown(context.Background()))
	})
	t.Cleanup(run.stop)
	return run
}

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	raw    string

	Type          string         `json:"type"`
	Title         string         `json:"title"`
	Status        int            `json:"status"`
	Detail        string         `json:"detail"`
	Accepted      int            `json:"accepted"`
	Duplicates    int            `json:"duplicates"`
	Rejected      []rejectedItem `json:"rejected"`
	RejectedTotal int            `json:"rejected_total"`
}

type rejectedItem struct {
	Index   int    `json:"index"`
	ID      string `json:"id"`
	Code    string `json:"code"`
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

// send sends a request; headers are name, value, name, value.
func (r *running) send(t testing.TB, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.url+path, body)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	response, err := r.client.Do(req)
	require.NoError(t, err)
	return readAnswer(t, response)
}

// readAnswer reads an answer, and holds every error to be a problem.
func readAnswer(t testing.TB, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	a := answer{status: response.StatusCode, header: response.Header, raw: string(text)}
	require.NotEmpty(t, a.header.Get("X-Correlation-Id"))
	if strings.HasSuffix(a.header.Get("Content-Type"), "json") && len(text) > 0 && a.header.Get("ETag") == "" {
		require.NoError(t, json.Unmarshal(text, &a), a.raw)
	}
	if a.status >= 400 {
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), a.raw)
		require.Equal(t, a.status, a.Status)
		require.Equal(t, "about:blank", a.Type)
		require.Equal(t, http.StatusText(a.status), a.Title)
		require.NotEmpty(t, a.Detail)
	}
	return a
}

// post sends JSON, or NDJSON to a path that says so.
func (r *running) post(t testing.TB, path, body string, headers ...string) answer {
	t.Helper()
	return r.send(t, http.MethodPost, path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

func (r *running) lines(t testing.TB, path string, lines ...string) answer {
	t.Helper()
	return r.post(t, path, strings.Join(lines, "\n"), "Content-Type", "application/x-ndjson")
}

// background sends JSON to /v1/events; the function that it returns waits for the
// answer, whose status is 0 if there is none.
func (r *running) background(t testing.TB, body string) func() answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/v1/events", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	answered := make(chan *http.Response, 1)
	go func() {
		response, err := r.client.Do(req) //nolint:bodyclose // readAnswer closes it
		if err != nil {
			response = nil
		}
		answered <- response
	}()
	return func() answer {
		response := <-answered
		if response == nil {
			return answer{}
		}
		return readAnswer(t, response)
	}
}

// detection gives the envelope of a small event.
func detection(id string) string {
	return `{"id":"` + id + `","source":"/s","type":"detection","data":{"detector_type":"pii","status":"success"}}`
}
