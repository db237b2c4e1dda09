// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSummarize(t *testing.T) {
	assert.Equal(t, summary{Median: 2, Min: 1, Max: 9, N: 3}, summarize([]float64{9, 1, 2}))
	assert.Equal(t, summary{Median: 2.5, Min: 1, Max: 9, N: 4}, summarize([]float64{9, 3, 1, 2}))
	assert.Equal(t, summary{Median: 5, Min: 5, Max: 5, N: 1}, summarize([]float64{5}))
}

func TestNoisyWindowsCountOnlyIfThereAreNoOthers(t *testing.T) {
	quiet := window{cpu: time.Second, wall: time.Second, items: 1e6}
	loud := window{cpu: 3 * time.Second, wall: time.Second, items: 1e6, foreign: 0.2}
	o := newLoadOutcome(arm{}, []window{quiet, loud, quiet})
	assert.Equal(t, summary{Median: 1, Min: 1, Max: 1, N: 2}, o.CPUSeconds)
	assert.Equal(t, 3, o.Allocs.N)
	assert.Equal(t, 1, o.Noisy)
	assert.Equal(t, summary{Median: 3, Min: 3, Max: 3, N: 2}, newLoadOutcome(arm{}, []window{loud, loud}).CPUSeconds)
}

func TestProcessTimeAgreesWithTheKernelsAccount(t *testing.T) {
	var before, after unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &before))
	clock, err := processTime(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &after))
	total := func(r unix.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }
	assert.GreaterOrEqual(t, clock.Nanoseconds()+1000, total(before), "rusage counts whole microseconds")
	assert.LessOrEqual(t, clock.Nanoseconds(), total(after)+1000)
	_, err = processTime(1 << 22)
	require.ErrorContains(t, err, "cannot read the CPU time of process 4194304")
}

func TestParseBusy(t *testing.T) {
	stat := []byte("cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 20 3 5000 60 7 8 4 0 0\ncpu1 1 0 0 7 0 0 0 0 0 0\ncpu11 5 5 5 5 5 5 5 5 5 5\n")
	busy, err := parseBusy(stat, []int{0})
	require.NoError(t, err)
	assert.Equal(t, 1270*time.Millisecond, busy, "user, nice, system and stolen ticks")
	busy, err = parseBusy(stat, []int{0, 1})
	require.NoError(t, err)
	assert.Equal(t, 1280*time.Millisecond, busy)
	_, err = parseBusy(stat, []int{2})
	require.ErrorContains(t, err, "no load of cpu2")
	_, err = parseBusy([]byte("cpu0 1 2 3 4 5 6 7 x"), []int{0})
	require.ErrorContains(t, err, "cannot read the load of cpu0")
}

func TestReadMemory(t *testing.T) {
	m, err := readMemory(os.Getpid())
	require.NoError(t, err)
	assert.Positive(t, m.anonymous)
	assert.Greater(t, m.resident, m.anonymous)
	assert.GreaterOrEqual(t, m.peak, m.resident)
	_, err = readMemory(1 << 22)
	require.ErrorContains(t, err, "cannot read the memory of the collector")
	assert.EqualValues(t, 2048, kibibytes([]byte("VmHWM: 1 kB\nVmRSS:\t 2 kB\n"), "VmRSS:"))
	assert.Zero(t, kibibytes(nil, "Pss:"))
}

func TestInspectCountsWhatStrippingLeaves(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	facts, err := inspect(self)
	require.NoError(t, err)
	assert.Contains(t, facts.GoVersion, "go1.")
	assert.Positive(t, facts.StrippedBytes)
	assert.LessOrEqual(t, facts.StrippedBytes, facts.Bytes)
	_, err = inspect("/proc/self/status")
	require.ErrorContains(t, err, "cannot inspect")
}

func TestTailKeepsTheEnd(t *testing.T) {
	var log tail
	for range 3 {
		_, err := log.Write(make([]byte, tailLength/2))
		require.NoError(t, err)
	}
	_, err := log.Write([]byte("end"))
	require.NoError(t, err)
	assert.Len(t, log.String(), tailLength)
	assert.Contains(t, log.String(), "end")
}
