// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package driftprocessor says whether what goes into a model, or comes out of it, has changed: it compares windows of what passes
// with references, and adds its verdicts to the stream, as events in logs pipelines and as metrics in metrics pipelines.
//
// A batch goes through these hands: a log reader or a point reader (logs.go, points.go) extracts what the monitors need, into the
// rows of their groups (monitor.go, group.go); the batch goes on to the next consumer; once that has accepted it, the engine
// (engine.go) commits the rows to internal/drift, which judges the windows that end; and an output (events.go, gauges.go) makes
// events or metrics of the verdicts and sends them in calls of its own. References from files are read by a goroutine of its own
// (references.go).
package driftprocessor

//go:generate mdatagen metadata.yaml
