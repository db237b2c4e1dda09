// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package testutil

import "syscall"

func childAttributes() *syscall.SysProcAttr { return nil }
