// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

func migDevice(uuid string, gpuInstance int, used float64) drivertest.Instance {
	return drivertest.Instance{
		Instance: driver.Instance{UUID: uuid, Name: "NVIDIA H200 MIG 1g.18gb", Profile: "1g.18gb", GPUInstance: gpuInstance},
		Memory:   driver.Memory{Total: 18 << 30, Used: used, Free: 18<<30 - used},
		Profile:  map[uint32]float64{driver.ProfileGraphics: 0.5, driver.ProfileSM: 0.4, driver.ProfileTensor: 0.3, driver.ProfileDRAM: 0.2},
	}
}

// A divided GPU has no utilisation of its own, and its devices have theirs.
func TestMIGDevicesAreEntities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(2)
		fake.GPUs[0].MIG = true
		fake.GPUs[0].Instances = []drivertest.Instance{migDevice("MIG-a", 7, 1<<30), migDevice("MIG-b", 8, 2<<30)}
		h := start(t, fake, "")
		h.next(1)
		page := h.last(t)
		device := labels{"hw.id": "MIG-b", "hw.name": "NVIDIA H200 MIG 1g.18gb", "hw.parent": drivertest.UUID(0)}
		assert.Equal(t, 18.0*(1<<30), page.one(t, "hw.gpu.memory.limit", device))
		assert.Equal(t, 2.0*(1<<30), page.one(t, "hw.gpu.memory.usage", device))
		assert.Equal(t, 0.5, page.one(t, "hw.gpu.utilization", device))
		assert.Equal(t, 0.4, page.one(t, "nvidia.gpu.sm.activity", device))
		assert.Equal(t, 0.2, page.one(t, "nvidia.gpu.dram.activity", device))
		assert.Equal(t, 1.0, page.one(t, "nvidia.gpu.info", labels{"hw.id": "MIG-b", "nvidia.mig.profile": "1g.18gb", "nvidia.mig.gpu_instance": "8"}))
		for _, unknown := range []string{"nvidia.gpu.memory.reserved", "hw.power", "hw.energy", "nvidia.gpu.sm.occupancy"} {
			assert.Empty(t, page.of(unknown, device), "%s of a MIG device is not known, and not 0", unknown)
		}
		whole := labels{"hw.id": drivertest.UUID(0), "hw.gpu.task": "general"}
		assert.Empty(t, page.of("hw.gpu.utilization", whole), "the driver has none for a divided GPU")
		assert.Equal(t, 1000.0, page.one(t, "hw.energy", labels{"hw.id": drivertest.UUID(0)}))
		assert.Equal(t, 0.2, page.one(t, "hw.gpu.utilization", labels{"hw.id": drivertest.UUID(1), "hw.gpu.task": "general"}))
	})
}

func TestMIGChangeIsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		h := start(t, fake, "")
		h.next(1)
		assert.Empty(t, h.events())
		divide := func(on bool, instances ...drivertest.Instance) {
			fake.Do(func() { fake.GPUs[0].MIG, fake.GPUs[0].Instances = on, instances })
			h.next(2)
		}
		divide(true, migDevice("MIG-a", 7, 0), migDevice("MIG-b", 8, 0))
		divide(true, migDevice("MIG-b", 8, 0))
		fake.Do(func() {
			assert.Equal(t, 1, fake.GPUs[0].OpenProfiles, "the counters of devices that are gone are given up")
		})
		divide(false)
		changes := h.events("guardian.gpu.mig_changed")
		require.Len(t, changes, 3)
		for i, want := range []struct{ before, after []any }{
			{[]any{}, []any{"MIG-a", "MIG-b"}},
			{[]any{"MIG-a", "MIG-b"}, []any{"MIG-b"}},
			{[]any{"MIG-b"}, []any{}},
		} {
			attributes := changes[i].Attributes().AsRaw()
			assert.Equal(t, want.before, attributes["nvidia.mig.before"])
			assert.Equal(t, want.after, attributes["nvidia.mig.after"])
		}
		assert.Len(t, h.last(t).of("nvidia.gpu.sm.activity", labels{"hw.id": drivertest.UUID(0)}), 1, "the whole GPU has counters again")
	})
}

// Compute instances of one GPU instance share its counters, which are read once.
func TestMIGComputeInstancesShareCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		fake.GPUs[0].MIG = true
		fake.GPUs[0].Instances = []drivertest.Instance{migDevice("MIG-a", 7, 0), migDevice("MIG-b", 7, 0)}
		h := start(t, fake, "")
		h.next(2)
		assert.Equal(t, []float64{0.4, 0.4}, h.last(t).of("nvidia.gpu.sm.activity", nil))
		fake.Do(func() { assert.Equal(t, 3, fake.GPUs[0].Calls["ProfileRead"]) })
	})
}
