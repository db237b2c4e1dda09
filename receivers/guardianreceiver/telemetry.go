// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/receivers/guardianreceiver/internal/metadata"
)

// telemetry is the receiver's own.
type telemetry struct {
	*metadata.TelemetryBuilder
	types [kinds]metric.MeasurementOption
}

func newTelemetry(builder *metadata.TelemetryBuilder) *telemetry {
	t := &telemetry{TelemetryBuilder: builder}
	for i, name := range event.Types {
		t.types[i] = with(attribute.String("type", string(name)))
	}
	return t
}

func with(attributes ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

// observe publishes what the table and the requests in flight amount to.
func (t *telemetry) observe(table *duplicates.Table, flight *flight) error {
	expired, displaced := with(attribute.String("reason", "expired")), with(attribute.String("reason", "displaced"))
	return errors.Join(
		t.RegisterGuardianReceiverDuplicateKeysCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(table.Stats().Done))
			return nil
		}),
		t.RegisterGuardianReceiverForgottenKeysCallback(func(_ context.Context, o metric.Int64Observer) error {
			stats := table.Stats()
			o.Observe(int64(stats.Expired), expired)
			o.Observe(int64(stats.Displaced), displaced)
			return nil
		}),
		t.RegisterGuardianReceiverRequestsInFlightCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(flight.now.Load())
			return nil
		}),
	)
}

// count counts events by type.
func (t *telemetry) count(ctx context.Context, counter metric.Int64Counter, counts *byKind) {
	for i, n := range counts {
		if n > 0 {
			counter.Add(ctx, n, t.types[i])
		}
	}
}

// kinds is the number of JSON types.
const kinds = 11

// byKind counts events by type, in the order of event.Types.
type byKind [kinds]int64

func (b *byKind) add(other *byKind) {
	for i, n := range other {
		b[i] += n
	}
}

// kindOf gives the position of an event's type in event.Types.
func kindOf(e event.Event) int {
	switch e.(type) {
	case *event.Request:
		return 0
	case *event.Evaluation:
		return 1
	case *event.Improvement:
		return 2
	case *event.Prediction:
		return 3
	case *event.Label:
		return 4
	case *event.Failure:
		return 5
	case *event.PerformanceAlert:
		return 6
	case *event.Workload:
		return 7
	case *event.Detection:
		return 8
	case *event.Mapping:
		return 9
	default:
		return 10
	}
}
