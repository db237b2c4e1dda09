// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func zstded(t testing.TB, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return string(w.EncodeAll([]byte(text), nil))
}

func TestCompression(t *testing.T) {
	r := start(t, "max_request_body_size: 100000")
	f := func(encoding, contentType, body string, status int, detail string) {
		t.Helper()
		a := r.post(t, "/v1/detections", body, "Content-Encoding", encoding, "Content-Type", contentType)
		assert.Equal(t, status, a.status, a.raw)
		assert.Contains(t, a.Detail, detail)
	}
	bomb := "[" + strings.Repeat(" ", 50<<20) + "]"
	lineBomb := good + "\n" + strings.Repeat(" ", 50<<20) + "\n"
	for _, contentType := range []string{"application/json", "application/x-ndjson"} {
		for range 2 { // The decoders are used again.
			f("gzip", contentType, gzipped(t, good), 200, "")
			f("zstd", contentType, zstded(t, good), 200, "")
		}
		f("gzip", contentType, good, 400, "gzip")
		f("zstd", contentType, good, 400, "")
		f("gzip", contentType, gzipped(t, good)[:30], 400, "too early")
		f("zstd", contentType, zstded(t, good)[:20], 400, "too early")
		f("br", contentType, good, 400, "unsupported Content-Encoding")
		f("snappy", contentType, good, 400, "unsupported Content-Encoding")
	}
	f("gzip", "application/json", gzipped(t, bomb), 413, "100000 bytes")
	f("zstd", "application/json", zstded(t, bomb), 413, "100000 bytes")
	f("gzip", "application/x-ndjson", gzipped(t, lineBomb), 413, "100000 bytes")
	f("zstd", "application/x-ndjson", zstded(t, lineBomb), 413, "100000 bytes")
	f("", "application/json", bomb, 413, "100000 bytes")
}

// A zstd header of a few bytes that asks for a window of 512 MiB gets none.
func TestZstdWindow(t *testing.T) {
	r := start(t, "")
	header := "\x28\xb5\x2f\xfd" + "\x00" + "\x98" // RFC 8878, 3.1.1.1: no content size, window of 2^29.
	body := header + "\x0b\x00\x00" + " "          // One block, the last: a space, once.
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := r.post(t, "/v1/detections", body, "Content-Encoding", "zstd")
	runtime.ReadMemStats(&after)
	assert.Equal(t, 400, a.status)
	assert.Contains(t, a.Detail, "window")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
}

// raw opens a connection and sends the beginning of a request whose body has 1000 bytes.
func (r *running) raw(t *testing.T, contentType, body string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n%s", contentType, body)
	require.NoError(t, err)
	return conn
}

func receive(t *testing.T, conn net.Conn) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return readAnswer(t, response)
}

// A body that drips is given up after read_timeout, as 408.
func TestSlowBody(t *testing.T) {
	r := start(t, "read_timeout: 100ms\nwrite_timeout: 100ms\nbatch: {events: 1}")
	a := receive(t, r.raw(t, "application/json", "["))
	assert.Equal(t, 408, a.status)
	a = receive(t, r.raw(t, "application/x-ndjson", detection("a")+"\n"))
	assert.Equal(t, 408, a.status)
	assert.Equal(t, 1, a.Accepted, "what was taken before")
	assert.Equal(t, []string{"a"}, r.next.ids())
}

// Others are served while a body drips, and it may still end well.
func TestOthersWhileOneDrips(t *testing.T) {
	r := start(t, "")
	conn := r.raw(t, "application/json", detection("slow"))
	assert.Equal(t, 200, r.post(t, "/v1/events", detection("fast")).status)
	_, err := io.WriteString(conn, strings.Repeat(" ", 1000-len(detection("slow"))))
	require.NoError(t, err)
	assert.Equal(t, 200, receive(t, conn).status)
	assert.Equal(t, []string{"fast", "slow"}, r.next.ids())
}

// What the next consumer takes is not the client's fault: neither timeout counts it.
// That they are over is told by a body that drips meanwhile.
func TestSlowConsumer(t *testing.T) {
	r := start(t, "read_timeout: 100ms\nwrite_timeout: 100ms")
	entered, leave := make(chan struct{}), make(chan struct{})
	r.next.do(func(ctx context.Context, _ plog.Logs) error {
		close(entered)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-leave:
			return nil
		}
	})
	answered := r.background(t, detection("a"))
	<-entered
	assert.Equal(t, 408, receive(t, r.raw(t, "application/json", "[")).status)
	close(leave)
	assert.Equal(t, 200, answered().status)
}

// deadlines is a ResponseWriter that notes read deadlines, as the server's has them.
type deadlines struct {
	recorder
	read []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = append(d.read, at)
	return nil
}

// With NDJSON each part has its own time to arrive.
func TestEachPartHasItsTime(t *testing.T) {
	r := start(t, "batch: {events: 1}\nread_timeout: 1h")
	w := &deadlines{recorder: recorder{header: http.Header{}}}
	req := newRequest("/v1/events", "application/x-ndjson")
	req.Body = io.NopCloser(strings.NewReader(detection("a") + "\n" + detection("b")))
	before := time.Now()
	r.routes().ServeHTTP(w, req)
	require.Len(t, w.read, 4)
	for i := 0; i < 4; i += 2 {
		assert.True(t, w.read[i].IsZero(), "none while the next consumer is at it")
		assert.WithinRange(t, w.read[i+1], before.Add(time.Hour), time.Now().Add(time.Hour))
	}
}

// A client that goes away in the middle leaves nothing behind.
func TestClientGoes(t *testing.T) {
	r := start(t, "batch: {events: 1}")
	entered, gone := make(chan struct{}), make(chan struct{})
	r.next.do(func(context.Context, plog.Logs) error {
		close(entered)
		<-gone
		return nil
	})
	conn := r.raw(t, "application/x-ndjson", detection("a")+"\n"+detection("b"))
	<-entered
	require.NoError(t, conn.Close())
	close(gone)
	r.stop() // Waits for the handler.
	assert.Equal(t, []string{"a"}, r.next.ids())
	assert.Zero(t, r.flight.now.Load())
	assert.Zero(t, r.seen.table.Stats().Pending)
}

// token is an authenticator that knows one token.
type token struct {
	component.StartFunc
	component.ShutdownFunc
}

func (token) id() component.ID { return component.MustNewID("token") }

var _ extensionauth.Server = token{}

func (token) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	if values := headers["Authorization"]; len(values) == 1 && values[0] == "Bearer secret" {
		return ctx, nil
	}
	return ctx, errors.New("the token is wrong")
}

func TestAuthentication(t *testing.T) {
	r := start(t, "auth: {authenticator: token}\nresponse_headers: {WWW-Authenticate: Bearer}", token{})
	a := r.post(t, "/v1/events", detection("a"))
	assert.Equal(t, 401, a.status)
	assert.Equal(t, "the token is wrong", a.Detail)
	assert.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
	assert.Equal(t, 401, r.send(t, http.MethodGet, "/v1/schema", nil).status)
	assert.Equal(t, 200, r.post(t, "/v1/events", detection("a"), "Authorization", "Bearer secret").status)
}

func TestTLS(t *testing.T) {
	peer := httptest.NewTLSServer(nil) // For its certificate.
	peer.Close()
	certificate := peer.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
		return path
	}
	r := start(t, fmt.Sprintf("tls: {cert_file: %q, key_file: %q}\nread_timeout: 100ms",
		write("cert.pem", "CERTIFICATE", certificate.Certificate[0]), write("key.pem", "PRIVATE KEY", key)))
	roots := x509.NewCertPool()
	roots.AddCert(peer.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	r.client, r.url = &http.Client{Transport: transport}, "https://"+r.address
	assert.Equal(t, 200, r.post(t, "/v1/events", detection("a")).status)

	// A slow body is 408 over HTTP/2 too.
	body, slow := io.Pipe()
	defer slow.Close()
	a := r.send(t, http.MethodPost, "/v1/events", body, "Content-Type", "application/json")
	assert.Equal(t, 408, a.status)
}

func TestCORS(t *testing.T) {
	r := start(t, `cors: {allowed_origins: ["https://example.com"], allowed_headers: ["X-Correlation-ID"]}`)
	preflight := []string{"Origin", "https://example.com", "Access-Control-Request-Method", "POST"}
	a := r.send(t, http.MethodOptions, "/v1/events", nil, preflight...)
	assert.Equal(t, 204, a.status)
	assert.Equal(t, "https://example.com", a.header.Get("Access-Control-Allow-Origin"))
	a = r.post(t, "/v1/events", "{", "Origin", "https://example.com")
	assert.Equal(t, 400, a.status)
	assert.Equal(t, "https://example.com", a.header.Get("Access-Control-Allow-Origin"), "on errors too")

	without := start(t, "")
	assert.Equal(t, 405, without.send(t, http.MethodOptions, "/v1/events", nil, preflight...).status)
}

func TestPortInUse(t *testing.T) {
	r := start(t, "")
	cfg, err := load(t, "endpoint: "+r.address)
	require.NoError(t, err)
	second, err := newReceiver(receivertest.NewNopSettings(NewFactory().Type()), cfg, consumertest.NewNop())
	require.NoError(t, err)
	err = second.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorContains(t, err, "cannot listen on "+r.address+" (key endpoint)")
	require.NoError(t, second.Shutdown(t.Context()))
}

// Shutdown waits for a request under way, and no longer than it may.
func TestShutdown(t *testing.T) {
	f := func(patience time.Duration, status int, check func(error)) {
		t.Helper()
		r := start(t, "")
		entered, leave := make(chan struct{}), make(chan struct{})
		r.next.do(func(ctx context.Context, _ plog.Logs) error {
			close(entered)
			select {
			case <-leave:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		answered := r.background(t, detection("a"))
		<-entered
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		stopped := make(chan error, 1)
		go func() { stopped <- r.Shutdown(ctx) }()
		if status == 200 {
			close(leave)
		}
		check(<-stopped)
		assert.Equal(t, status, answered().status)
	}
	f(time.Minute, 200, func(err error) { require.NoError(t, err) })
	f(time.Millisecond, 0, func(err error) { require.ErrorContains(t, err, "requests were cut off") })
}

// deaf is a listener that breaks.
type deaf struct{ net.Listener }

func (deaf) Accept() (net.Conn, error) { return nil, errors.New("broken") }
func (deaf) Close() error              { return nil }

func TestServerEnds(t *testing.T) {
	r := start(t, "")
	r.serve(&http.Server{ReadHeaderTimeout: time.Second}, deaf{}, r.host)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusFatalError}, r.host.reported)
}
