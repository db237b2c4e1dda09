// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package strictenv is the collector's env provider with one change: a
// configuration that names an unset environment variable, without a default, is
// an error. The collector's own provider puts nothing in its place, and a
// missing password then looks like an empty one.
package strictenv

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
)

// NewFactory returns the factory of the provider for `${env:NAME}` and
// `${env:NAME:-default}`.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
		return provider{Provider: envprovider.NewFactory().Create(set)}
	})
}

type provider struct{ confmap.Provider }

// Retrieve fails if the variable is not set and the reference has no default.
func (p provider) Retrieve(ctx context.Context, uri string, watcher confmap.WatcherFunc) (*confmap.Retrieved, error) {
	name, _, hasDefault := strings.Cut(strings.TrimPrefix(uri, p.Scheme()+":"), ":-")
	if _, isSet := os.LookupEnv(name); !isSet && !hasDefault {
		return nil, fmt.Errorf(
			"environment variable %[1]s is not set: set it, or give a default in the configuration: ${env:%[1]s:-value}", name)
	}
	return p.Provider.Retrieve(ctx, uri, watcher)
}
