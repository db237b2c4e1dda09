// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/llm-guardian/otelcol-guardian/extensions/guardiananswersextension/internal/metadata"
)

var (
	_ extension.Extension            = (*answers)(nil)
	_ extensionmiddleware.GRPCServer = (*answers)(nil)
	_ extensionmiddleware.GRPCClient = (*answers)(nil)
	_ extensionmiddleware.HTTPServer = (*answers)(nil)
	_ extensionmiddleware.HTTPClient = (*answers)(nil)
)

// answers is the extension: middlewares and their counters.
type answers struct {
	component.StartFunc

	config    *Config
	telemetry *metadata.TelemetryBuilder
}

// Shutdown unregisters the counters.
func (a *answers) Shutdown(context.Context) error {
	a.telemetry.Shutdown()
	return nil
}

func (a *answers) countMalformed(ctx context.Context, transport string) {
	a.telemetry.GuardianAnswersMalformedRequests.Add(ctx, 1, metric.WithAttributes(attribute.String("transport", transport)))
}
