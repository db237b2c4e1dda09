// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package alerting knows what stands between an event and the alert that people get, and what Prometheus' rule engine does not do
// for us: the identity of an alert ([Labels]), what makes it begin, grow worse and end ([Notice]), and which alerts are in force
// ([Table]), so that they can be told again before whoever was told forgets them.
//
// The package has no clock: the time is an argument.
package alerting
