// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// endpointsOf finds the endpoints of one exporter.
func endpointsOf(id, value string) []endpoint {
	return configuredEndpoints(map[string]any{
		"exporters": map[string]any{id: map[string]any{"endpoint": value}},
		"service":   map[string]any{"pipelines": map[string]any{"traces": map[string]any{"exporters": []any{id}}}},
	})
}

func TestAddressedRight(t *testing.T) {
	f := func(id, value string) {
		t.Helper()
		assert.NoError(t, misaddressed(endpointsOf(id, value)))
	}
	f("otlp_grpc", "localhost:4317")
	f("otlp_grpc", "collector")
	f("otlp_grpc", "[::1]:4317")
	f("otlp_grpc", "dns:///collector:4317")
	f("otlp_grpc", "https://collector:4317")
	f("otlp_http", "http://localhost:4318")
	f("otlp_http/two", "https://collector/otlp")
	f("prometheus_remote_write", "http://prometheus:9090/api/v1/write")
	f("influxdb", "")
	f("redis", "redis:redis")
}

func TestAddressedWrong(t *testing.T) {
	f := func(id, value, want string) {
		t.Helper()
		require.ErrorContains(t, misaddressed(endpointsOf(id, value)), want)
	}
	f("otlp_http", "localhost:4318", `exporters::otlp_http::endpoint must be a URL, such as http://host:port (got "localhost:4318")`)
	f("otlp_http/two", "http//x", `exporters::otlp_http/two::endpoint must be a URL, such as http://host:port`)
	f("otlp_grpc", "localhost:99999", `exporters::otlp_grpc::endpoint must have a port up to 65535 (got "localhost:99999")`)
	f("otlp_http", "http://localhost:99999", `exporters::otlp_http::endpoint must be a URL with a host and a port up to 65535`)
	f("influxdb", "http://user:secret@influx:99999", `(got "http://influx:99999")`)
}
