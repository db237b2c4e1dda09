// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianeventsconnector/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/shared"
)

// engines are the engines of the running connectors, one per component ID.
var engines shared.Engines[*engine]

// NewFactory makes the factory of the guardian_events connector.
func NewFactory() connector.Factory {
	return connector.NewFactory(metadata.Type, createDefaultConfig,
		connector.WithMetricsToLogs(createMetricsToLogs, metadata.MetricsToLogsStability))
}

func createMetricsToLogs(_ context.Context, set connector.Settings, cfg component.Config, next consumer.Logs) (connector.Metrics, error) {
	config := cfg.(*Config)
	return &metricsToLogs{engines.Instance(set.ID, config, func() *engine { return newEngine(set, config, next) })}, nil
}
