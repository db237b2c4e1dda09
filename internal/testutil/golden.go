// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// Golden compares got with the file at path, or writes the file when the test
// runs with -update.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	golden(t, path, got, *update)
}

func golden(t testing.TB, path string, got []byte, update bool) {
	t.Helper()
	if update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write the golden file")
	require.Equal(t, string(want), string(got), "differs from %s; run with -update if the change is meant", path)
}

// GoldenMetrics compares metrics with an OTLP JSON file. The order counts: sort
// before, where a component does not promise one.
func GoldenMetrics(t testing.TB, path string, got pmetric.Metrics) {
	t.Helper()
	body, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(got)
	require.NoError(t, err)
	Golden(t, path, indented(t, body))
}

// GoldenLogs compares logs with an OTLP JSON file.
func GoldenLogs(t testing.TB, path string, got plog.Logs) {
	t.Helper()
	body, err := (&plog.JSONMarshaler{}).MarshalLogs(got)
	require.NoError(t, err)
	Golden(t, path, indented(t, body))
}

// GoldenTraces compares traces with an OTLP JSON file.
func GoldenTraces(t testing.TB, path string, got ptrace.Traces) {
	t.Helper()
	body, err := (&ptrace.JSONMarshaler{}).MarshalTraces(got)
	require.NoError(t, err)
	Golden(t, path, indented(t, body))
}

// ReadLogs reads logs written as OTLP JSON.
func ReadLogs(t testing.TB, path string) plog.Logs {
	t.Helper()
	logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(readFile(t, path))
	require.NoError(t, err, "cannot decode %s", path)
	return logs
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	return body
}

func indented(t testing.TB, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, body, "", "  "))
	out.WriteByte('\n')
	return out.Bytes()
}
