// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package anomaly says which observation of an entity is not like those before, how sure that is, and which metrics are why.
//
// # One observation
//
// An entity (a machine, a model, a specialist) has one or more metrics. An [Aligner] makes rows of their points, a row per step of
// event time. A [Detector] judges row after row: it scores a row against what it has learned
// before, decides, and learns from the row only then, and only if the row is calm.
//
// # Scoring
//
// An isolation forest is scikit-learn's, split by split. As it cannot see how far beyond its training rows a row lies, that distance is
// added. A principal component analysis measures T² and Q, the robust z and the exponentially weighted one how far a metric is from its
// centre. With a [Season], a metric has a level and a scale for every phase that returns, and rows are judged by how far they are from those.
//
// # Deciding
//
// A score is compared with those of recent calm rows: the conformal p-value decides, at a rate that the user states. A rate beyond what the
// number of calm scores can show is decided by the shape of their tail, which mostly errs on the safe side, and [Verdict] says so. Scores that come in
// clusters, as of series that depend on their past, count as clusters. Calm scores are those of rows that a model had not seen: the
// first ones are made by models of the other parts of the training rows. Anomalies are not learned from, but when they last, or come back for more
// than a tenth of the time, they are as normal as what was before.
//
// # Input that is not as it should be
//
// NaN, ±Inf and what is beyond 1e150 are missing values. A row in which a metric is missing is judged by the others, as if the missing one were at its
// baseline, and is not learned from; a row without any value is not judged. A constant series is a series like others: a change of
// it counts from a floor of its scale, see [Settings]. Whatever was left out or made up is in [Tally] and [AlignTally].
//
// The package knows no clock, starts no goroutine and does not log: times are arguments, training is a value that the caller works
// off where it likes, see [Detector.Training].
package anomaly
