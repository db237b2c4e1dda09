// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/shared"
)

// anomalyProcessor stands in a metrics pipeline.
type anomalyProcessor struct {
	*shared.Instance[*engine]
	next consumer.Metrics
}

func (*anomalyProcessor) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeMetrics hands the batch on, and judges what was in it once it was accepted.
func (p *anomalyProcessor) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	e := p.Engine()
	b := e.extract(metrics, time.Now())
	defer b.release()
	if err := p.next.ConsumeMetrics(ctx, metrics); err != nil {
		return err
	}
	e.commit(b, time.Now())
	return nil
}
