// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package nvmltest

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// profiled says that the profiling counters have been compared: the last thing to come.
func (p *process) profiled() bool { return len(p.page["nvidia.gpu.dram.activity"]) == 8 }

// The values are those of the C library.
func TestEightGPUs(t *testing.T) {
	t.Parallel()
	p := startReceiver(t, Library(t))
	p.until(t, "all metrics", p.profiled)
	gpu := []string{"hw.id", uuid(4)}
	for _, want := range []struct {
		metric     string
		attributes []string
		value      float64
	}{
		{"hw.gpu.utilization", []string{"hw.gpu.task", "general"}, 0.5},
		{"nvidia.gpu.utilization.max", nil, 1},
		{"hw.gpu.memory.usage", nil, 5 << 30},
		{"hw.gpu.memory.utilization", nil, 5.0 / 80},
		{"nvidia.gpu.memory.reserved", nil, 1 << 30},
		{"hw.energy", nil, 5000},
		{"hw.power", nil, 200},
		{"nvidia.gpu.power.limit", []string{"nvidia.limit", "enforced"}, 600},
		{"hw.temperature", []string{"hw.sensor_location", "gpu"}, 45},
		{"hw.temperature", []string{"hw.sensor_location", "memory"}, 55},
		{"hw.temperature.limit", []string{"hw.limit_type", "throttled"}, 81},
		{"hw.temperature.limit", []string{"hw.limit_type", "critical"}, 80},
		{"hw.gpu.io", []string{"nvidia.link", "pcie", "network.io.direction", "receive"}, 5e6},
		{"hw.gpu.io", []string{"nvidia.link", "nvlink", "network.io.direction", "transmit"}, 5 << 20},
		{"nvidia.gpu.clock.frequency", []string{"nvidia.clock", "memory"}, 1.2e9},
		{"nvidia.gpu.throttle.active", []string{"nvidia.throttle.reason", "sw_power_cap"}, 1},
		{"nvidia.gpu.throttle.time", []string{"nvidia.throttle.reason", "sw_thermal"}, 3},
		{"nvidia.gpu.throttle.time", []string{"nvidia.throttle.reason", "hw_power_brake"}, 5},
		{"nvidia.gpu.pcie.link.width", []string{"nvidia.limit", "max"}, 16},
		{"nvidia.gpu.sm.activity", nil, 0.02},
		{"nvidia.gpu.dram.activity", nil, 0.1},
		{"nvidia.gpu.info", []string{"nvidia.cuda.version", "13.0", "nvidia.pci.bus_id", "00000000:14:00.0", "hw.driver_version", "580.159.03"}, 1},
	} {
		values := p.page.of(want.metric, append(gpu, want.attributes...)...)
		if assert.Len(t, values, 1, "%s %v", want.metric, want.attributes) {
			assert.InDelta(t, want.value, values[0], 1e-9, "%s %v", want.metric, want.attributes)
		}
	}
	assert.Equal(t, []float64{0.3}, p.page.of("hw.fan.speed_ratio", "hw.id", uuid(4)+"/fan0"))
	assert.Equal(t, []float64{8}, p.page.of("nvidia.gpu.count", "nvidia.gpu.state", "present"))
	assert.Equal(t, "ok", p.page.state(4))
	p.until(t, "the processes", func() bool {
		return len(p.page.of("nvidia.gpu.process.memory.usage", gpu...)) == 1 && len(p.page.of("nvidia.gpu.process.utilization", gpu...)) == 1
	})
	assert.Equal(t, []float64{0.5}, p.page.of("nvidia.gpu.process.utilization", gpu...))
	p.stop(t)
}

// shortShare is how many functions stand for one in a short test.
const shortShare = 8

// A driver may lack any function: the receiver goes on without what it gives.
func TestMissingFunctions(t *testing.T) {
	t.Parallel()
	needed := map[string]string{ // without these no GPU can be read, and the state says so
		"nvmlShutdown":               driver.ErrFunctionNotFound.Error(),
		"nvmlSystemGetDriverVersion": driver.ErrFunctionNotFound.Error(),
		"nvmlDeviceGetUUID":          driver.ErrFunctionNotFound.Error(),
	}
	slots := make(chan struct{}, 4)
	for i, function := range driver.Symbols() {
		if testing.Short() && i%shortShare != 0 {
			continue
		}
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			p := startReceiver(t, Library(t, function))
			if says, isNeeded := needed[function]; isNeeded {
				p.until(t, "the state", func() bool { return p.status != "" })
				assert.Contains(t, p.status, says)
			} else {
				p.until(t, "two scrapes", func() bool { return len(p.page["hw.status"]) > 0 })
				p.page = nil
				p.until(t, "another scrape", func() bool { return len(p.page["hw.status"]) > 0 })
				assert.Equal(t, "ok", p.page.state(0))
			}
			p.stop(t)
		})
	}
}

// The functions for MIG devices are called only where there are some.
func TestMissingFunctionsOfMIG(t *testing.T) {
	t.Parallel()
	for _, function := range []string{
		"nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetMigDeviceHandleByIndex", "nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId",
		"nvmlGpmMigSampleGet", "nvmlDeviceGetMemoryInfo_v2",
	} {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			p := startReceiver(t, Library(t, function), "mig 1")
			for range 3 {
				p.page = nil
				p.until(t, "a scrape", func() bool { return len(p.page["hw.status"]) > 0 })
			}
			assert.Equal(t, "ok", p.page.state(1))
			p.stop(t)
		})
	}
}

func TestMIG(t *testing.T) {
	t.Parallel()
	p := startReceiver(t, Library(t))
	p.until(t, "all metrics", p.profiled)
	p.Order("mig 1")
	p.until(t, "the MIG devices", func() bool {
		return len(p.page.of("nvidia.gpu.sm.activity", "hw.parent", uuid(1))) == 2 && len(p.events) > 0
	})
	assert.Equal(t, []float64{2 << 30}, p.page.of("hw.gpu.memory.usage", "hw.id", "MIG-1-2"))
	assert.Equal(t, []float64{18 << 30}, p.page.of("hw.gpu.memory.limit", "hw.id", "MIG-1-2"))
	assert.Equal(t, []float64{0.01}, p.page.of("hw.gpu.utilization", "hw.id", "MIG-1-2"))
	assert.Equal(t, []float64{1}, p.page.of("nvidia.gpu.info", "hw.id", "MIG-1-2", "nvidia.mig.profile", "1g.18gb", "nvidia.mig.gpu_instance", "8"))
	assert.Empty(t, p.page.of("hw.gpu.utilization", "hw.id", uuid(1), "hw.gpu.task", "general"))
	_, changed := p.event("guardian.gpu.mig_changed")
	assert.True(t, changed)
	p.stop(t)
}

// Even a driver with hardly any function harms nobody.
func TestOnlyTheNeededFunctions(t *testing.T) {
	t.Parallel()
	keep := map[string]bool{"nvmlInit_v2": true, "nvmlShutdown": true, "nvmlSystemGetDriverVersion": true, "nvmlDeviceGetCount_v2": true, "nvmlDeviceGetHandleByIndex_v2": true, "nvmlDeviceGetUUID": true}
	var missing []string
	for _, function := range driver.Symbols() {
		if !keep[function] {
			missing = append(missing, function)
		}
	}
	p := startReceiver(t, Library(t, missing...))
	p.until(t, "a scrape", func() bool { return p.page.state(0) == "ok" })
	assert.Empty(t, p.page["hw.gpu.utilization"])
	assert.Equal(t, []float64{8}, p.page.of("nvidia.gpu.count", "nvidia.gpu.state", "present"))
	p.stop(t)
}

// A GPU that is pulled away mid-run changes its state and is an event, and the other seven go on.
func TestLostGPU(t *testing.T) {
	t.Parallel()
	p := startReceiver(t, Library(t))
	p.until(t, "all metrics", p.profiled)
	p.Order("lost 3")
	p.until(t, "the loss", func() bool { return p.page.state(3) == "failed" && len(p.events) > 0 })
	event, found := p.event("guardian.gpu.lost")
	require.True(t, found)
	id, _ := event.Attributes().Get("hw.id")
	assert.Equal(t, uuid(3), id.Str())
	for _, other := range []int{0, 1, 2, 4, 5, 6, 7} {
		assert.Equal(t, []float64{1000 * float64(other+1)}, p.page.of("hw.energy", "hw.id", uuid(other)))
		assert.Equal(t, "ok", p.page.state(other))
	}
	assert.Equal(t, []float64{7}, p.page.of("nvidia.gpu.count", "nvidia.gpu.state", "present"))
	p.Order()
	p.until(t, "the GPU again", func() bool { return p.page.state(3) == "ok" && len(p.page.of("hw.energy", "hw.id", uuid(3))) == 1 })
	p.stop(t)
}

// A call that never returns costs the GPU that it is for, and the process still ends.
func TestHang(t *testing.T) {
	t.Parallel()
	p := startReceiver(t, Library(t))
	p.until(t, "all metrics", p.profiled)
	p.Order("hang 2 nvmlDeviceGetTotalEnergyConsumption")
	p.until(t, "the loss", func() bool { return p.page.state(2) == "failed" && len(p.events) > 0 })
	p.page = nil
	p.until(t, "the others", func() bool { return len(p.page["hw.energy"]) == 7 })
	p.Order()
	p.until(t, "the GPU again", func() bool { return p.page.state(2) == "ok" && len(p.page["hw.energy"]) == 8 })
	p.Order("hang 2 nvmlDeviceGetTotalEnergyConsumption")
	p.until(t, "another loss", func() bool { return p.page.state(2) == "failed" })
	p.stop(t)
}

func TestReload(t *testing.T) {
	t.Parallel()
	p := startReceiver(t, Library(t))
	p.until(t, "all metrics", p.profiled)
	p.Order("unloaded", "generation 1")
	p.until(t, "the driver gone", func() bool {
		return p.page.state(0) == "failed" && p.page.state(7) == "failed" && strings.Contains(p.status, driver.ErrDriverNotLoaded.Error())
	})
	p.Order("generation 1")
	p.until(t, "the driver again", func() bool { return p.status == "StatusOK" && p.profiled() })
	_, unloaded := p.event("guardian.gpu.driver_unloaded")
	_, loaded := p.event("guardian.gpu.driver_loaded")
	assert.True(t, unloaded)
	assert.True(t, loaded)
	assert.Len(t, p.events, 2)
	p.stop(t)
}

// The functions of the old library stay bound: after an update the state asks for a restart.
func TestUpdateNeedsARestart(t *testing.T) {
	t.Parallel()
	p := startReceiver(t, Library(t))
	p.until(t, "all metrics", p.profiled)
	p.Order("generation 1", "mismatch")
	p.until(t, "the state", func() bool {
		return p.page.state(0) == "failed" && strings.Contains(p.status, "restart this collector")
	})
	p.stop(t)
}

func TestFieldNumbersOfBothDrivers(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"570.86.15", "580.65.06", "580.82.07", "580.159.03"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := startReceiver(t, Library(t), "driver "+version)
			p.until(t, "all metrics", p.profiled)
			for i, reason := range []string{"sw_thermal", "hw_thermal", "hw_power_brake"} {
				assert.Equal(t, []float64{float64(i + 3)}, p.page.of("nvidia.gpu.throttle.time", "hw.id", uuid(0), "nvidia.throttle.reason", reason))
			}
			p.stop(t)
		})
	}
}

func TestXID(t *testing.T) {
	t.Parallel()
	p := startReceiver(t, Library(t))
	p.until(t, "all metrics", p.profiled)
	p.XID(5, 79)
	p.until(t, "the event", func() bool { return p.page.state(5) == "failed" && len(p.events) > 0 })
	event, found := p.event("guardian.gpu.xid")
	require.True(t, found)
	id, _ := event.Attributes().Get("hw.id")
	assert.Equal(t, uuid(5), id.Str())
	assert.Equal(t, []float64{1}, p.page.of("nvidia.gpu.xid.errors", "hw.id", uuid(5), "nvidia.xid", "79"))
	p.stop(t)
}

func TestNoLibrary(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"absent": filepath.Join(t.TempDir(), "libnvidia-ml.so.1"), "of_something_else": "libm.so.6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startReceiver(t, path)
			p.until(t, "the state", func() bool { return p.status != "" })
			assert.Contains(t, p.status, "StatusRecoverableError: cannot open the NVIDIA driver")
			p.stop(t)
		})
	}
}

// What the receiver guards against: without a guard these end the process.
func TestUnguardedCallsEndTheProcess(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		name, library, says string
	}{
		{"missing_function", Library(t, "nvmlDeviceGetTotalEnergyConsumption"), "nvmlDeviceGetTotalEnergyConsumption"},
		{"after_a_failed_opening", filepath.Join(t.TempDir(), "none.so"), "nvmlDeviceGetHandleByIndex"},
	} {
		output, err := run(t, roleUnguarded, of.library).CombinedOutput()
		require.Error(t, err, of.name)
		assert.Contains(t, string(output), "opened", of.name)
		assert.Contains(t, string(output), of.says, of.name)
		assert.NotContains(t, string(output), "energy", of.name)
	}
	output, err := run(t, roleUnguarded, Library(t)).CombinedOutput()
	require.NoError(t, err)
	assert.Equal(t, "opened 0\nenergy 1000000 0\n", string(output), "with a whole library they do not")
}

// A binary whose functions are bound at its start does not start where there
// is no driver; one that is linked as ours does.
func TestBindingAtStart(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		name, flags string
		starts      bool
	}{{"lazy", "-linkmode=external", true}, {"now", "-linkmode=external -extldflags=-Wl,-z,now", false}} {
		binary := filepath.Join(t.TempDir(), of.name)
		output, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", of.flags, "-o", binary, "./testdata/probe").CombinedOutput()
		require.NoError(t, err, "%s", output)
		output, err = exec.CommandContext(t.Context(), binary).CombinedOutput()
		if of.starts {
			require.NoError(t, err, "%s", output)
			assert.Equal(t, "started\n", string(output))
		} else {
			require.Error(t, err)
			assert.Contains(t, string(output), "nvml")
		}
		assert.Equal(t, !of.starts, bindsNow(t, binary), of.name)
	}
}

// The binary that is tested, and the collector's if there is one, are linked so that they start.
func TestPackagingFlags(t *testing.T) {
	t.Parallel()
	own, err := os.Executable()
	require.NoError(t, err)
	for _, binary := range []string{own, os.Getenv("OTELCOL_GUARDIAN")} {
		if binary != "" {
			assert.False(t, bindsNow(t, binary), "%s binds all functions at its start: do not link with -z now or -bindnow", binary)
		}
	}
}

// bindsNow says whether a binary asks the dynamic linker to bind all functions at its start.
func bindsNow(t *testing.T, path string) bool {
	t.Helper()
	file, err := elf.Open(path)
	require.NoError(t, err)
	defer file.Close()
	flags, err := file.DynValue(elf.DT_FLAGS)
	require.NoError(t, err)
	flags1, err := file.DynValue(elf.DT_FLAGS_1)
	require.NoError(t, err)
	now, err := file.DynValue(elf.DT_BIND_NOW)
	require.NoError(t, err)
	for _, value := range flags {
		if elf.DynFlag(value)&elf.DF_BIND_NOW != 0 {
			return true
		}
	}
	for _, value := range flags1 {
		if elf.DynFlag1(value)&elf.DF_1_NOW != 0 {
			return true
		}
	}
	return len(now) > 0
}
