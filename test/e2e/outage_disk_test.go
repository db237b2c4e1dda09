// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// diskYAML has one exporter of configs/gateway.yaml and its queue, on a disk that is smaller than the queue may be.
const diskYAML = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}
exporters:
  otlp_grpc:
    endpoint: "${env:BACKEND}"
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 100ms, max_interval: 1s, max_elapsed_time: 0}
    sending_queue: {storage: file_storage, sizer: bytes, queue_size: 524288000, block_on_overflow: true}
extensions:
  file_storage: {directory: "${env:STATE}", fsync: true, recreate: true, compaction: {on_start: true, on_rebound: true, directory: "${env:STATE}"}}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_grpc]}
`

// TestOutageDiskFull fills the disk of the queues while the backend is down. Clients are told to try again, over gRPC and
// HTTP. They get through as soon as there is space, or as soon as the backend is back, which empties the queue. Nothing
// that was accepted is lost, through a crash neither.
func TestOutageDiskFull(t *testing.T) {
	for _, mended := range []string{"space returns", "backend returns"} {
		t.Run(mended, func(t *testing.T) {
			f := fillDisk(t)
			if mended == "space returns" {
				require.NoError(t, os.Remove(f.ballast))
			} else {
				require.NoError(t, f.sink.SetFault(otlpload.Healthy))
			}
			for _, sender := range f.senders {
				sender.Requests, sender.Retry = 5, 100*time.Millisecond
				stats := sender.Run(t.Context())
				assert.Equal(t, 5, stats.Accepted, "requests must be accepted again: %v", stats.Err)
			}
			f.collector.Kill()
			f.collector.Start(t)
			require.NoError(t, f.sink.SetFault(otlpload.Healthy))
			destination := outageDestination{"otlp_grpc", otlpload.Traces, func(testing.TB) *otlpload.Receipts { return f.sink.Receipts(otlpload.Traces) }}
			balance := settle(t, destination, f.ledger)
			logLedger(t, destination, "disk full, "+mended+", SIGKILL", balance)
			assert.NoError(t, balance.Complete())
		})
	}
}

// fullDisk is a collector whose backend is down and whose disk is full.
type fullDisk struct {
	collector *testutil.Collector
	sink      *otlpload.Sink
	ledger    *otlpload.Ledger
	senders   []otlpload.Sender // one per protocol
	ballast   string            // a file whose removal makes space
}

// fillDisk sends until requests are refused, and checks for each protocol that the refusal tells the client to try again.
func fillDisk(t *testing.T) fullDisk {
	t.Helper()
	sink, err := otlpload.NewSink()
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	require.NoError(t, sink.SetFault(otlpload.Unavailable))
	disk := mountSmallDisk(t, "48m")
	f := fullDisk{sink: sink, ledger: otlpload.NewLedger(), ballast: filepath.Join(disk, "ballast")}
	require.NoError(t, os.WriteFile(f.ballast, make([]byte, 24<<20), 0o600))
	f.collector = testutil.StartCollector(t, testutil.CollectorConfig{
		YAML: diskYAML, Ports: []string{"OTLP_GRPC", "OTLP_HTTP"},
		Env: []string{"STATE=" + disk, "BACKEND=" + sink.GRPCEndpoint()},
	})
	payload, err := otlpload.NewPayload(otlpload.Traces, otlpload.PayloadOptions{Seed: 1, Items: 1000, Attributes: 20})
	require.NoError(t, err)
	for port, protocol := range map[string]otlpload.Protocol{"OTLP_GRPC": otlpload.GRPC, "OTLP_HTTP": otlpload.HTTPProtobuf} {
		client, err := otlpload.NewClient(protocol, f.collector.Address(port))
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		f.senders = append(f.senders, otlpload.Sender{Client: client, Payload: payload, Ledger: f.ledger, Requests: 1})
	}
	for _, sender := range f.senders {
		stats := sender.Run(t.Context())
		for stats.Err == nil { // A refused request can leave room for another one.
			stats = sender.Run(t.Context())
		}
		assert.True(t, otlpload.Retryable(stats.Err), "the client must be told to try again: %v", stats.Err)
		t.Logf("disk full: %v", stats.Err)
	}
	return f
}

// mountSmallDisk mounts a file system in memory of a size in mount's notation; it needs the right to mount.
func mountSmallDisk(t testing.TB, size string) string {
	t.Helper()
	path := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+size), "cannot mount a small disk: run the tests as root")
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(path, syscall.MNT_DETACH)) })
	return path
}
