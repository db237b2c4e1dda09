// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
	"github.com/llm-guardian/otelcol-guardian/internal/privacy"
	"github.com/llm-guardian/otelcol-guardian/receivers/guardianreceiver/internal/metadata"
)

// NewFactory makes the factory of the guardian receiver.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithLogs(createLogs, metadata.LogsStability))
}

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "localhost:4319"
	server.MaxRequestBodySize = 8 << 20
	server.ReadTimeout = 30 * time.Second
	server.ReadHeaderTimeout = 10 * time.Second
	server.CompressionAlgorithms = []string{"", "gzip", "zstd"}
	return &Config{
		ServerConfig: server,
		Limits: LimitsConfig{
			Events:       10_000,
			EventBytes:   256 << 10,
			Attributes:   256,
			StringBytes:  4 << 10,
			ContentBytes: 8 << 10,
			Depth:        16,
			InFlight:     64,
			Future:       5 * time.Minute,
			Past:         90 * 24 * time.Hour,
		},
		Duplicates: DuplicatesConfig{Window: duplicates.DefaultTTL, Limit: duplicates.DefaultLimit},
		Content:    ContentConfig{Mode: privacy.Drop},
		Batch:      BatchConfig{Events: 500},
		RetryAfter: 5 * time.Second,
	}
}

func createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	return newReceiver(set, cfg.(*Config), next)
}
