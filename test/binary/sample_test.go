// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package binary

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// `make sample` shows a newcomer each signal where `make run` puts it.
func TestSampleArrives(t *testing.T) {
	program := buildSample(t)
	collector := testutil.StartCollector(t, local(t, testutil.StartSink(t)))
	code, stdout, stderr := runSample(t, program,
		"-endpoint", collector.Address("OTLP_GRPC"),
		"-traces", filepath.Join(collector.Dir, "data", "traces.jsonl"),
		"-logs", filepath.Join(collector.Dir, "data", "logs.jsonl"),
		"-page", collector.URL("PAGE")+"/metrics")
	require.Zero(t, code, stderr)
	assert.Empty(t, stderr)
	for _, arrived := range []string{
		`traces   arrived in \S+traces\.jsonl +40 spans, the first in trace [0-9a-f]{32}`,
		`logs     arrived in \S+logs\.jsonl +20 records`,
		`metrics  arrived in \S+/metrics +gen_ai_client_operation_duration_seconds_count 20`,
	} {
		assert.Regexp(t, arrived, stdout)
	}
}

// Without a collector it says once where it looked and what to run.
func TestSampleWithoutCollector(t *testing.T) {
	program := buildSample(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	code, stdout, stderr := runSample(t, program, "-endpoint", address)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	assert.Contains(t, stderr, "sample: cannot send to "+address+": ")
	assert.Contains(t, stderr, "is the collector running (make run)?")
}

// buildSample builds the command: `go run` would hide its exit code.
func buildSample(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sample")
	build := exec.Command("go", "build", "-o", program, "./cmd/sample")
	build.Dir = testutil.Root(t)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "cannot build cmd/sample: %s", out)
	return program
}

func runSample(t *testing.T, program string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	command := exec.CommandContext(t.Context(), program, args...)
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return command.ProcessState.ExitCode(), out.String(), problems.String()
}
