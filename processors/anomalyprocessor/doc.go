// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package anomalyprocessor says which points of metrics are not like those before, of which machine, model or specialist, and why.
//
// A batch goes through these hands: a reader (reader.go) extracts the points that the detectors look at; the batch goes on to the next
// consumer; once that has accepted it, the engine (engine.go) commits them: a series (series.go) makes rates and means of its points, an
// entity (entity.go) folds its series into metrics, aligns those in time, and has internal/anomaly judge the rows; the output
// (output.go) makes metrics of the verdicts, which are sent in calls of their own. Models are trained by a goroutine of its own
// (trainer.go).
package anomalyprocessor

//go:generate mdatagen metadata.yaml
