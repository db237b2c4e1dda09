// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/processor"

	"github.com/llm-guardian/otelcol-guardian/internal/shared"
	"github.com/llm-guardian/otelcol-guardian/processors/anomalyprocessor/internal/metadata"
)

// engines are the engines of the running processors, one per component ID that has a storage.
var engines shared.Engines[*engine]

// NewFactory makes the factory of the anomaly processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, createDefaultConfig, processor.WithMetrics(createMetrics, metadata.MetricsStability))
}

func createDefaultConfig() component.Config {
	return &Config{CheckpointInterval: defaultCheckpointInterval, TrainingCPU: defaultTrainingCPU}
}

// createMetrics lets a processor that keeps state stand in one pipeline. Without state every pipeline has an engine of its own, which judges
// what that pipeline sees.
func createMetrics(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
	config := cfg.(*Config)
	create := func() *engine { return newEngine(set, config, next) }
	if config.Storage == nil {
		own := *config
		return &anomalyProcessor{engines.Instance(set.ID, &own, create), next}, nil
	}
	return &anomalyProcessor{engines.Instance(set.ID, config, create, shared.AlonePerSignal(pipeline.SignalMetrics)), next}, nil
}
