// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processTime returns the CPU time, user and system, that a process and all its threads have used. It reads the process's own
// clock, because /proc/<pid>/stat counts in steps of 10 ms.
func processTime(pid int) (time.Duration, error) {
	const schedulerClock = 2
	clock := int32(^pid<<3 | schedulerClock) // The kernel's encoding of "CPU clock of process pid".
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("cannot read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// busyTime returns how long the cores together have worked for any process, or were stolen. Interrupts, which mostly serve our own
// loopback traffic, are left out. The resolution is 10 ms.
func busyTime(cores []int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("cannot read the load of the cores: %w", err)
	}
	return parseBusy(text, cores)
}

// The columns of /proc/stat behind the name of a core.
const (
	columnUser = iota
	columnNice
	columnSystem
	columnIdle
	columnIOWait
	columnIRQ
	columnSoftIRQ
	columnSteal
)

func parseBusy(stat []byte, cores []int) (time.Duration, error) {
	const tick = 10 * time.Millisecond
	var busy time.Duration
	for _, core := range cores {
		columns, err := columnsOf(stat, "cpu"+strconv.Itoa(core))
		if err != nil {
			return 0, err
		}
		for _, c := range []int{columnUser, columnNice, columnSystem, columnSteal} {
			busy += time.Duration(columns[c]) * tick
		}
	}
	return busy, nil
}

func columnsOf(stat []byte, name string) ([]int64, error) {
	for line := range bytes.Lines(stat) {
		fields := strings.Fields(string(line))
		if len(fields) <= columnSteal+1 || fields[0] != name {
			continue
		}
		var columns []int64
		for _, f := range fields[1:] {
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("cannot read the load of %s: %w", name, err)
			}
			columns = append(columns, n)
		}
		return columns, nil
	}
	return nil, fmt.Errorf("no load of %s in /proc/stat", name)
}

// memory is what a process occupies, in bytes.
type memory struct {
	resident  int64 // RSS: pages in memory, those of the binary's file included
	anonymous int64 // of these, pages that are the process's own: heap, stacks
	peak      int64 // highest RSS so far
	share     int64 // PSS: RSS with shared pages divided among their users; 0 where the kernel does not tell
}

func readMemory(pid int) (memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, fmt.Errorf("cannot read the memory of the collector: %w", err)
	}
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		rollup = nil // Not every kernel has it, or shows it.
	}
	return memory{
		resident:  kibibytes(status, "VmRSS:"),
		anonymous: kibibytes(status, "RssAnon:"),
		peak:      kibibytes(status, "VmHWM:"),
		share:     kibibytes(rollup, "Pss:"),
	}, nil
}

// kibibytes returns the value of a "name: n kB" line in bytes, 0 if there is none.
func kibibytes(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) == 3 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err == nil {
				return n << 10
			}
		}
	}
	return 0
}
