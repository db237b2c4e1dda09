// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http/httptest"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// runExample runs a program of examples/ against the stand-in and gives what it printed.
func runExample(t *testing.T, r *receiver, program string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	server := httptest.NewServer(r)
	defer server.Close()
	out, err := exec.CommandContext(t.Context(), path, append(args, server.URL)...).CombinedOutput()
	return string(out), err
}

func TestPythonExample(t *testing.T) {
	r := &receiver{busy: 1}
	out, err := runExample(t, r, "python3", "../../examples/python/send_events.py")
	require.NoError(t, err, out)
	assert.Equal(t, map[event.Type]int{event.TypeRequest: 1, event.TypeEvaluation: 1, event.TypePrediction: 1}, r.byType)
	assert.Contains(t, out, `{"accepted":3}`)
}

func TestPythonExampleGivesUp(t *testing.T) {
	out, err := runExample(t, &receiver{busy: 2}, "python3", "../../examples/python/send_events.py")
	require.Error(t, err)
	assert.Contains(t, out, "refused with 503: busy")
}

func TestCurlExample(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	r := &receiver{}
	out, err := runExample(t, r, "bash", "../../examples/curl.sh")
	require.NoError(t, err, out)
	assert.Len(t, r.byType, len(event.Types), "one of each kind")
	assert.NotContains(t, out, "curl:")
}
