// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package drift says whether what goes into a model, or comes out of it, has changed: it compares windows of values with a
// reference, feature by feature.
//
// # Counting
//
// A [Reference] of numbers is a list of at most 1,024 cuts with how many of its values are at most each. A window only counts its
// values by the cells that the cuts make: between two cuts, and at a cut. That is enough for the Kolmogorov–Smirnov statistic,
// exactly, because the distribution function of the reference rises at cuts only; and PSI, Jensen–Shannon and the shares beyond
// the tails follow from the same counts. Counts against the same reference, which is known by its hash, add up. References of
// more distinct values are thinned and say how far off they are. A histogram says how many values lie below some edges, so what
// follows from it is an interval that the statistic is sure to lie in.
//
// # Judging
//
// A severity takes two things: an effect that reaches a limit, as everything is significant in a large window, and
// significance, as small windows differ by chance. p-values count dependent values for what they are worth, by the
// autocorrelation of the window and of the reference, and are corrected for the number of tests of a [Group]. A window that
// could not show anything says so, and what it could have shown.
//
// # Input that is not as it should be
//
// NaN and absent values are missing values, whose share is a test of its own. ±Inf are values beyond or at the outermost cuts. A
// constant feature, and a reference of one value, are distributions like others. A window without values, or with less than the
// least number of independent ones, is [InsufficientData]. Names of categories that the reference lacks are a test of their own
// and a column of the χ² test; a reference of more than 256 names cannot tell them from its rare ones. Features beyond the limit
// are refused and counted.
//
// The package knows no clock, starts no goroutine and does not log: times are arguments, and what was left out is in [Stats].
package drift
