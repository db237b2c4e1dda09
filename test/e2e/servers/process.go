// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	readyTimeout   = 3 * time.Minute  // A busy two-core machine may start two JVMs at once.
	restartTimeout = 10 * time.Second // For a server that ends by itself when it is started again.
	stopTimeout    = 20 * time.Second // Then SIGKILL.
	pollInterval   = 50 * time.Millisecond
	portAttempts   = 3
	logTailBytes   = 6 << 10
)

// errExited is returned when a server ends before it was ready, most often because somebody else took its port.
var errExited = errors.New("the server ended by itself")

// Process is one server's process and what is needed to start it again.
type Process struct {
	t       testing.TB
	name    string
	args    []string
	env     []string
	user    *syscall.Credential // The test's own user when nil.
	stopBy  syscall.Signal      // What Stop sends.
	ready   func(ctx context.Context) error
	logPath string

	pid    int
	exited chan struct{} // Closed when the child is gone; nil before the first start.
}

// launch starts a server on freshly picked ports, trying other ports if it ends at once, and stops it with the test.
func launch(t testing.TB, portCount int, describe func(ports []int) *Process) *Process {
	t.Helper()
	var failures []error
	for range portAttempts {
		p := describe(freePorts(t, portCount))
		p.t = t
		begin := time.Now()
		err := p.start()
		if err == nil {
			t.Logf("%s answers after %s", p.name, time.Since(begin).Round(time.Millisecond))
			t.Cleanup(p.finish)
			return p
		}
		p.end(syscall.SIGKILL)
		failures = append(failures, fmt.Errorf("%w; its last words:\n%s", err, p.logTail()))
		if !errors.Is(err, errExited) {
			break
		}
	}
	require.NoError(t, errors.Join(failures...))
	return nil
}

// Start starts a stopped server again, on the same ports and data, and returns when its API answers. It tries for a while:
// PostgreSQL's helpers hold on to the data for a moment after their server was killed.
func (p *Process) Start() {
	p.t.Helper()
	require.False(p.t, p.Running(), "%s already runs", p.name)
	deadline := time.Now().Add(restartTimeout)
	err := p.start()
	for errors.Is(err, errExited) && time.Now().Before(deadline) {
		err = p.start()
	}
	require.NoError(p.t, err, "its last words:\n%s", p.logTail())
}

// Stop asks the server to end, kills it if it has not within 20 s, and returns when it is gone. Nothing that it
// acknowledged is lost.
func (p *Process) Stop() { p.end(p.stopBy) }

// Kill ends the server with SIGKILL and returns when it is gone.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Running says whether the server's process is there.
func (p *Process) Running() bool {
	if p.exited == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// PID is the process id of the server as it runs now, or of its last run.
func (p *Process) PID() int { return p.pid }

func (p *Process) start() error {
	if err := p.spawn(); err != nil {
		return fmt.Errorf("cannot start %s: %w", p.name, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	return p.awaitReady(ctx)
}

// spawn starts the child from a thread that lives as long as the child does: the kernel sends the parent-death signal
// when the starting thread ends, not when the whole process does.
func (p *Process) spawn() error {
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: p.user}

	started := make(chan error, 1)
	exited := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // How it ended is in its log.
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.pid, p.exited = cmd.Process.Pid, exited
	return nil
}

func (p *Process) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := p.ready(ctx)
		select {
		case <-p.exited:
			return fmt.Errorf("%s: %w", p.name, errExited)
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready after %s: %w", p.name, readyTimeout, err)
		case <-p.exited:
		case <-tick.C:
		}
	}
}

// end signals the server itself first, so that it can stop its own helpers, and the whole group when time is up.
func (p *Process) end(signal syscall.Signal) {
	if !p.Running() {
		return
	}
	if signal == syscall.SIGKILL {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		<-p.exited
		return
	}
	_ = syscall.Kill(p.pid, signal)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.t.Logf("%s ignored %s for %s: killed", p.name, signal, stopTimeout)
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		<-p.exited
	}
}

func (p *Process) finish() {
	p.Stop()
	if p.t.Failed() {
		p.t.Logf("end of the log of %s:\n%s", p.name, p.logTail())
	}
}

func (p *Process) logTail() string {
	log, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	tail := log[max(0, len(log)-logTailBytes):]
	if len(tail) == len(log) {
		return string(tail)
	}
	return string(tail[bytes.IndexByte(tail, '\n')+1:])
}

// run executes a short command to its end and returns what it wrote to standard output.
func run(t testing.TB, user *syscall.Credential, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = os.TempDir() // A folder that any user may stand in.
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	require.NoError(t, cmd.Run(), "%q said:\n%s%s", args, stdout.String(), stderr.String())
	return stdout.String()
}
