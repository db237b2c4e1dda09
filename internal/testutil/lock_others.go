// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package testutil

import "os"

// lock does nothing where the standard library cannot lock a file everywhere:
// set OTELCOL_GUARDIAN there when several packages are tested at once.
func lock(*os.File) error { return nil }
