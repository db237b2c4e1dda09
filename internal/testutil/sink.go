// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // the collector compresses by default
)

// Sink is an OTLP/gRPC server in the test process that keeps what it is sent.
type Sink struct {
	// Address is host:port.
	Address string
	// Traces, Logs and Metrics hold what arrived.
	Traces  consumertest.TracesSink
	Logs    consumertest.LogsSink
	Metrics consumertest.MetricsSink
}

// StartSink starts a Sink on a free port of the loopback address; it stops with the test.
func StartSink(t testing.TB) *Sink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	sink := &Sink{Address: listener.Addr().String()}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, &traceServer{sink: sink})
	plogotlp.RegisterGRPCServer(server, &logServer{sink: sink})
	pmetricotlp.RegisterGRPCServer(server, &metricServer{sink: sink})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = server.Serve(listener) // It ends with Stop.
	}()
	t.Cleanup(func() {
		server.Stop()
		<-stopped
	})
	return sink
}

type traceServer struct {
	ptraceotlp.UnimplementedGRPCServer
	sink *Sink
}

func (s *traceServer) Export(ctx context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), s.sink.Traces.ConsumeTraces(ctx, request.Traces())
}

type logServer struct {
	plogotlp.UnimplementedGRPCServer
	sink *Sink
}

func (s *logServer) Export(ctx context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), s.sink.Logs.ConsumeLogs(ctx, request.Logs())
}

type metricServer struct {
	pmetricotlp.UnimplementedGRPCServer
	sink *Sink
}

func (s *metricServer) Export(ctx context.Context, request pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), s.sink.Metrics.ConsumeMetrics(ctx, request.Metrics())
}
