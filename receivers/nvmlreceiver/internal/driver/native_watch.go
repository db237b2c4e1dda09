// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package driver

import (
	"math"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// nativeWatch is an event set of the real library.
type nativeWatch struct {
	set     nvml.EventSet
	devices map[nvml.Device]int
}

func (n *native) Watch(devices []Device) (Watch, error) {
	if !n.has(symEventSet) || !n.has(symEventSetFree) || !n.has(symRegister) || !n.has(symEventTypes) || !n.hasOne(symWait, symWaitV2) {
		return nil, ErrFunctionNotFound
	}
	set, ret := n.api.EventSetCreate()
	if ret != nvml.SUCCESS {
		return nil, CodeError(ret)
	}
	watch := &nativeWatch{set: set, devices: map[nvml.Device]int{}}
	var refused error = ErrNotSupported
	for i, device := range devices {
		if err := watch.register(device, i); err != nil {
			refused = err
		}
	}
	if len(watch.devices) == 0 {
		watch.Close()
		return nil, refused
	}
	return watch, nil
}

// register asks for those events that the device can report.
func (w *nativeWatch) register(device Device, index int) error {
	own, ok := device.(*nativeDevice)
	if !ok {
		return ErrInvalidArgument
	}
	supported, ret := own.handle.GetSupportedEventTypes()
	if ret != nvml.SUCCESS {
		return CodeError(ret)
	}
	types := supported & (EventXID | EventGPUUnavailable | EventRecoveryAction)
	if types == 0 {
		return ErrNotSupported
	}
	if ret := own.handle.RegisterEvents(types, w.set); ret != nvml.SUCCESS {
		return CodeError(ret)
	}
	w.devices[own.handle] = index
	return nil
}

func (w *nativeWatch) Wait(timeout time.Duration) (Event, error) {
	data, ret := w.set.Wait(uint32(timeout.Milliseconds()))
	if ret != nvml.SUCCESS {
		return Event{}, CodeError(ret)
	}
	index, known := w.devices[data.Device]
	if !known {
		index = -1
	}
	return Event{
		Device: index, Type: data.EventType, Data: data.EventData,
		GPUInstance: instanceNumber(data.GpuInstanceId), ComputeInstance: instanceNumber(data.ComputeInstanceId),
	}, nil
}

// instanceNumber gives -1 for the number that stands for none.
func instanceNumber(id uint32) int {
	if id == math.MaxUint32 {
		return -1
	}
	return int(id)
}

func (w *nativeWatch) Close() { _ = w.set.Free() } // It has nothing to say.
