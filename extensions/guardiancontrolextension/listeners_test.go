// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// Each folder has an effective configuration, the sockets of the process (no
// file: the system does not show them) and what is made of them.
func TestReport(t *testing.T) {
	for _, name := range []string{"local", "gateway", "odd", "unverified"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", name)
			sockets, err := readSockets(t, filepath.Join(dir, "sockets.txt"))
			r := observe(configuredEndpoints(readConf(t, filepath.Join(dir, "config.yaml"))), sockets, err)

			text := lines(component.BuildInfo{Command: "otelcol-guardian", Version: "0.1.0"}, r)
			testutil.Golden(t, filepath.Join(dir, "lines.golden"), []byte(text))
			body, err := json.MarshalIndent(r, "", "  ")
			require.NoError(t, err)
			testutil.Golden(t, filepath.Join(dir, "listening.golden.json"), append(body, '\n'))

			assert.NotContains(t, text+string(body), "secret")
		})
	}
}

func TestReportOfNothing(t *testing.T) {
	r := observe(configuredEndpoints(nil), nil, nil)
	assert.True(t, r.Verified)
	assert.NotNil(t, r.Entries, "JSON must show an empty list, not null")
	assert.Empty(t, r.Entries)
	assert.Equal(t, "c v is ready.\n", lines(component.BuildInfo{Command: "c", Version: "v"}, r))
}

func readConf(t *testing.T, path string) map[string]any {
	t.Helper()
	conf, err := confmaptest.LoadConf(path)
	require.NoError(t, err)
	return conf.ToStringMap()
}

func readSockets(t *testing.T, path string) ([]sockets.Socket, error) {
	t.Helper()
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("this system shows no sockets")
	}
	require.NoError(t, err)
	var open []sockets.Socket
	for line := range strings.Lines(string(content)) {
		open = append(open, parseSocket(t, line))
	}
	return open, nil
}

func parseSocket(t *testing.T, line string) sockets.Socket {
	t.Helper()
	network, address, _ := strings.Cut(strings.TrimSpace(line), " ")
	if network == sockets.Unix {
		return sockets.Socket{Network: network, Path: address}
	}
	addr, err := netip.ParseAddrPort(address)
	require.NoError(t, err)
	return sockets.Socket{Network: network, Addr: addr}
}

func TestReaches(t *testing.T) {
	f := func(value, addr string, want bool) {
		t.Helper()
		e := endpoint{network: sockets.TCP, value: value}
		require.True(t, e.locate())
		assert.Equal(t, want, e.reaches(parseSocket(t, "tcp "+addr)), "%s at %s", value, addr)
	}
	f("localhost:80", "127.0.0.1:80", true)
	f("localhost:80", "[::1]:80", true)
	f("localhost:80", "0.0.0.0:80", true)
	f("localhost:80", "127.0.0.1:81", false)
	f("localhost:80", "10.0.0.1:80", false)
	f("127.0.0.1:80", "127.0.0.2:80", false)
	f("127.0.0.1:80", "[::]:80", true)
	f("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true)
	f("[fe80::1%eth0]:80", "[fe80::1]:80", true)
	f("0.0.0.0:80", "[::]:80", true)
	f("0.0.0.0:80", "127.0.0.1:80", false)
	f(":80", "0.0.0.0:80", true)
	f(":80", "10.0.0.1:80", false)
	f("name.example:80", "10.0.0.1:80", true)
	f("localhost:http", "127.0.0.1:80", true)
	f("localhost:0", "127.0.0.1:80", false)
}
