// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

// More faults than a sink has.
const (
	answersNever otlpload.Fault = -1 - iota // requests are taken and left without an answer until the fault ends
	saysNotWhen                             // HTTP 429, gRPC RESOURCE_EXHAUSTED without the time after which to retry
)

// faultProxy stands between the collector and one server, for HTTP/1.1 and for gRPC without TLS, and fails on demand:
// nobody listens, 503 (UNAVAILABLE), 429 (RESOURCE_EXHAUSTED with the time after which to retry), or no answer.
type faultProxy struct {
	Address string // host:port; the same through every fault

	forward http.Handler
	mu      sync.Mutex
	fault   otlpload.Fault
	server  *http.Server // nil while connections are refused
}

// startFaultProxy starts a healthy proxy before the server at target, a host and port.
func startFaultProxy(t testing.TB, target string) *faultProxy {
	t.Helper()
	p := &faultProxy{forward: forwarder(target)}
	listener := listenBelowEphemeral(t)
	p.Address = listener.Addr().String()
	p.serve(listener)
	t.Cleanup(p.stop)
	return p
}

// URL returns the proxy's base URL.
func (p *faultProxy) URL() string { return "http://" + p.Address }

// Set makes the proxy fail from now on, or forward again.
func (p *faultProxy) Set(t testing.TB, fault otlpload.Fault) {
	t.Helper()
	p.mu.Lock()
	p.fault = fault
	p.mu.Unlock()
	p.stop() // As a server that ends does it: what hangs is cut.
	if fault == otlpload.RefuseConnections {
		return
	}
	listener, err := net.Listen("tcp", p.Address)
	require.NoError(t, err, "another process took the port of a proxy")
	p.serve(listener)
}

// ServeHTTP forwards a request, or fails it.
func (p *faultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	fault := p.fault
	p.mu.Unlock()
	if fault == otlpload.Healthy {
		p.forward.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // The client may have gone.
	switch {
	case fault == answersNever:
		<-r.Context().Done()
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		failGRPC(w, fault)
	default:
		failHTTP(w, fault)
	}
}

func (p *faultProxy) serve(listener net.Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = &http.Server{Handler: p, Protocols: plainProtocols()}
	go func(server *http.Server) { _ = server.Serve(listener) }(p.server)
}

// stop closes the listener and cuts every connection.
func (p *faultProxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		_ = p.server.Close()
		p.server = nil
	}
}

func failHTTP(w http.ResponseWriter, fault otlpload.Fault) {
	code := http.StatusTooManyRequests
	if fault == otlpload.Unavailable {
		code = http.StatusServiceUnavailable
	}
	http.Error(w, "the proxy was told to fail", code)
}

func failGRPC(w http.ResponseWriter, fault otlpload.Fault) {
	code := codes.Unavailable
	if fault != otlpload.Unavailable {
		code = codes.ResourceExhausted
	}
	failure := status.New(code, "the proxy was told to fail")
	if fault == otlpload.TooManyRequests {
		failure, _ = failure.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(100 * time.Millisecond)})
	}
	details, _ := proto.Marshal(failure.Proto()) // A status always encodes.
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", strconv.Itoa(int(failure.Code())))
	w.Header().Set("Grpc-Message", failure.Message())
	w.Header().Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(details))
	w.WriteHeader(http.StatusOK)
}

// forwarder speaks to the target what the client spoke: HTTP/1.1, or HTTP/2 without TLS.
func forwarder(target string) http.Handler {
	overHTTP1 := &http.Transport{DisableCompression: true}
	overHTTP2 := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	overHTTP2.Protocols.SetUnencryptedHTTP2(true)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", target
		},
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.ProtoMajor == 2 {
				return overHTTP2.RoundTrip(r)
			}
			return overHTTP1.RoundTrip(r)
		}),
		FlushInterval: -1, // gRPC answers wait for nothing.
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func plainProtocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// listenBelowEphemeral listens on a loopback port below Linux' ephemeral range. Above it, a client that keeps dialling a
// closed port can be given that very port as its own and connect to itself.
func listenBelowEphemeral(t testing.TB) net.Listener {
	t.Helper()
	const first, last = 20000, 32000
	for range 1000 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(last-first)))
		if err == nil {
			return listener
		}
	}
	require.FailNow(t, "no free port", "between %d and %d", first, last)
	return nil
}
