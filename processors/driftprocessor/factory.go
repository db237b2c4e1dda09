// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/processor"

	"github.com/llm-guardian/otelcol-guardian/internal/shared"
	"github.com/llm-guardian/otelcol-guardian/processors/driftprocessor/internal/metadata"
)

// Engines of the running processors, one per component ID that has a storage.
var logEngines, metricEngines shared.Engines[*engine]

// NewFactory makes the factory of the drift processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, createDefaultConfig,
		processor.WithLogs(createLogs, metadata.LogsStability),
		processor.WithMetrics(createMetrics, metadata.MetricsStability))
}

func createDefaultConfig() component.Config {
	return &Config{CheckpointInterval: defaultCheckpointInterval, FlushInterval: defaultFlushInterval}
}

func createLogs(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
	config := cfg.(*Config)
	instance := alone(&logEngines, pipeline.SignalLogs, set, config, func() *engine { return newLogsEngine(set, config, next) })
	return &logsProcessor{instance, next}, nil
}

func createMetrics(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
	config := cfg.(*Config)
	instance := alone(&metricEngines, pipeline.SignalMetrics, set, config, func() *engine { return newMetricsEngine(set, config, next) })
	return &metricsProcessor{instance, next}, nil
}

// alone lets a processor that keeps state stand in one pipeline per signal. Without state every pipeline has an engine of its own,
// which judges what that pipeline sees.
func alone(engines *shared.Engines[*engine], signal pipeline.Signal, set processor.Settings, config *Config, create func() *engine) *shared.Instance[*engine] {
	if config.Storage == nil {
		own := *config
		return engines.Instance(set.ID, &own, create)
	}
	return engines.Instance(set.ID, config, create, shared.AlonePerSignal(signal))
}
