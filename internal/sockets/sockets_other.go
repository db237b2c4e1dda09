// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sockets

import (
	"errors"
	"runtime"
)

// Listening always fails: this system has no way to list sockets that needs
// neither cgo nor special rights.
func Listening(int) ([]Socket, error) {
	return nil, errors.New(runtime.GOOS + " does not show the sockets of a process")
}
