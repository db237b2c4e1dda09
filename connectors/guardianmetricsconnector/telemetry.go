// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianmetricsconnector/internal/metadata"
)

// telemetry is what the connector says of itself. Counts are gathered during a batch,
// under the engine's lock, and handed on at its end.
type telemetry struct {
	builder    *metadata.TelemetryBuilder
	events     map[string]*tally
	duplicates map[string]*tally
	limits     map[string]*tally
	rejections map[rejection]*tally
	untiered   int64
}

// tally is a count with its labels. Their values are names from code and the
// vocabulary, so there are few.
type tally struct {
	n          int64
	attributes metric.MeasurementOption
}

type rejection struct{ event, reason string }

func newTelemetry(set component.TelemetrySettings) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	return &telemetry{
		builder: builder, events: map[string]*tally{}, duplicates: map[string]*tally{}, limits: map[string]*tally{}, rejections: map[rejection]*tally{},
	}, err
}

// count adds to the tally of a key.
func count[K comparable](tallies map[K]*tally, key K, n int, attributes func(K) []attribute.KeyValue) {
	entry := tallies[key]
	if entry == nil {
		entry = &tally{attributes: metric.WithAttributeSet(attribute.NewSet(attributes(key)...))}
		tallies[key] = entry
	}
	entry.n += int64(n)
}

func eventLabel(name string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("event", name)}
}

func tableLabel(name string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("table", name)}
}

func rejectionLabels(r rejection) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("event", r.event), attribute.String("reason", r.reason)}
}

func (t *telemetry) counted(event string, n int) { count(t.events, event, n, eventLabel) }
func (t *telemetry) duplicate(event string)      { count(t.duplicates, event, 1, eventLabel) }
func (t *telemetry) limited(table string)        { t.limitedBy(table, 1) }
func (t *telemetry) unlabelled()                 { t.untiered++ }

func (t *telemetry) limitedBy(table string, n int) { count(t.limits, table, n, tableLabel) }

func (t *telemetry) rejected(event, reason string) {
	count(t.rejections, rejection{event, reason}, 1, rejectionLabels)
}

// report hands the tallies on.
func (t *telemetry) report() {
	ctx := context.Background()
	reportTallies(ctx, t.events, t.builder.GuardianMetricsEvents)
	reportTallies(ctx, t.duplicates, t.builder.GuardianMetricsDuplicates)
	reportTallies(ctx, t.limits, t.builder.GuardianMetricsLimited)
	reportTallies(ctx, t.rejections, t.builder.GuardianMetricsRejectedValues)
	if t.untiered > 0 {
		t.builder.GuardianMetricsUnlabelled.Add(ctx, t.untiered)
		t.untiered = 0
	}
}

func reportTallies[K comparable](ctx context.Context, tallies map[K]*tally, counter metric.Int64Counter) {
	for _, entry := range tallies {
		if entry.n > 0 {
			counter.Add(ctx, entry.n, entry.attributes)
			entry.n = 0
		}
	}
}

func (t *telemetry) checkpointFailure(ctx context.Context) {
	t.builder.GuardianMetricsCheckpointFailures.Add(ctx, 1)
}

func (t *telemetry) flushFailures(ctx context.Context) {
	t.builder.GuardianMetricsFlushFailures.Add(ctx, 1)
}

// stats is a picture of what is bounded.
type stats struct {
	entries    map[string]int    // by table
	series     map[string]int    // by metric
	overflowed map[string]uint64 // by metric
}

// watch makes the gauges of what is bounded.
func (t *telemetry) watch(look func() stats) error {
	byName := func(key string) func(string) metric.ObserveOption {
		return func(name string) metric.ObserveOption { return metric.WithAttributes(attribute.String(key, name)) }
	}
	table, name := byName("table"), byName("metric")
	return errors.Join(
		t.builder.RegisterGuardianMetricsEntriesCallback(func(_ context.Context, observer metric.Int64Observer) error {
			for key, n := range look().entries {
				observer.Observe(int64(n), table(key))
			}
			return nil
		}),
		t.builder.RegisterGuardianMetricsSeriesCallback(func(_ context.Context, observer metric.Int64Observer) error {
			for key, n := range look().series {
				observer.Observe(int64(n), name(key))
			}
			return nil
		}),
		t.builder.RegisterGuardianMetricsOverflowedPointsCallback(func(_ context.Context, observer metric.Int64Observer) error {
			for key, n := range look().overflowed {
				observer.Observe(int64(n), name(key))
			}
			return nil
		}),
	)
}

func (t *telemetry) shutdown() { t.builder.Shutdown() }

// stats takes the picture.
func (e *engine) stats() stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.counts
	taken := stats{
		entries: map[string]int{
			"duplicates":    c.seen.table.Stats().Done,
			tableHeld:       c.tiers.holding,
			tableEarly:      len(c.tiers.early),
			"open_requests": len(c.open.byID),
			"improvements":  len(c.improvements.byID),
			"tenants":       c.tenantNames.len(),
			"classes":       c.classNames.len(),
			"features":      c.features.len(),
		},
		series:     map[string]int{},
		overflowed: map[string]uint64{},
	}
	for _, metric := range c.meter.Stats().Metrics {
		taken.series[metric.Name] = metric.Series
		taken.overflowed[metric.Name] = metric.Overflowed
	}
	return taken
}
