// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

// readInstances finds the MIG devices of a GPU and reads their memory and
// profiling counters. The driver has no utilisation of them: what the counters
// call graphics activity stands for it.
func (r *reader) readInstances(into *reading) {
	if r.absent[figMIGCurrent] {
		return
	}
	current, pending, err := r.device.MIG()
	if !r.keep(into, classInstances, figMIGCurrent, oneIf(current), err) {
		return
	}
	into.set(figMIGPending, oneIf(pending))
	if current != r.divided {
		r.divided = current
		r.forget()
	}
	if !r.divided {
		return
	}
	found, err := r.device.Instances()
	if into.failed(classInstances, err) {
		return
	}
	for _, device := range found {
		into.instances = append(into.instances, instance{Instance: device})
		r.readInstance(into, &into.instances[len(into.instances)-1])
	}
	r.profiles.closeUnused(r.sequence)
}

func (r *reader) readInstance(into *reading, of *instance) {
	memory, err := of.Device.Memory()
	if !into.failed(classInstances, err) {
		of.setMemory(memory)
	}
	into.failed(classInstances, r.profiles.read(r.device, of.GPUInstance, r.sequence, &of.figures))
	if activity, known := of.get(figGraphicsActivity); known {
		of.set(figUtilization, activity)
	}
}
