// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !cgo || !linux

package driver

// Supported says whether this binary can read GPUs.
const Supported = false

// New gives nil: this binary was built without GPU support.
func New(string) Library { return nil }
