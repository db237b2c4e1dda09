// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// health runs the sub-command with a server that answers with a status, and gives what it printed.
func health(t *testing.T, status int, body string) (stdout string, err error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // The client sees a short body.
	}))
	defer server.Close()
	return runHealth(t, server.URL)
}

func runHealth(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	command := NewHealthCommand()
	command.SetOut(&out)
	command.SetErr(io.Discard)
	command.SetArgs(args)
	err = command.ExecuteContext(t.Context())
	return out.String(), err
}

func TestHealth(t *testing.T) {
	said, err := health(t, http.StatusOK, `{"status":"Server available"}`)
	require.NoError(t, err)
	assert.JSONEq(t, `{"status":"Server available"}`, said)

	said, err = health(t, http.StatusServiceUnavailable, `{"status":"Server not available"}`)
	require.ErrorContains(t, err, `503 Service Unavailable: {"status":"Server not available"}`)
	assert.Empty(t, said)
}

func TestHealthOfNobody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	_, err := runHealth(t, url)
	require.ErrorContains(t, err, "cannot see that the collector is well")
	require.ErrorContains(t, err, url)
	_, err = runHealth(t, "no scheme")
	require.ErrorContains(t, err, "no%20scheme")
	_, err = runHealth(t, url, "and more")
	require.Error(t, err)
}
