// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package anomaly says which observation of an entity is not like those before, how sure that is, and which metrics are why.
//
// # One observation
//
// An entity (a machine, a model, a specialist) has one or more metrics. An [Aligner] makes rows of their points, a row per step of
// event time; a [Rate] makes rates of counters. A [Detector] judges row after row: it scores a row against what it has learned
// before, decides, and learns from the row only then, and only if the row is calm.
//
// # Input that is not as it should be
//
// NaN and ±Inf are missing values. A row in which a metric is missing is judged by the others, as if the missing one were at its
// baseline, and is not learned from; a row without any value is not judged. A constant series is a series like others: a change of
// it counts from a floor of its scale, see [Settings]. Whatever was left out or made up is in [Tally] and [AlignTally].
//
// The package knows no clock, starts no goroutine and does not log: times are arguments, training is a value that the caller works
// off where it likes, see [Detector.Training].
package anomaly
