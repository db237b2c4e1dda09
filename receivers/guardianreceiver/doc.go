// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package guardianreceiver takes events as JSON over HTTP from applications that
// have no OpenTelemetry SDK, and makes log events of them, with the vocabulary of
// internal/event. It translates; it judges and counts nothing.
//
// A request goes through these hands: the surface (surface.go) gives it a
// correlation id and sees to it that every error is answered as a problem; the
// routes (routes.go) find out what its body is (form.go); an intake (intake.go)
// decodes the events, drops those that have come before (seen.go), gathers the
// others in a part (part.go) and hands that to the next consumer; the answer
// (answer.go) tells what became of each.
package guardianreceiver

//go:generate mdatagen metadata.yaml
