// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package sender sends the events of a simulated cluster to a collector and
// accounts for each of them.
//
// A [Sender] takes events from a [cluster.Cluster] when they are due, writes them into batches,
// and sends these to the guardian receiver ([Guardian]), over OTLP ([OTLP]), or some here and some
// there. A batch that is refused for now is sent again with the same ids, with growing
// pauses and not before the receiver's Retry-After. The [Ledger] says what became of every
// event; an [Observer] sees the events themselves and can predict what metrics should show.
//
//	guardian, err := sender.NewGuardian(sender.GuardianOptions{Endpoint: "http://localhost:4319"})
//	s := sender.Sender{Cluster: c, Guardian: guardian, Events: 10_000}
//	report, err := s.Run(ctx)
//	err = report.Err() // nil if every event was taken
//
// It is an open loop: events are due when they happen, no matter how fast the collector
// answers; what it cannot take in time is sent as soon as it can, and Progress shows the lag.
// Events are never sent before they have happened.
package sender
