// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !amd64

package duplicates

import "unsafe"

// prefetch does nothing where it has not been measured.
func prefetch(unsafe.Pointer) {}
