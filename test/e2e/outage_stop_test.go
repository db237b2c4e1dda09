// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

// stopTimeout stands for the time that an orchestrator leaves between SIGTERM and SIGKILL.
const stopTimeout = 5 * time.Second

// TestOutageStop asks the collector to end while one backend is down and data arrive, kills it when the stop timeout is
// over, and starts it again once the backend is back.
func TestOutageStop(t *testing.T) {
	backends := startOutageBackends(t)
	collector := backends.startOutageCollector(t)
	clients := newOutageClients(t, collector.Address("OTLP_GRPC"))

	for _, stop := range []struct {
		down string
		ends bool // by itself, within the stop timeout
	}{
		{"otlp_grpc/jaeger", true},
		{"prometheus_remote_write", true},
		{"influxdb", true},
		{"elasticsearch", false}, // Its retries heed no shutdown.
	} {
		backends.proxies[stop.down].Set(t, otlpload.Unavailable)
		clients.Send(t.Context(), t, 10)
		var rest sync.WaitGroup
		rest.Go(func() { clients.Send(t.Context(), t, 10) })
		collector.Signal(t, syscall.SIGTERM)
		ended := endsWithin(collector.PID(), stopTimeout)
		collector.Kill()
		assert.Equal(t, stop.ends, ended, "whether the collector ends by itself while %s is down", stop.down)

		backends.proxies[stop.down].Set(t, otlpload.Healthy)
		collector.Start(t)
		rest.Wait()
		fault := "503, SIGTERM"
		if !ended {
			fault += ", SIGKILL"
		}
		for _, destination := range backends.shipped() {
			balance := settle(t, destination, clients.ledgers[destination.signal])
			if destination.exporter == stop.down {
				logLedger(t, destination, fault, balance)
			}
			require.NoError(t, balance.Complete(), "%s while %s was down", destination, stop.down)
		}
	}
}

// endsWithin reports whether a process, which its parent reaps, is gone before time is up.
func endsWithin(pid int, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
	}
	return false
}
