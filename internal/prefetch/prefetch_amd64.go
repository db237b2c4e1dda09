// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package prefetch

import "unsafe"

// Lines begins to bring n lines of memory, at least one, from an address on into the caches, and does not wait for them.
// The address may be any.
//
//go:noescape
func Lines(address unsafe.Pointer, n int)
