// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e runs the shipped configurations with the real binary against the
// real servers that package servers starts, and asks each server's own API what
// arrived. Its tests stand behind the build tag e2e; `make e2e` runs them.
package e2e
