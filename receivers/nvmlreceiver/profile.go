// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"time"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// profileGap is the least time between two samples of the profiling counters.
const profileGap = 100 * time.Millisecond

var profileFigures = []struct {
	id     uint32
	figure figureID
}{
	{driver.ProfileGraphics, figGraphicsActivity},
	{driver.ProfileSM, figSMActivity},
	{driver.ProfileOccupancy, figSMOccupancy},
	{driver.ProfileTensor, figTensorActivity},
	{driver.ProfileTensorHalf, figTensorHalfActivity},
	{driver.ProfileTensorInt, figTensorIntActivity},
	{driver.ProfileTensorFP64, figTensorFP64Activity},
	{driver.ProfileFP64, figFP64Activity},
	{driver.ProfileFP32, figFP32Activity},
	{driver.ProfileFP16, figFP16Activity},
	{driver.ProfileInteger, figIntegerActivity},
	{driver.ProfileDRAM, figDRAMActivity},
	{driver.ProfilePCIeSent, figPCIeSentRate},
	{driver.ProfilePCIeReceived, figPCIeReceivedRate},
	{driver.ProfileNVLinkSent, figNVLinkSentRate},
	{driver.ProfileNVLinkReceived, figNVLinkReceivedRate},
}

// profiles are the open profiling counters of a GPU: of the whole, or of its
// GPU instances. Each keeps a sample in the driver between two readings.
type profiles struct {
	open map[int]*profile
	// absent is set once the GPU turned out to have none.
	absent bool
	wanted []driver.ProfileValue
}

// profile is that of one GPU instance.
type profile struct {
	counters driver.Profile
	values   []driver.ProfileValue
	read     time.Time
	// used is the last reading in which the instance existed.
	used uint64
	last figures
}

func newProfiles(wanted *[figureCount]bool) *profiles {
	p := &profiles{open: map[int]*profile{}}
	for _, of := range profileFigures {
		if wanted[of.figure] {
			p.wanted = append(p.wanted, driver.ProfileValue{ID: of.id})
		}
	}
	return p
}

// read adds what a GPU instance did since the last reading. Compute instances
// of one GPU instance share its counters, which are read once per reading.
func (p *profiles) read(device driver.Device, gpuInstance int, sequence uint64, into *figures) error {
	if p.absent || len(p.wanted) == 0 {
		return nil
	}
	of, err := p.get(device, gpuInstance)
	if err != nil {
		p.absent = isAbsent(err)
		return err
	}
	if of.used != sequence {
		of.used = sequence
		if err := of.update(); err != nil {
			return err
		}
	}
	into.merge(&of.last)
	return nil
}

func (p *profiles) get(device driver.Device, gpuInstance int) (*profile, error) {
	if of := p.open[gpuInstance]; of != nil {
		return of, nil
	}
	opened, err := device.Profile(gpuInstance)
	if err != nil {
		return nil, err
	}
	of := &profile{counters: opened, values: append([]driver.ProfileValue(nil), p.wanted...)}
	p.open[gpuInstance] = of
	return of, nil
}

// update compares the counters with those of the last reading, if that is long enough ago.
func (p *profile) update() error {
	p.last = figures{}
	now := time.Now()
	if now.Sub(p.read) < profileGap {
		return nil
	}
	p.read = now
	if err := p.counters.Read(p.values); err != nil {
		if errors.Is(err, driver.ErrNotReady) {
			return nil // There is nothing to compare with yet.
		}
		return err
	}
	for i, value := range p.values {
		if value.Err == nil {
			p.last.set(profileFigure(value.ID), p.values[i].Value)
		}
	}
	return nil
}

func profileFigure(id uint32) figureID {
	for _, of := range profileFigures {
		if of.id == id {
			return of.figure
		}
	}
	return figGraphicsActivity
}

// closeUnused gives up the counters of instances that no longer exist.
func (p *profiles) closeUnused(sequence uint64) {
	for instance, of := range p.open {
		if of.used != sequence {
			of.counters.Close()
			delete(p.open, instance)
		}
	}
}

func (p *profiles) close() {
	for _, of := range p.open {
		of.counters.Close()
	}
	clear(p.open)
}

func (r *reader) readProfile(into *reading) {
	if !r.divided { // The instances have counters of their own.
		into.failed(classProfile, r.profiles.read(r.device, driver.WholeGPU, r.sequence, &into.figures))
	}
}
