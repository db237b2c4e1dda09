// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/llm-guardian/otelcol-guardian/processors/driftprocessor/internal/metadata"
)

// reason is why values were not used.
type reason uint8

const (
	reasonWrongType reason = iota
	reasonUnsupported
	reasonLate
	reasonAhead
	reasonNoReference
	reasonOutOfOrder
	reasonBuckets
	reasons
)

var reasonNames = [reasons]string{"wrong_type", "unsupported", "late", "ahead", "no_reference", "out_of_order", "invalid_buckets"}

// bounded is a table that is bounded.
type bounded uint8

const (
	tableGroups bounded = iota
	tableFeatures
	tableSeries
	tables
)

var tableNames = [tables]string{"groups", "features", "series"}

// outcome is what became of a look at a file.
type outcome uint8

const (
	outcomeLoaded outcome = iota
	outcomeUnchanged
	outcomeFailed
	outcomes
)

var outcomeNames = [outcomes]string{"loaded", "unchanged", "failed"}

var severityNames = [...]string{"none", "info", "warning", "critical", "insufficient_data"}

const severityInsufficient = len(severityNames) - 1

// tally is what a monitor counts during a batch, under the engine's lock.
type tally struct {
	values, windows, tests int64
	rejected               [reasons]int64
	limited                [tables]int64
	loads                  [outcomes]int64
	verdicts               [len(severityNames)]int64
}

// telemetry is what the processor says of itself.
type telemetry struct {
	builder  *metadata.TelemetryBuilder
	monitors []monitorTelemetry
}

// monitorTelemetry are the attributes of a monitor's counts.
type monitorTelemetry struct {
	monitor  metric.MeasurementOption
	rejected [reasons]metric.MeasurementOption
	limited  [tables]metric.MeasurementOption
	loads    [outcomes]metric.MeasurementOption
	verdicts [len(severityNames)]metric.MeasurementOption
}

func newTelemetry(set component.TelemetrySettings, monitors []*monitor) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	t := &telemetry{builder: builder}
	for _, m := range monitors {
		t.monitors = append(t.monitors, newMonitorTelemetry(m.config.Name))
	}
	return t, err
}

func newMonitorTelemetry(name string) (t monitorTelemetry) {
	t.monitor = withAttributes(name, "", "")
	for i, reason := range reasonNames {
		t.rejected[i] = withAttributes(name, "reason", reason)
	}
	for i, table := range tableNames {
		t.limited[i] = withAttributes(name, "table", table)
	}
	for i, outcome := range outcomeNames {
		t.loads[i] = withAttributes(name, "outcome", outcome)
	}
	for i, severity := range severityNames {
		t.verdicts[i] = withAttributes(name, "severity", severity)
	}
	return t
}

func withAttributes(monitor, key, value string) metric.MeasurementOption {
	attributes := []attribute.KeyValue{attribute.String("monitor", monitor)}
	if key != "" {
		attributes = append(attributes, attribute.String(key, value))
	}
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

// report hands the tallies on.
func (t *telemetry) report(monitors []*monitor) {
	for i, m := range monitors {
		c, to := &m.tally, &t.monitors[i]
		add(t.builder.DriftValues, &c.values, to.monitor)
		add(t.builder.DriftWindows, &c.windows, to.monitor)
		add(t.builder.DriftTests, &c.tests, to.monitor)
		for j := range c.rejected {
			add(t.builder.DriftRejectedValues, &c.rejected[j], to.rejected[j])
		}
		for j := range c.limited {
			add(t.builder.DriftLimited, &c.limited[j], to.limited[j])
		}
		for j := range c.loads {
			add(t.builder.DriftReferenceLoads, &c.loads[j], to.loads[j])
		}
		for j := range c.verdicts {
			add(t.builder.DriftVerdicts, &c.verdicts[j], to.verdicts[j])
		}
	}
}

func add(counter metric.Int64Counter, n *int64, attributes metric.MeasurementOption) {
	if *n > 0 {
		counter.Add(context.Background(), *n, attributes)
		*n = 0
	}
}

// watch makes the gauges.
func (t *telemetry) watch(e *engine) error {
	return errors.Join(
		t.builder.RegisterDriftDegradedCallback(func(_ context.Context, observer metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			for i, m := range e.monitors {
				if m.references != nil {
					observer.Observe(int64(m.references.degraded()), t.monitors[i].monitor)
				}
			}
			return nil
		}),
		t.builder.RegisterDriftEntriesCallback(func(_ context.Context, observer metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			for i, m := range e.monitors {
				entries := m.entries()
				for j, n := range entries {
					observer.Observe(int64(n), t.monitors[i].limited[j])
				}
			}
			return nil
		}),
	)
}

// entries gives the number of entries of each table.
func (m *monitor) entries() (n [tables]int) {
	n[tableGroups] = len(m.groups)
	for _, g := range m.groups {
		n[tableFeatures] += len(g.drift.Features())
	}
	if m.series != nil {
		n[tableSeries] = m.series.Len()
	}
	return n
}
