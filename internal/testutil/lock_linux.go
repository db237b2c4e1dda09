// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"os"
	"syscall"
)

// lock waits until no other process holds a lock on the file and takes it. The
// lock ends when the file is closed, or with the process.
func lock(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}
