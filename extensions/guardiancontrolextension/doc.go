// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package guardiancontrolextension says in plain lines what listens where once
// the pipelines are ready, and serves a local admin surface, off by default,
// that other components register with through internal/admin.
//
// What it says is the effective configuration checked against the sockets that
// the process really has, so a line never claims a port that is not open.
package guardiancontrolextension

//go:generate mdatagen metadata.yaml
