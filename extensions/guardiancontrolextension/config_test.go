// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) {
	testutil.ExtensionContract(t, NewFactory())
}

// load reads a section as the collector does.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), text)
	if err != nil {
		return nil, err
	}
	return cfg.(*Config), nil
}

func TestDefaultConfig(t *testing.T) {
	cfg, err := load(t, "")
	require.NoError(t, err)
	assert.True(t, cfg.Announce)
	assert.False(t, cfg.Admin.HasValue(), "the admin surface must be off unless asked for")
}

func TestAdminDefaults(t *testing.T) {
	f := func(text string) {
		t.Helper()
		cfg, err := load(t, text)
		require.NoError(t, err)
		require.True(t, cfg.Admin.HasValue())
		admin := cfg.Admin.Get()
		assert.Equal(t, "localhost:55691", admin.NetAddr.Endpoint)
		assert.Equal(t, 10*time.Second, admin.ReadTimeout)
		assert.Equal(t, 5*time.Second, admin.ReadHeaderTimeout)
		assert.Equal(t, 30*time.Second, admin.WriteTimeout)
		assert.EqualValues(t, 1<<20, admin.MaxRequestBodySize)
		assert.False(t, admin.CORS.HasValue())
	}
	f("admin:")
	f("admin: {}")
}

func TestConfigTakes(t *testing.T) {
	f := func(text string) {
		t.Helper()
		_, err := load(t, text)
		assert.NoError(t, err, text)
	}
	f("announce: false")
	f("admin: {enabled: false, endpoint: nonsense}")
	f("admin: {endpoint: ':0'}")
	f("admin: {endpoint: '[::1]:55691', read_timeout: 0s}")
	f("admin: {transport: unix, endpoint: /run/guardian.sock}")
}

func TestConfigRefuses(t *testing.T) {
	f := func(text string, faults ...string) {
		t.Helper()
		_, err := load(t, text)
		require.EqualError(t, err, strings.Join(faults, "\n"), text)
	}
	f("admin: {endpoint: ''}", "admin::endpoint is required: host:port, or the path of a unix socket")
	f("admin: {endpoint: localhost}", `admin::endpoint must be host:port (got "localhost"): address localhost: missing port in address`)
	f("admin: {endpoint: 'localhost:65536'}", `admin::endpoint must have a port from 0 to 65535 (got "localhost:65536")`)
	f("admin: {transport: udp}", `admin::transport must be tcp, tcp4, tcp6 or unix (got "udp")`)
	f("admin: {endpoint: 'localhost:http', read_timeout: -1s, read_header_timeout: -2s, write_timeout: -3s, idle_timeout: -4s, max_request_body_size: -1, compression_algorithms: [br]}",
		`admin::endpoint must have a port from 0 to 65535 (got "localhost:http")`,
		"admin::read_header_timeout must not be negative (got -2s)",
		"admin::write_timeout must not be negative (got -3s)",
		"admin::idle_timeout must not be negative (got -4s)",
		`admin::compression_algorithms must be among ["" "gzip" "zstd" "zlib" "deflate" "snappy" "lz4" "x-snappy-framed"] (got ["br"])`,
		"admin::read_timeout must not be negative (got -1s)",
		"admin::max_request_body_size must not be negative (got -1)")
}

func TestUnknownKeysAreErrors(t *testing.T) {
	for text, key := range map[string]string{"anounce: true": "anounce", "admin: {port: 1}": "port"} {
		_, err := load(t, text)
		require.ErrorContains(t, err, key)
	}
}

func TestREADME(t *testing.T) { testutil.ReadmeExamples(t, NewFactory(), "extensions") }

// The README's table of options gives the defaults that the code has.
func TestREADMEOptions(t *testing.T) {
	cfg, err := load(t, "admin:")
	require.NoError(t, err)
	testutil.ReadmeOptions(t, cfg)
}
