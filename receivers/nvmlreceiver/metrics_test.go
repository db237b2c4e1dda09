// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"maps"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

// The values are those that the scripted driver was given, in the units of the conventions.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(2)
		fake.GPUs[1].Fans = []float64{0.3, 1.1}
		fake.GPUs[1].Throttle = 0x4
		h := start(t, fake, "metrics: {nvidia.gpu.link.rate: {enabled: true}}")
		h.next(1) // The profiling counters need two samples.
		page := h.last(t)
		gpu := drivertest.UUID(1)
		for _, want := range []struct {
			metric     string
			attributes labels
			value      float64
		}{
			{"hw.gpu.utilization", labels{"hw.gpu.task": "general"}, 0.2},
			{"hw.gpu.utilization", labels{"hw.gpu.task": "encoder"}, 0.01},
			{"hw.gpu.utilization", labels{"hw.gpu.task": "decoder"}, 0.02},
			{"hw.gpu.utilization", labels{"hw.gpu.task": "jpeg"}, 0.03},
			{"hw.gpu.utilization", labels{"hw.gpu.task": "ofa"}, 0.04},
			{"hw.gpu.memory.limit", nil, 80 << 30},
			{"hw.gpu.memory.usage", nil, 2 << 30},
			{"hw.gpu.memory.utilization", nil, 0.025},
			{"nvidia.gpu.memory.free", nil, 77 << 30},
			{"nvidia.gpu.memory.reserved", nil, 1 << 30},
			{"nvidia.gpu.memory.controller.utilization", nil, 0.1},
			{"hw.energy", labels{"hw.type": "gpu"}, 2000},
			{"hw.power", labels{"hw.type": "gpu"}, 626.26},
			{"nvidia.gpu.power.limit", labels{"nvidia.limit": "enforced"}, 650},
			{"nvidia.gpu.power.limit", labels{"nvidia.limit": "min"}, 200},
			{"hw.temperature", labels{"hw.sensor_location": "gpu"}, 42},
			{"hw.temperature", labels{"hw.sensor_location": "memory"}, 52},
			{"hw.temperature.limit", labels{"hw.limit_type": "throttled"}, 87},
			{"hw.temperature.limit", labels{"hw.limit_type": "critical"}, 92},
			{"hw.temperature.limit", labels{"hw.limit_type": "max"}, 85},
			{"nvidia.gpu.clock.frequency", labels{"nvidia.clock": "video"}, 1.545e9},
			{"nvidia.gpu.clock.limit", labels{"nvidia.clock": "memory"}, 3.3e9},
			{"nvidia.gpu.throttle.active", labels{"nvidia.throttle.reason": "sw_power_cap"}, 1},
			{"nvidia.gpu.throttle.active", labels{"nvidia.throttle.reason": "hw_thermal"}, 0},
			{"nvidia.gpu.throttle.time", labels{"nvidia.throttle.reason": "sw_power_cap"}, 1},
			{"nvidia.gpu.throttle.time", labels{"nvidia.throttle.reason": "hw_power_brake"}, 5},
			{"nvidia.gpu.pcie.link.generation", labels{"nvidia.limit": "current"}, 5},
			{"nvidia.gpu.sm.activity", nil, 0.02},
			{"nvidia.gpu.pipe.activity", labels{"nvidia.pipe": "tensor"}, 0.05},
			{"nvidia.gpu.pipe.activity", labels{"nvidia.pipe": "int"}, 0.04},
			{"nvidia.gpu.dram.activity", nil, 0.10},
			{"nvidia.gpu.link.rate", labels{"nvidia.link": "nvlink", "network.io.direction": "transmit"}, 61e6},
			{"nvidia.gpu.info", labels{"hw.driver_version": "580.159.03", "hw.firmware_version": "96.00.A5.00.03", "nvidia.cuda.version": "13.0"}, 1},
		} {
			attributes := labels{"hw.id": gpu, "hw.name": "NVIDIA H200", "hw.vendor": "NVIDIA"}
			maps.Copy(attributes, want.attributes)
			assert.InDelta(t, want.value, page.one(t, want.metric, attributes), 1e-9*want.value, "%s %v", want.metric, want.attributes)
		}
		assert.Equal(t, []float64{0.3, 1.1}, page.of("hw.fan.speed_ratio", labels{"hw.parent": gpu}))
		assert.Equal(t, []float64{1.1}, page.of("hw.fan.speed_ratio", labels{"hw.id": gpu + "/fan1"}))
		assert.Equal(t, 2.0, page.one(t, "nvidia.gpu.count", labels{"nvidia.gpu.state": "present"}))
		assert.Equal(t, 0.0, page.one(t, "nvidia.gpu.count", labels{"nvidia.gpu.state": "lost"}))
		assert.Equal(t, "ok", page.state(t, gpu))
		assert.Empty(t, h.events(), "nothing has happened")
		assert.Equal(t, "StatusOK", h.host.status())
	})
}

// A burst between two scrapes counts for its share of the interval, once.
func TestUtilizationIsTheMeanOfTheDriversSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		fake.GPUs[0].GPU = 0
		h := start(t, fake, "")
		general := labels{"hw.gpu.task": "general"}
		assert.Equal(t, 0.0, h.last(t).one(t, "hw.gpu.utilization", general), "without samples the last period stands for the interval")
		fake.Do(func() {
			fake.GPUs[0].Samples = []driver.Sample{{Timestamp: 10, Value: 0}, {Timestamp: 20, Value: 1}, {Timestamp: 30, Value: 0.5}, {Timestamp: 40, Value: 0}}
		})
		h.next(1)
		assert.Equal(t, 0.375, h.last(t).one(t, "hw.gpu.utilization", general))
		assert.Equal(t, 1.0, h.last(t).one(t, "nvidia.gpu.utilization.max", nil))
		fake.Do(func() { fake.GPUs[0].Samples = append(fake.GPUs[0].Samples, driver.Sample{Timestamp: 50, Value: 0.25}) })
		h.next(1)
		assert.Equal(t, 0.25, h.last(t).one(t, "hw.gpu.utilization", general), "samples that were counted do not count again")
	})
}

func TestWhatIsNotKnownHasNoPoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		gpu := fake.GPUs[0]
		gpu.Profile, gpu.NoMIG, gpu.Engines, gpu.Limits = nil, true, nil, nil
		for id := range gpu.Fields {
			delete(gpu.Fields, id)
		}
		gpu.Fail["Memory"], gpu.Fail["Utilization"], gpu.Fail["Samples"] = driver.ErrFunctionNotFound, driver.ErrNotSupported, driver.ErrNotSupported
		h := start(t, fake, "")
		h.next(2)
		page := h.last(t)
		for _, metric := range []string{
			"hw.gpu.utilization", "hw.gpu.memory.usage", "hw.gpu.memory.utilization", "hw.power", "hw.errors", "hw.gpu.io",
			"nvidia.gpu.sm.activity", "nvidia.gpu.throttle.time", "hw.temperature.limit", "hw.fan.speed_ratio",
		} {
			assert.NotContains(t, page, metric)
		}
		assert.Contains(t, page, "hw.energy")
		assert.Equal(t, "ok", page.state(t, gpu.UUID))
		assert.Zero(t, h.own(t, "otelcol_nvml_call_errors"), "not to have something is no failure")
		fake.Do(func() {
			assert.Equal(t, 1, gpu.Calls["Profile"], "what a GPU does not have is asked for once")
			assert.Equal(t, 1, gpu.Calls["Samples"])
			assert.Equal(t, 1, gpu.Asked[driver.FieldMemoryTemperature])
		})
	})
}

func TestMetricsSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		h := start(t, fake, "metrics: {hw.energy: {enabled: false}, nvidia.gpu.clock.frequency: {enabled: false}, hw.status: {enabled: false}}")
		page := h.last(t)
		assert.NotContains(t, page, "hw.energy")
		assert.NotContains(t, page, "nvidia.gpu.clock.frequency")
		assert.NotContains(t, page, "hw.status")
		assert.NotContains(t, page, "nvidia.gpu.process.memory.usage", "off by default")
		assert.Contains(t, page, "hw.power")
		fake.Do(func() {
			assert.Zero(t, fake.GPUs[0].Calls["Energy"], "nobody wants it, so it is not read")
			assert.Zero(t, fake.GPUs[0].Calls["Clock"])
			assert.Zero(t, fake.GPUs[0].Calls["Processes"])
		})
	})
}

// The bytes only grow, through a wrap at 32 bits and through a reset.
func TestBytesOnlyGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		count := func(value uint64) {
			fake.Do(func() { fake.GPUs[0].Fields[driver.FieldPCIeSent] = driver.Field{Bits: 64, Count: value} })
		}
		sent := labels{"network.io.direction": "transmit", "nvidia.link": "pcie"}
		count(4_000_000_000)
		h := start(t, fake, "")
		assert.Equal(t, 4e9, h.last(t).one(t, "hw.gpu.io", sent))
		count(5_032_704) // 2^32 + 5,032,704 = 4,300,000,000
		h.next(1)
		assert.Equal(t, 4.3e9, h.last(t).one(t, "hw.gpu.io", sent))
		count(1000) // Too low for a wrap: the counter was reset.
		h.next(1)
		assert.Equal(t, 4.3e9+1000, h.last(t).one(t, "hw.gpu.io", sent))
	})
}

// The numbers of three fields changed with driver 580.82, and the old ones mean something else now.
func TestThrottleTimesByDriverVersion(t *testing.T) {
	for _, of := range []struct {
		version string
		asked   []uint32
		never   []uint32
	}{
		{"570.86.15", []uint32{251, 252, 253}, []uint32{269, 270, 271}},
		{"580.65.06", []uint32{251, 252, 253}, []uint32{269, 270, 271}},
		{"580.82.07", []uint32{269, 270, 271}, []uint32{251, 252, 253}},
		{"580.159.03", []uint32{269, 270, 271}, []uint32{251, 252, 253}},
		{"610.43.02", []uint32{269, 270, 271}, []uint32{251, 252, 253}},
	} {
		t.Run(of.version, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := drivertest.New(1)
				fake.Version = of.version
				for _, id := range of.never {
					fake.GPUs[0].Fields[id] = driver.Field{Value: 77e9}
				}
				for i, id := range of.asked {
					fake.GPUs[0].Fields[id] = driver.Field{Value: float64(i+1) * 1e9}
				}
				h := start(t, fake, "")
				for i, reason := range []string{"sw_thermal", "hw_thermal", "hw_power_brake"} {
					assert.Equal(t, float64(i+1), h.last(t).one(t, "nvidia.gpu.throttle.time", labels{"nvidia.throttle.reason": reason}))
				}
				fake.Do(func() {
					for _, id := range of.never {
						assert.Zero(t, fake.GPUs[0].Asked[id])
					}
				})
			})
		})
	}
}
