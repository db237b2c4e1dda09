// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package anomalytest holds what detectors of anomalies are measured by: streams without anomalies, and the scores of public data sets
// with them. It knows no detector.
package anomalytest
