// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package isolationforest compares the anomaly processor with contrib's isolationforestprocessor, the only other detector of anomalies in a
// collector: both get the same metrics through their factories, and the next consumer reads what they say. `make bench-peer` prints the tables.
//
// The peer's version is the newest that can be had as a module. Two of its faults were mended later
// (open-telemetry/opentelemetry-collector-contrib#47115): leaves never split, so that scores do not depend on values, and contamination_rate has
// no effect. mend.sh mends both in a copy, and the comparison is made with either.
package isolationforest
