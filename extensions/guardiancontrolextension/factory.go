// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"context"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension"

	"github.com/llm-guardian/otelcol-guardian/extensions/guardiancontrolextension/internal/metadata"
)

const (
	// The port is the default of no other component.
	defaultAdminEndpoint = "localhost:55691"

	// Admin requests are small: a client that needs longer to send one is stuck.
	defaultReadTimeout       = 10 * time.Second
	defaultReadHeaderTimeout = 5 * time.Second

	// Bounds what one request can make a surface keep in memory, in bytes.
	defaultMaxRequestBodySize = 1 << 20
)

// NewFactory makes the factory of the guardian_control extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{
		Announce: true,
		Admin:    configoptional.Default(defaultAdmin()),
	}
}

func defaultAdmin() confighttp.ServerConfig {
	admin := confighttp.NewDefaultServerConfig()
	admin.NetAddr.Endpoint = defaultAdminEndpoint
	admin.ReadTimeout = defaultReadTimeout
	admin.ReadHeaderTimeout = defaultReadHeaderTimeout
	admin.MaxRequestBodySize = defaultMaxRequestBodySize
	return admin
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newControl(set, cfg.(*Config), os.Stderr), nil
}
