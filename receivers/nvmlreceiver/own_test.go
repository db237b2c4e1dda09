// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

// Every metric of its own that the receiver declares comes about.
func TestOwnMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(2)
		fake.GPUs[0].Processes = []driver.Process{{PID: 1, Memory: 1}, {PID: 4_000_000, Memory: 1}}
		h := start(t, fake, "{max_processes: 1, metrics: {nvidia.gpu.process.memory.usage: {enabled: true}}}")
		h.logs.refuse(errors.New("busy"))
		for range maxEvents + 1 {
			fake.Send(driver.Event{Type: driver.EventXID, Data: 31, GPUInstance: -1, ComputeInstance: -1})
			synctest.Wait()
		}
		hang := make(chan struct{})
		fake.Do(func() {
			fake.GPUs[0].Fail["Energy"] = driver.ErrUnknown
			fake.GPUs[1].Hang["Energy"], fake.GPUs[1].Delay["Energy"] = hang, time.Millisecond
		})
		h.next(2)
		own := testutil.WatchOwnMetrics(t, "nvml_")
		own.Look(h.telemetry.Reader)
		own.Check()
		fake.Do(func() { delete(fake.GPUs[1].Hang, "Energy") })
		close(hang)
		h.next(1)
	})
}

// sumOf adds up the points of one of the receiver's own metrics.
func sumOf(t *testing.T, data metricdata.Aggregation) int64 {
	t.Helper()
	sum := int64(0)
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, point := range data.DataPoints {
			sum += point.Value
		}
	case metricdata.Gauge[int64]:
		for _, point := range data.DataPoints {
			sum += point.Value
		}
	default:
		require.Failf(t, "no number", "%T", data)
	}
	return sum
}
