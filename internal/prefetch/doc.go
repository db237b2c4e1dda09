// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package prefetch has memory brought into the processor's caches while something else is done.
package prefetch

// LineSize is the bytes of a line of the caches of most processors.
const LineSize = 64
