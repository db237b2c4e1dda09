// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianeventsconnector/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// reason is why a point was not used.
type reason uint8

const (
	reasonOutOfOrder reason = iota
	reasonInvalid
	reasonNoDetector
	reasons
)

var reasonNames = [reasons]string{"out_of_order", "invalid_value", "no_detector"}

// states of events, by whether the episode has ended.
var states = [...]string{event.StateRaised, event.StateClear}

// tally is a count with its attributes, under the engine's lock.
type tally struct {
	n          int64
	attributes metric.MeasurementOption
}

// telemetry is what the connector says of itself.
type telemetry struct {
	builder         *metadata.TelemetryBuilder
	points, limited [kinds]tally
	rejected        [kinds][reasons]tally
	events          [kinds][len(states)]tally
}

func newTelemetry(set component.TelemetrySettings) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	t := &telemetry{builder: builder}
	for k, kind := range kindNames {
		t.points[k].attributes = withAttributes(kind, "", "")
		t.limited[k].attributes = withAttributes(kind, "", "")
		for i, reason := range reasonNames {
			t.rejected[k][i].attributes = withAttributes(kind, "reason", reason)
		}
		for i, state := range states {
			t.events[k][i].attributes = withAttributes(kind, "state", state)
		}
	}
	return t, err
}

func withAttributes(kind, key, value string) metric.MeasurementOption {
	attributes := []attribute.KeyValue{attribute.String("kind", kind)}
	if key != "" {
		attributes = append(attributes, attribute.String(key, value))
	}
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

// report hands the tallies on.
func (t *telemetry) report() {
	for k := range kinds {
		add(t.builder.GuardianEventsPoints, &t.points[k])
		add(t.builder.GuardianEventsLimited, &t.limited[k])
		for i := range t.rejected[k] {
			add(t.builder.GuardianEventsRejectedPoints, &t.rejected[k][i])
		}
		for i := range t.events[k] {
			add(t.builder.GuardianEventsEvents, &t.events[k][i])
		}
	}
}

func add(counter metric.Int64Counter, c *tally) {
	if c.n > 0 {
		counter.Add(context.Background(), c.n, c.attributes)
		c.n = 0
	}
}

// watch makes the gauge.
func (t *telemetry) watch(e *engine) error {
	return t.builder.RegisterGuardianEventsEpisodesCallback(func(_ context.Context, observer metric.Int64Observer) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		for k := range kinds {
			observer.Observe(int64(e.episodes.open[k]), t.points[k].attributes)
		}
		return nil
	})
}
