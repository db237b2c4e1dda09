// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/nvmltest"
)

// roleVariable makes the test binary play gpucheck.
const roleVariable = "GPUCHECK_LIBRARY"

func TestMain(m *testing.M) {
	if library := os.Getenv(roleVariable); library != "" {
		o := options{library: library, out: os.Args[1], phase: time.Second, intervals: []time.Duration{200 * time.Millisecond}, probe: os.Args[1] == "-probe"}
		if err := o.run(context.Background()); err != nil {
			fmt.Fprint(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	testutil.VerifyNoLeaks(m)
}

func TestParse(t *testing.T) {
	columns := []string{"uuid", "utilization.gpu", "temperature.memory"}
	got, err := parse("GPU-a, 97, 40\nGPU-b, 3, [N/A]\n", columns)
	require.NoError(t, err)
	assert.Equal(t, values{"GPU-a": {"utilization.gpu": 97, "temperature.memory": 40}, "GPU-b": {"utilization.gpu": 3}}, got)
	_, err = parse("GPU-a, 97\n", columns)
	assert.ErrorContains(t, err, "cannot read what nvidia-smi wrote")
}

func TestQuantile(t *testing.T) {
	point := metricdata.HistogramDataPoint[float64]{Count: 100, Bounds: []float64{1, 2, 3}, BucketCounts: []uint64{50, 40, 9, 1}, Max: metricdata.NewExtrema(7.0)}
	assert.Equal(t, quantiles{p50: 1, p95: 3, highest: 7, count: 100}, quantilesOf(point))
	assert.Equal(t, 7.0, quantile(point, 0.995), "beyond the last edge only the maximum is known")
}

// check runs gpucheck over a library that says that it has GPUs, with a nvidia-smi of the test's.
func check(t *testing.T, smi, argument string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if smi != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+smi), 0o755))
	}
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, argument)
	command.Env = append(os.Environ(), roleVariable+"="+nvmltest.Library(t), "PATH="+dir+":/bin", nvmltest.NewControl(t).Env())
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err = command.Run()
	return output.String(), err
}

func TestWithoutAGPU(t *testing.T) {
	output, err := check(t, "", "unused.md")
	require.Error(t, err)
	assert.Contains(t, output, "nvidia-smi is not installed")
}

func TestProbe(t *testing.T) {
	output, err := check(t, "", "-probe")
	require.NoError(t, err, output)
	assert.Equal(t, "true", output)
}

// A nvidia-smi that says what the library says agrees; one that does not is found out.
func TestComparison(t *testing.T) {
	const agrees = "echo GPU-00000000-0000-0000-0000-000000000000, 10, 5, 81920, 1024, 1024, 200.00, 600.00, 800.00, 500.00, 41, 51, 1100, 1200, 2100, 4, 8, 0, 0, 1000000, 3000000, 4000000"
	out := filepath.Join(t.TempDir(), "report.md")
	output, err := check(t, agrees, out)
	require.NoError(t, err, output)
	report, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Contains(t, string(report), "| GPU-00000000-0000-0000-0000-000000000000 | hw.power  | 200 | 200 | 200 | true |")
	assert.Contains(t, string(report), "| slow_fields |")

	output, err = check(t, strings.Replace(agrees, "200.00", "400.00", 1), out)
	require.Error(t, err)
	assert.Contains(t, output, "3 of 63 values disagree with nvidia-smi", "one of 21 values beside each of three loads")
}
