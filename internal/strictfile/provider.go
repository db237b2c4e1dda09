// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package strictfile is the collector's file provider with one change: a file
// whose name says that it is YAML, and that is not, is an error that names the
// file and the line. The collector's own provider takes it for text, and says
// later that a string is no configuration.
package strictfile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.yaml.in/yaml/v3"
)

// NewFactory returns the factory of the provider for paths and `${file:PATH}`.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
		return provider{Provider: fileprovider.NewFactory().Create(set)}
	})
}

type provider struct{ confmap.Provider }

// Retrieve fails if the file cannot be read, or is named as YAML and is none.
func (p provider) Retrieve(ctx context.Context, uri string, watcher confmap.WatcherFunc) (*confmap.Retrieved, error) {
	retrieved, err := p.Provider.Retrieve(ctx, uri, watcher)
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(uri, p.Scheme()+":")
	if extension := filepath.Ext(path); extension != ".yaml" && extension != ".yml" {
		return retrieved, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s is not valid YAML: %w", path, err)
	}
	return retrieved, nil
}
