// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

// kind is the instrument of a metric.
type kind int

const (
	gauge   kind = iota
	counter      // monotonic, cumulative
	updown       // not monotonic, cumulative
)

func (k kind) String() string {
	return [...]string{gauge: "gauge", counter: "counter", updown: "up-down counter"}[k]
}

// metric describes one metric that the receiver can write.
type metric struct {
	name, unit, description string
	kind                    kind
	// integer metrics have no fractions.
	integer bool
	// attributes are the keys that a point has beside those of the GPU.
	attributes []string
	// off metrics must be switched on.
	off bool
}

type metricID int

const (
	hwGPUUtilization metricID = iota
	hwGPUMemoryLimit
	hwGPUMemoryUsage
	hwGPUMemoryUtilization
	hwGPUIO
	hwEnergy
	hwPower
	hwTemperature
	hwTemperatureLimit
	hwFanSpeedRatio
	hwErrors
	hwStatus
	utilizationMax
	memoryFree
	memoryReserved
	memoryController
	powerLimit
	clockFrequency
	clockLimit
	throttleActive
	throttleTime
	xidErrors
	remappedRows
	remapPending
	remapFailure
	linkGeneration
	linkWidth
	linkRate
	graphicsActivity
	smActivity
	smOccupancy
	pipeActivity
	dramActivity
	processMemory
	processUtilization
	gpuInfo
	gpuCount
	specialistUtilization
	specialistMemory
	metricCount
)

const (
	keyID           = "hw.id"
	keyName         = "hw.name"
	keyVendor       = "hw.vendor"
	keyParent       = "hw.parent"
	keySerial       = "hw.serial_number"
	keyDriver       = "hw.driver_version"
	keyFirmware     = "hw.firmware_version"
	keyType         = "hw.type"
	keyState        = "hw.state"
	keyTask         = "hw.gpu.task"
	keySensor       = "hw.sensor_location"
	keyLimitType    = "hw.limit_type"
	keyErrorType    = "error.type"
	keyDirection    = "network.io.direction"
	keyLink         = "nvidia.link"
	keyLimit        = "nvidia.limit"
	keyClock        = "nvidia.clock"
	keyReason       = "nvidia.throttle.reason"
	keyECCScope     = "nvidia.ecc.scope"
	keyXID          = "nvidia.xid"
	keyCause        = "nvidia.remap.cause"
	keyPipe         = "nvidia.pipe"
	keyGPUState     = "nvidia.gpu.state"
	keyCUDA         = "nvidia.cuda.version"
	keyBusID        = "nvidia.pci.bus_id"
	keyIndex        = "nvidia.gpu.index"
	keyMIGProfile   = "nvidia.mig.profile"
	keyGPUInstance  = "nvidia.mig.gpu_instance"
	keyCompute      = "nvidia.mig.compute_instance"
	keyPID          = "process.pid"
	keyExecutable   = "process.executable.name"
	keyPodUID       = "k8s.pod.uid"
	keyPod          = "k8s.pod.name"
	keyNamespace    = "k8s.namespace.name"
	keyContainer    = "k8s.container.name"
	keyContainerID  = "container.id"
	keySpecialist   = "specialist.type"
	keySpecialistOf = "gpu.id"
	keyMemoryType   = "memory.type"
	keyOverflow     = "otel.metric.overflow"
)

const typeGPU = "gpu"

// catalogue is the only list of the receiver's own metrics. Names that begin
// with hw. are OpenTelemetry's; where it has none they begin with nvidia.gpu.
var catalogue = [metricCount]metric{
	hwGPUUtilization:       {name: "hw.gpu.utilization", unit: "1", attributes: []string{keyTask}, description: "Share of the time since the last scrape in which a kernel ran, and in which an engine was busy."},
	hwGPUMemoryLimit:       {name: "hw.gpu.memory.limit", unit: "By", kind: updown, integer: true, description: "Memory of the GPU."},
	hwGPUMemoryUsage:       {name: "hw.gpu.memory.usage", unit: "By", kind: updown, integer: true, description: "Memory in use, without what the driver reserves."},
	hwGPUMemoryUtilization: {name: "hw.gpu.memory.utilization", unit: "1", description: "Share of the memory in use."},
	hwGPUIO:                {name: "hw.gpu.io", unit: "By", kind: counter, integer: true, attributes: []string{keyDirection, keyLink}, description: "Bytes that the GPU received and sent."},
	hwEnergy:               {name: "hw.energy", unit: "J", kind: counter, attributes: []string{keyType}, description: "Energy used since the driver was loaded."},
	hwPower:                {name: "hw.power", unit: "W", attributes: []string{keyType}, description: "Power drawn at the moment of the scrape."},
	hwTemperature:          {name: "hw.temperature", unit: "Cel", attributes: []string{keySensor}, description: "Temperature of the GPU and of its memory."},
	hwTemperatureLimit:     {name: "hw.temperature.limit", unit: "Cel", attributes: []string{keyLimitType}, description: "Temperature from which the GPU slows down (throttled), shuts down (critical), or should not pass (max)."},
	hwFanSpeedRatio:        {name: "hw.fan.speed_ratio", unit: "1", description: "Intended speed of a fan as a share of its maximum."},
	hwErrors:               {name: "hw.errors", unit: "{error}", kind: counter, integer: true, attributes: []string{keyType, keyErrorType, keyECCScope}, description: "Errors of the memory (corrected, uncorrected) and of the links."},
	hwStatus:               {name: "hw.status", unit: "1", kind: updown, integer: true, attributes: []string{keyType, keyState}, description: "1 for the state that the GPU is in, 0 for the others."},
	utilizationMax:         {name: "nvidia.gpu.utilization.max", unit: "1", description: "Highest of the driver's utilisation samples since the last scrape."},
	memoryFree:             {name: "nvidia.gpu.memory.free", unit: "By", kind: updown, integer: true, description: "Memory that can be had."},
	memoryReserved:         {name: "nvidia.gpu.memory.reserved", unit: "By", kind: updown, integer: true, description: "Memory that the driver and the firmware keep for themselves."},
	memoryController:       {name: "nvidia.gpu.memory.controller.utilization", unit: "1", description: "Share of the driver's last sample period in which memory was read or written."},
	powerLimit:             {name: "nvidia.gpu.power.limit", unit: "W", attributes: []string{keyLimit}, description: "Limits of the power draw."},
	clockFrequency:         {name: "nvidia.gpu.clock.frequency", unit: "Hz", attributes: []string{keyClock}, description: "Frequency of a clock domain."},
	clockLimit:             {name: "nvidia.gpu.clock.limit", unit: "Hz", attributes: []string{keyClock}, description: "Highest frequency of a clock domain."},
	throttleActive:         {name: "nvidia.gpu.throttle.active", unit: "1", kind: updown, integer: true, attributes: []string{keyReason}, description: "1 where a reason holds the clocks down."},
	throttleTime:           {name: "nvidia.gpu.throttle.time", unit: "s", kind: counter, attributes: []string{keyReason}, description: "Time for which a reason held the clocks down."},
	xidErrors:              {name: "nvidia.gpu.xid.errors", unit: "{error}", kind: counter, integer: true, attributes: []string{keyXID}, description: "XID errors since the collector started, by code."},
	remappedRows:           {name: "nvidia.gpu.remapped_rows", unit: "{row}", kind: counter, integer: true, attributes: []string{keyCause}, description: "Memory rows that were replaced by spare ones."},
	remapPending:           {name: "nvidia.gpu.remapped_rows.pending", unit: "1", kind: updown, integer: true, description: "1 if rows wait for a reset to be replaced."},
	remapFailure:           {name: "nvidia.gpu.remapped_rows.failure", unit: "1", kind: updown, integer: true, description: "1 if a row could not be replaced."},
	linkGeneration:         {name: "nvidia.gpu.pcie.link.generation", unit: "1", attributes: []string{keyLimit}, description: "PCIe generation of the link."},
	linkWidth:              {name: "nvidia.gpu.pcie.link.width", unit: "{lane}", attributes: []string{keyLimit}, description: "PCIe lanes of the link."},
	linkRate:               {name: "nvidia.gpu.link.rate", unit: "By/s", attributes: []string{keyDirection, keyLink}, off: true, description: "Bytes per second since the last scrape, from the profiling counters."},
	graphicsActivity:       {name: "nvidia.gpu.graphics.activity", unit: "1", description: "Share of the time in which a graphics or compute engine was active."},
	smActivity:             {name: "nvidia.gpu.sm.activity", unit: "1", description: "Share of the time in which an SM had a warp, mean over the SMs."},
	smOccupancy:            {name: "nvidia.gpu.sm.occupancy", unit: "1", description: "Share of the warps that an SM could hold, mean over the SMs."},
	pipeActivity:           {name: "nvidia.gpu.pipe.activity", unit: "1", attributes: []string{keyPipe}, description: "Share of the cycles in which a pipe of the SMs was active."},
	dramActivity:           {name: "nvidia.gpu.dram.activity", unit: "1", description: "Share of the cycles in which the memory sent or received."},
	processMemory:          {name: "nvidia.gpu.process.memory.usage", unit: "By", kind: updown, integer: true, attributes: []string{keyPID, keyExecutable, keyPodUID, keyContainerID}, off: true, description: "Memory that a process holds."},
	processUtilization:     {name: "nvidia.gpu.process.utilization", unit: "1", attributes: []string{keyPID, keyExecutable, keyPodUID, keyContainerID}, off: true, description: "Share of the SMs' time that a process used since the last scrape."},
	gpuInfo:                {name: "nvidia.gpu.info", unit: "1", integer: true, attributes: []string{keyIndex, keyBusID, keyDriver, keyFirmware, keyCUDA, keyMIGProfile, keyGPUInstance, keyCompute}, description: "1 for each GPU and MIG device, with what is known of it."},
	gpuCount:               {name: "nvidia.gpu.count", unit: "{gpu}", integer: true, attributes: []string{keyGPUState}, description: "GPUs that answer (present) and that have been seen and do not (lost)."},
	specialistUtilization:  {name: "specialist.gpu.utilization", unit: "%", attributes: []string{keySpecialist, keySpecialistOf}, description: "GPU utilisation of a specialist, 0 to 100. Only with the option specialists."},
	specialistMemory:       {name: "specialist.memory.usage", unit: "By", integer: true, attributes: []string{keySpecialist, keyMemoryType}, description: "GPU memory that a specialist holds, over all GPUs. Only with the option specialists."},
}

// pair is an attribute.
type pair struct{ key, value string }

// point says which metric shows a figure, and with which attributes.
type point struct {
	figure figureID
	metric metricID
	pairs  []pair
}

// points are the figures that a metric shows as they are. A figure that is not
// known makes no point.
var points = []point{
	{figUtilization, hwGPUUtilization, []pair{{keyTask, "general"}}},
	{figEncoder, hwGPUUtilization, []pair{{keyTask, "encoder"}}},
	{figDecoder, hwGPUUtilization, []pair{{keyTask, "decoder"}}},
	{figJPEG, hwGPUUtilization, []pair{{keyTask, "jpeg"}}},
	{figOpticalFlow, hwGPUUtilization, []pair{{keyTask, "ofa"}}},
	{figUtilizationMax, utilizationMax, nil},
	{figMemoryTotal, hwGPUMemoryLimit, nil},
	{figMemoryUsed, hwGPUMemoryUsage, nil},
	{figMemoryUtilization, hwGPUMemoryUtilization, nil},
	{figMemoryFree, memoryFree, nil},
	{figMemoryReserved, memoryReserved, nil},
	{figController, memoryController, nil},
	{figEnergy, hwEnergy, []pair{{keyType, typeGPU}}},
	{figPower, hwPower, []pair{{keyType, typeGPU}}},
	{figPowerLimit, powerLimit, []pair{{keyLimit, "enforced"}}},
	{figPowerDefaultLimit, powerLimit, []pair{{keyLimit, "default"}}},
	{figPowerRequestedLimit, powerLimit, []pair{{keyLimit, "requested"}}},
	{figPowerMinLimit, powerLimit, []pair{{keyLimit, "min"}}},
	{figPowerMaxLimit, powerLimit, []pair{{keyLimit, "max"}}},
	{figTemperature, hwTemperature, []pair{{keySensor, "gpu"}}},
	{figTemperatureMemory, hwTemperature, []pair{{keySensor, "memory"}}},
	{figLimitSlowdown, hwTemperatureLimit, []pair{{keyLimitType, "throttled"}}},
	{figLimitShutdown, hwTemperatureLimit, []pair{{keyLimitType, "critical"}}},
	{figLimitMax, hwTemperatureLimit, []pair{{keyLimitType, "max"}}},
	{figClockGraphics, clockFrequency, []pair{{keyClock, "graphics"}}},
	{figClockSM, clockFrequency, []pair{{keyClock, "sm"}}},
	{figClockMemory, clockFrequency, []pair{{keyClock, "memory"}}},
	{figClockVideo, clockFrequency, []pair{{keyClock, "video"}}},
	{figMaxClockGraphics, clockLimit, []pair{{keyClock, "graphics"}}},
	{figMaxClockSM, clockLimit, []pair{{keyClock, "sm"}}},
	{figMaxClockMemory, clockLimit, []pair{{keyClock, "memory"}}},
	{figMaxClockVideo, clockLimit, []pair{{keyClock, "video"}}},
	{figThrottleIdle, throttleActive, []pair{{keyReason, "gpu_idle"}}},
	{figThrottleApplications, throttleActive, []pair{{keyReason, "applications_clocks_setting"}}},
	{figThrottlePowerCap, throttleActive, []pair{{keyReason, "sw_power_cap"}}},
	{figThrottleSlowdown, throttleActive, []pair{{keyReason, "hw_slowdown"}}},
	{figThrottleSyncBoost, throttleActive, []pair{{keyReason, "sync_boost"}}},
	{figThrottleSoftwareThermal, throttleActive, []pair{{keyReason, "sw_thermal"}}},
	{figThrottleHardwareThermal, throttleActive, []pair{{keyReason, "hw_thermal"}}},
	{figThrottlePowerBrake, throttleActive, []pair{{keyReason, "hw_power_brake"}}},
	{figThrottleDisplay, throttleActive, []pair{{keyReason, "display_clock_setting"}}},
	{figThrottledPowerCap, throttleTime, []pair{{keyReason, "sw_power_cap"}}},
	{figThrottledSyncBoost, throttleTime, []pair{{keyReason, "sync_boost"}}},
	{figThrottledSoftwareThermal, throttleTime, []pair{{keyReason, "sw_thermal"}}},
	{figThrottledHardwareThermal, throttleTime, []pair{{keyReason, "hw_thermal"}}},
	{figThrottledPowerBrake, throttleTime, []pair{{keyReason, "hw_power_brake"}}},
	{figECCCorrectedVolatile, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "corrected"}, {keyECCScope, "volatile"}}},
	{figECCUncorrectedVolatile, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "uncorrected"}, {keyECCScope, "volatile"}}},
	{figECCCorrectedAggregate, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "corrected"}, {keyECCScope, "aggregate"}}},
	{figECCUncorrectedAggregate, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "uncorrected"}, {keyECCScope, "aggregate"}}},
	{figPCIeReplay, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "pcie_replay"}}},
	{figNVLinkCRCFlit, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "nvlink_crc_flit"}}},
	{figNVLinkCRCData, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "nvlink_crc_data"}}},
	{figNVLinkReplay, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "nvlink_replay"}}},
	{figNVLinkRecovery, hwErrors, []pair{{keyType, typeGPU}, {keyErrorType, "nvlink_recovery"}}},
	{figRemappedCorrectable, remappedRows, []pair{{keyCause, "correctable"}}},
	{figRemappedUncorrectable, remappedRows, []pair{{keyCause, "uncorrectable"}}},
	{figRemapPending, remapPending, nil},
	{figRemapFailure, remapFailure, nil},
	{figPCIeSent, hwGPUIO, []pair{{keyDirection, "transmit"}, {keyLink, "pcie"}}},
	{figPCIeReceived, hwGPUIO, []pair{{keyDirection, "receive"}, {keyLink, "pcie"}}},
	{figNVLinkSent, hwGPUIO, []pair{{keyDirection, "transmit"}, {keyLink, "nvlink"}}},
	{figNVLinkReceived, hwGPUIO, []pair{{keyDirection, "receive"}, {keyLink, "nvlink"}}},
	{figLinkGeneration, linkGeneration, []pair{{keyLimit, "current"}}},
	{figMaxLinkGeneration, linkGeneration, []pair{{keyLimit, "max"}}},
	{figLinkWidth, linkWidth, []pair{{keyLimit, "current"}}},
	{figMaxLinkWidth, linkWidth, []pair{{keyLimit, "max"}}},
	{figGraphicsActivity, graphicsActivity, nil},
	{figSMActivity, smActivity, nil},
	{figSMOccupancy, smOccupancy, nil},
	{figTensorActivity, pipeActivity, []pair{{keyPipe, "tensor"}}},
	{figTensorHalfActivity, pipeActivity, []pair{{keyPipe, "tensor_hmma"}}},
	{figTensorIntActivity, pipeActivity, []pair{{keyPipe, "tensor_imma"}}},
	{figTensorFP64Activity, pipeActivity, []pair{{keyPipe, "tensor_dmma"}}},
	{figFP64Activity, pipeActivity, []pair{{keyPipe, "fp64"}}},
	{figFP32Activity, pipeActivity, []pair{{keyPipe, "fp32"}}},
	{figFP16Activity, pipeActivity, []pair{{keyPipe, "fp16"}}},
	{figIntegerActivity, pipeActivity, []pair{{keyPipe, "int"}}},
	{figDRAMActivity, dramActivity, nil},
	{figPCIeSentRate, linkRate, []pair{{keyDirection, "transmit"}, {keyLink, "pcie"}}},
	{figPCIeReceivedRate, linkRate, []pair{{keyDirection, "receive"}, {keyLink, "pcie"}}},
	{figNVLinkSentRate, linkRate, []pair{{keyDirection, "transmit"}, {keyLink, "nvlink"}}},
	{figNVLinkReceivedRate, linkRate, []pair{{keyDirection, "receive"}, {keyLink, "nvlink"}}},
}
