// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores says where the two sides of the benchmark run. On a machine with one core they share it.
type cores struct {
	collector, load int
}

// pinSelf chooses the cores among those this process may use, and moves the process to the core of the load.
func pinSelf() (cores, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return cores{}, fmt.Errorf("cannot read which cores may be used: %w", err)
	}
	var usable []int
	for i := 0; len(usable) < 2 && i < len(allowed)*64; i++ {
		if allowed.IsSet(i) {
			usable = append(usable, i)
		}
	}
	c := cores{collector: usable[0], load: usable[len(usable)-1]}
	runtime.GOMAXPROCS(1)
	threads, err := os.ReadDir("/proc/self/task") // Threads to come are born where their maker is.
	if err != nil {
		return cores{}, fmt.Errorf("cannot list the threads to pin: %w", err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return cores{}, fmt.Errorf("cannot pin thread %q: %w", thread.Name(), err)
		}
		if err := pin(id, c.load); err != nil {
			return cores{}, err
		}
	}
	return c, nil
}

// startPinned starts a process on the collector's core: it inherits the core of the thread that forks it.
func (c cores) startPinned(process *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const thisThread = 0
	if err := pin(thisThread, c.collector); err != nil {
		return err
	}
	startErr := process.Start()
	if err := pin(thisThread, c.load); err != nil {
		return err
	}
	return startErr
}

func pin(thread, core int) error {
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(thread, &set); err != nil {
		return fmt.Errorf("cannot pin thread %d to core %d: %w", thread, core, err)
	}
	return nil
}

// list returns the distinct cores.
func (c cores) list() []int {
	if c.collector == c.load {
		return []int{c.load}
	}
	return []int{c.collector, c.load}
}
