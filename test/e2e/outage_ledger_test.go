// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// outageLoad is what arrives while the backends are down, in items, sent in requests of a hundred.
var outageLoad = map[otlpload.Signal]int{otlpload.Logs: 20_000, otlpload.Traces: 5_000, otlpload.Metrics: 20_000}

const itemsPerRequest = 100

// outageClients is one ledger and one sender per signal, all into the same collector.
type outageClients struct {
	ledgers  map[otlpload.Signal]*otlpload.Ledger
	payloads map[otlpload.Signal]*otlpload.Payload
	client   otlpload.Client
}

func newOutageClients(t testing.TB, endpoint string) *outageClients {
	t.Helper()
	client, err := otlpload.NewClient(otlpload.GRPC, endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	c := &outageClients{client: client, ledgers: map[otlpload.Signal]*otlpload.Ledger{}, payloads: map[otlpload.Signal]*otlpload.Payload{}}
	for _, signal := range otlpload.Signals {
		// The servers keep and find what is recent.
		payload, err := otlpload.NewPayload(signal, otlpload.PayloadOptions{Seed: 1, Items: itemsPerRequest, Attributes: 3, Time: time.Now()})
		require.NoError(t, err)
		c.ledgers[signal], c.payloads[signal] = otlpload.NewLedger(), payload
	}
	return c
}

// Send sends a share of the load, in percent, and returns when all of it is accepted.
func (c *outageClients) Send(ctx context.Context, t testing.TB, percent int) {
	t.Helper()
	var senders sync.WaitGroup
	for _, signal := range otlpload.Signals {
		sender := otlpload.Sender{
			Client: c.client, Payload: c.payloads[signal], Ledger: c.ledgers[signal], InFlight: 2,
			Requests: outageLoad[signal] / itemsPerRequest * percent / 100, Retry: 100 * time.Millisecond,
		}
		senders.Go(func() {
			stats := sender.Run(ctx)
			assert.Zero(t, stats.Refused, "requests of %v were refused: %v", signal, stats.Err)
		})
	}
	senders.Wait()
}

// accepted returns how many percent of the load the collector has accepted, of the signal that lags most.
func (c *outageClients) accepted() int {
	least := 100
	for _, signal := range otlpload.Signals {
		least = min(least, 100*c.ledgers[signal].Balance(new(otlpload.Receipts)).Accepted/outageLoad[signal])
	}
	return least
}

// TestOutageLedger takes all four backends away while the load arrives, kills the collector in the middle, and gives them
// back. The controls prove that the outage was long enough: with the limits of the default settings they lose data.
func TestOutageLedger(t *testing.T) {
	for _, outage := range []struct {
		name  string
		fault otlpload.Fault
	}{
		{"refused", otlpload.RefuseConnections},
		{"503", otlpload.Unavailable},
		{"429", otlpload.TooManyRequests},
		{"no answer", answersNever},
	} {
		t.Run(outage.name, func(t *testing.T) {
			backends := startOutageBackends(t)
			collector := backends.startOutageCollector(t, outageControls)
			clients := newOutageClients(t, collector.Address("OTLP_GRPC"))

			clients.Send(t.Context(), t, 10)
			start := time.Now()
			backends.Set(t, outage.fault)
			clients.Send(t.Context(), t, 40)
			var rest sync.WaitGroup
			rest.Go(func() { clients.Send(t.Context(), t, 50) })
			require.Eventually(t, func() bool { return clients.accepted() >= 60 }, time.Minute, time.Millisecond)
			collector.Kill()
			collector.Start(t)
			rest.Wait()
			require.Eventually(t, func() bool { return haveGivenUp(t, collector, backends.controls()) }, time.Minute, 100*time.Millisecond,
				"the outage is not long enough for the default limits")
			t.Logf("outage of %s", time.Since(start).Round(time.Millisecond))
			backends.Set(t, otlpload.Healthy)

			for _, destination := range backends.shipped() {
				balance := settle(t, destination, clients.ledgers[destination.signal])
				logLedger(t, destination, outage.name+", SIGKILL", balance)
				assert.NoError(t, balance.Complete(), destination.exporter)
			}
			for _, control := range backends.controls() {
				balance := clients.ledgers[control.signal].Balance(control.receipts(t))
				logLedger(t, control, outage.name+", SIGKILL", balance)
				assert.NotZero(t, balance.Missing, control.exporter)
			}
		})
	}
}

// haveGivenUp reports whether every one of the exporters has given up some of its data since the collector's start.
func haveGivenUp(t testing.TB, c *testutil.Collector, controls []outageDestination) bool {
	t.Helper()
	failed := exporterItems(t, c, "send_failed")
	for _, control := range controls {
		if failed[control.String()] == 0 {
			return false
		}
	}
	return true
}

// settle asks a server until it has everything that was accepted, or time is up.
func settle(t testing.TB, destination outageDestination, ledger *otlpload.Ledger) otlpload.Balance {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		balance := ledger.Balance(destination.receipts(t))
		if balance.Missing == 0 || time.Now().After(deadline) {
			return balance
		}
		<-time.After(200 * time.Millisecond)
	}
}

func logLedger(t testing.TB, destination outageDestination, fault string, b otlpload.Balance) {
	t.Helper()
	t.Logf("%-31s %-7s %-35s sent %6d  accepted %6d  delivered %6d  duplicates %5d  missing %5d",
		destination.exporter, destination.signal, fault, b.Sent, b.Accepted, b.Delivered, b.Duplicates, b.Missing)
}
