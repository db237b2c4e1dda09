// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/llm-guardian/otelcol-guardian/internal/shared"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/metadata"
)

// engines are the running engines: the metrics and the logs of one receiver
// come from the same readings.
var engines shared.Engines[*engine]

// NewFactory makes the factory of the nvml receiver.
func NewFactory() receiver.Factory {
	return newFactory(func(config *Config, set component.TelemetrySettings) *engine {
		return newEngine(config, driver.New(config.LibraryPath), set)
	})
}

// makeEngine makes the engine that the instances of a receiver share.
type makeEngine func(*Config, component.TelemetrySettings) *engine

func newFactory(create makeEngine) receiver.Factory {
	return receiver.NewFactory(metadata.Type, createDefaultConfig,
		receiver.WithMetrics(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			output, err := newOutput(next, set)
			return newInstance(create, set, cfg, output, (*outputs).setMetrics), err
		}, metadata.MetricsStability),
		receiver.WithLogs(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
			output, err := newOutput(next, set)
			return newInstance(create, set, cfg, output, (*outputs).setLogs), err
		}, metadata.LogsStability))
}

// signalInstance is the part of the receiver that stands in the pipelines of one signal.
type signalInstance[C any] struct {
	*shared.Instance[*engine]
	output *output[C]
	set    func(*outputs, *output[C])
}

func newInstance[C any](
	create makeEngine, set receiver.Settings, cfg component.Config, output *output[C], attach func(*outputs, *output[C]),
) *signalInstance[C] {
	config := cfg.(*Config)
	return &signalInstance[C]{
		Instance: engines.Instance(set.ID, cfg, func() *engine {
			return create(config, set.TelemetrySettings)
		}),
		output: output, set: attach,
	}
}

// Start begins to pass on what the engine has to say.
func (i *signalInstance[C]) Start(ctx context.Context, host component.Host) error {
	if err := i.Instance.Start(ctx, host); err != nil {
		return err
	}
	i.set(&i.Engine().outputs, i.output)
	return nil
}

// Shutdown stops this instance; the last one stops the engine.
func (i *signalInstance[C]) Shutdown(ctx context.Context) error {
	if engine := i.Engine(); engine != nil {
		i.set(&engine.outputs, nil)
	}
	return i.Instance.Shutdown(ctx)
}
