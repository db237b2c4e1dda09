// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpload sends OTLP into a collector and accounts for every item that comes out.
//
// A [Payload] is OTLP marshalled once from a seed. Each span, log record and data point in it carries a ledger
// id, the integer attribute [IDKey]. A [Sender] patches fresh ids into a copy of the payload, so that sending costs little
// more than copying bytes, and writes into a [Ledger] which ids were sent and which of them the server accepted. A [Sink]
// is an OTLP server that marks the ids that reach it in [Receipts]; it never pushes back unless told to fail.
// [Ledger.Balance] compares the two: accepted, delivered, duplicates, missing.
//
//	sink, err := otlpload.NewSink()
//	…start a collector that exports to sink.GRPCEndpoint()…
//	client, err := otlpload.NewClient(otlpload.GRPC, collectorEndpoint)
//	payload, err := otlpload.NewPayload(otlpload.Logs, otlpload.PayloadOptions{Seed: 1, Items: 1000, Attributes: 4})
//	ledger := otlpload.NewLedger()
//	stats := otlpload.Sender{Client: client, Payload: payload, Ledger: ledger, Requests: 20}.Run(ctx)
//	balance, err := ledger.Settle(ctx, sink.Receipts(otlpload.Logs))
//	err = balance.Complete()
//
// The package is for tests and benchmarks; servers listen on the loopback interface only.
package otlpload
