// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package httpserver

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
)

func TestFaults(t *testing.T) {
	f := func(change func(*confighttp.ServerConfig), want ...string) {
		t.Helper()
		c := confighttp.NewDefaultServerConfig()
		c.NetAddr.Endpoint = "localhost:0"
		change(&c)
		err := errors.Join(Faults("admin::", &c)...)
		if len(want) == 0 {
			require.NoError(t, err)
			return
		}
		require.EqualError(t, err, strings.Join(want, "\n"))
	}
	f(func(*confighttp.ServerConfig) {})
	f(func(c *confighttp.ServerConfig) { c.NetAddr.Endpoint = "[::1]:4319" })
	f(func(c *confighttp.ServerConfig) {
		c.NetAddr.Transport, c.NetAddr.Endpoint = "unix", "/run/guardian.sock"
	})
	f(func(c *confighttp.ServerConfig) { c.CompressionAlgorithms = algorithms })
	f(func(c *confighttp.ServerConfig) { c.NetAddr.Endpoint = "" }, "admin::endpoint is required: host:port, or the path of a unix socket")
	f(func(c *confighttp.ServerConfig) { c.NetAddr.Transport = "udp" }, `admin::transport must be tcp, tcp4, tcp6 or unix (got "udp")`)
	f(func(c *confighttp.ServerConfig) {
		c.NetAddr.Endpoint, c.ReadHeaderTimeout, c.WriteTimeout, c.IdleTimeout = "localhost", -time.Second, -2*time.Second, -3*time.Second
		c.CompressionAlgorithms = []string{"gzip", "br"}
	},
		`admin::endpoint must be host:port (got "localhost"): address localhost: missing port in address`,
		"admin::read_header_timeout must not be negative (got -1s)",
		"admin::write_timeout must not be negative (got -2s)",
		"admin::idle_timeout must not be negative (got -3s)",
		`admin::compression_algorithms must be among ["" "gzip" "zstd" "zlib" "deflate" "snappy" "lz4" "x-snappy-framed"] (got ["gzip" "br"])`)
	f(func(c *confighttp.ServerConfig) { c.NetAddr.Endpoint = "localhost:65536" }, `admin::endpoint must have a port from 0 to 65535 (got "localhost:65536")`)
}

// The algorithms are those that confighttp has a decoder for: of each it can read a body, or say that it is none.
func TestAlgorithmsAreThoseOfConfighttp(t *testing.T) {
	c := confighttp.NewDefaultServerConfig()
	c.CompressionAlgorithms = algorithms
	server, err := c.ToServer(t.Context(), nil, componenttest.NewNopTelemetrySettings(), http.NotFoundHandler())
	require.NoError(t, err)
	for _, name := range algorithms {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte("x")))
		r.Header.Set("Content-Encoding", name)
		assert.NotPanics(t, func() { server.Handler.ServeHTTP(httptest.NewRecorder(), r) }, name)
	}
}
