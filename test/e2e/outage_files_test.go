// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// filesOverlay moves the addresses of configs/local.yaml. Its files lie in data, below the working folder.
const filesOverlay = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}
exporters:
  prometheus: {endpoint: "127.0.0.1:${env:PAGE}"}
extensions:
  health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}
  zpages: {endpoint: "127.0.0.1:${env:ZPAGES}"}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:OWN}", without_scope_info: true, without_type_suffix: false, without_units: false}}}
  pipelines:
    traces: {receivers: [otlp]}
`

func startFilesCollector(t *testing.T, dir string) *testutil.Collector {
	t.Helper()
	overlay := filepath.Join(t.TempDir(), "overlay.yaml")
	require.NoError(t, os.WriteFile(overlay, []byte(filesOverlay), 0o600))
	return testutil.StartCollector(t, testutil.CollectorConfig{
		Files: []string{filepath.Join(testutil.Root(t), "configs", "local.yaml"), overlay},
		Ports: []string{"OTLP_GRPC", "OTLP_HTTP", "PAGE", "HEALTH", "ZPAGES", "OWN"},
		Dir:   dir,
	})
}

// TestOutageFiles kills the collector while it writes files: what was accepted is in them. What the page showed is not
// there any more, until the next points arrive.
func TestOutageFiles(t *testing.T) {
	collector := startFilesCollector(t, t.TempDir())
	clients := newOutageClients(t, collector.Address("OTLP_GRPC"))
	clients.Send(t.Context(), t, 50)
	require.Contains(t, page(t, collector), "llm_tokens_generated")
	var rest sync.WaitGroup
	rest.Go(func() { clients.Send(t.Context(), t, 50) })
	require.Eventually(t, func() bool { return clients.accepted() > 60 }, time.Minute, time.Millisecond)
	collector.Kill()
	collector.Start(t)
	rest.Wait()

	for _, d := range []outageDestination{
		{"file/logs", otlpload.Logs, func(t testing.TB) *otlpload.Receipts {
			t.Helper()
			return fileReceipts(t, collector.Dir, otlpload.Logs, false)
		}},
		{"file/traces", otlpload.Traces, func(t testing.TB) *otlpload.Receipts {
			t.Helper()
			return fileReceipts(t, collector.Dir, otlpload.Traces, false)
		}},
	} {
		balance := settle(t, d, clients.ledgers[d.signal])
		logLedger(t, d, "SIGKILL", balance)
		assert.NoError(t, balance.Complete(), d)
	}
	collector.Kill()
	collector.Start(t)
	assert.NotContains(t, page(t, collector), "llm_tokens_generated")
}

// TestOutageFilesDiskFull fills the disk of the files. Clients are told to try again, and what was accepted is there. But
// the first line after the full disk begins with the rest of one that did not fit: a reader of JSON lines misses it.
func TestOutageFilesDiskFull(t *testing.T) {
	disk := mountSmallDisk(t, "8m")
	ballast := filepath.Join(disk, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 4<<20), 0o600))
	collector := startFilesCollector(t, disk)
	clients := newOutageClients(t, collector.Address("OTLP_GRPC"))
	sender := otlpload.Sender{Client: clients.client, Payload: clients.payloads[otlpload.Logs], Ledger: clients.ledgers[otlpload.Logs], Requests: 1}
	stats := sender.Run(t.Context())
	for ; stats.Err == nil; stats = sender.Run(t.Context()) {
	}
	assert.True(t, otlpload.Retryable(stats.Err), "the client must be told to try again: %v", stats.Err)
	require.NoError(t, os.Remove(ballast))
	sender.Requests, sender.Retry = 5, 100*time.Millisecond
	assert.Equal(t, 5, sender.Run(t.Context()).Accepted)

	for _, reader := range []struct {
		name  string
		mends bool
	}{{"JSON lines", false}, {"mended lines", true}} {
		d := outageDestination{"file/logs", otlpload.Logs, func(t testing.TB) *otlpload.Receipts {
			t.Helper()
			return fileReceipts(t, disk, otlpload.Logs, reader.mends)
		}}
		balance := sender.Ledger.Balance(d.receipts(t))
		logLedger(t, d, "disk full, space returns, "+reader.name, balance)
		if reader.mends {
			assert.NoError(t, balance.Complete())
		} else {
			assert.LessOrEqual(t, balance.Missing, itemsPerRequest, "no more than the line after the full disk may be spoilt")
		}
	}
}

// fileReceipts reads the ids in the lines of a file. A reader that mends takes the last request in a line that is broken.
func fileReceipts(t testing.TB, dir string, signal otlpload.Signal, mends bool) *otlpload.Receipts {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", signal.String()+".jsonl"))
	require.NoError(t, err)
	receipts := new(otlpload.Receipts)
	for line := range bytes.Lines(text) {
		if begin := bytes.LastIndex(line, []byte(`{"resourceLogs"`)); mends && begin > 0 {
			line = line[begin:]
		}
		if json.Valid(line) {
			receipts.Deliver(otlpload.ScanIDs(line, otlpload.JSON, signal))
		}
	}
	return receipts
}

// page reads the Prometheus page.
func page(t testing.TB, c *testutil.Collector) string {
	t.Helper()
	response, err := http.Get(c.URL("PAGE") + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}
