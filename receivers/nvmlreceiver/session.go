// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"fmt"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// opened is what a connection to the driver has found.
type opened struct {
	versions driver.Versions
	found    []found
	watch    driver.Watch // nil if the driver has no events
	err      error
}

// found is a GPU that answered.
type found struct {
	driver.Identity
	index  int
	device driver.Device
}

// maxGPUs bounds what a driver may say that it has, and the GPUs that are remembered.
const maxGPUs = 64

// connect opens the library and looks for GPUs. A GPU that does not answer is
// left out: it must not hide the others. Any of the calls may hang.
func connect(library driver.Library, reopen bool) opened {
	if reopen {
		_ = library.Close() // A connection that is gone cannot be closed, and need not.
	}
	if err := library.Open(); err != nil {
		return opened{err: fmt.Errorf("cannot open the NVIDIA driver: %w", err)}
	}
	versions, err := library.Versions()
	if err != nil {
		return failOpened(library, fmt.Errorf("cannot read the version of the NVIDIA driver: %w", err))
	}
	count, err := library.Count()
	if err != nil {
		return failOpened(library, fmt.Errorf("cannot count the GPUs: %w", err))
	}
	of := opened{versions: versions}
	var devices []driver.Device
	var errs []error
	for index := range min(count, maxGPUs) {
		device, identity, err := identify(library, index)
		if err != nil {
			errs = append(errs, fmt.Errorf("GPU %d: %w", index, err))
			continue
		}
		of.found = append(of.found, found{Identity: identity, index: index, device: device})
		devices = append(devices, device)
	}
	if len(of.found) == 0 {
		return failOpened(library, errors.Join(append(errs, driver.ErrGPUNotFound)...))
	}
	if watch, err := library.Watch(devices); err == nil {
		of.watch = watch
	}
	return of
}

func failOpened(library driver.Library, err error) opened {
	_ = library.Close() // The first error says more.
	return opened{err: err}
}

func identify(library driver.Library, index int) (driver.Device, driver.Identity, error) {
	device, err := library.Device(index)
	if err != nil {
		return nil, driver.Identity{}, err
	}
	identity, err := device.Identity()
	return device, identity, err
}
