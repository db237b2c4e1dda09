// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"bytes"
	stdgzip "compress/gzip"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
)

var protocols = []Protocol{GRPC, HTTPProtobuf, HTTPJSON}

func newTestSink(t testing.TB) *Sink {
	t.Helper()
	s, err := NewSink()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func newTestClient(t testing.TB, s *Sink, p Protocol) Client {
	t.Helper()
	endpoint := s.HTTPEndpoint()
	if p == GRPC {
		endpoint = s.GRPCEndpoint()
	}
	c, err := NewClient(p, endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestSinkCountsEverySignalOverEveryProtocol(t *testing.T) {
	for _, protocol := range protocols {
		for _, signal := range Signals {
			t.Run(protocol.String()+" "+signal.String(), func(t *testing.T) {
				sink, ledger := newTestSink(t), NewLedger()
				stats := Sender{
					Client: newTestClient(t, sink, protocol), Payload: newTestPayload(t, signal, 100, 4), Ledger: ledger,
					Requests: 20, InFlight: 4,
				}.Run(t.Context())
				require.Equal(t, Stats{Accepted: 20}, stats)
				balance := ledger.Balance(sink.Receipts(signal))
				require.NoError(t, balance.Exact())
				assert.Equal(t, 2000, balance.Delivered)
			})
		}
	}
}

func TestSinkFaultsAreRetryableAndPass(t *testing.T) {
	for _, protocol := range protocols {
		for name, fault := range map[string]Fault{
			"refuse": RefuseConnections, "unavailable": Unavailable, "too many requests": TooManyRequests,
		} {
			t.Run(protocol.String()+" "+name, func(t *testing.T) {
				sink, ledger := newTestSink(t), NewLedger()
				client, payload := newTestClient(t, sink, protocol), newTestPayload(t, Logs, 10, 4)
				require.NoError(t, client.Export(t.Context(), Logs, payload.Append(nil, client.Encoding(), ledger.Reserve(10))))

				require.NoError(t, sink.SetFault(fault))
				err := client.Export(t.Context(), Logs, payload.Append(nil, client.Encoding(), ledger.Reserve(10)))
				require.Error(t, err)
				require.True(t, Retryable(err), err)
				require.Equal(t, 10, ledger.Balance(sink.Receipts(Logs)).Delivered)

				done := make(chan Stats)
				go func() {
					done <- Sender{Client: client, Payload: payload, Ledger: ledger, Requests: 5, Retry: time.Millisecond}.Run(t.Context())
				}()
				require.NoError(t, sink.SetFault(Healthy))
				assert.Equal(t, 5, (<-done).Accepted)
				balance := ledger.Balance(sink.Receipts(Logs))
				require.NoError(t, balance.Complete())
				assert.Equal(t, 60, balance.Delivered)
			})
		}
	}
}

func TestSinkFaultsSpeakTheirProtocol(t *testing.T) {
	sink := newTestSink(t)
	f := func(fault Fault, wantHTTP int, wantGRPC codes.Code) {
		t.Helper()
		require.NoError(t, sink.SetFault(fault))
		response, err := http.Post("http://"+sink.HTTPEndpoint()+"/v1/logs", contentTypes[Protobuf], nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, wantHTTP, response.StatusCode)
		err = newTestClient(t, sink, GRPC).Export(t.Context(), Logs, nil)
		assert.Equal(t, wantGRPC, status.Code(err))
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	f(Healthy, http.StatusOK, codes.OK)
	f(Unavailable, http.StatusServiceUnavailable, codes.Unavailable)
	f(TooManyRequests, http.StatusTooManyRequests, codes.ResourceExhausted)
	f(Healthy, http.StatusOK, codes.OK)
}

// TestSinkUnderstandsTheUsualClient uses the client that collectors export with, with gzip.
func TestSinkUnderstandsTheUsualClient(t *testing.T) {
	sink := newTestSink(t)
	connection, err := grpc.NewClient(sink.GRPCEndpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	traces := decodeTraces(t, Protobuf, newTestPayload(t, Traces, 30, 4).Append(nil, Protobuf, FirstID))
	request := ptraceotlp.NewExportRequestFromTraces(traces)
	_, err = ptraceotlp.NewGRPCClient(connection).Export(t.Context(), request, grpc.UseCompressor(gzip.Name))
	require.NoError(t, err)
	assert.Equal(t, 30, sink.Receipts(Traces).distinct)
}

func TestSinkInflatesHTTPBodies(t *testing.T) {
	sink := newTestSink(t)
	var body bytes.Buffer
	z := stdgzip.NewWriter(&body)
	_, err := z.Write(newTestPayload(t, Metrics, 30, 4).Append(nil, JSON, FirstID))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	assert.Equal(t, http.StatusOK, post(t, sink, contentTypes[JSON], "gzip", &body))
	assert.Equal(t, 30, sink.Receipts(Metrics).distinct)
}

func TestSinkRejectsWhatItCannotRead(t *testing.T) {
	sink := newTestSink(t)
	f := func(contentType, compression, body string) {
		t.Helper()
		assert.Equal(t, http.StatusBadRequest, post(t, sink, contentType, compression, bytes.NewBufferString(body)))
	}
	f("", "", "")
	f("text/plain", "", "")
	f(contentTypes[JSON], "zstd", "")
	f(contentTypes[JSON], "gzip", "not gzip")
}

func post(t *testing.T, sink *Sink, contentType, compression string, body *bytes.Buffer) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+sink.HTTPEndpoint()+"/v1/metrics", body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Content-Encoding", compression)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// BenchmarkRoundTrip is the whole cost of load and sink for one request of 1,000 items, over loopback.
func BenchmarkRoundTrip(b *testing.B) {
	for _, protocol := range protocols {
		b.Run(protocol.String(), func(b *testing.B) {
			sink, ledger := newTestSink(b), NewLedger()
			client, payload := newTestClient(b, sink, protocol), newTestPayload(b, Traces, 1000, 4)
			b.ReportAllocs()
			var body []byte
			for b.Loop() {
				first := ledger.Reserve(1000)
				body = payload.Append(body[:0], client.Encoding(), first)
				require.NoError(b, client.Export(b.Context(), Traces, body))
				ledger.Accept(first, 1000)
			}
			require.NoError(b, ledger.Balance(sink.Receipts(Traces)).Exact())
		})
	}
}
