// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

func xidEvent(gpu int, code uint64) driver.Event {
	return driver.Event{Device: gpu, Type: driver.EventXID, Data: code, GPUInstance: -1, ComputeInstance: -1}
}

// Severity and action are those of NVIDIA's XID documentation.
func TestXIDEvents(t *testing.T) {
	for _, xid := range []struct {
		code     uint64
		severity plog.SeverityNumber
		action   string
		state    string
	}{
		{31, plog.SeverityNumberError, "check_application", "ok"},
		{43, plog.SeverityNumberWarn, "check_application", "ok"},
		{45, plog.SeverityNumberInfo, "none", "ok"},
		{48, plog.SeverityNumberFatal, "reset_gpu", "failed"},
		{79, plog.SeverityNumberFatal, "reboot_node", "failed"},
		{94, plog.SeverityNumberError, "restart_application", "ok"},
		{95, plog.SeverityNumberFatal, "reset_gpu", "failed"},
		{154, plog.SeverityNumberWarn, "see_recovery_action", "ok"},
		{9999, plog.SeverityNumberError, "inspect", "ok"},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, drivertest.New(2), "")
			h.fake.Send(xidEvent(1, xid.code))
			synctest.Wait()
			events := h.events()
			require.Len(t, events, 1, "an event does not wait for the next scrape")
			assert.Equal(t, "guardian.gpu.xid", events[0].EventName())
			assert.Equal(t, xid.severity, events[0].SeverityNumber(), "%d", xid.code)
			attributes := events[0].Attributes().AsRaw()
			assert.Equal(t, xid.action, attributes["guardian.gpu.action"], "%d", xid.code)
			assert.EqualValues(t, xid.code, attributes["nvidia.xid"])
			assert.Equal(t, drivertest.UUID(1), attributes["hw.id"])
			assert.NotContains(t, attributes, "nvidia.mig.gpu_instance")
			h.next(1)
			assert.Equal(t, xid.state, h.last(t).state(t, drivertest.UUID(1)), "%d", xid.code)
			assert.Equal(t, "ok", h.last(t).state(t, drivertest.UUID(0)))
		})
	}
}

// The same code twice is two errors, and a first fatal error is a step from 0.
func TestXIDCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(2), "")
		of := func(code int64) []float64 {
			return h.last(t).of("nvidia.gpu.xid.errors", labels{"hw.id": drivertest.UUID(1), "nvidia.xid": code})
		}
		assert.Equal(t, []float64{0}, of(79))
		assert.Empty(t, of(31))
		h.fake.Send(xidEvent(1, 31))
		h.fake.Send(xidEvent(1, 31))
		h.fake.Send(driver.Event{Device: 1, Type: driver.EventXID, Data: 79, GPUInstance: 3, ComputeInstance: 0})
		h.next(1)
		assert.Equal(t, []float64{2}, of(31))
		assert.Equal(t, []float64{1}, of(79))
		attributes := h.events()[2].Attributes().AsRaw()
		assert.EqualValues(t, 3, attributes["nvidia.mig.gpu_instance"])
		assert.EqualValues(t, 0, attributes["nvidia.mig.compute_instance"])
	})
}

func TestXIDCodesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(1), "")
		for code := range uint64(200) {
			h.fake.Send(xidEvent(0, 1000+code))
			synctest.Wait()
		}
		h.next(1)
		points := h.last(t)["nvidia.gpu.xid.errors"]
		assert.Len(t, points, maxXIDs+1)
		sum := 0.0
		for _, point := range points {
			sum += point.value
		}
		assert.Equal(t, 200.0, sum, "the overflow keeps the total right")
		assert.Len(t, h.last(t).of("nvidia.gpu.xid.errors", labels{"otel.metric.overflow": true}), 1)
	})
}

func TestOtherDriverEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(1), "")
		h.fake.Send(driver.Event{Device: -1, Type: driver.EventXID, Data: 79, GPUInstance: -1, ComputeInstance: -1})
		h.fake.Send(driver.Event{Type: driver.EventGPUUnavailable})
		h.fake.Send(driver.Event{Type: driver.EventRecoveryAction, Data: 2})
		h.fake.Send(driver.Event{Type: 1 << 40})
		synctest.Wait()
		events := h.events()
		require.Len(t, events, 3)
		assert.Equal(t, "XID 79 on an unknown GPU: GPU has fallen off the bus.", events[0].Body().Str())
		assert.Equal(t, "guardian.gpu.unavailable", events[1].EventName())
		assert.Equal(t, "guardian.gpu.recovery_action", events[2].EventName())
		action, _ := events[2].Attributes().Get("guardian.gpu.action")
		assert.Equal(t, "reboot_node", action.Str())
	})
}

// What the driver says of a GPU decides its state.
func TestState(t *testing.T) {
	for _, of := range []struct {
		name     string
		field    uint32
		value    uint64
		throttle uint64
		want     string
	}{
		{name: "well", field: driver.FieldRecoveryAction, want: "ok"},
		{name: "power_cap_is_no_fault", throttle: 0x4, want: "ok"},
		{name: "hardware_thermal", throttle: 0x40, want: "degraded"},
		{name: "power_brake", throttle: 0x80, want: "degraded"},
		{name: "reset_wanted", field: driver.FieldRecoveryAction, value: 1, want: "failed"},
		{name: "reboot_wanted", field: driver.FieldRecoveryAction, value: 2, want: "failed"},
		{name: "drain_wanted", field: driver.FieldRecoveryAction, value: 3, want: "degraded"},
		{name: "row_pending", field: driver.FieldRemapPending, value: 1, want: "degraded"},
		{name: "row_failed", field: driver.FieldRemapFailure, value: 1, want: "predicted_failure"},
	} {
		t.Run(of.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := drivertest.New(1)
				fake.GPUs[0].Fields[of.field] = driver.Field{Bits: 64, Count: of.value}
				fake.GPUs[0].Throttle = of.throttle
				h := start(t, fake, "metrics: {nvidia.gpu.throttle.active: {enabled: false}}")
				assert.Equal(t, of.want, h.last(t).state(t, drivertest.UUID(0)))
			})
		})
	}
}
