// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
)

const (
	startLimit = 60 * time.Second
	stopLimit  = 30 * time.Second
	// readyLine is what the collector logs once every pipeline has started.
	readyLine = "Everything is ready."
	// portInUse is the text of EADDRINUSE as the collector's errors carry it.
	portInUse = "address already in use"
)

// CollectorConfig says how to start a collector.
type CollectorConfig struct {
	// YAML is the configuration. ${env:NAME} may refer to Ports, Env and ${env:DIR}.
	YAML string
	// Files are configuration files instead of YAML, or merged after it.
	Files []string
	// Ports are names of environment variables that each hold a port of 127.0.0.1
	// that is free for TCP and UDP. If another process takes one before the collector does, the
	// collector is started again with others.
	Ports []string
	// Env adds environment variables, as NAME=value.
	Env []string
	// Args follow --config on the command line.
	Args []string
	// Dir is the working folder, and the value of DIR; a temporary folder by default.
	Dir string
	// Binary is the path of the collector; Binary(t) by default.
	Binary string
}

// Collector is a running collector process.
type Collector struct {
	// Dir is the working folder, which also holds the configuration.
	Dir string

	config CollectorConfig
	ports  map[string]int
	cmd    *exec.Cmd
	log    *logBuffer
	done   chan struct{}
}

// StartCollector starts the real binary as a child process and returns when its
// pipelines are ready. The process ends with the test; its log is shown if the
// test failed.
func StartCollector(t testing.TB, config CollectorConfig) *Collector {
	t.Helper()
	c := newCollector(t, config)
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("log of the collector:\n%s", c.log)
		}
	})
	c.Start(t)
	return c
}

// RunCollector starts the real binary, waits for it to end by itself, as it does
// with a bad configuration, and returns its exit code and what it printed.
func RunCollector(t testing.TB, config CollectorConfig) (code int, output string) {
	t.Helper()
	c := newCollector(t, config)
	c.launch(t)
	defer c.Kill()
	select {
	case <-c.done:
	case <-time.After(startLimit):
		require.FailNow(t, "the collector did not end", "within %s; it printed:\n%s", startLimit, c.log)
	}
	return c.cmd.ProcessState.ExitCode(), c.log.String()
}

func newCollector(t testing.TB, config CollectorConfig) *Collector {
	t.Helper()
	if config.Binary == "" {
		config.Binary = Binary(t)
	}
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	c := &Collector{Dir: config.Dir, config: config, log: &logBuffer{}}
	if config.YAML != "" {
		path := filepath.Join(c.Dir, "config.yaml")
		require.NoError(t, os.WriteFile(path, []byte(config.YAML), 0o600))
		c.config.Files = append([]string{path}, config.Files...)
	}
	return c
}

// Start starts the process again after Stop or Kill, in the same folder, and
// returns when it is ready. It keeps the ports, unless another process has taken
// one meanwhile; then all of them are new.
func (c *Collector) Start(t testing.TB) {
	t.Helper()
	const attempts = 5
	for range attempts {
		c.launch(t)
		err := c.waitReady()
		if err == nil {
			return
		}
		c.Kill()
		if !strings.Contains(c.log.String(), portInUse) {
			require.NoError(t, err, "the collector did not start; its log:\n%s", c.log)
		}
		c.ports = nil
	}
	require.FailNow(t, "the collector found no free port", "after %d attempts; its log:\n%s", attempts, c.log)
}

func (c *Collector) launch(t testing.TB) {
	t.Helper()
	if c.ports == nil {
		c.ports = freePorts(t, c.config.Ports)
	}
	var args []string
	for _, file := range c.config.Files {
		args = append(args, "--config", file)
	}
	c.log.reset()
	c.cmd = exec.Command(c.config.Binary, append(args, c.config.Args...)...)
	c.cmd.Dir = c.Dir
	c.cmd.Env = append(os.Environ(), "DIR="+c.Dir)
	for name, port := range c.ports {
		c.cmd.Env = append(c.cmd.Env, fmt.Sprintf("%s=%d", name, port))
	}
	c.cmd.Env = append(c.cmd.Env, c.config.Env...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	c.cmd.SysProcAttr = childAttributes()
	require.NoError(t, c.cmd.Start(), "cannot start %s", c.config.Binary)
	c.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // ProcessState tells how it ended.
		close(done)
	}(c.cmd, c.done)
}

func (c *Collector) waitReady() error {
	select {
	case <-c.log.contains(readyLine):
		return nil
	case <-c.done:
		return fmt.Errorf("it ended with %s", c.cmd.ProcessState)
	case <-time.After(startLimit):
		return fmt.Errorf("not ready after %s", startLimit)
	}
}

// Stop asks the process to end with SIGTERM, kills it if it has not ended after
// 30 seconds, and returns its exit code (-1 when killed).
func (c *Collector) Stop(t testing.TB) int {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(t, err)
	}
	return c.Wait(t)
}

// Wait waits until the process has ended, kills it after 30 seconds, and returns
// its exit code (-1 when killed).
func (c *Collector) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(stopLimit):
		t.Errorf("the collector did not end within %s", stopLimit)
		c.Kill()
	}
	return c.cmd.ProcessState.ExitCode()
}

// Kill ends the process with SIGKILL, as a crash would, and waits for it.
func (c *Collector) Kill() {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	_ = c.cmd.Process.Kill() // It may have ended already.
	<-c.done
}

// Signal sends a signal to the process.
func (c *Collector) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(signal))
}

// PID gives the process's id.
func (c *Collector) PID() int { return c.cmd.Process.Pid }

// Port gives the port that a name of CollectorConfig.Ports stands for.
func (c *Collector) Port(name string) int { return c.ports[name] }

// Address gives host:port for a name of CollectorConfig.Ports.
func (c *Collector) Address(name string) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.ports[name]))
}

// URL gives http://host:port for a name of CollectorConfig.Ports.
func (c *Collector) URL(name string) string { return "http://" + c.Address(name) }

// Listening gives the addresses of the process's own TCP sockets that listen, on
// systems that show them: the port of a component that bound port 0 and does not
// log which one it got.
func (c *Collector) Listening(t testing.TB) []string {
	t.Helper()
	open, err := sockets.Listening(c.PID())
	require.NoError(t, err)
	var addresses []string
	for _, socket := range open {
		if socket.Network == sockets.TCP {
			addresses = append(addresses, socket.Addr.String())
		}
	}
	return addresses
}

// Log gives what the process has printed since it was last started.
func (c *Collector) Log() string { return c.log.String() }

// LogMatch waits until the process has printed a match of the expression and
// returns its first group (the port, where a component logs the one it bound),
// or the whole match if the expression has no group.
func (c *Collector) LogMatch(t testing.TB, expression string) string {
	t.Helper()
	re := regexp.MustCompile(expression)
	var match []string
	require.Eventually(t, func() bool {
		match = re.FindStringSubmatch(c.log.String())
		return match != nil
	}, startLimit, 20*time.Millisecond, "the log has no match of %s", expression)
	return match[min(1, len(match)-1)]
}

// freePorts picks a port of the loopback address for each name that is free for
// both TCP and UDP. The sockets close together at the end, so that no port is
// picked twice.
func freePorts(t testing.TB, names []string) map[string]int {
	t.Helper()
	ports := make(map[string]int, len(names))
	for _, name := range names {
		for ports[name] == 0 {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer listener.Close()
			conn, err := net.ListenPacket("udp", listener.Addr().String())
			if errors.Is(err, syscall.EADDRINUSE) {
				continue // Held for UDP only; the next listener gets another port.
			}
			require.NoError(t, err)
			defer conn.Close()
			ports[name] = listener.Addr().(*net.TCPAddr).Port
		}
	}
	return ports
}

// logBuffer keeps what a child process prints.
type logBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	waiters map[string]chan struct{}
}

// Write keeps p and wakes those who wait for a text that is now there.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.text.Write(p)
	for text, found := range b.waiters {
		if bytes.Contains(b.text.Bytes(), []byte(text)) {
			close(found)
			delete(b.waiters, text)
		}
	}
	return n, err
}

// contains returns a channel that closes when the text has been printed.
func (b *logBuffer) contains(text string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := make(chan struct{})
	if bytes.Contains(b.text.Bytes(), []byte(text)) {
		close(found)
		return found
	}
	if other, waiting := b.waiters[text]; waiting {
		return other
	}
	if b.waiters == nil {
		b.waiters = map[string]chan struct{}{}
	}
	b.waiters[text] = found
	return found
}

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
	b.waiters = nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
