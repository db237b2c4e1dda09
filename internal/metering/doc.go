// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package metering turns observations into a bounded number of metric series.
//
// # Use
//
//	meter, err := metering.New(metering.Config{}, definitions)
//	requests := meter.Instrument("specialist.requests")       // Nil if it is switched off.
//	requests.Add(now, &metering.Labels{"code", "success"}, 1, nil)
//	meter.Flush(now, scope.Metrics())                          // Every few seconds.
//
// A Meter is not safe for concurrent use and has no clock: every time is an argument. It is the time of arrival or emission,
// except in an [Exemplar].
//
// # What is shown
//
// A cumulative series is shown at every flush, changed or not, since a Prometheus page forgets what is not. A new counter,
// histogram or summary is shown at 0 at its first flush and has its value from the second one on: increase() compares
// samples, so it misses whatever was there before the first one. Start times are those of the first update. Gauges and
// up-down counters say what is, and do so at once.
//
// All numbers are float64, also where a counter counts requests: integers are exact up to 2^53, and a series never changes
// between two types of numbers, which some databases refuse.
//
// # What is bounded
//
// A metric has at most [Config.SeriesLimit] series. Updates that would need another one go to a series whose only attribute
// is otel.metric.overflow=true, so that totals stay right. Nobody who still reports is removed to make room. Series without
// updates go after [Config.IdleAfter] and make room; one that comes back is a new series, with a new start time, at 0
// first. The overflow series stays as long as there are others. The memory of series that are gone is kept for those to
// come.
//
// Values that no sum can take, such as NaN, are ignored and counted, see [MetricStats].
package metering
