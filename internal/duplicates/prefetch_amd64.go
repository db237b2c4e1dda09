// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import "unsafe"

// prefetch brings the memory at an address into the processor's caches, and does not wait for it.
//
//go:noescape
func prefetch(address unsafe.Pointer)
