// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package drivertest is a driver whose GPUs do what a test says. Its delays are
// sleeps, so that they take no time in a synctest bubble.
package drivertest

import (
	"fmt"
	"sync"
	"time"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// Fake is a scripted driver. Change it and its GPUs in Do only.
type Fake struct {
	mu sync.Mutex
	// Version is the driver's.
	Version string
	// OpenErr makes Open fail, as without a driver.
	OpenErr error
	// OpenHang makes Open wait until the channel is closed.
	OpenHang chan struct{}
	// GPUs are those that the driver has; a nil GPU does not answer.
	GPUs []*GPU
	// Openings counts calls of Open that worked, Closings those of Close.
	Openings, Closings int

	generation int
	loaded     bool
	events     chan driver.Event
}

// GPU is a scripted GPU.
type GPU struct {
	driver.Identity
	Memory             driver.Memory
	GPU, Controller    float64
	Engines            map[driver.Engine]float64
	Samples            []driver.Sample
	Fields             map[uint32]driver.Field
	Energy             float64
	Clocks, MaxClocks  map[driver.Clock]float64
	Throttle           uint64
	Temperature        float64
	Limits             map[driver.TemperatureLimit]float64
	Fans               []float64
	Link               driver.Link
	Processes          []driver.Process
	ProcessUtilization []driver.ProcessUtilization
	Profile            map[uint32]float64 // nil: the GPU has no such counters
	MIG, MIGPending    bool
	Instances          []Instance
	// NoMIG is a GPU that cannot be divided.
	NoMIG bool

	// Lost makes every call fail.
	Lost bool
	// Fail, Delay and Hang are by the name of the call, such as Memory.
	Fail  map[string]error
	Delay map[string]time.Duration
	Hang  map[string]chan struct{}
	// Calls counts the calls by name, Asked the fields that were asked for.
	Calls map[string]int
	Asked map[uint32]int
	// OpenProfiles are the counters that have not been closed.
	OpenProfiles int
}

// Instance is a scripted MIG device.
type Instance struct {
	driver.Instance
	Memory  driver.Memory
	Profile map[uint32]float64
}

// New makes a driver with GPUs that differ by their index: GPU i has used
// (i+1) GiB of 80 GiB and was busy for (i+1) tenths of the time.
func New(gpus int) *Fake {
	f := &Fake{Version: "580.159.03", events: make(chan driver.Event, 1024)}
	for i := range gpus {
		f.GPUs = append(f.GPUs, newGPU(i))
	}
	return f
}

const gibi = 1 << 30

func newGPU(i int) *GPU {
	n := float64(i + 1)
	g := &GPU{
		Identity: driver.Identity{
			UUID: UUID(i), Name: "NVIDIA H200", Serial: fmt.Sprintf("165%010d", i), VBIOS: "96.00.A5.00.03",
			ComputeCapability: "9.0", PCIBusID: fmt.Sprintf("00000000:%02X:00.0", 0x10+i), PCISubsystem: "0x18BE10DE", Minor: i,
		},
		Memory:      driver.Memory{Total: 80 * gibi, Used: n * gibi, Free: (79 - n) * gibi, Reserved: gibi, HasReserved: true},
		GPU:         n / 10,
		Controller:  n / 20,
		Engines:     map[driver.Engine]float64{driver.Encoder: 0.01, driver.Decoder: 0.02, driver.JPEG: 0.03, driver.OpticalFlow: 0.04},
		Energy:      1000 * n,
		Clocks:      map[driver.Clock]float64{driver.ClockGraphics: 1.98e9, driver.ClockSM: 1.97e9, driver.ClockMemory: 3.201e9, driver.ClockVideo: 1.545e9},
		MaxClocks:   map[driver.Clock]float64{driver.ClockGraphics: 2e9, driver.ClockSM: 2e9, driver.ClockMemory: 3.3e9, driver.ClockVideo: 1.6e9},
		Temperature: 40 + n,
		Limits:      map[driver.TemperatureLimit]float64{driver.LimitSlowdown: 87, driver.LimitShutdown: 92, driver.LimitGPUMax: 85},
		Link:        driver.Link{Generation: 5, Width: 16, MaxGeneration: 5, MaxWidth: 16},
		Profile:     map[uint32]float64{},
		Fields:      map[uint32]driver.Field{},
		Fail:        map[string]error{}, Delay: map[string]time.Duration{}, Hang: map[string]chan struct{}{},
		Calls: map[string]int{}, Asked: map[uint32]int{},
	}
	for id := uint32(1); id <= 13; id++ {
		g.Profile[id] = float64(id) / 100
	}
	for id := uint32(20); id <= 61; id++ {
		g.Profile[id] = float64(id) * 1e6
	}
	for _, id := range []uint32{3, 4, 5, 6, 38, 45, 52, 59, 94, 142, 143, 144, 145, 197, 198, 138, 139, 230} {
		g.Fields[id] = driver.Field{Bits: 64}
	}
	for id, milliwatts := range map[uint32]float64{185: 627_400, 186: 626_260, 187: 200_000, 188: 700_000, 189: 700_000, 190: 650_000, 192: 690_000} {
		g.Fields[id] = driver.Field{Value: milliwatts}
	}
	for i, id := range []uint32{74, 76, 269, 270, 271} {
		g.Fields[id] = driver.Field{Value: float64(i+1) * 1e9}
	}
	g.Fields[82] = driver.Field{Value: 50 + n}
	return g
}

// UUID is that of the GPU at an index.
func UUID(i int) string { return fmt.Sprintf("GPU-00000000-0000-0000-0000-%012d", i) }

// Do changes the driver between two of its answers.
func (f *Fake) Do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// Unload takes the driver away: nothing works until Load, and then only what was opened anew.
func (f *Fake) Unload() {
	f.Do(func() { f.loaded, f.generation, f.OpenErr = false, f.generation+1, driver.ErrDriverNotLoaded })
}

// Load brings the driver back.
func (f *Fake) Load() { f.Do(func() { f.OpenErr = nil }) }

// Send makes an event happen.
func (f *Fake) Send(event driver.Event) { f.events <- event }

// Open connects, unless OpenErr or OpenHang forbid it.
func (f *Fake) Open() error {
	f.mu.Lock()
	hang := f.OpenHang
	f.mu.Unlock()
	if hang != nil {
		<-hang
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.OpenErr != nil {
		return f.OpenErr
	}
	f.loaded = true
	f.Openings++
	return nil
}

// Close disconnects: what was opened before no longer works.
func (f *Fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.loaded {
		return driver.ErrUninitialized
	}
	f.loaded = false
	f.generation++
	f.Closings++
	return nil
}

// Versions are Version and fixed ones.
func (f *Fake) Versions() (driver.Versions, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return driver.Versions{Driver: f.Version, CUDA: "13.0", NVML: "13.580"}, f.connected()
}

func (f *Fake) connected() error {
	if !f.loaded {
		return driver.ErrUninitialized
	}
	return nil
}

// Count is the number of GPUs.
func (f *Fake) Count() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.GPUs), f.connected()
}

// Device gives a GPU, or GPUIsLost for one that does not answer.
func (f *Fake) Device(index int) (driver.Device, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.GPUs[index] == nil || f.GPUs[index].Lost {
		return nil, driver.ErrGPUIsLost
	}
	return &device{fake: f, gpu: f.GPUs[index], generation: f.generation}, nil
}

// Watch gives the events of Send.
func (f *Fake) Watch([]driver.Device) (driver.Watch, error) { return watch{f}, nil }

type watch struct{ fake *Fake }

func (w watch) Wait(timeout time.Duration) (driver.Event, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case event := <-w.fake.events:
		return event, nil
	case <-timer.C:
		return driver.Event{}, driver.ErrTimeout
	}
}

func (watch) Close() {}

// device is a GPU, or a MIG device of it.
type device struct {
	fake       *Fake
	gpu        *GPU
	instance   *Instance
	generation int
}

// enter does what the test has ordered for a call. The caller holds no lock.
func (d *device) enter(call string) error {
	d.fake.mu.Lock()
	d.gpu.Calls[call]++
	hang, delay, err := d.gpu.Hang[call], d.gpu.Delay[call], d.gpu.Fail[call]
	switch {
	case d.generation != d.fake.generation || !d.fake.loaded:
		err = driver.ErrUninitialized
	case d.gpu.Lost:
		err = driver.ErrGPUIsLost
	}
	d.fake.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if delay > 0 {
		time.Sleep(delay)
	}
	return err
}

// get answers a call with what read gives.
func get[T any](d *device, call string, read func() (T, error)) (T, error) {
	if err := d.enter(call); err != nil {
		var none T
		return none, err
	}
	d.fake.mu.Lock()
	defer d.fake.mu.Unlock()
	return read()
}

// of gives an entry of a map, or NotSupported.
func of[K comparable, V any](values map[K]V, key K) (V, error) {
	value, known := values[key]
	if !known {
		return value, driver.ErrNotSupported
	}
	return value, nil
}

func (d *device) Identity() (driver.Identity, error) {
	return get(d, "Identity", func() (driver.Identity, error) { return d.gpu.Identity, nil })
}

func (d *device) Memory() (driver.Memory, error) {
	return get(d, "Memory", func() (driver.Memory, error) {
		if d.instance != nil {
			return d.instance.Memory, nil
		}
		return d.gpu.Memory, nil
	})
}

func (d *device) Utilization() (gpu, memory float64, err error) {
	rates, err := get(d, "Utilization", func() ([2]float64, error) {
		if d.gpu.MIG {
			return [2]float64{}, driver.ErrNotSupported
		}
		return [2]float64{d.gpu.GPU, d.gpu.Controller}, nil
	})
	return rates[0], rates[1], err
}

func (d *device) EngineUtilization(engine driver.Engine) (float64, error) {
	return get(d, "EngineUtilization", func() (float64, error) { return of(d.gpu.Engines, engine) })
}

func (d *device) Samples(since uint64, into []driver.Sample) ([]driver.Sample, error) {
	return get(d, "Samples", func() ([]driver.Sample, error) {
		if d.gpu.MIG {
			return into, driver.ErrNotSupported
		}
		for _, sample := range d.gpu.Samples {
			if sample.Timestamp > since {
				into = append(into, sample)
			}
		}
		return into, nil
	})
}

func (d *device) Fields(fields []driver.Field) error {
	_, err := get(d, "Fields", func() (struct{}, error) {
		for i := range fields {
			d.gpu.Asked[fields[i].ID]++
			value, known := d.gpu.Fields[fields[i].ID]
			value.ID, value.Scope = fields[i].ID, fields[i].Scope
			if !known {
				value.Err = driver.ErrNotSupported
			}
			if value.Bits > 0 {
				value.Value = float64(value.Count)
			}
			fields[i] = value
		}
		return struct{}{}, nil
	})
	return err
}

func (d *device) Energy() (float64, error) {
	return get(d, "Energy", func() (float64, error) { return d.gpu.Energy, nil })
}

func (d *device) Clock(clock driver.Clock) (float64, error) {
	return get(d, "Clock", func() (float64, error) { return of(d.gpu.Clocks, clock) })
}

func (d *device) MaxClock(clock driver.Clock) (float64, error) {
	return get(d, "MaxClock", func() (float64, error) { return of(d.gpu.MaxClocks, clock) })
}

func (d *device) ThrottleReasons() (uint64, error) {
	return get(d, "ThrottleReasons", func() (uint64, error) { return d.gpu.Throttle, nil })
}

func (d *device) Temperature() (float64, error) {
	return get(d, "Temperature", func() (float64, error) { return d.gpu.Temperature, nil })
}

func (d *device) TemperatureLimit(limit driver.TemperatureLimit) (float64, error) {
	return get(d, "TemperatureLimit", func() (float64, error) { return of(d.gpu.Limits, limit) })
}

func (d *device) Fans() (int, error) {
	return get(d, "Fans", func() (int, error) { return len(d.gpu.Fans), nil })
}

func (d *device) FanSpeed(fan int) (float64, error) {
	return get(d, "FanSpeed", func() (float64, error) { return d.gpu.Fans[fan], nil })
}

func (d *device) PCIeLink() (driver.Link, error) {
	return get(d, "PCIeLink", func() (driver.Link, error) { return d.gpu.Link, nil })
}

func (d *device) Processes(into []driver.Process) ([]driver.Process, error) {
	return get(d, "Processes", func() ([]driver.Process, error) { return append(into, d.gpu.Processes...), nil })
}

func (d *device) ProcessUtilization(since uint64, into []driver.ProcessUtilization) ([]driver.ProcessUtilization, error) {
	return get(d, "ProcessUtilization", func() ([]driver.ProcessUtilization, error) {
		if d.gpu.MIG {
			return into, driver.ErrNotSupported
		}
		for _, sample := range d.gpu.ProcessUtilization {
			if sample.Timestamp > since {
				into = append(into, sample)
			}
		}
		return into, nil
	})
}

func (d *device) MIG() (current, pending bool, err error) {
	modes, err := get(d, "MIG", func() ([2]bool, error) {
		if d.gpu.NoMIG {
			return [2]bool{}, driver.ErrNotSupported
		}
		return [2]bool{d.gpu.MIG, d.gpu.MIGPending}, nil
	})
	return modes[0], modes[1], err
}

func (d *device) Instances() ([]driver.Instance, error) {
	return get(d, "Instances", func() ([]driver.Instance, error) {
		var instances []driver.Instance
		for i := range d.gpu.Instances {
			instance := d.gpu.Instances[i].Instance
			instance.Device = &device{fake: d.fake, gpu: d.gpu, instance: &d.gpu.Instances[i], generation: d.generation}
			instances = append(instances, instance)
		}
		return instances, nil
	})
}

func (d *device) Profile(gpuInstance int) (driver.Profile, error) {
	return get(d, "Profile", func() (driver.Profile, error) {
		p := &profile{device: d, values: d.gpu.Profile}
		for _, instance := range d.gpu.Instances {
			if instance.GPUInstance == gpuInstance {
				p.values = instance.Profile
			}
		}
		if p.values == nil {
			return nil, driver.ErrNotSupported
		}
		d.gpu.OpenProfiles++
		return p, nil
	})
}

type profile struct {
	device *device
	values map[uint32]float64
	read   bool
}

func (p *profile) Read(values []driver.ProfileValue) error {
	_, err := get(p.device, "ProfileRead", func() (struct{}, error) {
		if !p.read {
			p.read = true
			return struct{}{}, driver.ErrNotReady
		}
		for i := range values {
			values[i].Value, values[i].Err = of(p.values, values[i].ID)
		}
		return struct{}{}, nil
	})
	return err
}

func (p *profile) Close() { p.device.fake.Do(func() { p.device.gpu.OpenProfiles-- }) }
