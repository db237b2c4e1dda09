// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianmetricsconnector/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/shared"
)

const (
	defaultFlushInterval = 15 * time.Second
	defaultSeriesLimit   = 10_000
	defaultSeriesIdle    = 24 * time.Hour
	defaultTierWait      = 30 * time.Second
	defaultTierLimit     = 100_000
	defaultLowConfidence = 0.7
	defaultHighTier      = 0.8
	defaultMediumTier    = 0.6
	defaultSeenWindow    = time.Hour
	defaultSeenLimit     = 1_000_000
	defaultTenants       = 100
	defaultClasses       = 50
	defaultFeatures      = 200
	defaultOpenRequests  = 100_000
	defaultImprovements  = 100_000
)

// engines are the engines of the running connectors, one per component ID.
var engines shared.Engines[*engine]

// NewFactory makes the factory of the guardian_metrics connector.
func NewFactory() connector.Factory {
	return connector.NewFactory(metadata.Type, createDefaultConfig,
		connector.WithLogsToMetrics(createLogsToMetrics, metadata.LogsToMetricsStability),
		connector.WithTracesToMetrics(createTracesToMetrics, metadata.TracesToMetricsStability))
}

func createDefaultConfig() component.Config {
	return &Config{
		FlushInterval: defaultFlushInterval,
		Temporality:   temporalityCumulative,
		Series:        SeriesConfig{Limit: defaultSeriesLimit, IdleAfter: defaultSeriesIdle},
		QualityTier:   QualityTierConfig{Wait: defaultTierWait, Limit: defaultTierLimit, High: defaultHighTier, Medium: defaultMediumTier},
		Results:       ResultsConfig{Quality: []string{"quality"}, Confidence: []string{"confidence"}},
		LowConfidence: defaultLowConfidence,
		Duplicates:    DuplicatesConfig{Window: defaultSeenWindow, Limit: defaultSeenLimit},
		Limits: LimitsConfig{
			Tenants: defaultTenants, Classes: defaultClasses, Features: defaultFeatures,
			OpenRequests: defaultOpenRequests, Improvements: defaultImprovements,
		},
	}
}

func createLogsToMetrics(_ context.Context, set connector.Settings, cfg component.Config, next consumer.Metrics) (connector.Logs, error) {
	return &logsToMetrics{instance(set, cfg, next)}, nil
}

func createTracesToMetrics(_ context.Context, set connector.Settings, cfg component.Config, next consumer.Metrics) (connector.Traces, error) {
	return &tracesToMetrics{instance(set, cfg, next)}, nil
}

// instance makes the part that all instances of a connector ID share. The metrics
// leave through the instance that starts first: all lead to the same pipelines.
func instance(set connector.Settings, cfg component.Config, next consumer.Metrics) *shared.Instance[*engine] {
	return engines.Instance(set.ID, cfg, func() *engine { return newEngine(set, cfg.(*Config), next) })
}
