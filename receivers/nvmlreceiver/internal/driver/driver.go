// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driver

import "time"

// Library is the driver's library. Its methods may be called from several
// goroutines; each may block for as long as the driver pleases.
type Library interface {
	// Open loads the library and connects to the driver. It may be called again
	// after Close, and after the driver was reloaded.
	Open() error
	// Close disconnects from the driver. The library stays loaded.
	Close() error
	// Versions says what is installed.
	Versions() (Versions, error)
	// Count is the number of GPUs that the driver had when Open was called.
	Count() (int, error)
	// Device gives the GPU at an index from 0 to Count-1. It is valid until Close.
	Device(index int) (Device, error)
	// Watch registers for the events of the devices, which this library gave.
	Watch(devices []Device) (Watch, error)
}

// Device is one GPU. Values that the GPU does not have are an error, never 0.
type Device interface {
	Identity() (Identity, error)
	Memory() (Memory, error)
	// Utilization is the share of the driver's last sample period, 1/6 s to 1 s,
	// in which a kernel ran, and in which memory was read or written.
	Utilization() (gpu, memory float64, err error)
	// EngineUtilization is the share of time in which an engine was busy.
	EngineUtilization(Engine) (float64, error)
	// Samples appends the driver's own utilisation samples that are younger than
	// since, a timestamp of a sample or 0.
	Samples(since uint64, into []Sample) ([]Sample, error)
	// Fields fills in the values of the fields. Each has an error of its own.
	Fields([]Field) error
	// Energy is what the GPU has used since the driver was loaded, in joules.
	Energy() (float64, error)
	// Clock is a frequency in Hz.
	Clock(Clock) (float64, error)
	// MaxClock is the highest frequency in Hz.
	MaxClock(Clock) (float64, error)
	// ThrottleReasons are the bits of why the clocks are lower than they could be.
	ThrottleReasons() (uint64, error)
	// Temperature is that of the GPU in degrees Celsius.
	Temperature() (float64, error)
	// TemperatureLimit is a threshold in degrees Celsius.
	TemperatureLimit(TemperatureLimit) (float64, error)
	// Fans is the number of fans, often 0.
	Fans() (int, error)
	// FanSpeed is the intended speed of a fan as a share of its maximum; it can exceed 1.
	FanSpeed(fan int) (float64, error)
	PCIeLink() (Link, error)
	// Processes appends those with a compute context.
	Processes(into []Process) ([]Process, error)
	// ProcessUtilization appends the utilisation of processes since the timestamp
	// of an earlier sample or 0.
	ProcessUtilization(since uint64, into []ProcessUtilization) ([]ProcessUtilization, error)
	// MIG says whether the GPU is divided into instances, now and after the next reset.
	MIG() (current, pending bool, err error)
	// Instances are the MIG devices that exist.
	Instances() ([]Instance, error)
	// Profile opens the profiling counters of the GPU, or of one GPU instance of
	// it; WholeGPU stands for the GPU.
	Profile(gpuInstance int) (Profile, error)
}

// WholeGPU is the GPU instance of a GPU that is not divided.
const WholeGPU = -1

// Profile are the profiling counters (GPM) of a GPU or a GPU instance. It is not
// safe for concurrent use.
type Profile interface {
	// Read fills in the values over the time since the last call, which must lie
	// at least 100 ms back. The first call has nothing to compare with: ErrNotReady.
	Read(values []ProfileValue) error
	Close()
}

// ProfileValue is a counter, its number in NVML, and what Read found. Shares are
// from 0 to 1, rates in bytes per second.
type ProfileValue struct {
	ID    uint32
	Value float64
	Err   error
}

// Watch waits for events. Close must not be called while Wait runs.
type Watch interface {
	// Wait gives the next event, or the error ErrTimeout.
	Wait(timeout time.Duration) (Event, error)
	Close()
}

// Event is what the driver reports of a GPU.
type Event struct {
	// Device is the index of the device among those that were registered.
	Device int
	// Type is one of the Event… bits.
	Type uint64
	// Data is the XID of an EventXID, and the action of an EventRecoveryAction.
	Data uint64
	// GPUInstance and ComputeInstance are -1 where none is meant.
	GPUInstance, ComputeInstance int
}

// The types of events that are asked for.
const (
	EventXID            = 0x8
	EventGPUUnavailable = 0x4000
	EventRecoveryAction = 0x8000
)

// Versions are those of the installed parts, such as 580.159.03.
type Versions struct{ Driver, CUDA, NVML string }

// Identity is what does not change while a GPU is there. What a GPU does not
// have is empty; UUID is always there.
type Identity struct {
	UUID, Name, Serial, VBIOS string
	// ComputeCapability is such as 9.0, PCISubsystem such as 0x18BE10DE.
	ComputeCapability, PCISubsystem string
	// PCIBusID has the form 00000000:83:00.0.
	PCIBusID string
	// Minor is the number in /dev/nvidia0, or -1.
	Minor int
}

// Memory is in bytes. Used excludes what is reserved where Reserved is known.
type Memory struct {
	Total, Used, Free, Reserved float64
	HasReserved                 bool
}

// Engine is a part of a GPU that works by itself.
type Engine int

// The engines beside the general one.
const (
	Encoder Engine = iota
	Decoder
	JPEG
	OpticalFlow
)

// Clock is a clock domain, numbered as NVML does.
type Clock int

// The clock domains.
const (
	ClockGraphics Clock = iota
	ClockSM
	ClockMemory
	ClockVideo
)

// TemperatureLimit is a threshold, numbered as NVML does.
type TemperatureLimit int

// The thresholds.
const (
	LimitShutdown TemperatureLimit = iota
	LimitSlowdown
	LimitMemoryMax
	LimitGPUMax
)

// Sample is one measurement of the driver: microseconds of the driver's clock
// and a share from 0 to 1.
type Sample struct {
	Timestamp uint64
	Value     float64
}

// Link is the PCIe link: generation and lanes.
type Link struct{ Generation, Width, MaxGeneration, MaxWidth float64 }

// Process holds memory of a GPU.
type Process struct {
	PID uint32
	// Memory is in bytes, or NaN where the driver does not say.
	Memory float64
}

// ProcessUtilization is what a process used of a GPU, as shares from 0 to 1.
type ProcessUtilization struct {
	PID       uint32
	Timestamp uint64
	SM        float64
}

// Instance is a MIG device: a compute instance of a GPU instance.
type Instance struct {
	UUID, Name string
	// Profile is such as 1g.18gb.
	Profile                      string
	GPUInstance, ComputeInstance int
	Device                       Device
}
