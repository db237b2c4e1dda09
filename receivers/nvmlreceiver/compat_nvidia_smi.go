// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"strconv"
	"strings"
)

// nvidiaSMI writes the spellings of nvidia_gpu_exporter.
type nvidiaSMI struct{}

// nvidiaSMIRows are the names of nvidia_gpu_exporter for what we read.
var nvidiaSMIRows = []row{
	{"nvidia_smi_utilization_gpu_ratio", figUtilization, 1, gauge},
	{"nvidia_smi_utilization_memory_ratio", figController, 1, gauge},
	{"nvidia_smi_utilization_encoder_ratio", figEncoder, 1, gauge},
	{"nvidia_smi_utilization_decoder_ratio", figDecoder, 1, gauge},
	{"nvidia_smi_utilization_jpeg_ratio", figJPEG, 1, gauge},
	{"nvidia_smi_utilization_ofa_ratio", figOpticalFlow, 1, gauge},
	{"nvidia_smi_memory_total_bytes", figMemoryTotal, 1, gauge},
	{"nvidia_smi_memory_used_bytes", figMemoryUsed, 1, gauge},
	{"nvidia_smi_memory_free_bytes", figMemoryFree, 1, gauge},
	{"nvidia_smi_memory_reserved_bytes", figMemoryReserved, 1, gauge},
	{"nvidia_smi_power_draw_watts", figPowerAverage, 1, gauge},
	{"nvidia_smi_power_draw_average_watts", figPowerAverage, 1, gauge},
	{"nvidia_smi_power_draw_instant_watts", figPower, 1, gauge},
	{"nvidia_smi_power_limit_watts", figPowerRequestedLimit, 1, gauge},
	{"nvidia_smi_enforced_power_limit_watts", figPowerLimit, 1, gauge},
	{"nvidia_smi_power_default_limit_watts", figPowerDefaultLimit, 1, gauge},
	{"nvidia_smi_power_min_limit_watts", figPowerMinLimit, 1, gauge},
	{"nvidia_smi_power_max_limit_watts", figPowerMaxLimit, 1, gauge},
	{"nvidia_smi_energy_joules_total", figEnergy, 1, updown},
	{"nvidia_smi_temperature_gpu", figTemperature, 1, gauge},
	{"nvidia_smi_temperature_memory", figTemperatureMemory, 1, gauge},
	{"nvidia_smi_clocks_current_graphics_clock_hz", figClockGraphics, 1, gauge},
	{"nvidia_smi_clocks_current_sm_clock_hz", figClockSM, 1, gauge},
	{"nvidia_smi_clocks_current_memory_clock_hz", figClockMemory, 1, gauge},
	{"nvidia_smi_clocks_current_video_clock_hz", figClockVideo, 1, gauge},
	{"nvidia_smi_clocks_max_graphics_clock_hz", figMaxClockGraphics, 1, gauge},
	{"nvidia_smi_clocks_max_sm_clock_hz", figMaxClockSM, 1, gauge},
	{"nvidia_smi_clocks_max_memory_clock_hz", figMaxClockMemory, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_active", figThrottleReasons, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_gpu_idle", figThrottleIdle, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_applications_clocks_setting", figThrottleApplications, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_sw_power_cap", figThrottlePowerCap, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_hw_slowdown", figThrottleSlowdown, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_sync_boost", figThrottleSyncBoost, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_sw_thermal_slowdown", figThrottleSoftwareThermal, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_hw_thermal_slowdown", figThrottleHardwareThermal, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_hw_power_brake_slowdown", figThrottlePowerBrake, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_counters_sw_power_cap_seconds", figThrottledPowerCap, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_counters_sync_boost_seconds", figThrottledSyncBoost, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_counters_sw_thermal_slowdown_seconds", figThrottledSoftwareThermal, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_counters_hw_thermal_slowdown_seconds", figThrottledHardwareThermal, 1, gauge},
	{"nvidia_smi_clocks_event_reasons_counters_hw_power_brake_slowdown_seconds", figThrottledPowerBrake, 1, gauge},
	{"nvidia_smi_ecc_errors_corrected_volatile_total", figECCCorrectedVolatile, 1, gauge},
	{"nvidia_smi_ecc_errors_uncorrected_volatile_total", figECCUncorrectedVolatile, 1, gauge},
	{"nvidia_smi_ecc_errors_corrected_aggregate_total", figECCCorrectedAggregate, 1, gauge},
	{"nvidia_smi_ecc_errors_uncorrected_aggregate_total", figECCUncorrectedAggregate, 1, gauge},
	{"nvidia_smi_remapped_rows_correctable", figRemappedCorrectable, 1, gauge},
	{"nvidia_smi_remapped_rows_uncorrectable", figRemappedUncorrectable, 1, gauge},
	{"nvidia_smi_remapped_rows_pending", figRemapPending, 1, gauge},
	{"nvidia_smi_remapped_rows_failure", figRemapFailure, 1, gauge},
	{"nvidia_smi_gpu_recovery_action", figRecoveryAction, 1, gauge},
	{"nvidia_smi_pcie_link_gen_current", figLinkGeneration, 1, gauge},
	{"nvidia_smi_pcie_link_gen_max", figMaxLinkGeneration, 1, gauge},
	{"nvidia_smi_pcie_link_width_current", figLinkWidth, 1, gauge},
	{"nvidia_smi_pcie_link_width_max", figMaxLinkWidth, 1, gauge},
	{"nvidia_smi_mig_mode_current", figMIGCurrent, 1, gauge},
	{"nvidia_smi_mig_mode_pending", figMIGPending, 1, gauge},
}

func (*nvidiaSMI) write(w *writer, e *engine) {
	rows := newRowWriter(w)
	count := 0
	for _, gpu := range e.gpus {
		if gpu.reader != nil {
			count++
		}
	}
	for _, gpu := range e.gpus {
		if gpu.last == nil || gpu.last.err != nil {
			continue
		}
		uuid := pair{"uuid", strings.TrimPrefix(gpu.UUID, "GPU-")}
		labels := []pair{uuid}
		rows.write(nvidiaSMIRows, gpu, &gpu.last.figures, labels)
		rows.add("nvidia_smi_index", gauge, gpu, float64(gpu.index), labels)
		rows.add("nvidia_smi_count", gauge, gpu, float64(count), labels)
		rows.add("nvidia_smi_gpu_info", gauge, gpu, 1, []pair{
			uuid,
			{"name", gpu.Name},
			{"driver_model_current", notAvailable},
			{"driver_model_pending", notAvailable},
			{"vbios_version", gpu.VBIOS},
			{"driver_version", e.versions.Driver},
			{"pci_bus_id", gpu.PCIBusID},
			{"serial", gpu.Serial},
			{"compute_cap", gpu.ComputeCapability},
			{"pci_sub_device_id", gpu.PCISubsystem},
			{"index", strconv.Itoa(gpu.index)},
		})
	}
}

// notAvailable is what nvidia-smi says of what only Windows has.
const notAvailable = "[N/A]"
