// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// withAnswers puts guardian_answers before the exporter, as the shipped configurations do.
const withAnswers = `
exporters: {otlp_grpc: {middlewares: [{id: guardian_answers}]}}
extensions: {guardian_answers: {}}
service: {extensions: [file_storage, guardian_answers]}
`

// TestOutageExhausted shows that OTLP takes RESOURCE_EXHAUSTED for permanent where the server does not say when to try
// again, and that guardian_answers mends it.
func TestOutageExhausted(t *testing.T) {
	f := func(name, overlay, until string, missing int) {
		t.Run(name, func(t *testing.T) {
			sink, err := otlpload.NewSink()
			require.NoError(t, err)
			t.Cleanup(func() { _ = sink.Close() })
			proxy := startFaultProxy(t, sink.GRPCEndpoint())
			dir := t.TempDir()
			queue, file := filepath.Join(dir, "queue"), filepath.Join(dir, "overlay.yaml")
			require.NoError(t, os.Mkdir(queue, 0o700))
			require.NoError(t, os.WriteFile(file, []byte(overlay), 0o600))
			collector := testutil.StartCollector(t, testutil.CollectorConfig{
				YAML: diskYAML, Files: []string{file}, Dir: dir, Ports: []string{"OTLP_GRPC", "OTLP_HTTP"},
				Env: []string{"STATE=" + queue, "BACKEND=" + proxy.Address},
			})
			clients := newOutageClients(t, collector.Address("OTLP_GRPC"))
			sender := otlpload.Sender{
				Client: clients.client, Payload: clients.payloads[otlpload.Traces], Ledger: clients.ledgers[otlpload.Traces], Requests: 1,
			}

			proxy.Set(t, saysNotWhen)
			sender.Run(t.Context())
			collector.LogMatch(t, until)
			proxy.Set(t, otlpload.Healthy)
			sender.Run(t.Context())
			d := outageDestination{"otlp_grpc", otlpload.Traces, func(testing.TB) *otlpload.Receipts { return sink.Receipts(otlpload.Traces) }}
			balance := quiet(t, d, sender.Ledger)
			logLedger(t, d, "RESOURCE_EXHAUSTED without a delay", balance)
			assert.Equal(t, missing, balance.Missing)
		})
	}
	f("exporter alone", "{}", "Dropping data", itemsPerRequest)
	f("guardian_answers", withAnswers, "the backend answered ResourceExhausted", 0)
}

// smallQueue is full after a few requests; the shipped one takes 500 MB.
const smallQueue = `
exporters:
  influxdb: {sending_queue: {queue_size: 200000, batch: {min_size: 1000, max_size: 100000}}}
`

// TestOutageQueueFull shows what a full queue does, as docs/delivery.md states it: the clients of its signal wait, and so
// do the other exporters of that signal. The other signals go on.
func TestOutageQueueFull(t *testing.T) {
	collector := backendsDown().startOutageCollector(t, smallQueue)
	clients := newOutageClients(t, collector.Address("OTLP_GRPC"))
	export := func(signal otlpload.Signal) error {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		payload, ledger := clients.payloads[signal], clients.ledgers[signal]
		return clients.client.Export(ctx, signal, payload.Append(nil, otlpload.Protobuf, ledger.Reserve(payload.Items())))
	}

	err := export(otlpload.Metrics)
	for ; err == nil; err = export(otlpload.Metrics) {
	}
	assert.True(t, otlpload.Retryable(err), err)
	assert.Equal(t, codes.DeadlineExceeded, status.Code(errors.Unwrap(err)), "a request to a full queue must wait until its client gives up")
	assert.NoError(t, export(otlpload.Logs))
	assert.NoError(t, export(otlpload.Traces))
}

// tailSampling puts tail sampling back, with a policy that keeps every trace.
const tailSampling = `
processors:
  tail_sampling: {decision_wait: 2s, policies: [{name: every trace, type: always_sample}]}
service:
  pipelines:
    traces/sampled: {processors: [tail_sampling]}
`

// TestOutageUndecidedTraces shows a loss that docs/delivery.md states: traces that tail sampling has not decided on are in
// memory only, and a crash ends them.
func TestOutageUndecidedTraces(t *testing.T) {
	backends := backendsDown()
	backends.jaeger = servers.StartJaeger(t)
	backends.proxies["otlp_grpc/jaeger"] = startFaultProxy(t, backends.jaeger.OTLPGRPC)
	collector := backends.startOutageCollector(t, tailSampling)
	clients := newOutageClients(t, collector.Address("OTLP_GRPC"))
	sender := otlpload.Sender{
		Client: clients.client, Payload: clients.payloads[otlpload.Traces], Ledger: clients.ledgers[otlpload.Traces],
		Requests: 5, Retry: 100 * time.Millisecond,
	}

	sender.Run(t.Context())
	collector.Kill()
	collector.Start(t)
	sender.Run(t.Context())
	d := outageDestination{"otlp_grpc/jaeger", otlpload.Traces, backends.jaegerIDs}
	const each = 5 * itemsPerRequest
	require.Eventually(t, func() bool { return sender.Ledger.Balance(d.receipts(t)).Delivered >= each }, gatewayWait, gatewayPoll)
	balance := sender.Ledger.Balance(d.receipts(t))
	logLedger(t, d, "SIGKILL before the decision", balance)
	assert.Equal(t, each, balance.Missing)
}

const (
	shippedConsumers = 2
	shippedMinBatch  = 100_000
)

// shippedBatches are the consumers and batches of configs/gateway.yaml.
var shippedBatches = fmt.Sprintf(`
exporters:
  otlp_grpc: {sending_queue: {num_consumers: %d, batch: {flush_timeout: 1s, sizer: bytes, min_size: %d, max_size: 1000000}}}
`, shippedConsumers, shippedMinBatch)

// TestOutageSecondCrash bounds a loss that docs/delivery.md states. When it starts, the queue takes what was under way in a
// crash off the disk and puts it back, one request after the other: a second crash before it is done loses the rest. Under
// way are a batch per consumer and the one that is being put together.
func TestOutageSecondCrash(t *testing.T) {
	sink, err := otlpload.NewSink()
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	require.NoError(t, sink.SetFault(otlpload.Unavailable))
	dir := t.TempDir()
	queue, overlay := filepath.Join(dir, "queue"), filepath.Join(dir, "overlay.yaml")
	require.NoError(t, os.Mkdir(queue, 0o700))
	require.NoError(t, os.WriteFile(overlay, []byte(shippedBatches), 0o600))
	environment := []string{"STATE=" + queue, "BACKEND=" + sink.GRPCEndpoint()}
	collector := testutil.StartCollector(t, testutil.CollectorConfig{
		YAML: diskYAML, Files: []string{overlay}, Ports: []string{"OTLP_GRPC", "OTLP_HTTP"}, Env: environment, Dir: dir,
	})
	clients := newOutageClients(t, collector.Address("OTLP_GRPC"))
	payload := clients.payloads[otlpload.Traces]
	sender := otlpload.Sender{
		Client: clients.client, Payload: payload, Ledger: clients.ledgers[otlpload.Traces],
		InFlight: 4, Requests: 500,
	}

	sender.Run(t.Context())
	collector.Kill()
	crashes := 0
	for after := 150 * time.Millisecond; after < 600*time.Millisecond; after += 75 * time.Millisecond {
		crash := exec.CommandContext(t.Context(), testutil.Binary(t), "--config", filepath.Join(dir, "config.yaml"), "--config", overlay)
		crash.Env = append(os.Environ(), append(environment, "OTLP_GRPC=0", "OTLP_HTTP=0")...)
		require.NoError(t, crash.Start())
		<-time.After(after)
		_ = crash.Process.Kill() // It may not live that long.
		_ = crash.Wait()
		crashes++
	}
	require.NoError(t, sink.SetFault(otlpload.Healthy))
	collector.Start(t)
	d := outageDestination{"otlp_grpc", otlpload.Traces, func(testing.TB) *otlpload.Receipts { return sink.Receipts(otlpload.Traces) }}
	balance := quiet(t, d, sender.Ledger)
	logLedger(t, d, "SIGKILL, SIGKILL while recovering", balance)

	requestBytes := len(payload.Append(nil, otlpload.Protobuf, 1))
	underWay := (shippedConsumers + 1) * (shippedMinBatch/requestBytes + 2) * payload.Items()
	assert.LessOrEqual(t, balance.Missing, crashes*underWay, "each crash loses at most what was under way")
}

// quiet waits until a destination has got something and then nothing more for three seconds.
func quiet(t testing.TB, d outageDestination, ledger *otlpload.Ledger) otlpload.Balance {
	t.Helper()
	var balance otlpload.Balance
	since := time.Now()
	require.Eventually(t, func() bool {
		if now := ledger.Balance(d.receipts(t)); now != balance {
			balance, since = now, time.Now()
		}
		return balance.Delivered > 0 && time.Since(since) > 3*time.Second
	}, gatewayWait, 50*time.Millisecond)
	return balance
}
