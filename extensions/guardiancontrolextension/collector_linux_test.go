// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"context"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"github.com/llm-guardian/otelcol-guardian/extensions/guardiancontrolextension/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
)

// announced is a writer that a test waits on.
type announced chan string

func (a announced) Write(p []byte) (int, error) {
	a <- string(p)
	return len(p), nil
}

func collectorSettings(out announced, config string) otelcol.CollectorSettings {
	return otelcol.CollectorSettings{
		BuildInfo:               component.BuildInfo{Command: "otelcol-guardian", Version: "0.1.0"},
		DisableGracefulShutdown: true,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{"yaml:" + config},
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
		Factories: func() (otelcol.Factories, error) {
			otlp, debug := otlpreceiver.NewFactory(), debugexporter.NewFactory()
			control := extension.NewFactory(metadata.Type, createDefaultConfig,
				func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
					return newControl(set, cfg.(*Config), out), nil
				}, metadata.ExtensionStability)
			return otelcol.Factories{
				Receivers:  map[component.Type]receiver.Factory{otlp.Type(): otlp},
				Exporters:  map[component.Type]exporter.Factory{debug.Type(): debug},
				Extensions: map[component.Type]extension.Factory{control.Type(): control},
				Telemetry:  otelconftelemetry.NewFactory(),
			}, nil
		},
	}
}

// A real collector with a real receiver: the lines give the ports that were
// free, and they can be connected to.
func TestLinesOfARealCollector(t *testing.T) {
	socketPath := filepath.Join(t.TempDir(), "admin.sock")
	out := make(announced, 1)
	collector, err := otelcol.NewCollector(collectorSettings(out, strings.ReplaceAll(`
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}
exporters:
  debug:
extensions:
  guardian_control: {admin: {transport: unix, endpoint: SOCKET}}
service:
  extensions: [guardian_control]
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    traces: {receivers: [otlp], exporters: [debug]}
`, "SOCKET", socketPath)))
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		defer close(out) // A collector that fails announces nothing.
		assert.NoError(t, collector.Run(context.Background()))
	})

	text := <-out
	match := regexp.MustCompile(`OTLP over gRPC +(127\.0\.0\.1:[1-9]\d*)\n`).FindStringSubmatch(text)
	require.NotNil(t, match, text)
	assert.Regexp(t, `admin +unix:`+regexp.QuoteMeta(socketPath)+`\n`, text)
	assert.Contains(t, text, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=http://"+match[1]+" your-app\n")
	assert.NotContains(t, text, "Other")
	for network, address := range map[string]string{"tcp": match[1], "unix": socketPath} {
		conn, err := net.Dial(network, address)
		if assert.NoError(t, err) {
			assert.NoError(t, conn.Close())
		}
	}

	collector.Shutdown()
	running.Wait()
}

// The effective configuration must have the defaults that the user left out.
func TestDefaultsOfARealReceiver(t *testing.T) {
	settings := collectorSettings(nil, `
receivers:
  otlp: {protocols: {grpc: , http: }}
exporters:
  debug:
extensions:
  guardian_control: {admin: }
service:
  extensions: [guardian_control]
  pipelines:
    traces: {receivers: [otlp], exporters: [debug]}
`)
	provider, err := otelcol.NewConfigProvider(settings.ConfigProviderSettings)
	require.NoError(t, err)
	factories, err := settings.Factories()
	require.NoError(t, err)
	cfg, err := provider.Get(t.Context(), factories)
	require.NoError(t, err)
	effective := confmap.New()
	require.NoError(t, effective.Marshal(cfg))

	var addresses []string
	for _, e := range configuredEndpoints(effective.ToStringMap()) {
		addresses = append(addresses, e.shown(sockets.Socket{}))
	}
	assert.Equal(t, []string{
		"localhost:4317", "http://localhost:4318", "http://localhost:8888/metrics", "http://localhost:55691/v1",
	}, addresses)
}
