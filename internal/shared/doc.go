// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package shared gives the instances of one component one engine.
//
// The collector makes an instance of a receiver or connector for each signal or
// pair of signals, and an instance of a processor for each pipeline. What must be
// known once (a request seen as span and as event, an objective, a GPU) lives in
// an engine that all instances with the same component ID share: the first Start
// opens it, the last Shutdown closes it, and creating an instance does nothing
// yet, because `validate` creates every component without starting it.
package shared
