// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driver

// symbol is a function of the driver's library.
type symbol int

// The functions that the receiver calls. Where NVML has versions of one, any of
// them will do: go-nvml takes the newest that is there.
const (
	symInit symbol = iota
	symInitV2
	symShutdown
	symDriverVersion
	symCUDAVersion
	symNVMLVersion
	symCount
	symCountV2
	symHandle
	symHandleV2
	symUUID
	symName
	symSerial
	symVBIOS
	symPCI
	symPCIV2
	symPCIV3
	symMinor
	symCapability
	symMemory
	symMemoryV2
	symUtilization
	symEncoder
	symDecoder
	symJPEG
	symOpticalFlow
	symSamples
	symFields
	symEnergy
	symClock
	symMaxClock
	symEventReasons
	symThrottleReasons
	symTemperature
	symTemperatureV
	symThreshold
	symFans
	symFanSpeed
	symLinkGeneration
	symLinkWidth
	symMaxLinkGeneration
	symMaxLinkWidth
	symProcesses
	symProcessesV2
	symProcessesV3
	symProcessUtilization
	symMIGMode
	symMaxInstances
	symInstance
	symGPUInstance
	symComputeInstance
	symGPMSupport
	symGPMAlloc
	symGPMFree
	symGPMSample
	symGPMInstanceSample
	symGPMMetrics
	symEventSet
	symEventTypes
	symRegister
	symWait
	symWaitV2
	symEventSetFree
	symbolCount
)

// symbols are the names of the functions in the library.
var symbols = [symbolCount]string{
	symInit:               "nvmlInit",
	symInitV2:             "nvmlInit_v2",
	symShutdown:           "nvmlShutdown",
	symDriverVersion:      "nvmlSystemGetDriverVersion",
	symCUDAVersion:        "nvmlSystemGetCudaDriverVersion",
	symNVMLVersion:        "nvmlSystemGetNVMLVersion",
	symCount:              "nvmlDeviceGetCount",
	symCountV2:            "nvmlDeviceGetCount_v2",
	symHandle:             "nvmlDeviceGetHandleByIndex",
	symHandleV2:           "nvmlDeviceGetHandleByIndex_v2",
	symUUID:               "nvmlDeviceGetUUID",
	symName:               "nvmlDeviceGetName",
	symSerial:             "nvmlDeviceGetSerial",
	symVBIOS:              "nvmlDeviceGetVbiosVersion",
	symPCI:                "nvmlDeviceGetPciInfo",
	symPCIV2:              "nvmlDeviceGetPciInfo_v2",
	symPCIV3:              "nvmlDeviceGetPciInfo_v3",
	symMinor:              "nvmlDeviceGetMinorNumber",
	symCapability:         "nvmlDeviceGetCudaComputeCapability",
	symMemory:             "nvmlDeviceGetMemoryInfo",
	symMemoryV2:           "nvmlDeviceGetMemoryInfo_v2",
	symUtilization:        "nvmlDeviceGetUtilizationRates",
	symEncoder:            "nvmlDeviceGetEncoderUtilization",
	symDecoder:            "nvmlDeviceGetDecoderUtilization",
	symJPEG:               "nvmlDeviceGetJpgUtilization",
	symOpticalFlow:        "nvmlDeviceGetOfaUtilization",
	symSamples:            "nvmlDeviceGetSamples",
	symFields:             "nvmlDeviceGetFieldValues",
	symEnergy:             "nvmlDeviceGetTotalEnergyConsumption",
	symClock:              "nvmlDeviceGetClockInfo",
	symMaxClock:           "nvmlDeviceGetMaxClockInfo",
	symEventReasons:       "nvmlDeviceGetCurrentClocksEventReasons",
	symThrottleReasons:    "nvmlDeviceGetCurrentClocksThrottleReasons",
	symTemperature:        "nvmlDeviceGetTemperature",
	symTemperatureV:       "nvmlDeviceGetTemperatureV",
	symThreshold:          "nvmlDeviceGetTemperatureThreshold",
	symFans:               "nvmlDeviceGetNumFans",
	symFanSpeed:           "nvmlDeviceGetFanSpeed_v2",
	symLinkGeneration:     "nvmlDeviceGetCurrPcieLinkGeneration",
	symLinkWidth:          "nvmlDeviceGetCurrPcieLinkWidth",
	symMaxLinkGeneration:  "nvmlDeviceGetMaxPcieLinkGeneration",
	symMaxLinkWidth:       "nvmlDeviceGetMaxPcieLinkWidth",
	symProcesses:          "nvmlDeviceGetComputeRunningProcesses",
	symProcessesV2:        "nvmlDeviceGetComputeRunningProcesses_v2",
	symProcessesV3:        "nvmlDeviceGetComputeRunningProcesses_v3",
	symProcessUtilization: "nvmlDeviceGetProcessUtilization",
	symMIGMode:            "nvmlDeviceGetMigMode",
	symMaxInstances:       "nvmlDeviceGetMaxMigDeviceCount",
	symInstance:           "nvmlDeviceGetMigDeviceHandleByIndex",
	symGPUInstance:        "nvmlDeviceGetGpuInstanceId",
	symComputeInstance:    "nvmlDeviceGetComputeInstanceId",
	symGPMSupport:         "nvmlGpmQueryDeviceSupport",
	symGPMAlloc:           "nvmlGpmSampleAlloc",
	symGPMFree:            "nvmlGpmSampleFree",
	symGPMSample:          "nvmlGpmSampleGet",
	symGPMInstanceSample:  "nvmlGpmMigSampleGet",
	symGPMMetrics:         "nvmlGpmMetricsGet",
	symEventSet:           "nvmlEventSetCreate",
	symEventTypes:         "nvmlDeviceGetSupportedEventTypes",
	symRegister:           "nvmlDeviceRegisterEvents",
	symWait:               "nvmlEventSetWait",
	symWaitV2:             "nvmlEventSetWait_v2",
	symEventSetFree:       "nvmlEventSetFree",
}

// Symbols are the names of all functions that may be called.
func Symbols() []string { return symbols[:] }
