// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package sandbox runs a test as a service of a real systemd in a copy of this machine that nobody else sees: its own
// files (what is written goes to memory), network (with a loopback interface only), processes and host name. In there a
// test installs packages and listens on the usual ports; nothing of it is left on the machine.
//
// It takes Linux, root and systemd.
package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// testVariable names the test that a process is to run in a sandbox; roomVariable the folder that it shares with the
	// process outside; stageVariable how far it is.
	testVariable  = "GUARDIAN_SANDBOX_TEST"
	roomVariable  = "GUARDIAN_SANDBOX_ROOM"
	stageVariable = "GUARDIAN_SANDBOX_STAGE"

	stageSetup = "setup"
	stageTest  = "test"
)

// Box is the sandbox that a test runs in.
type Box struct{ room string }

// Run runs body in a sandbox. The calling test must be one of a package whose TestMain calls Enter.
func Run(t *testing.T, body func(box *Box)) {
	t.Helper()
	if os.Getenv(stageVariable) == stageTest {
		require.Equal(t, os.Getenv(testVariable), t.Name())
		body(&Box{room: os.Getenv(roomVariable)})
		return
	}
	require.Zero(t, os.Geteuid(), "a sandbox needs root")
	room := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), testVariable+"="+t.Name(), roomVariable+"="+room, stageVariable+"="+stageSetup)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP,
		Pdeathsig:  syscall.SIGKILL,
	}
	setup, err := cmd.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(room, "log")) // It is missing where the setup failed, which err tells.
	if err != nil {
		t.Errorf("in the sandbox: %v\n%s%s", err, setup, log)
		return
	}
	require.Contains(t, string(log), "--- PASS: "+t.Name(), "%s%s", setup, log)
	t.Logf("in the sandbox:\n%s", log)
}

// Changes gives what differs between the sandbox's files and the machine's below the given folders, as paths: files that are
// new or hold something else, and what is gone. Folders count only when they are new.
func (b *Box) Changes(t *testing.T, folders ...string) []string {
	t.Helper()
	upper, machine := filepath.Join(b.room, "changes"), filepath.Join(b.room, "machine")
	var changed []string
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(upper, folder), func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil // nothing has changed below this folder
			}
			if err != nil {
				return err
			}
			place := strings.TrimPrefix(path, upper)
			if !sameThing(path, filepath.Join(machine, place), entry) {
				changed = append(changed, place)
			}
			return nil
		})
		require.NoError(t, err)
	}
	slices.Sort(changed)
	return changed
}

// sameThing says whether what the overlay holds equals what lies below it.
func sameThing(upper, lower string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeCharDevice != 0 {
		_, err := os.Lstat(lower)
		return os.IsNotExist(err) // a whiteout over nothing
	}
	below, err := os.Lstat(lower)
	if err != nil || below.Mode() != mustInfo(entry).Mode() {
		return false
	}
	if !entry.Type().IsRegular() {
		return true
	}
	a, errA := os.ReadFile(upper)
	b, errB := os.ReadFile(lower)
	return errA == nil && errB == nil && string(a) == string(b)
}

func mustInfo(entry fs.DirEntry) fs.FileInfo {
	info, err := entry.Info()
	if err != nil {
		panic(fmt.Sprintf("%s went away while it was looked at: %v", entry.Name(), err))
	}
	return info
}
