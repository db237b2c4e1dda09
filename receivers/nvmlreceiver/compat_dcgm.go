// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"os"
	"slices"
	"strconv"
)

// dcgm writes the spellings of dcgm-exporter.
type dcgm struct{ host string }

// newDCGM names the machine as dcgm-exporter does: by the node, where that is known.
func newDCGM() *dcgm {
	host := os.Getenv("NODE_NAME")
	if host == "" {
		host, _ = os.Hostname() // Without a name the label is empty.
	}
	return &dcgm{host: host}
}

const (
	toPercent = 100
	toMega    = 1e-6
	toMebi    = 1.0 / (1 << 20)
	toMilli   = 1e3
)

// dcgmRows are the names that dcgm-exporter has by default. Its counters end
// without _total, which a monotonic sum could not.
var dcgmRows = []row{
	{"DCGM_FI_DEV_SM_CLOCK", figClockSM, toMega, gauge},
	{"DCGM_FI_DEV_MEM_CLOCK", figClockMemory, toMega, gauge},
	{"DCGM_FI_DEV_MEMORY_TEMP", figTemperatureMemory, 1, gauge},
	{"DCGM_FI_DEV_GPU_TEMP", figTemperature, 1, gauge},
	{"DCGM_FI_DEV_POWER_USAGE", figPower, 1, gauge},
	{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", figEnergy, toMilli, updown},
	{"DCGM_FI_DEV_PCIE_REPLAY_COUNTER", figPCIeReplay, 1, updown},
	{"DCGM_FI_DEV_GPU_UTIL", figUtilization, toPercent, gauge},
	{"DCGM_FI_DEV_MEM_COPY_UTIL", figController, toPercent, gauge},
	{"DCGM_FI_DEV_ENC_UTIL", figEncoder, toPercent, gauge},
	{"DCGM_FI_DEV_DEC_UTIL", figDecoder, toPercent, gauge},
	{"DCGM_FI_DEV_FB_FREE", figMemoryFree, toMebi, gauge},
	{"DCGM_FI_DEV_FB_USED", figMemoryUsed, toMebi, gauge},
	{"DCGM_FI_DEV_FB_RESERVED", figMemoryReserved, toMebi, gauge},
	{"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", figRemappedUncorrectable, 1, updown},
	{"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", figRemappedCorrectable, 1, updown},
	{"DCGM_FI_DEV_ROW_REMAP_FAILURE", figRemapFailure, 1, gauge},
	{"DCGM_FI_PROF_GR_ENGINE_ACTIVE", figGraphicsActivity, 1, gauge},
	{"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", figTensorActivity, 1, gauge},
	{"DCGM_FI_PROF_DRAM_ACTIVE", figDRAMActivity, 1, gauge},
	{"DCGM_FI_PROF_PCIE_TX_BYTES", figPCIeSentRate, 1, gauge},
	{"DCGM_FI_PROF_PCIE_RX_BYTES", figPCIeReceivedRate, 1, gauge},
}

func (d *dcgm) write(w *writer, e *engine) {
	rows := newRowWriter(w)
	for _, gpu := range e.gpus {
		if gpu.last == nil || gpu.last.err != nil {
			continue
		}
		labels := d.labels(e, gpu)
		of := &gpu.last.figures
		if len(gpu.last.instances) > 0 {
			// What the instances have is theirs alone, or it would count twice.
			whole := *of
			for i := range gpu.last.instances {
				instance := &gpu.last.instances[i]
				for id, known := range instance.known {
					whole.known[id] = whole.known[id] && !known
				}
				own := slices.Concat(labels, []pair{{"GPU_I_PROFILE", instance.Profile}, {"GPU_I_ID", strconv.Itoa(instance.GPUInstance)}})
				rows.write(dcgmRows, gpu, &instance.figures, d.withOwner(e, instance.UUID, own))
			}
			of = &whole
		}
		labels = d.withOwner(e, gpu.UUID, labels)
		rows.write(dcgmRows, gpu, of, labels)
		rows.add("DCGM_FI_DEV_XID_ERRORS", gauge, gpu, float64(gpu.xids.last), labels)
	}
}

func (d *dcgm) labels(e *engine, gpu *gpu) []pair {
	labels := []pair{
		{"gpu", strconv.Itoa(gpu.index)},
		{"UUID", gpu.UUID},
		{"pci_bus_id", gpu.PCIBusID},
		{"modelName", gpu.Name},
		{"Hostname", d.host},
		{"DCGM_FI_DRIVER_VERSION", e.versions.Driver},
	}
	if gpu.Minor >= 0 {
		labels = append(labels, pair{"device", "nvidia" + strconv.Itoa(gpu.Minor)})
	}
	return labels
}

func (*dcgm) withOwner(e *engine, uuid string, labels []pair) []pair {
	if owner, known := e.owner(uuid); known {
		return slices.Concat(labels, []pair{{"pod", owner.Pod}, {"namespace", owner.Namespace}, {"container", owner.Container}})
	}
	return labels
}
