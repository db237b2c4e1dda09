// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

// The dearest calls are made less often until the mean cost fits, and more
// often again when they have become cheap.
func TestMaxScrapeCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		gpu := fake.GPUs[0]
		gpu.Delay["Energy"], gpu.Delay["Memory"] = 30*time.Millisecond, 2*time.Millisecond
		h := start(t, fake, "max_scrape_cost: 10ms")
		h.next(20)
		calls := func(call string, scrapes int) (calls int) {
			fake.Do(func() { clear(gpu.Calls) })
			h.next(scrapes)
			fake.Do(func() { calls = gpu.Calls[call] })
			return calls
		}
		assert.Equal(t, 8, calls("Energy", 32), "30 ms in every fourth scrape and 2 ms in each are 9.5 ms")
		assert.Equal(t, 32, calls("Memory", 32), "cheap calls stay")
		interval, err := h.telemetry.GetMetric("otelcol_nvml_call_interval")
		assert.NoError(t, err)
		assert.Equal(t, int64(4+len(measuredClasses(h))-1), sumOf(t, interval.Data), "one class in four scrapes, the others in each")

		fake.Do(func() { delete(gpu.Delay, "Energy") })
		h.next(200)
		assert.Equal(t, 32, calls("Energy", 32))
	})
}

// measuredClasses are those that the default metrics need.
func measuredClasses(*harness) []class {
	config := createDefaultConfig().(*Config)
	enabled := config.enabled()
	plan := newPlan(config, &enabled)
	var measured []class
	for id, wanted := range plan.classes {
		if wanted {
			measured = append(measured, class(id))
		}
	}
	return measured
}

// A series that is read too rarely would be forgotten: there is a floor.
func TestBudgetKeepsSeriesAlive(t *testing.T) {
	for _, of := range []struct {
		interval time.Duration
		rarest   int
	}{{time.Second, 16}, {10 * time.Second, 16}, {time.Minute, 4}, {10 * time.Minute, 1}} {
		b := newBudget(time.Millisecond, of.interval)
		dear := &reading{}
		dear.read[classEnergy], dear.cost[classEnergy] = true, time.Second
		for range 100 {
			b.learn(dear)
		}
		assert.Equal(t, of.rarest, b.every[classEnergy], "at %s", of.interval)
		assert.LessOrEqual(t, time.Duration(b.every[classEnergy])*of.interval, max(longest, of.interval))
	}
}

func TestNoBudget(t *testing.T) {
	b := newBudget(0, time.Second)
	dear := &reading{}
	dear.read[classEnergy], dear.cost[classEnergy] = true, time.Hour
	for range 10 {
		_, changed := b.learn(dear)
		assert.False(t, changed)
	}
}
