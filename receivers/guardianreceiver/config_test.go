// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/privacy"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) {
	testutil.ReceiverContract(t, NewFactory(), func(cfg component.Config) { cfg.(*Config).NetAddr.Endpoint = "localhost:0" })
}

func TestReadme(t *testing.T) { testutil.ReadmeExamples(t, NewFactory(), "receivers") }

func TestReadmeTables(t *testing.T) { testutil.ReadmeOptions(t, createDefaultConfig()) }

func load(t testing.TB, section string) (*Config, error) {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), section)
	if err != nil {
		return nil, err
	}
	return cfg.(*Config), nil
}

func loadFile(t *testing.T, name string) (*Config, error) {
	t.Helper()
	section, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return load(t, string(section))
}

// The numbers are those of the issue and of the wire contract.
func TestDefaultConfig(t *testing.T) {
	cfg, err := load(t, "")
	require.NoError(t, err)
	assert.Equal(t, "localhost:4319", cfg.NetAddr.Endpoint)
	assert.EqualValues(t, 8*1024*1024, cfg.MaxRequestBodySize)
	assert.Equal(t, 30*time.Second, cfg.ReadTimeout)
	assert.Equal(t, 10_000, cfg.Limits.Events)
	assert.Equal(t, 256*1024, cfg.Limits.EventBytes)
	assert.Equal(t, 4096, cfg.Limits.StringBytes)
	assert.Equal(t, 8192, cfg.Limits.ContentBytes)
	assert.Equal(t, 16, cfg.Limits.Depth)
	assert.Equal(t, 64, cfg.Limits.InFlight)
	assert.Equal(t, 5*time.Minute, cfg.Limits.Future)
	assert.Equal(t, 2160*time.Hour, cfg.Limits.Past)
	assert.Equal(t, 24*time.Hour, cfg.Duplicates.Window)
	assert.Equal(t, 1_000_000, cfg.Duplicates.Limit)
	assert.Equal(t, privacy.Drop, cfg.Content.Mode)
	assert.Nil(t, cfg.Storage)
}

func TestFullConfig(t *testing.T) {
	cfg, err := loadFile(t, "config.yaml")
	require.NoError(t, err)
	assert.Equal(t, "0.0.0.0:4319", cfg.NetAddr.Endpoint)
	assert.Equal(t, "file_storage/events", cfg.Storage.String())
	assert.Equal(t, LimitsConfig{
		Events: 5000, EventBytes: 65536, Attributes: 128, StringBytes: 1024, ContentBytes: 4096, Depth: 8, InFlight: 32,
		Future: time.Minute, Past: 720 * time.Hour,
	}, cfg.Limits)
	assert.Equal(t, privacy.Redacted, cfg.Content.Mode)
	assert.Equal(t, 200, cfg.Batch.Events)
}

// All faults are reported at once, each with its key, its rule and what stands there, and each once.
func TestValidateReportsEverything(t *testing.T) {
	_, err := loadFile(t, "invalid_limits.yaml")
	require.Error(t, err)
	assert.Equal(t, []string{
		`endpoint must be host:port (got "localhost"): address localhost: missing port in address`,
		"read_header_timeout must not be negative (got -2s)",
		"write_timeout must not be negative (got -3s)",
		"idle_timeout must not be negative (got -1s)",
		`compression_algorithms must be among ["" "gzip" "zstd" "zlib" "deflate" "snappy" "lz4" "x-snappy-framed"] (got ["gzip" "br"])`,
		"max_request_body_size must be positive (got 0)",
		"read_timeout must be positive (got 0s)",
		"limits::events must be positive (got 0)",
		"limits::event_bytes must be positive (got -1)",
		"limits::attributes must be positive (got 0)",
		"limits::string_bytes must be at least 12 (got 5)",
		"limits::content_bytes must be at least 12 (got 0)",
		"limits::depth must be positive (got 0)",
		"limits::in_flight must be positive (got 0)",
		"limits::future must be positive (got 0s)",
		"limits::past must be positive (got -1h0m0s)",
		"duplicates::window must be positive (got 0s)",
		"duplicates::limit must be from 1 to 1073741824 (got 2000000000)",
		"content::hash_key must have at least 16 bytes (got 5)",
		`content::key_id must have 1 to 64 letters, digits, dots, dashes or underscores (got "a b")`,
		"content::patterns::1 must be a regular expression (got \"(\"): error parsing regexp: missing closing ): `(`",
		"batch::events must be positive (got 0)",
		"retry_after must be positive (got 0s)",
	}, strings.Split(err.Error(), "\n"))
}

func TestConfigRefuses(t *testing.T) {
	f := func(section, want string) {
		t.Helper()
		_, err := load(t, section)
		require.EqualError(t, err, want, section)
	}
	f("endpoint: ''", "endpoint is required: host:port, or the path of a unix socket")
	f("endpoint: localhost:http", `endpoint must have a port from 0 to 65535 (got "localhost:http")`)
	f("transport: udp", `transport must be tcp, tcp4, tcp6 or unix (got "udp")`)
	f("content: {mode: hashed}", `content::mode must be drop, hash, redacted or full (got "hashed")`)
	f("content: {hash_key: 0123456789abcdef}", "content::hash_key is for the mode hash (got one for drop)")
	f("content: {mode: full, key_id: k1}", `content::key_id is for the mode hash (got "k1" for full)`)
	_, err := loadFile(t, "invalid_key.yaml")
	require.ErrorContains(t, err, "event")
}
