// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// BenchmarkIntake compares the receiver with the OTLP receiver's handler of JSON, in the
// same run, on log records with the same fields: those that our own handler made. The
// events are those of internal/event's examples, each with a new id, so that every one
// passes the duplicate check. events/cpu-s counts the CPU time of the whole process.
func BenchmarkIntake(b *testing.B) {
	for _, size := range []int{1, 100, 10_000} {
		events := newWorkload(b, size)
		contentType := "application/json"
		if size > 1000 {
			contentType = "application/x-ndjson"
		}
		b.Run(fmt.Sprintf("events=%d/guardian", size), func(b *testing.B) {
			handler := guardianHandler(b, consumertest.NewNop())
			measure(b, handler, size, "/v1/events", contentType, events.next)
		})
		b.Run(fmt.Sprintf("events=%d/otlp", size), func(b *testing.B) {
			sink := new(consumertest.LogsSink)
			serve(b, guardianHandler(b, sink), newRequest("/v1/events", contentType), events.next())
			whole := plog.NewLogs()
			for _, logs := range sink.AllLogs() {
				logs.ResourceLogs().MoveAndAppendTo(whole.ResourceLogs())
			}
			body, err := plogotlp.NewExportRequestFromLogs(whole).MarshalJSON()
			require.NoError(b, err)
			measure(b, otlpHandler(b), size, "/v1/logs", "application/json", func() []byte { return body })
		})
	}
}

// workload is a body whose events get new ids each time.
type workload struct {
	body  []byte
	ids   []int // where they begin
	round int
}

func newWorkload(t testing.TB, size int) *workload {
	t.Helper()
	content, err := os.ReadFile("../../internal/event/testdata/examples.ndjson")
	require.NoError(t, err)
	examples := strings.Split(strings.TrimSpace(string(content)), "\n")
	w := &workload{}
	separator, first, last := ",", "[", "]"
	if size > 1000 {
		separator, first, last = "\n", "", ""
	}
	w.body = append(w.body, first...)
	for i := range size {
		if i > 0 {
			w.body = append(w.body, separator...)
		}
		w.body = append(w.body, `{"id":"`...)
		w.ids = append(w.ids, len(w.body))
		w.body = fmt.Appendf(w.body, `00000000-%d",`, i)
		example := examples[i%len(examples)][1:]
		if _, after, ok := strings.Cut(example, `"id":`); ok && strings.HasPrefix(example, `"id"`) {
			_, example, _ = strings.Cut(after, ",")
		}
		w.body = append(w.body, example...)
	}
	w.body = append(w.body, last...)
	return w
}

func (w *workload) next() []byte {
	w.round++
	digits := fmt.Appendf(nil, "%08d", w.round)
	for _, at := range w.ids {
		copy(w.body[at:], digits)
	}
	return w.body
}

// captured is a middleware that gives away the handler that it is put around.
type captured struct {
	component.StartFunc
	component.ShutdownFunc
	handler http.Handler
}

func (*captured) id() component.ID { return component.MustNewID("captured") }

func (c *captured) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, handler http.Handler) (http.Handler, error) {
		c.handler = handler
		return handler, nil
	}, nil
}

func (c *captured) use(server *confighttp.ServerConfig) {
	server.NetAddr.Endpoint = "localhost:0"
	server.Middlewares = []configmiddleware.Config{{ID: c.id()}}
}

func startComponent(t testing.TB, c component.Component, middleware *captured) {
	t.Helper()
	h := newHost()
	h.extensions[middleware.id()] = middleware
	require.NoError(t, c.Start(context.Background(), h))
	t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
}

func guardianHandler(t testing.TB, next consumer.Logs) http.Handler {
	t.Helper()
	cfg, err := load(t, "")
	require.NoError(t, err)
	middleware := &captured{}
	middleware.use(&cfg.ServerConfig)
	r, err := newReceiver(receivertest.NewNopSettings(NewFactory().Type()), cfg, next)
	require.NoError(t, err)
	r.now = func() time.Time { return noon }
	startComponent(t, r, middleware)
	return &surface{next: middleware.handler, receiver: r}
}

func otlpHandler(t testing.TB) http.Handler {
	t.Helper()
	f := otlpreceiver.NewFactory()
	cfg := f.CreateDefaultConfig().(*otlpreceiver.Config)
	web := cfg.Protocols.HTTP.GetOrInsertDefault()
	middleware := &captured{}
	middleware.use(&web.ServerConfig)
	cfg.Protocols.HTTP = configoptional.Some(*web)
	r, err := f.CreateLogs(context.Background(), receivertest.NewNopSettings(f.Type()), cfg, consumertest.NewNop())
	require.NoError(t, err)
	startComponent(t, r, middleware)
	return middleware.handler
}

func newRequest(path, contentType string) *http.Request {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://localhost"+path, nil)
	if err != nil {
		panic(err) // The paths are ours.
	}
	req.Header.Set("Content-Type", contentType)
	return req
}

// recorder is a ResponseWriter that keeps the status. It has deadlines, as the server's
// have, and heeds none.
type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

// SetReadDeadline serves http.ResponseController.
func (*recorder) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline serves http.ResponseController.
func (*recorder) SetWriteDeadline(time.Time) error { return nil }

func serve(t testing.TB, handler http.Handler, req *http.Request, body []byte) {
	t.Helper()
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.Header.Del(correlationHeader)
	w := &recorder{header: http.Header{}}
	handler.ServeHTTP(w, req)
	if w.status != http.StatusOK {
		t.Fatalf("answered %d", w.status)
	}
}

func measure(b *testing.B, handler http.Handler, events int, path, contentType string, body func() []byte) {
	b.Helper()
	b.ReportAllocs()
	req := newRequest(path, contentType)
	b.SetBytes(int64(len(body())))
	runtime.GC()
	before := cpuTime(b)
	for b.Loop() {
		serve(b, handler, req, body())
	}
	b.ReportMetric(float64(b.N*events)/(cpuTime(b)-before).Seconds(), "events/cpu-s")
}

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// The peak of the heap while 10,000 events in one NDJSON body are taken stays below eight
// times the body, as the issue demands: it is watched after each part, with everything
// that is garbage counted.
func TestHeapOfLargeBody(t *testing.T) {
	body := newWorkload(t, 10_000).next()
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	var peak atomic.Uint64
	var stats runtime.MemStats
	watch, err := consumer.NewLogs(func(context.Context, plog.Logs) error {
		runtime.ReadMemStats(&stats)
		peak.Store(max(peak.Load(), stats.HeapAlloc))
		return nil
	})
	require.NoError(t, err)
	handler := guardianHandler(t, watch)
	runtime.GC()
	runtime.ReadMemStats(&stats)
	before := stats.HeapAlloc
	serve(t, handler, newRequest("/v1/events", "application/x-ndjson"), body)
	growth := float64(peak.Load()-min(before, peak.Load())) / float64(len(body))
	t.Logf("the heap grew by %.2f times the body of %d bytes", growth, len(body))
	require.Positive(t, peak.Load())
	require.Less(t, growth, 8.0)
}
