// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/shared"
)

// metricsToLogs stands between metrics and logs pipelines.
type metricsToLogs struct {
	*shared.Instance[*engine]
}

func (*metricsToLogs) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeMetrics looks at the verdicts. It never refuses: events that the next consumer does not take are kept.
func (c *metricsToLogs) ConsumeMetrics(_ context.Context, metrics pmetric.Metrics) error {
	c.Engine().consume(metrics, time.Now())
	return nil
}
