// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

func TestRunMeasuresEveryArmOfEveryBinary(t *testing.T) {
	binary, jsonPath := stub(t, "forwards"), filepath.Join(t.TempDir(), "report.json")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{
		"-binary", binary, "-binary", binary, "-reps", "1", "-duration", "20ms", "-settle", "1ms", "-json", jsonPath,
	}, &out))

	text, err := os.ReadFile(jsonPath)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(text, &r))
	require.Len(t, r.Binaries, 2)
	for _, b := range r.Binaries {
		assert.Equal(t, 1, b.IdleRSS.N)
		assert.Positive(t, b.StartupMS.Min)
		assert.Greater(t, b.PeakRSS.Min, b.IdleAnonymous.Min)
		require.Len(t, b.Load, len(routes)*len(otlpload.Signals))
		for _, l := range b.Load {
			assert.Positive(t, l.CPUSeconds.Min, "%s of %s", l.Route, l.Items)
			assert.Positive(t, l.Allocs.Min)
			assert.Positive(t, l.ItemsPerSec.Min)
		}
		for signal, ledger := range b.Ledger {
			require.NoError(t, ledger.Exact(), signal)
			assert.Positive(t, ledger.Delivered)
		}
	}
	for _, row := range []string{"seed 1, 1 repetitions", "idle RSS", "gRPC, gzip out, log records", "data points"} {
		assert.Contains(t, out.String(), row)
	}
}

func TestRunFails(t *testing.T) {
	f := func(behaviour string, starting time.Duration, wants ...string) {
		t.Helper()
		b := &bench{
			binaries: []string{stub(t, behaviour)}, reps: 1, duration: 10 * time.Millisecond,
			starting: starting, draining: 100 * time.Millisecond,
		}
		_, err := b.run(t.Context())
		for _, want := range wants {
			require.ErrorContains(t, err, want)
		}
	}
	f("loses", time.Minute, "cannot settle the ledger, 1 missing")
	f("dies", time.Minute, "the collector died: exit status 3", "last words")
	f("sleeps", 300*time.Millisecond, "the collector accepted nothing", context.DeadlineExceeded.Error())
	f("clashes", time.Minute, errPortTaken.Error(), "exit status 1")
}

func TestRunStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := run(ctx, []string{"-binary", stub(t, "forwards"), "-duration", "10m"}, &bytes.Buffer{})
	require.Error(t, err)
}

func TestRunRejectsBadFlags(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		require.ErrorContains(t, run(t.Context(), args, &bytes.Buffer{}), want)
	}
	f("-binary is missing")
	f("must be positive", "-binary", "x", "-reps", "0")
	f("must be positive", "-binary", "x", "-duration", "0s")
	f("no such file", "-binary", filepath.Join(t.TempDir(), "absent"))
}

func TestArmsTakeTurns(t *testing.T) {
	all := arms(0)
	require.Len(t, all, 9)
	assert.Equal(t, all[0], arms(8)[1])
	assert.Equal(t, all, arms(9))
	for n := range 9 {
		assert.ElementsMatch(t, all, arms(n))
		assert.Equal(t, n, slices.Index(all, arms(n)[0]))
	}
}
