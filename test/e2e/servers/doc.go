// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package servers runs the real backends for the end-to-end tests: each Start function starts one server as a child of
// the test process, on loopback, with a data folder of its own, waits until its API answers, and stops it when the test
// ends. Stop, Kill and Start on what it returns make outages: the server comes back on the same ports with the same data.
//
// A server that is not installed fails the test and names scripts/e2e-deps.sh, which installs it; nothing is skipped.
package servers
