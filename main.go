// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Command otelcol-guardian is one OpenTelemetry Collector for clusters of
// language models that are watched by other models, and for the ML services
// beside them.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/httpprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpsprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/llm-guardian/otelcol-guardian/internal/cli"
	"github.com/llm-guardian/otelcol-guardian/internal/strictenv"
	"github.com/llm-guardian/otelcol-guardian/internal/strictfile"
)

var (
	// version is the release; a test holds it to dist.version in builder-config.yaml.
	version = "0.1.0"
	// commit is set by the Makefile.
	commit = "unknown"
)

func main() {
	if err := newCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "otelcol-guardian:", cli.OneLine(err))
		os.Exit(1)
	}
}

// newCommand is the collector's own command with sub-commands of ours.
func newCommand() *cobra.Command {
	command := otelcol.NewCommand(settings())
	command.SilenceErrors = true
	command.AddCommand(cli.NewReferenceCommand(), cli.NewHealthCommand())
	command.SetVersionTemplate(fmt.Sprintf("{{.Name}} {{.Version}}, commit %s, %s %s/%s, %s\n",
		commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, gpuSupport))
	return command
}

func settings() otelcol.CollectorSettings {
	return otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{
			Command:     "otelcol-guardian",
			Description: "OpenTelemetry Collector for watched language models",
			Version:     version,
		},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{
				ProviderFactories: []confmap.ProviderFactory{
					strictenv.NewFactory(),
					strictfile.NewFactory(),
					httpprovider.NewFactory(),
					httpsprovider.NewFactory(),
					yamlprovider.NewFactory(),
				},
			},
		},
	}
}
