// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/llm-guardian/otelcol-guardian/processors/anomalyprocessor/internal/metadata"
)

// reason is why a point was not used.
type reason uint8

const (
	reasonAhead reason = iota
	reasonBuckets
	reasonDuplicate
	reasonLate
	reasonNotFinite
	reasonOutOfOrder
	reasonUnsupported
	reasonWrongType
	reasons
)

var reasonNames = [reasons]string{"ahead", "invalid_buckets", "duplicate", "late", "not_finite", "out_of_order", "unsupported", "wrong_type"}

// table is what is bounded.
type table uint8

const (
	tableEntities table = iota
	tableSeries
	tableBytes
	tables
)

var tableNames = [tables]string{"entities", "series", "bytes"}

// rowVerdict is what was said about a row.
type rowVerdict uint8

const (
	rowNotJudged rowVerdict = iota
	rowNormal
	rowAnomalous
	rowVerdicts
)

var rowNames = [rowVerdicts]string{"not_judged", "normal", "anomalous"}

// tally is what a detector counts, under the engine's lock.
type tally struct {
	points, trainings int64
	trainingTime      time.Duration
	rejected          [reasons]int64
	limited, evicted  [tables]int64
	rows              [rowVerdicts]int64
	judged, anomalous int64 // since the start
}

// telemetry is what the processor says of itself.
type telemetry struct {
	builder   *metadata.TelemetryBuilder
	detectors []detectorTelemetry
}

// detectorTelemetry are the attributes of a detector's counts.
type detectorTelemetry struct {
	detector metric.MeasurementOption
	rejected [reasons]metric.MeasurementOption
	tables   [tables]metric.MeasurementOption
	rows     [rowVerdicts]metric.MeasurementOption
}

func newTelemetry(set component.TelemetrySettings, detectors []*detector) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	t := &telemetry{builder: builder}
	for _, d := range detectors {
		t.detectors = append(t.detectors, newDetectorTelemetry(d.config.Name))
	}
	return t, err
}

func newDetectorTelemetry(name string) (t detectorTelemetry) {
	t.detector = withAttributes(name, "", "")
	for i, reason := range reasonNames {
		t.rejected[i] = withAttributes(name, "reason", reason)
	}
	for i, table := range tableNames {
		t.tables[i] = withAttributes(name, "table", table)
	}
	for i, verdict := range rowNames {
		t.rows[i] = withAttributes(name, "verdict", verdict)
	}
	return t
}

func withAttributes(detector, key, value string) metric.MeasurementOption {
	attributes := []attribute.KeyValue{attribute.String("detector", detector)}
	if key != "" {
		attributes = append(attributes, attribute.String(key, value))
	}
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

// report hands the tallies on.
func (t *telemetry) report(detectors []*detector) {
	for i, d := range detectors {
		c, to := &d.tally, &t.detectors[i]
		c.judged += c.rows[rowNormal] + c.rows[rowAnomalous]
		c.anomalous += c.rows[rowAnomalous]
		add(t.builder.ProcessorAnomalyPoints, &c.points, to.detector)
		add(t.builder.ProcessorAnomalyTrainings, &c.trainings, to.detector)
		for j := range c.rejected {
			add(t.builder.ProcessorAnomalyRejectedPoints, &c.rejected[j], to.rejected[j])
		}
		for j := range c.rows {
			add(t.builder.ProcessorAnomalyRows, &c.rows[j], to.rows[j])
		}
		for j := range tables {
			add(t.builder.ProcessorAnomalyLimited, &c.limited[j], to.tables[j])
			add(t.builder.ProcessorAnomalyEvicted, &c.evicted[j], to.tables[j])
		}
		if c.trainingTime > 0 {
			t.builder.ProcessorAnomalyTrainingTime.Add(context.Background(), c.trainingTime.Seconds(), to.detector)
			c.trainingTime = 0
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
		t.builder.RegisterProcessorAnomalyEntriesCallback(func(_ context.Context, observer metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			for i, d := range e.detectors {
				observer.Observe(int64(len(d.entities)), t.detectors[i].tables[tableEntities])
				observer.Observe(int64(d.series.Len()), t.detectors[i].tables[tableSeries])
			}
			return nil
		}),
		t.builder.RegisterProcessorAnomalyMemoryCallback(func(_ context.Context, observer metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			for i, d := range e.detectors {
				observer.Observe(int64(d.bytes+d.series.Stats().Bytes), t.detectors[i].detector)
			}
			return nil
		}),
		t.builder.RegisterProcessorAnomalyAlarmRateCallback(func(_ context.Context, observer metric.Float64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			for i, d := range e.detectors {
				if d.tally.judged > 0 {
					observer.Observe(float64(d.tally.anomalous)/float64(d.tally.judged), t.detectors[i].detector)
				}
			}
			return nil
		}),
		t.builder.RegisterProcessorAnomalyQueueCallback(func(_ context.Context, observer metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			observer.Observe(int64(len(e.trainer.queue)))
			return nil
		}),
		t.watchModels(e),
	)
}

// watchModels shows what the detectors of all entities have counted.
func (t *telemetry) watchModels(e *engine) error {
	sum := func(of func(*entity) uint64) func(context.Context, metric.Int64Observer) error {
		return func(_ context.Context, observer metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			for i, d := range e.detectors {
				total := uint64(0)
				for _, one := range d.list {
					total += of(one)
				}
				observer.Observe(int64(total), t.detectors[i].detector)
			}
			return nil
		}
	}
	return errors.Join(
		t.builder.RegisterProcessorAnomalyModelsCallback(sum(func(e *entity) uint64 { return min(e.judge.Tally().Models, 1) })),
		t.builder.RegisterProcessorAnomalyOverdueCallback(sum(func(e *entity) uint64 { return e.judge.Tally().Overdue })),
		t.builder.RegisterProcessorAnomalyAcceptedCallback(sum(func(e *entity) uint64 { return e.judge.Tally().Accepted })),
	)
}
