// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"time"
)

// noisy is the share of the cores' time from which on other processes make a window unreliable.
const noisy = 0.05

// window is what was measured between two moments.
type window struct {
	wall, cpu          time.Duration // cpu is the collector's, user and system
	foreign            float64       // share of the cores' time that went to other processes, or was stolen by the hypervisor
	items              int           // through the collector
	allocs, allocBytes uint64        // by the collector
}

// instant holds the clocks at the beginning of a window.
type instant struct {
	cores                 cores
	at                    time.Time
	collector, self, busy time.Duration
}

// nobody stands for a collector that has not started.
const nobody = -1

// begin opens a window for the collector with the given process id.
func begin(c cores, pid int) (instant, error) {
	i := instant{cores: c, at: time.Now()}
	var err error
	if pid != nobody {
		if i.collector, err = processTime(pid); err != nil {
			return instant{}, err
		}
	}
	if i.self, err = processTime(os.Getpid()); err != nil {
		return instant{}, err
	}
	i.busy, err = busyTime(c.list())
	return i, err
}

// end closes the window.
func (i instant) end(pid int) (window, error) {
	now, err := begin(i.cores, pid)
	if err != nil {
		return window{}, err
	}
	w := window{wall: now.at.Sub(i.at), cpu: now.collector - i.collector}
	others := (now.busy - i.busy) - w.cpu - (now.self - i.self)
	capacity := w.wall * time.Duration(len(i.cores.list()))
	w.foreign = max(0, float64(others)/float64(capacity))
	return w, nil
}
