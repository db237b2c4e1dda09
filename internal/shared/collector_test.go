// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// The real collector names the pipelines in which a stateful processor stands twice.
func TestRealCollectorNamesBothPipelines(t *testing.T) {
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs: []string{`yaml:{
				receivers: {nop: }, processors: {judge: }, exporters: {nop: },
				service: {
					telemetry: {metrics: {level: none}, logs: {level: fatal}},
					pipelines: {
						logs/a: {receivers: [nop], processors: [judge], exporters: [nop]},
						logs/b: {receivers: [nop], processors: [judge], exporters: [nop]},
					},
				},
			}`},
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
	})
	require.NoError(t, err)
	err = collector.Run(t.Context())
	require.ErrorContains(t, err, "it keeps state, so it may stand in one logs pipeline only")
	require.ErrorContains(t, err, `"logs/a"`)
	require.ErrorContains(t, err, `"logs/b"`)
}

func factories() (otelcol.Factories, error) {
	receivers, err := otelcol.MakeFactoryMap(receivertest.NewNopFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	var engines Engines[*judge]
	judges := processor.NewFactory(id.Type(), func() component.Config { return &config{} },
		processor.WithLogs(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
			return struct {
				*Instance[*judge]
				consumer.Logs
			}{engines.Instance(set.ID, cfg, func() *judge { return &judge{} }, AlonePerSignal(pipeline.SignalLogs)), next}, nil
		}, component.StabilityLevelDevelopment))
	return otelcol.Factories{
		Receivers:  receivers,
		Processors: map[component.Type]processor.Factory{id.Type(): judges},
		Exporters:  map[component.Type]exporter.Factory{exportertest.NopType: exportertest.NewNopFactory()},
		Telemetry:  otelconftelemetry.NewFactory(),
	}, nil
}
