// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Command basebench measures the speed and the memory of a collector binary and prints a table: start-up, idle memory, binary
// size, and the CPU time and allocations that a million spans, log records and data points cost on their way from OTLP to OTLP.
//
//	go build -o /tmp/collector . && go run ./cmd/basebench -binary /tmp/collector
//
// Each repetition is a whole life of the process: start, settle, one window of load per route and signal, stop. The collector has
// one core and GOMAXPROCS=1, the load and the sink share another. Load is a closed loop, which keeps the collector's core busy, so
// that CPU time per item, the measure that noisy neighbours disturb least, is that of a collector at work. The arms change
// places from one repetition to the next; several binaries (-binary given more than once) take turns within each.
// Windows in which other processes used more than a twentieth of the two cores are flagged, and left out of the medians of time while
// there are others.
//
// The command fails if an item is refused, missing or duplicated, or if the collector dies. It needs Linux.
package main
