// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/llm-guardian/otelcol-guardian/exporters/alertmanagerexporter/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
)

var outcomeNames = [alerting.Outcomes]string{"ignored", "outdated", "raised", "worsened", "eased", "repeated", "resolved", "limited"}

// result is how a request ended.
type result uint8

const (
	accepted result = iota
	retryable
	refused
	results
)

var resultNames = [results]string{"accepted", "retryable", "refused"}

// tally is what is counted of a batch.
type tally struct {
	outcomes [alerting.Outcomes]int64
	invalid  int64
	cuts     alerting.Cuts
}

// telemetry is what the exporter says of itself.
type telemetry struct {
	builder  *metadata.TelemetryBuilder
	outcomes [alerting.Outcomes]metric.MeasurementOption
	reasons  [3]metric.MeasurementOption
}

func newTelemetry(set component.TelemetrySettings) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	t := &telemetry{builder: builder}
	for i, name := range outcomeNames {
		t.outcomes[i] = with(attribute.String("outcome", name))
	}
	for i, name := range []string{"count", "length", "encoding"} {
		t.reasons[i] = with(attribute.String("reason", name))
	}
	return t, err
}

func with(attributes ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

func (t *telemetry) count(c *tally) {
	for i, n := range c.outcomes {
		add(t.builder.AlertmanagerEvents, n, t.outcomes[i])
	}
	add(t.builder.AlertmanagerInvalidEvents, c.invalid)
	for i, n := range []int{c.cuts.Labels, c.cuts.Values, c.cuts.Encoding} {
		add(t.builder.AlertmanagerLabelsCut, int64(n), t.reasons[i])
	}
}

func add(counter metric.Int64Counter, n int64, options ...metric.MeasurementOption) {
	if n == 0 {
		return
	}
	as := make([]metric.AddOption, len(options))
	for i, option := range options {
		as[i] = option
	}
	counter.Add(context.Background(), n, as...)
}

// watch makes the gauges.
func (t *telemetry) watch(e *alertExporter) error {
	return errors.Join(
		t.builder.RegisterAlertmanagerActiveCallback(func(_ context.Context, observer metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			for severity, n := range e.table.Active() {
				if severity := alerting.Severity(severity); severity > alerting.None {
					observer.Observe(int64(n), with(attribute.String("severity", severity.String())))
				}
			}
			return nil
		}),
		t.builder.RegisterAlertmanagerEntriesCallback(func(_ context.Context, observer metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			observer.Observe(int64(e.table.Len()))
			return nil
		}),
	)
}

// targetTelemetry are the attributes of what is counted of one Alertmanager.
type targetTelemetry struct {
	*telemetry
	endpoint metric.MeasurementOption
	results  [results]metric.MeasurementOption
}

func (t *telemetry) of(endpoint string) targetTelemetry {
	of := targetTelemetry{telemetry: t, endpoint: with(attribute.String("endpoint", endpoint))}
	for i, name := range resultNames {
		of.results[i] = with(attribute.String("endpoint", endpoint), attribute.String("outcome", name))
	}
	return of
}

func (t *targetTelemetry) request(r result, alerts int) {
	add(t.builder.AlertmanagerRequests, 1, t.results[r])
	if r == accepted {
		add(t.builder.AlertmanagerTold, int64(alerts), t.endpoint)
	}
}
