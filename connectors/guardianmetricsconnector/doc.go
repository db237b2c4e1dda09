// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package guardianmetricsconnector counts what events and GenAI spans say into the
// metrics that dashboards and rules use.
//
// One engine serves all instances of a connector ID, so that a request that is seen
// as an event in a logs pipeline and as a span in a traces pipeline counts once.
package guardianmetricsconnector

//go:generate mdatagen metadata.yaml
