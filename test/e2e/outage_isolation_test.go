// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// steadyRate is what arrives in each run of the isolation test, in items per second, for steadyTime.
var steadyRate = map[otlpload.Signal]float64{otlpload.Logs: 2000, otlpload.Traces: 500, otlpload.Metrics: 2000}

const (
	steadyTime = 6 * time.Second
	// keptRate is the share of its rate that an exporter must keep while another one's backend is down.
	keptRate = 0.95
	// steadyTries is how often a run is made before a lower rate counts: whatever else the machine does lowers it, too.
	steadyTries = 3
)

// TestOutageLeavesOthersAlone takes one backend away at a time, under a steady load, and compares the rate at which every
// other exporter delivers with its rate when all is well.
func TestOutageLeavesOthersAlone(t *testing.T) {
	backends := startOutageBackends(t)
	collector := backends.startOutageCollector(t)
	clients := newOutageClients(t, collector.Address("OTLP_GRPC"))
	clients.Send(t.Context(), t, 50) // Warms the servers up.
	settleAll(t, backends, clients)

	normal := steadyRates(t, collector, clients, backends.shipped())
	for _, down := range slices.Sorted(maps.Keys(backends.proxies)) {
		var others []outageDestination
		for _, destination := range backends.shipped() {
			if destination.exporter != down {
				others = append(others, destination)
			}
		}
		backends.proxies[down].Set(t, otlpload.RefuseConnections)
		shares := map[string]float64{}
		for try := 0; try < steadyTries && lowest(shares) < keptRate; try++ {
			for name, rate := range steadyRates(t, collector, clients, others) {
				shares[name] = max(shares[name], rate/normal[name])
			}
		}
		backends.proxies[down].Set(t, otlpload.Healthy)
		for _, destination := range others {
			share := shares[destination.String()]
			t.Logf("%-23s down: %-31s keeps %4.2f of its rate of %5.0f items/s", down, destination, share, normal[destination.String()])
			assert.GreaterOrEqual(t, share, keptRate, "%s while %s is down", destination, down)
		}
		settleAll(t, backends, clients)
	}
}

// settleAll waits until every server has everything that was accepted.
func settleAll(t testing.TB, backends *outageBackends, clients *outageClients) {
	t.Helper()
	for _, destination := range backends.shipped() {
		balance := settle(t, destination, clients.ledgers[destination.signal])
		require.NoError(t, balance.Complete(), destination)
	}
}

// lowest returns the least share, 0 if there is none yet.
func lowest(shares map[string]float64) float64 {
	if len(shares) == 0 {
		return 0
	}
	return slices.Min(slices.Collect(maps.Values(shares)))
}

// steadyRates offers the steady load and returns at which rate each destination got it, in items per second.
func steadyRates(t testing.TB, c *testutil.Collector, clients *outageClients, destinations []outageDestination) map[string]float64 {
	t.Helper()
	before, start := exporterItems(t, c, "sent"), time.Now()
	var senders sync.WaitGroup
	for signal, rate := range steadyRate {
		sender := otlpload.Sender{
			Client: clients.client, Payload: clients.payloads[signal], Ledger: clients.ledgers[signal], InFlight: 2,
			Requests: int(rate*steadyTime.Seconds()) / itemsPerRequest, Rate: rate,
		}
		senders.Go(func() {
			stats := sender.Run(t.Context())
			assert.Zero(t, stats.Refused, "requests of %v were refused: %v", signal, stats.Err)
		})
	}
	rates := map[string]float64{}
	require.Eventually(t, func() bool {
		now := exporterItems(t, c, "sent")
		for _, d := range destinations {
			offered := steadyRate[d.signal] * steadyTime.Seconds()
			if name := d.String(); rates[name] == 0 && now[name]-before[name] >= offered {
				rates[name] = offered / time.Since(start).Seconds()
			}
		}
		return len(rates) == len(destinations)
	}, time.Minute, 50*time.Millisecond, "not every destination got the load")
	senders.Wait()
	return rates
}
