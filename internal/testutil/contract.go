// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// Configure changes a default config before the contract is tested, for a
// component whose default config lacks what only the user can say.
type Configure func(component.Config)

// create makes one component from a config; an error that wraps
// pipeline.ErrSignalNotSupported says that the factory does not offer it.
type create func(component.Config) (component.Component, error)

// ReceiverContract checks what the collector expects of any receiver, for each
// signal that the factory supports.
func ReceiverContract(t *testing.T, f receiver.Factory, configure ...Configure) {
	t.Helper()
	ctx := context.Background()
	set := receivertest.NewNopSettings(f.Type())
	contract(t, f, configure, map[string]create{
		"logs": func(cfg component.Config) (component.Component, error) {
			return f.CreateLogs(ctx, set, cfg, consumertest.NewNop())
		},
		"metrics": func(cfg component.Config) (component.Component, error) {
			return f.CreateMetrics(ctx, set, cfg, consumertest.NewNop())
		},
		"traces": func(cfg component.Config) (component.Component, error) {
			return f.CreateTraces(ctx, set, cfg, consumertest.NewNop())
		},
	})
}

// ProcessorContract checks what the collector expects of any processor.
func ProcessorContract(t *testing.T, f processor.Factory, configure ...Configure) {
	t.Helper()
	ctx := context.Background()
	set := processortest.NewNopSettings(f.Type())
	contract(t, f, configure, map[string]create{
		"logs": func(cfg component.Config) (component.Component, error) {
			return f.CreateLogs(ctx, set, cfg, consumertest.NewNop())
		},
		"metrics": func(cfg component.Config) (component.Component, error) {
			return f.CreateMetrics(ctx, set, cfg, consumertest.NewNop())
		},
		"traces": func(cfg component.Config) (component.Component, error) {
			return f.CreateTraces(ctx, set, cfg, consumertest.NewNop())
		},
	})
}

// ExporterContract checks what the collector expects of any exporter.
func ExporterContract(t *testing.T, f exporter.Factory, configure ...Configure) {
	t.Helper()
	ctx := context.Background()
	set := exportertest.NewNopSettings(f.Type())
	contract(t, f, configure, map[string]create{
		"logs": func(cfg component.Config) (component.Component, error) {
			return f.CreateLogs(ctx, set, cfg)
		},
		"metrics": func(cfg component.Config) (component.Component, error) {
			return f.CreateMetrics(ctx, set, cfg)
		},
		"traces": func(cfg component.Config) (component.Component, error) {
			return f.CreateTraces(ctx, set, cfg)
		},
	})
}

// ConnectorContract checks what the collector expects of any connector, for
// each pair of signals that the factory supports.
func ConnectorContract(t *testing.T, f connector.Factory, configure ...Configure) {
	t.Helper()
	ctx := context.Background()
	set := connectortest.NewNopSettings(f.Type())
	nop := consumertest.NewNop()
	contract(t, f, configure, map[string]create{
		"logs to logs": func(cfg component.Config) (component.Component, error) {
			return f.CreateLogsToLogs(ctx, set, cfg, nop)
		},
		"logs to metrics": func(cfg component.Config) (component.Component, error) {
			return f.CreateLogsToMetrics(ctx, set, cfg, nop)
		},
		"logs to traces": func(cfg component.Config) (component.Component, error) {
			return f.CreateLogsToTraces(ctx, set, cfg, nop)
		},
		"metrics to logs": func(cfg component.Config) (component.Component, error) {
			return f.CreateMetricsToLogs(ctx, set, cfg, nop)
		},
		"metrics to metrics": func(cfg component.Config) (component.Component, error) {
			return f.CreateMetricsToMetrics(ctx, set, cfg, nop)
		},
		"metrics to traces": func(cfg component.Config) (component.Component, error) {
			return f.CreateMetricsToTraces(ctx, set, cfg, nop)
		},
		"traces to logs": func(cfg component.Config) (component.Component, error) {
			return f.CreateTracesToLogs(ctx, set, cfg, nop)
		},
		"traces to metrics": func(cfg component.Config) (component.Component, error) {
			return f.CreateTracesToMetrics(ctx, set, cfg, nop)
		},
		"traces to traces": func(cfg component.Config) (component.Component, error) {
			return f.CreateTracesToTraces(ctx, set, cfg, nop)
		},
	})
}

// ExtensionContract checks what the collector expects of any extension.
func ExtensionContract(t *testing.T, f extension.Factory, configure ...Configure) {
	t.Helper()
	set := extensiontest.NewNopSettings(f.Type())
	contract(t, f, configure, map[string]create{
		"extension": func(cfg component.Config) (component.Component, error) {
			return f.Create(context.Background(), set, cfg)
		},
	})
}

func contract(t *testing.T, f component.Factory, configure []Configure, creates map[string]create) {
	t.Helper()
	newConfig := func() component.Config {
		cfg := f.CreateDefaultConfig()
		for _, change := range configure {
			change(cfg)
		}
		return cfg
	}
	t.Run("config struct", func(t *testing.T) {
		require.NoError(t, componenttest.CheckConfigStruct(newConfig()))
	})
	supported := 0
	for signal, create := range creates {
		first, err := create(newConfig())
		if errors.Is(err, pipeline.ErrSignalNotSupported) {
			continue
		}
		require.NoError(t, err, "cannot create %s for %s", f.Type(), signal)
		supported++
		t.Run(signal, func(t *testing.T) {
			require.NoError(t, first.Shutdown(context.Background()), "shutdown without start")
			for range 2 {
				startAndStop(t, create, newConfig())
			}
		})
	}
	require.NotZero(t, supported, "%s supports no signal", f.Type())
}

func startAndStop(t *testing.T, create create, cfg component.Config) {
	t.Helper()
	instance, err := create(cfg)
	require.NoError(t, err)
	require.NoError(t, instance.Start(context.Background(), componenttest.NewNopHost()))
	require.NoError(t, instance.Shutdown(context.Background()))
}
