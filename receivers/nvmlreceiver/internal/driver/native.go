// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package driver

import (
	"fmt"
	"sync/atomic"

	"github.com/NVIDIA/go-nvml/pkg/dl"
	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Supported says whether this binary can read GPUs.
const Supported = true

// defaultPath is found by the dynamic linker.
const defaultPath = "libnvidia-ml.so.1"

// native is the real library.
type native struct {
	path    string
	api     nvml.Interface
	library *dl.DynamicLibrary
	found   [symbolCount]bool
	open    atomic.Bool
}

// New gives the library at a path, or with an empty path the one that the
// dynamic linker finds. Nothing is loaded yet. All libraries of a process are
// the first one that was loaded: its functions stay bound.
func New(path string) Library {
	if path == "" {
		path = defaultPath
	}
	return &native{path: path, api: nvml.New(nvml.WithLibraryPath(path))}
}

func (n *native) Open() error {
	if err := n.load(); err != nil {
		return err
	}
	if !n.has(symInit) && !n.has(symInitV2) || !n.has(symShutdown) {
		return fmt.Errorf("cannot use %s: it is no library of an NVIDIA driver: %w", n.path, ErrFunctionNotFound)
	}
	if err := check(n.api.Init()); err != nil {
		return err
	}
	n.open.Store(true)
	return nil
}

// load looks up every function before anything is called. It holds on to the
// library: its functions stay bound, so it may never be unloaded.
func (n *native) load() error {
	if n.library != nil {
		return nil
	}
	library := dl.New(n.path, dl.RTLD_LAZY|dl.RTLD_GLOBAL)
	if err := library.Open(); err != nil {
		return fmt.Errorf("%w: %w", ErrLibraryNotFound, err)
	}
	for i, name := range symbols {
		n.found[i] = library.Lookup(name) == nil
	}
	n.library = library
	return nil
}

func (n *native) has(s symbol) bool { return n.found[s] }

// hasOne says whether one of the versions of a function is there.
func (n *native) hasOne(versions ...symbol) bool {
	for _, version := range versions {
		if n.found[version] {
			return true
		}
	}
	return false
}

func (n *native) Close() error {
	if !n.open.CompareAndSwap(true, false) {
		return nil
	}
	return check(n.api.Shutdown())
}

func (n *native) Versions() (Versions, error) {
	var versions Versions
	if !n.has(symDriverVersion) {
		return versions, ErrFunctionNotFound
	}
	version, ret := n.api.SystemGetDriverVersion()
	if ret != nvml.SUCCESS {
		return versions, CodeError(ret)
	}
	versions.Driver = version
	if n.has(symCUDAVersion) {
		if cuda, ret := n.api.SystemGetCudaDriverVersion(); ret == nvml.SUCCESS {
			versions.CUDA = fmt.Sprintf("%d.%d", cuda/1000, cuda%1000/10)
		}
	}
	if n.has(symNVMLVersion) {
		if own, ret := n.api.SystemGetNVMLVersion(); ret == nvml.SUCCESS {
			versions.NVML = own
		}
	}
	return versions, nil
}

func (n *native) Count() (int, error) {
	if !n.hasOne(symCount, symCountV2) {
		return 0, ErrFunctionNotFound
	}
	count, ret := n.api.DeviceGetCount()
	return count, check(ret)
}

func (n *native) Device(index int) (Device, error) {
	if !n.hasOne(symHandle, symHandleV2) {
		return nil, ErrFunctionNotFound
	}
	handle, ret := n.api.DeviceGetHandleByIndex(index)
	if ret != nvml.SUCCESS {
		return nil, CodeError(ret)
	}
	return &nativeDevice{library: n, handle: handle}, nil
}

// check turns an answer into an error. Answers of go-nvml are never formatted:
// their texts come from a function that may be missing.
func check(ret nvml.Return) error {
	if ret == nvml.SUCCESS {
		return nil
	}
	return CodeError(ret)
}
