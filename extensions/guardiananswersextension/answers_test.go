// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

func TestContract(t *testing.T) { testutil.ExtensionContract(t, NewFactory()) }

func TestReadme(t *testing.T) { testutil.ReadmeExamples(t, NewFactory(), "extensions") }

func TestReadmeTables(t *testing.T) { testutil.ReadmeOptions(t, createDefaultConfig()) }

// All faults are reported at once, each with its key, its rule and what stands there, and each once.
func TestValidateReportsEverything(t *testing.T) {
	_, err := testutil.LoadConfig(t, NewFactory(), `
retry_statuses: [429, 200, 600, 429]
response_headers: {"X Product": a, X-Product: a, x-product: b, Z: "a\nb"}
`)
	require.EqualError(t, err, strings.Join([]string{
		"retry_statuses::1 must be from 400 to 599 (got 200)",
		"retry_statuses::2 must be from 400 to 599 (got 600)",
		"retry_statuses must not hold 429 twice (got [429 200 600 429])",
		`response_headers must have names that HTTP allows (got "X Product")`,
		`response_headers::Z must have a value that HTTP allows (got "a\nb")`,
		`response_headers::x-product must not be the same header as X-Product (got "b")`,
	}, "\n"))
	_, err = testutil.LoadConfig(t, NewFactory(), "retry: [429]")
	require.ErrorContains(t, err, "retry")
}

// Every metric of its own that the extension declares, with every transport, comes about.
func TestOwnMetrics(t *testing.T) {
	own := testutil.WatchOwnMetrics(t, "guardian_answers_")
	ext, telemetry := newAnswers(t, "")
	options, err := ext.GetGRPCServerOptions(t.Context())
	require.NoError(t, err)
	require.Error(t, sendRaw(t, serve(t, &traceServer{}, options), "\xff\xff\xff\xff"))
	server, err := ext.GetHTTPHandler(t.Context())
	require.NoError(t, err)
	bad, err := server(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	require.NoError(t, err)
	bad.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/traces", http.NoBody))
	client, err := ext.GetHTTPRoundTripper(t.Context())
	require.NoError(t, err)
	busy, err := client(t.Context(), tooMany{})
	require.NoError(t, err)
	answer, err := busy.RoundTrip(httptest.NewRequest(http.MethodPost, "/v1/traces", http.NoBody))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	own.Look(telemetry.Reader)
	own.Check()
}

// tooMany is a backend that is asked too often.
type tooMany struct{}

// RoundTrip implements http.RoundTripper.
func (tooMany) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{}, Body: http.NoBody}, nil
}

// newAnswers makes the extension.
func newAnswers(t *testing.T, section string) (*answers, *componenttest.Telemetry) {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	cfg, err := testutil.LoadConfig(t, NewFactory(), section)
	require.NoError(t, err)
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		require.NoError(t, ext.Shutdown(context.Background()))
		require.NoError(t, telemetry.Shutdown(context.Background()))
	})
	return ext.(*answers), telemetry
}

// start makes the extension and gives its counters.
func start(t *testing.T, section string) (*answers, func(name string) map[attribute.Distinct]int64) {
	t.Helper()
	ext, telemetry := newAnswers(t, section)
	return ext, func(name string) map[attribute.Distinct]int64 {
		counts := map[attribute.Distinct]int64{}
		metric, err := telemetry.GetMetric("otelcol_guardian_answers_" + name)
		if err != nil {
			return counts // Nothing was counted yet.
		}
		for _, point := range metric.Data.(metricdata.Sum[int64]).DataPoints {
			counts[point.Attributes.Equivalent()] = point.Value
		}
		return counts
	}
}

func labelled(attr attribute.KeyValue) attribute.Distinct {
	set := attribute.NewSet(attr)
	return set.Equivalent()
}

// traceServer counts the spans that reach it.
type traceServer struct {
	ptraceotlp.UnimplementedGRPCServer
	spans int
}

func (s *traceServer) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.spans += request.Traces().SpanCount()
	return ptraceotlp.NewExportResponse(), nil
}

// echo is a service with a stream of messages.
var echo = grpc.ServiceDesc{
	ServiceName: "echo", HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{StreamName: "Receive", ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
		for {
			if err := stream.RecvMsg(new(grpc_health_v1.HealthCheckRequest)); err != nil {
				return err
			}
		}
	}}},
}

func serve(t *testing.T, server *traceServer, options []grpc.ServerOption, dial ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer(options...)
	ptraceotlp.RegisterGRPCServer(s, server)
	s.RegisterService(&echo, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listener) // It ends with Stop.
	}()
	conn, err := grpc.NewClient(listener.Addr().String(), append(dial, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		s.Stop()
		<-done
	})
	return conn
}

// raw sends bytes as they are.
type raw struct{ encoding.CodecV2 }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }
func (raw) Name() string                         { return "proto" }

func sendRaw(t *testing.T, conn *grpc.ClientConn, body string) error {
	t.Helper()
	return conn.Invoke(t.Context(), export, []byte(body), new([]byte), grpc.ForceCodecV2(raw{}))
}

func TestGRPCServer(t *testing.T) {
	ext, count := start(t, "")
	options, err := ext.GetGRPCServerOptions(t.Context())
	require.NoError(t, err)
	server := &traceServer{}
	conn := serve(t, server, options)
	grpcRequests := labelled(attribute.String("transport", "grpc"))

	for range 3 {
		err := sendRaw(t, conn, "\xff\xff\xff\xff")
		require.Equal(t, codes.InvalidArgument, status.Code(err), err)
		require.ErrorContains(t, err, "cannot decode the request")
	}
	assert.EqualValues(t, 3, count("malformed_requests")[grpcRequests])
	assert.Zero(t, server.spans)

	traces := ptrace.NewTraces()
	traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("good")
	_, err = ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(traces))
	require.NoError(t, err)
	require.NoError(t, sendRaw(t, conn, ""), "an empty request is no malformed one")
	assert.Equal(t, 1, server.spans)
	assert.EqualValues(t, 3, count("malformed_requests")[grpcRequests])
}

func TestGRPCStream(t *testing.T) {
	ext, count := start(t, "")
	options, err := ext.GetGRPCServerOptions(t.Context())
	require.NoError(t, err)
	conn := serve(t, &traceServer{}, options)
	stream, err := conn.NewStream(t.Context(), &echo.Streams[0], "/echo/Receive", grpc.ForceCodecV2(raw{}))
	require.NoError(t, err)
	require.NoError(t, stream.SendMsg([]byte("\xff\xff\xff\xff")))
	err = stream.RecvMsg(new([]byte))
	require.Equal(t, codes.InvalidArgument, status.Code(err), err)
	assert.EqualValues(t, 1, count("malformed_requests")[labelled(attribute.String("transport", "grpc"))])
}

// An interceptor that answers first, as an authenticator does, leaves nothing behind.
func TestGRPCAuthenticatorFirst(t *testing.T) {
	ext, count := start(t, "")
	options, err := ext.GetGRPCServerOptions(t.Context())
	require.NoError(t, err)
	deny := grpc.ChainUnaryInterceptor(func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
		return nil, status.Error(codes.Unauthenticated, "no token")
	})
	conn := serve(t, &traceServer{}, append([]grpc.ServerOption{deny}, options...))
	require.Equal(t, codes.Unauthenticated, status.Code(sendRaw(t, conn, "\xff\xff\xff\xff")))
	assert.Empty(t, count("malformed_requests"))
}

func TestGRPCClient(t *testing.T) {
	ext, count := start(t, "")
	options, err := ext.GetGRPCClientOptions(t.Context())
	require.NoError(t, err)
	var answer error
	conn := serve(t, &traceServer{}, []grpc.ServerOption{grpc.ChainUnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if answer != nil {
				return nil, answer
			}
			return handler(ctx, request)
		})}, options...)

	f := func(given error, want codes.Code) {
		t.Helper()
		answer = given
		require.Equal(t, want, status.Code(sendRaw(t, conn, "")))
	}
	later, err := status.New(codes.ResourceExhausted, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(1)})
	require.NoError(t, err)
	f(nil, codes.OK)
	f(later.Err(), codes.ResourceExhausted)
	f(status.Error(codes.InvalidArgument, "bad"), codes.InvalidArgument)
	f(status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5000000 vs. 4194304)"), codes.ResourceExhausted)
	f(status.Error(codes.ResourceExhausted, "gRPC message exceeds maximum size 4194304: 5000000"), codes.ResourceExhausted)
	f(status.Error(codes.ResourceExhausted, "Received message exceeds the maximum configured message size."), codes.ResourceExhausted)
	assert.Empty(t, count("made_retryable"))
	f(status.Error(codes.ResourceExhausted, "too much"), codes.Unavailable)
	require.ErrorContains(t, sendRaw(t, conn, ""), "the backend answered ResourceExhausted: too much")
	assert.EqualValues(t, 2, count("made_retryable")[labelled(attribute.String("status", "ResourceExhausted"))])
}

func TestHTTPServer(t *testing.T) {
	ext, count := start(t, "")
	wrap, err := ext.GetHTTPHandler(t.Context())
	require.NoError(t, err)
	handler, err := wrap(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.URL.Query().Get("answer"))
		if err == nil {
			w.WriteHeader(code)
		}
		_, _ = io.WriteString(w, "body") // The recorder takes everything.
	}))
	require.NoError(t, err)
	for _, answer := range []string{"400", "200", "", "503", "400"} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/v1/traces?answer="+answer, http.NoBody))
		assert.Equal(t, "body", recorder.Body.String())
	}
	assert.EqualValues(t, 2, count("malformed_requests")[labelled(attribute.String("transport", "http"))])
}

func TestUTF8Body(t *testing.T) {
	f := func(text string, valid bool) {
		t.Helper()
		for _, reader := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			got, err := io.ReadAll(&utf8Body{ReadCloser: io.NopCloser(reader)})
			if valid {
				require.NoError(t, err)
				assert.Equal(t, text, string(got))
			} else {
				require.ErrorIs(t, err, errNotUTF8)
			}
		}
	}
	f("", true)
	f(`{"a": "b"}`, true)
	f("naïve – 模型 🦉", true)
	f("\xff{", false)
	f("caf\xe9", false)
	f("caf\xe9\"}", false)
	f("half an owl \xf0\x9f\xa6", false)
	f("\xa6", false)
}

func TestHTTPClient(t *testing.T) {
	ext, count := start(t, "response_headers: {x-elastic-product: Elasticsearch, retry-after: \"1\"}")
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		assert.NoError(t, err)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(code)
	}))
	defer backend.Close()
	wrap, err := ext.GetHTTPRoundTripper(t.Context())
	require.NoError(t, err)
	transport, err := wrap(t.Context(), backend.Client().Transport)
	require.NoError(t, err)
	client := &http.Client{Transport: transport}

	f := func(backendStatus, want int, text string) {
		t.Helper()
		response, err := client.Get(backend.URL + "/" + strconv.Itoa(backendStatus))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want, response.StatusCode)
		assert.Equal(t, text, response.Status)
		assert.Equal(t, "7", response.Header.Get("Retry-After"), "the backend's own header stays")
		assert.Equal(t, "Elasticsearch", response.Header.Get("X-Elastic-Product"))
	}
	f(http.StatusTooManyRequests, http.StatusServiceUnavailable, "503 Service Unavailable (the backend answered 429 Too Many Requests)")
	f(http.StatusOK, http.StatusOK, "200 OK")
	f(http.StatusBadRequest, http.StatusBadRequest, "400 Bad Request")
	assert.Equal(t, map[attribute.Distinct]int64{labelled(attribute.String("status", "429")): 1}, count("made_retryable"))

	backend.Close()
	_, err = client.Get(backend.URL) //nolint:bodyclose // there is no response
	require.Error(t, err, "an error of the connection is passed on")
}
