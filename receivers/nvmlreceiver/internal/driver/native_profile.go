// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package driver

import "github.com/NVIDIA/go-nvml/pkg/nvml"

// nativeProfile keeps two samples of the counters and compares them.
type nativeProfile struct {
	device      *nativeDevice
	gpuInstance int
	last, next  nvml.GpmSample
	sampled     bool
	request     nvml.GpmMetricsGetType
}

func (d *nativeDevice) Profile(gpuInstance int) (Profile, error) {
	for _, s := range []symbol{symGPMSupport, symGPMAlloc, symGPMFree, symGPMSample, symGPMInstanceSample, symGPMMetrics} {
		if !d.library.has(s) {
			return nil, ErrFunctionNotFound
		}
	}
	support, ret := d.handle.GpmQueryDeviceSupport()
	switch {
	case ret != nvml.SUCCESS:
		return nil, CodeError(ret)
	case support.IsSupportedDevice == 0:
		return nil, ErrNotSupported
	}
	last, ret := d.library.api.GpmSampleAlloc()
	if ret != nvml.SUCCESS {
		return nil, CodeError(ret)
	}
	next, ret := d.library.api.GpmSampleAlloc()
	if ret != nvml.SUCCESS {
		_ = last.Free() // It has nothing to say.
		return nil, CodeError(ret)
	}
	return &nativeProfile{device: d, gpuInstance: gpuInstance, last: last, next: next}, nil
}

func (p *nativeProfile) Read(values []ProfileValue) error {
	if ret := p.sample(); ret != nvml.SUCCESS {
		return CodeError(ret)
	}
	p.last, p.next = p.next, p.last
	if !p.sampled {
		p.sampled = true
		return ErrNotReady
	}
	return p.compare(values)
}

func (p *nativeProfile) sample() nvml.Return {
	if p.gpuInstance == WholeGPU {
		return p.next.Get(p.device.handle)
	}
	return p.next.MigGet(p.device.handle, p.gpuInstance)
}

// compare reads the values between the older sample, which is now in next, and the newer one.
func (p *nativeProfile) compare(values []ProfileValue) error {
	request := &p.request
	count := min(len(values), len(request.Metrics))
	request.NumMetrics, request.Sample1, request.Sample2 = uint32(count), p.next, p.last
	for i, value := range values[:count] {
		request.Metrics[i] = nvml.GpmMetric{MetricId: value.ID}
	}
	if ret := p.device.library.api.GpmMetricsGet(request); ret != nvml.SUCCESS {
		return CodeError(ret)
	}
	for i := range values[:count] {
		metric := &request.Metrics[i]
		values[i].Value, values[i].Err = 0, check(nvml.Return(metric.NvmlReturn))
		if values[i].Err == nil {
			values[i].Value, values[i].Err = profileUnit(values[i].ID, metric.Value)
		}
	}
	return nil
}

func (p *nativeProfile) Close() {
	_, _ = p.last.Free(), p.next.Free() // They have nothing to say.
}
