// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix || solaris || aix

package checkpoint

import "os"

// lockFile does nothing where the lock that bbolt takes is of another kind: bbolt itself then refuses a file in use.
func lockFile(*os.File) error { return nil }
