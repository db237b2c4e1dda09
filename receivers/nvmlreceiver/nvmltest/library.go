// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package nvmltest builds a library of the NVIDIA driver that has no GPUs and
// says that it has eight, for tests of whole processes. It needs a C compiler.
//
// A process binds the functions of the first such library that it loads, for
// good: give each library a process of its own.
package nvmltest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/libnvidia-ml.c
var source []byte

// ControlVariable is the environment variable that names the file of a Control.
const ControlVariable = "NVMLTEST_CONTROL"

// Library builds the library without some of its functions, as an older driver
// lacks them, and gives its path.
func Library(t testing.TB, missing ...string) string {
	t.Helper()
	object, err := compile()
	require.NoError(t, err)
	dir := t.TempDir()
	path, script, code := filepath.Join(dir, "libnvidia-ml.so.1"), filepath.Join(dir, "symbols"), filepath.Join(dir, "libnvidia-ml.o")
	require.NoError(t, os.WriteFile(code, object, 0o600))
	hidden := ""
	if len(missing) > 0 {
		hidden = " local: " + strings.Join(missing, "; ") + ";"
	}
	require.NoError(t, os.WriteFile(script, []byte("{ global: *;"+hidden+" };\n"), 0o600))
	output, err := exec.CommandContext(t.Context(), "cc", "-shared", "-o", path, code, "-Wl,--version-script="+script, "-lpthread").CombinedOutput()
	require.NoError(t, err, "%s", output)
	return path
}

// compile makes the object file, once in a process.
var compile = sync.OnceValues(func() ([]byte, error) {
	header, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/NVIDIA/go-nvml").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot find nvml.h: %w", err)
	}
	dir, err := os.MkdirTemp("", "nvmltest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // At worst a small file stays.
	code, object := filepath.Join(dir, "libnvidia-ml.c"), filepath.Join(dir, "libnvidia-ml.o")
	if err := os.WriteFile(code, source, 0o600); err != nil {
		return nil, err
	}
	output, err := exec.Command("cc", "-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations", "-O2", "-fPIC", "-c", "-o", object, code,
		"-I", filepath.Join(strings.TrimSpace(string(header)), "pkg", "nvml")).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("cannot compile the library: %w: %s", err, output)
	}
	return os.ReadFile(object)
})

// Control changes what the library does, also while a process uses it. Give the
// process the environment variable that Env names.
type Control struct {
	t    testing.TB
	path string

	mu       sync.Mutex
	orders   []string
	sequence int
}

// NewControl makes a control that orders nothing yet.
func NewControl(t testing.TB) *Control {
	t.Helper()
	c := &Control{t: t, path: filepath.Join(t.TempDir(), "control")}
	c.Order()
	return c
}

// Env is the variable for the environment of the process.
func (c *Control) Env() string { return ControlVariable + "=" + c.path }

// Order replaces all orders. They are listed at the top of the library's source,
// such as "lost 3".
func (c *Control) Order(orders ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.orders = orders
	c.write()
}

// XID makes an error happen, beside the orders that hold.
func (c *Control) XID(gpu, code int) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sequence++
	c.orders = append(c.orders[:len(c.orders):len(c.orders)], fmt.Sprintf("xid %d %d %d", c.sequence, gpu, code))
	c.write()
}

// write replaces the file in one step: the library reads it at any time.
func (c *Control) write() {
	c.t.Helper()
	text := strings.Join(c.orders, "\n") + "\n"
	require.NoError(c.t, os.WriteFile(c.path+".new", []byte(text), 0o600))
	require.NoError(c.t, os.Rename(c.path+".new", c.path))
}
