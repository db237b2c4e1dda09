// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"math"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// class is a group of driver calls that are made or left out together.
type class int

const (
	classInstances class = iota // first: whether a GPU is divided decides what else it has
	classUtilization
	classSamples
	classEngines
	classMemory
	classFields
	classSlowFields
	classEnergy
	classClocks
	classThrottle
	classTemperature
	classLimits
	classFans
	classLink
	classProfile
	classProcesses
	classProcessUtilization
	classCount
)

// classes says what each class reads.
var classes = [classCount]struct {
	name string
	read func(*reader, *reading)
	// figures that the class finds; it is left out if nobody wants one.
	figures []figureID
	// once classes are read when the GPU is found, and remembered.
	once bool
}{
	classInstances:   {name: "instances", read: (*reader).readInstances, figures: []figureID{figMIGCurrent, figMIGPending}},
	classUtilization: {name: "utilization", read: (*reader).readUtilization, figures: []figureID{figUtilizationNow, figController}},
	classSamples:     {name: "samples", read: (*reader).readSamples, figures: []figureID{figUtilization, figUtilizationMax}},
	classEngines:     {name: "engines", read: (*reader).readEngines, figures: []figureID{figEncoder, figDecoder, figJPEG, figOpticalFlow}},
	classMemory:      {name: "memory", read: (*reader).readMemory, figures: []figureID{figMemoryTotal, figMemoryUsed, figMemoryFree, figMemoryReserved, figMemoryUtilization}},
	classFields:      {name: "fields", read: (*reader).readFields, figures: fieldFigures(false)},
	classSlowFields:  {name: "slow_fields", read: (*reader).readSlowFields, figures: fieldFigures(true)},
	classEnergy:      {name: "energy", read: (*reader).readEnergy, figures: []figureID{figEnergy}},
	classClocks:      {name: "clocks", read: (*reader).readClocks, figures: []figureID{figClockGraphics, figClockSM, figClockMemory, figClockVideo}},
	classThrottle: {name: "throttle", read: (*reader).readThrottle, figures: []figureID{
		figThrottleReasons, figThrottleIdle, figThrottleApplications, figThrottlePowerCap, figThrottleSlowdown, figThrottleSyncBoost,
		figThrottleSoftwareThermal, figThrottleHardwareThermal, figThrottlePowerBrake, figThrottleDisplay,
	}},
	classTemperature: {name: "temperature", read: (*reader).readTemperature, figures: []figureID{figTemperature}},
	classLimits: {name: "limits", read: (*reader).readLimits, once: true, figures: []figureID{
		figLimitSlowdown, figLimitShutdown, figLimitMax, figMaxClockGraphics, figMaxClockSM, figMaxClockMemory, figMaxClockVideo,
	}},
	classFans: {name: "fans", read: (*reader).readFans},
	classLink: {name: "pcie_link", read: (*reader).readLink, figures: []figureID{figLinkGeneration, figLinkWidth, figMaxLinkGeneration, figMaxLinkWidth}},
	classProfile: {name: "profile", read: (*reader).readProfile, figures: []figureID{
		figGraphicsActivity, figSMActivity, figSMOccupancy, figTensorActivity, figTensorHalfActivity, figTensorIntActivity, figTensorFP64Activity,
		figFP64Activity, figFP32Activity, figFP16Activity, figIntegerActivity, figDRAMActivity,
		figPCIeSentRate, figPCIeReceivedRate, figNVLinkSentRate, figNVLinkReceivedRate,
	}},
	classProcesses:          {name: "processes", read: (*reader).readProcesses},
	classProcessUtilization: {name: "process_utilization", read: (*reader).readProcessUtilization},
}

func (r *reader) readUtilization(into *reading) {
	if !r.absent[figUtilizationNow] {
		gpu, memory, err := r.device.Utilization()
		if r.keep(into, classUtilization, figUtilizationNow, gpu, err) {
			into.set(figController, memory)
		}
	}
}

// readSamples averages the driver's own samples since the last reading, so that
// a burst between two scrapes counts. Where there are none the last sample
// period stands for the interval.
func (r *reader) readSamples(into *reading) {
	if r.absent[figUtilization] {
		r.utilizationNow(into)
		return
	}
	samples, err := r.device.Samples(r.lastSample, r.samples[:0])
	r.samples = samples
	if errors.Is(err, driver.ErrNotFound) || errors.Is(err, driver.ErrNoData) {
		err = nil // Nothing new since then.
	}
	if err != nil {
		r.keep(into, classSamples, figUtilization, 0, err)
		r.utilizationNow(into)
		return
	}
	if len(samples) == 0 {
		r.utilizationNow(into)
		return
	}
	sum, highest := 0.0, 0.0
	for _, sample := range samples {
		sum, highest = sum+sample.Value, math.Max(highest, sample.Value)
		r.lastSample = max(r.lastSample, sample.Timestamp)
	}
	into.set(figUtilization, sum/float64(len(samples)))
	into.set(figUtilizationMax, highest)
}

// utilizationNow stands in for the mean where the driver keeps no samples.
func (r *reader) utilizationNow(into *reading) {
	if !into.known[figUtilizationNow] {
		r.readUtilization(into)
	}
	if now, known := into.get(figUtilizationNow); known {
		into.set(figUtilization, now)
	}
}

var engineFigures = [...]figureID{driver.Encoder: figEncoder, driver.Decoder: figDecoder, driver.JPEG: figJPEG, driver.OpticalFlow: figOpticalFlow}

func (r *reader) readEngines(into *reading) {
	for engine, figure := range engineFigures {
		if !r.absent[figure] {
			value, err := r.device.EngineUtilization(driver.Engine(engine))
			r.keep(into, classEngines, figure, value, err)
		}
	}
}

func (r *reader) readMemory(into *reading) {
	if r.absent[figMemoryTotal] {
		return
	}
	memory, err := r.device.Memory()
	if r.keep(into, classMemory, figMemoryTotal, memory.Total, err) {
		into.setMemory(memory)
	}
}

func (f *figures) setMemory(memory driver.Memory) {
	f.set(figMemoryTotal, memory.Total)
	f.set(figMemoryUsed, memory.Used)
	f.set(figMemoryFree, memory.Free)
	if memory.HasReserved {
		f.set(figMemoryReserved, memory.Reserved)
	}
	if memory.Total > 0 {
		f.set(figMemoryUtilization, memory.Used/memory.Total)
	}
}

func (r *reader) readEnergy(into *reading) {
	if !r.absent[figEnergy] {
		energy, err := r.device.Energy()
		r.keep(into, classEnergy, figEnergy, energy, err)
	}
}

var (
	clocks    = [...]figureID{driver.ClockGraphics: figClockGraphics, driver.ClockSM: figClockSM, driver.ClockMemory: figClockMemory, driver.ClockVideo: figClockVideo}
	maxClocks = [...]figureID{driver.ClockGraphics: figMaxClockGraphics, driver.ClockSM: figMaxClockSM, driver.ClockMemory: figMaxClockMemory, driver.ClockVideo: figMaxClockVideo}
	limits    = []struct {
		limit  driver.TemperatureLimit
		figure figureID
	}{{driver.LimitSlowdown, figLimitSlowdown}, {driver.LimitShutdown, figLimitShutdown}, {driver.LimitGPUMax, figLimitMax}}
)

func (r *reader) readClocks(into *reading) {
	for clock, figure := range clocks {
		if !r.absent[figure] {
			value, err := r.device.Clock(driver.Clock(clock))
			r.keep(into, classClocks, figure, value, err)
		}
	}
}

func (r *reader) readLimits(into *reading) {
	for clock, figure := range maxClocks {
		value, err := r.device.MaxClock(driver.Clock(clock))
		r.keep(into, classLimits, figure, value, err)
	}
	for _, of := range limits {
		value, err := r.device.TemperatureLimit(of.limit)
		r.keep(into, classLimits, of.figure, value, err)
	}
}

// throttleReasons are the bits that NVML has for why clocks are low.
var throttleReasons = []struct {
	bit    uint64
	figure figureID
}{
	{0x1, figThrottleIdle},
	{0x2, figThrottleApplications},
	{0x4, figThrottlePowerCap},
	{0x8, figThrottleSlowdown},
	{0x10, figThrottleSyncBoost},
	{0x20, figThrottleSoftwareThermal},
	{0x40, figThrottleHardwareThermal},
	{0x80, figThrottlePowerBrake},
	{0x100, figThrottleDisplay},
}

func (r *reader) readThrottle(into *reading) {
	if r.absent[figThrottleReasons] {
		return
	}
	bits, err := r.device.ThrottleReasons()
	if !r.keep(into, classThrottle, figThrottleReasons, float64(bits), err) {
		return
	}
	for _, reason := range throttleReasons {
		into.set(reason.figure, oneIf(bits&reason.bit != 0))
	}
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}

func (r *reader) readTemperature(into *reading) {
	if !r.absent[figTemperature] {
		temperature, err := r.device.Temperature()
		r.keep(into, classTemperature, figTemperature, temperature, err)
	}
}

// maxFans bounds what a GPU may say that it has.
const maxFans = 16

func (r *reader) readFans(into *reading) {
	if r.fans == 0 {
		return
	}
	if r.fans < 0 {
		count, err := r.device.Fans()
		if into.failed(classFans, err) {
			return
		}
		r.fans = min(count, maxFans)
	}
	for fan := range r.fans {
		speed, err := r.device.FanSpeed(fan)
		if into.failed(classFans, err) {
			return
		}
		into.fans = append(into.fans, speed)
	}
}

func (r *reader) readLink(into *reading) {
	if r.absent[figLinkGeneration] {
		return
	}
	link, err := r.device.PCIeLink()
	if r.keep(into, classLink, figLinkGeneration, link.Generation, err) {
		into.set(figLinkWidth, link.Width)
		into.set(figMaxLinkGeneration, link.MaxGeneration)
		into.set(figMaxLinkWidth, link.MaxWidth)
	}
}

func (r *reader) readProcesses(into *reading) {
	if r.noProcesses {
		return
	}
	var err error
	r.processes, err = r.device.Processes(r.processes[:0])
	if into.failed(classProcesses, err) {
		r.noProcesses = isAbsent(err)
		return
	}
	into.processes, into.processesDropped = capped(r.processes, r.maxProcesses)
}

// capped copies at most limit items and says how many were left out.
func capped[T any](items []T, limit int) (kept []T, dropped int) {
	kept = append(kept, items[:min(len(items), limit)]...)
	return kept, len(items) - len(kept)
}

// readProcessUtilization averages the samples of each process since the last reading.
func (r *reader) readProcessUtilization(into *reading) {
	if r.noProcessUtilization {
		return
	}
	var err error
	r.utilizations, err = r.device.ProcessUtilization(r.lastProcessSample, r.utilizations[:0])
	if into.failed(classProcessUtilization, err) {
		r.noProcessUtilization = isAbsent(err)
		return
	}
	means := map[uint32]*mean{}
	for _, sample := range r.utilizations {
		r.lastProcessSample = max(r.lastProcessSample, sample.Timestamp)
		if means[sample.PID] == nil {
			if len(means) == r.maxProcesses {
				into.processesDropped++
				continue
			}
			means[sample.PID] = &mean{}
		}
		means[sample.PID].add(sample.SM)
	}
	into.processUtilization = make(map[uint32]float64, len(means))
	for pid, mean := range means {
		into.processUtilization[pid] = mean.value()
	}
}

// mean adds up values.
type mean struct {
	sum   float64
	count int
}

func (m *mean) add(value float64) { m.sum, m.count = m.sum+value, m.count+1 }

func (m *mean) value() float64 { return m.sum / float64(m.count) }
