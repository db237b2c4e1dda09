// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"context"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/llm-guardian/otelcol-guardian/extensions/guardiananswersextension/internal/metadata"
)

// NewFactory makes the factory of the guardian_answers extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{RetryStatuses: []int{http.StatusTooManyRequests}}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &answers{config: cfg.(*Config), telemetry: telemetry}, nil
}
