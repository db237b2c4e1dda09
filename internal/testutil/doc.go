// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package testutil holds what the tests of every component share: golden files
// with -update, the component contract, the goroutine-leak check, and a runner
// that starts the real binary as a child process.
package testutil
