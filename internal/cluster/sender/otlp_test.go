// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// collector is a stand-in for an OTLP receiver.
type collector struct {
	mu       sync.Mutex
	refuse   int // so many requests first
	with     codes.Code
	events   map[string]bool // ids of events
	services map[string]bool
	spans    int
}

func (c *collector) takeLogs(logs plog.Logs) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse > 0 {
		c.refuse--
		return status.Error(c.with, "told to refuse")
	}
	if c.events == nil {
		c.events, c.services = map[string]bool{}, map[string]bool{}
	}
	for _, resource := range logs.ResourceLogs().All() {
		name, _ := resource.Resource().Attributes().Get("service.name")
		c.services[name.Str()] = true
		for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
			source, _ := record.Attributes().Get(event.KeySource)
			if source.Str() != "/"+name.Str() {
				return status.Errorf(codes.InvalidArgument, "a record of %s stands under %s", source.Str(), name.Str())
			}
			id, _ := record.Attributes().Get(event.KeyID)
			c.events[id.Str()] = true
		}
	}
	return nil
}

func (c *collector) takeTraces(traces ptrace.Traces) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans += traces.SpanCount()
}

type logsServer struct {
	plogotlp.UnimplementedGRPCServer
	*collector
}

func (s *logsServer) Export(_ context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), s.takeLogs(r.Logs())
}

type tracesServer struct {
	ptraceotlp.UnimplementedGRPCServer
	*collector
}

func (s *tracesServer) Export(_ context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.takeTraces(r.Traces())
	return ptraceotlp.NewExportResponse(), nil
}

// serveGRPC gives the address of a gRPC server for the collector.
func (c *collector) serveGRPC(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	plogotlp.RegisterGRPCServer(server, &logsServer{collector: c})
	ptraceotlp.RegisterGRPCServer(server, &tracesServer{collector: c})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return listener.Addr().String()
}

func (c *collector) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	logs, traces := plogotlp.NewExportRequest(), ptraceotlp.NewExportRequest()
	switch {
	case err != nil:
	case request.URL.Path == "/v1/logs":
		if err = logs.UnmarshalProto(body); err == nil {
			err = c.takeLogs(logs.Logs())
		}
	case request.URL.Path == "/v1/traces":
		if err = traces.UnmarshalProto(body); err == nil {
			c.takeTraces(traces.Traces())
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func newOTLP(t *testing.T, endpoint string) *OTLP {
	t.Helper()
	o, err := NewOTLP(endpoint)
	require.NoError(t, err)
	return o
}

func TestOverOTLP(t *testing.T) {
	f := func(serve func(*testing.T, *collector) string) {
		t.Helper()
		c := &collector{}
		config := cluster.Config{Seed: 4, Start: start}
		s := Sender{Cluster: newCluster(t, config), OTLP: newOTLP(t, serve(t, c)), Spans: true, Events: 2000}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
		requireBalanced(t, report)
		require.Len(t, c.events, 2000)
		for _, id := range firstIDs(t, config, 2000) {
			require.True(t, c.events[id], id)
		}
		assert.True(t, c.services["specialist/chat-1"])
		assert.Positive(t, c.spans)
		assert.Equal(t, Count{Sent: c.spans, Taken: c.spans}, report.ByType[TypeSpan])
	}
	f(func(t *testing.T, c *collector) string { t.Helper(); return c.serveGRPC(t) })
	f(func(t *testing.T, c *collector) string {
		t.Helper()
		server := httptest.NewServer(c)
		t.Cleanup(server.Close)
		return server.URL
	})
}

// Some events go this way and some that way, none both ways, and the shares hold at any time.
func TestBothWays(t *testing.T) {
	f := func(share float64) {
		t.Helper()
		c, r := &collector{}, &receiver{}
		s := Sender{
			Cluster: newCluster(t, cluster.Config{Seed: 4}), Guardian: to(t, r, NDJSON), OTLP: newOTLP(t, c.serveGRPC(t)),
			OTLPShare: share, Spans: true, Events: 1000,
		}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
		assert.InDelta(t, share*1000, len(c.events), 1)
		assert.Len(t, r.ids, 1000-len(c.events))
		for _, id := range r.ids {
			require.False(t, c.events[id], "%s went both ways", id)
		}
		assert.Positive(t, c.spans)
	}
	f(0)
	f(0.3)
	f(1)
}

func TestOTLPRefusals(t *testing.T) {
	f := func(refuse int, with codes.Code, want Count) {
		t.Helper()
		c := &collector{refuse: refuse, with: with}
		s := Sender{
			Cluster: newCluster(t, cluster.Config{}), OTLP: newOTLP(t, c.serveGRPC(t)), Events: 10,
			RetryFirst: time.Millisecond, RetryMost: 2 * time.Millisecond, RetryFor: 100 * time.Millisecond,
		}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		requireBalanced(t, report)
		assert.Equal(t, want, report.Total)
	}
	f(2, codes.Unavailable, Count{Sent: 10, Taken: 10})
	f(1e9, codes.Unavailable, Count{Sent: 10, Unknown: 10})
	f(1, codes.InvalidArgument, Count{Sent: 10, Rejected: 10})
}

func TestNewOTLPRefuses(t *testing.T) {
	for _, endpoint := range []string{"https://localhost:4318", "http://", "http://localhost:4318/v1/logs", "://"} {
		_, err := NewOTLP(endpoint)
		require.ErrorContains(t, err, endpoint)
	}
}
