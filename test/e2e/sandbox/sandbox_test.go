// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package sandbox

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) {
	Enter()
	testutil.VerifyNoLeaks(m)
}

// TestNothingLeaksOut writes, removes and listens in a sandbox, and sees it in Changes and not on the machine.
func TestNothingLeaksOut(t *testing.T) {
	inside := os.Getenv(stageVariable) == stageTest
	Run(t, func(box *Box) {
		require.NoError(t, os.WriteFile("/etc/new", []byte("new"), 0o600))
		require.NoError(t, os.Mkdir("/var/lib/new", 0o755))
		require.NoError(t, os.WriteFile("/etc/rewritten", nil, 0o600))
		require.NoError(t, os.Remove("/etc/rewritten"))
		hosts, err := os.ReadFile("/etc/passwd")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("/etc/passwd", hosts, 0o644), "the same as before is no change")
		require.NoError(t, os.Remove("/etc/shells"))
		assert.Equal(t, []string{"/etc/new", "/etc/shells", "/var/lib/new"}, box.Changes(t, "/etc", "/var/lib/new", "/nowhere"))

		listener, err := net.Listen("tcp", "127.0.0.1:22")
		require.NoError(t, err, "the network is its own")
		require.NoError(t, listener.Close())
		state, err := exec.Command("systemctl", "show", "--property=Version", "--value").Output()
		require.NoError(t, err, "systemd answers")
		assert.NotEmpty(t, strings.TrimSpace(string(state)))
	})
	if !inside {
		assert.NoFileExists(t, "/etc/new")
		assert.FileExists(t, "/etc/shells")
	}
}
