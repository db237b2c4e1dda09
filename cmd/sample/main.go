// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Command sample sends a little telemetry of a language-model service to a
// collector that runs configs/local.yaml, through OpenTelemetry's own SDK, and
// prints where each signal arrived, having looked there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	var where places
	flag.StringVar(&where.endpoint, "endpoint", "localhost:4317", "OTLP/gRPC address of the collector")
	flag.StringVar(&where.traces, "traces", "data/traces.jsonl", "file that the collector writes traces to")
	flag.StringVar(&where.logs, "logs", "data/logs.jsonl", "file that the collector writes logs to")
	flag.StringVar(&where.page, "page", "http://localhost:8889/metrics", "the collector's Prometheus page")
	flag.DurationVar(&where.wait, "wait", 15*time.Second, "how long to wait for the telemetry to arrive")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, where)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, where places) error {
	sent, err := send(ctx, where.endpoint)
	if err != nil {
		return fmt.Errorf("cannot send to %s: %w; is the collector running (make run)?", where.endpoint, err)
	}
	fmt.Printf("sent over OTLP/gRPC to %s: %d spans, %d log records, 3 metrics of %d requests\n",
		where.endpoint, sent.spans, sent.logs, sent.requests)
	return errors.Join(
		where.report(ctx, "traces", where.traces, sent, where.findTraces),
		where.report(ctx, "logs", where.logs, sent, where.findLogs),
		where.report(ctx, "metrics", where.page, sent, where.findMetrics),
	)
}
