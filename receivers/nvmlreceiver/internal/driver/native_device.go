// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package driver

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// nativeDevice is a GPU or a MIG device of the real library.
type nativeDevice struct {
	library *native
	handle  nvml.Device
	fields  []nvml.FieldValue // scratch
}

const (
	percent   = 1.0 / 100
	megahertz = 1e6
	millis    = 1e-3
)

func (d *nativeDevice) Identity() (Identity, error) {
	identity := Identity{Minor: -1}
	if !d.library.has(symUUID) {
		return identity, ErrFunctionNotFound
	}
	uuid, ret := d.handle.GetUUID()
	if ret != nvml.SUCCESS {
		return identity, CodeError(ret)
	}
	identity.UUID = uuid
	identity.Name = d.text(symName, d.handle.GetName)
	identity.Serial = d.text(symSerial, d.handle.GetSerial)
	identity.VBIOS = d.text(symVBIOS, d.handle.GetVbiosVersion)
	if d.library.hasOne(symPCI, symPCIV2, symPCIV3) {
		if pci, ret := d.handle.GetPciInfo(); ret == nvml.SUCCESS {
			identity.PCIBusID = cString(pci.BusId[:])
			identity.PCISubsystem = fmt.Sprintf("0x%08X", pci.PciSubSystemId)
		}
	}
	if d.library.has(symCapability) {
		if major, minor, ret := d.handle.GetCudaComputeCapability(); ret == nvml.SUCCESS {
			identity.ComputeCapability = fmt.Sprintf("%d.%d", major, minor)
		}
	}
	if d.library.has(symMinor) {
		if minor, ret := d.handle.GetMinorNumber(); ret == nvml.SUCCESS {
			identity.Minor = minor
		}
	}
	return identity, nil
}

// text gives what a function of the device says, or "".
func (d *nativeDevice) text(s symbol, get func() (string, nvml.Return)) string {
	if !d.library.has(s) {
		return ""
	}
	text, ret := get()
	if ret != nvml.SUCCESS {
		return ""
	}
	return text
}

func cString(chars []int8) string {
	var text strings.Builder
	for _, char := range chars {
		if char == 0 {
			break
		}
		text.WriteByte(byte(char))
	}
	return text.String()
}

func (d *nativeDevice) Memory() (Memory, error) {
	if d.library.has(symMemoryV2) {
		memory, ret := d.handle.GetMemoryInfo_v2()
		if ret == nvml.SUCCESS {
			return Memory{
				Total: float64(memory.Total), Used: float64(memory.Used), Free: float64(memory.Free),
				Reserved: float64(memory.Reserved), HasReserved: true,
			}, nil
		}
		if !CodeError(ret).Absent() {
			return Memory{}, CodeError(ret)
		}
	}
	if !d.library.has(symMemory) {
		return Memory{}, ErrFunctionNotFound
	}
	memory, ret := d.handle.GetMemoryInfo()
	return Memory{Total: float64(memory.Total), Used: float64(memory.Used), Free: float64(memory.Free)}, check(ret)
}

func (d *nativeDevice) Utilization() (gpu, memory float64, err error) {
	if !d.library.has(symUtilization) {
		return 0, 0, ErrFunctionNotFound
	}
	rates, ret := d.handle.GetUtilizationRates()
	return float64(rates.Gpu) * percent, float64(rates.Memory) * percent, check(ret)
}

func (d *nativeDevice) EngineUtilization(engine Engine) (float64, error) {
	type call struct {
		symbol symbol
		get    func() (uint32, uint32, nvml.Return)
	}
	var of call
	switch engine {
	case Encoder:
		of = call{symEncoder, d.handle.GetEncoderUtilization}
	case Decoder:
		of = call{symDecoder, d.handle.GetDecoderUtilization}
	case JPEG:
		of = call{symJPEG, d.handle.GetJpgUtilization}
	case OpticalFlow:
		of = call{symOpticalFlow, d.handle.GetOfaUtilization}
	default:
		return 0, ErrInvalidArgument
	}
	if !d.library.has(of.symbol) {
		return 0, ErrFunctionNotFound
	}
	value, _, ret := of.get()
	return float64(value) * percent, check(ret)
}

func (d *nativeDevice) Samples(since uint64, into []Sample) ([]Sample, error) {
	if !d.library.has(symSamples) {
		return into, ErrFunctionNotFound
	}
	valueType, samples, ret := d.handle.GetSamples(nvml.GPU_UTILIZATION_SAMPLES, since)
	if ret != nvml.SUCCESS {
		return into, CodeError(ret)
	}
	for _, sample := range samples {
		var value Field
		value.decode(uint32(valueType), sample.SampleValue)
		if value.Err == nil && sample.TimeStamp > since {
			into = append(into, Sample{Timestamp: sample.TimeStamp, Value: value.Value * percent})
		}
	}
	return into, nil
}

func (d *nativeDevice) Fields(fields []Field) error {
	switch {
	case len(fields) == 0:
		return nil // go-nvml panics on an empty slice.
	case !d.library.has(symFields):
		return ErrFunctionNotFound
	}
	d.fields = d.fields[:0]
	for _, field := range fields {
		d.fields = append(d.fields, nvml.FieldValue{FieldId: field.ID, ScopeId: field.Scope})
	}
	if ret := d.handle.GetFieldValues(d.fields); ret != nvml.SUCCESS {
		return CodeError(ret)
	}
	for i, value := range d.fields {
		fields[i].Latency = time.Duration(value.LatencyUsec) * time.Microsecond
		if value.NvmlReturn != uint32(nvml.SUCCESS) {
			fields[i].Err = CodeError(value.NvmlReturn)
			continue
		}
		fields[i].decode(value.ValueType, value.Value)
	}
	return nil
}

func (d *nativeDevice) Energy() (float64, error) {
	if !d.library.has(symEnergy) {
		return 0, ErrFunctionNotFound
	}
	energy, ret := d.handle.GetTotalEnergyConsumption()
	return float64(energy) * millis, check(ret)
}

func (d *nativeDevice) Clock(clock Clock) (float64, error) {
	if !d.library.has(symClock) {
		return 0, ErrFunctionNotFound
	}
	frequency, ret := d.handle.GetClockInfo(nvml.ClockType(clock))
	return float64(frequency) * megahertz, check(ret)
}

func (d *nativeDevice) MaxClock(clock Clock) (float64, error) {
	if !d.library.has(symMaxClock) {
		return 0, ErrFunctionNotFound
	}
	frequency, ret := d.handle.GetMaxClockInfo(nvml.ClockType(clock))
	return float64(frequency) * megahertz, check(ret)
}

func (d *nativeDevice) ThrottleReasons() (uint64, error) {
	switch {
	case d.library.has(symEventReasons):
		reasons, ret := d.handle.GetCurrentClocksEventReasons()
		return reasons, check(ret)
	case d.library.has(symThrottleReasons):
		reasons, ret := d.handle.GetCurrentClocksThrottleReasons()
		return reasons, check(ret)
	default:
		return 0, ErrFunctionNotFound
	}
}

func (d *nativeDevice) Temperature() (float64, error) {
	if d.library.has(symTemperatureV) {
		temperature, ret := d.handle.GetTemperatureV().V1()
		if ret == nvml.SUCCESS {
			return float64(temperature.Temperature), nil
		}
		if !CodeError(ret).Absent() {
			return 0, CodeError(ret)
		}
	}
	if !d.library.has(symTemperature) {
		return 0, ErrFunctionNotFound
	}
	temperature, ret := d.handle.GetTemperature(nvml.TEMPERATURE_GPU) // older drivers have no other
	return float64(temperature), check(ret)
}

func (d *nativeDevice) TemperatureLimit(limit TemperatureLimit) (float64, error) {
	if !d.library.has(symThreshold) {
		return 0, ErrFunctionNotFound
	}
	temperature, ret := d.handle.GetTemperatureThreshold(nvml.TemperatureThresholds(limit))
	return float64(temperature), check(ret)
}

func (d *nativeDevice) Fans() (int, error) {
	if !d.library.has(symFans) {
		return 0, ErrFunctionNotFound
	}
	fans, ret := d.handle.GetNumFans()
	return fans, check(ret)
}

func (d *nativeDevice) FanSpeed(fan int) (float64, error) {
	if !d.library.has(symFanSpeed) {
		return 0, ErrFunctionNotFound
	}
	speed, ret := d.handle.GetFanSpeed_v2(fan)
	return float64(speed) * percent, check(ret)
}

func (d *nativeDevice) PCIeLink() (Link, error) {
	var link Link
	for _, part := range []struct {
		symbol symbol
		get    func() (int, nvml.Return)
		into   *float64
	}{
		{symLinkGeneration, d.handle.GetCurrPcieLinkGeneration, &link.Generation},
		{symLinkWidth, d.handle.GetCurrPcieLinkWidth, &link.Width},
		{symMaxLinkGeneration, d.handle.GetMaxPcieLinkGeneration, &link.MaxGeneration},
		{symMaxLinkWidth, d.handle.GetMaxPcieLinkWidth, &link.MaxWidth},
	} {
		if !d.library.has(part.symbol) {
			return link, ErrFunctionNotFound
		}
		value, ret := part.get()
		if ret != nvml.SUCCESS {
			return link, CodeError(ret)
		}
		*part.into = float64(value)
	}
	return link, nil
}

func (d *nativeDevice) Processes(into []Process) ([]Process, error) {
	if !d.library.hasOne(symProcesses, symProcessesV2, symProcessesV3) {
		return into, ErrFunctionNotFound
	}
	processes, ret := d.handle.GetComputeRunningProcesses()
	for _, process := range processes {
		memory := float64(process.UsedGpuMemory)
		if process.UsedGpuMemory == math.MaxUint64 {
			memory = math.NaN()
		}
		into = append(into, Process{PID: process.Pid, Memory: memory})
	}
	return into, check(ret)
}

func (d *nativeDevice) ProcessUtilization(since uint64, into []ProcessUtilization) ([]ProcessUtilization, error) {
	if !d.library.has(symProcessUtilization) {
		return into, ErrFunctionNotFound
	}
	samples, ret := d.handle.GetProcessUtilization(since)
	switch {
	case ret == nvml.ERROR_NOT_FOUND, ret == nvml.ERROR_INSUFFICIENT_SIZE && len(samples) == 0:
		return into, nil // Nobody used the GPU since then.
	case ret != nvml.SUCCESS:
		return into, CodeError(ret)
	}
	for _, sample := range samples {
		if sample.Pid != 0 && sample.TimeStamp > since {
			into = append(into, ProcessUtilization{PID: sample.Pid, Timestamp: sample.TimeStamp, SM: float64(sample.SmUtil) * percent})
		}
	}
	return into, nil
}

func (d *nativeDevice) MIG() (current, pending bool, err error) {
	if !d.library.has(symMIGMode) {
		return false, false, ErrFunctionNotFound
	}
	now, next, ret := d.handle.GetMigMode()
	return now == nvml.DEVICE_MIG_ENABLE, next == nvml.DEVICE_MIG_ENABLE, check(ret)
}

// maxInstances bounds what a GPU may say that it can be divided into; it is 7 today.
const maxInstances = 64

func (d *nativeDevice) Instances() ([]Instance, error) {
	if !d.library.has(symMaxInstances) || !d.library.has(symInstance) {
		return nil, ErrFunctionNotFound
	}
	slots, ret := d.handle.GetMaxMigDeviceCount()
	if ret != nvml.SUCCESS {
		return nil, CodeError(ret)
	}
	var instances []Instance
	for slot := range min(slots, maxInstances) {
		handle, ret := d.handle.GetMigDeviceHandleByIndex(slot)
		if ret == nvml.ERROR_NOT_FOUND || ret == nvml.ERROR_INVALID_ARGUMENT {
			continue // The slot is empty.
		}
		if ret != nvml.SUCCESS {
			return nil, CodeError(ret)
		}
		instance, err := (&nativeDevice{library: d.library, handle: handle}).instance()
		if err != nil {
			return nil, err
		}
		instances = append(instances, instance)
	}
	return instances, nil
}

func (d *nativeDevice) instance() (Instance, error) {
	if !d.library.has(symUUID) {
		return Instance{}, ErrFunctionNotFound
	}
	uuid, ret := d.handle.GetUUID()
	if ret != nvml.SUCCESS {
		return Instance{}, CodeError(ret)
	}
	instance := Instance{UUID: uuid, Name: d.text(symName, d.handle.GetName), Device: d}
	_, instance.Profile, _ = strings.Cut(instance.Name, "MIG ")
	var errGPU, errCompute error
	instance.GPUInstance, errGPU = d.number(symGPUInstance, d.handle.GetGpuInstanceId)
	instance.ComputeInstance, errCompute = d.number(symComputeInstance, d.handle.GetComputeInstanceId)
	return instance, errors.Join(errGPU, errCompute)
}

func (d *nativeDevice) number(s symbol, get func() (int, nvml.Return)) (int, error) {
	if !d.library.has(s) {
		return 0, ErrFunctionNotFound
	}
	number, ret := get()
	return number, check(ret)
}
