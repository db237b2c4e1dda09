// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/shared"
)

// logsToMetrics is the instance between logs and metrics pipelines.
type logsToMetrics struct {
	*shared.Instance[*engine]
}

func (*logsToMetrics) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeLogs counts. It never refuses: what cannot be counted is counted as that.
func (c *logsToMetrics) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	c.Engine().logs(logs)
	return nil
}

// tracesToMetrics is the instance between traces and metrics pipelines.
type tracesToMetrics struct {
	*shared.Instance[*engine]
}

func (*tracesToMetrics) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start starts the engine, if it is not, and tells it that spans will come.
func (c *tracesToMetrics) Start(ctx context.Context, host component.Host) error {
	if err := c.Instance.Start(ctx, host); err != nil {
		return err
	}
	c.Engine().expectSpans()
	return nil
}

// ConsumeTraces counts. It never refuses.
func (c *tracesToMetrics) ConsumeTraces(_ context.Context, traces ptrace.Traces) error {
	c.Engine().traces(traces)
	return nil
}
