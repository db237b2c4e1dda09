// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package histogram does arithmetic with the points of histograms, of explicit bounds and exponential ones: what was counted between two
// cumulative points, what several points count together, and which value a share of the observations lies below.
package histogram
