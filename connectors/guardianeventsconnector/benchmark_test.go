// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/connectors/guardianeventsconnector/internal/metadata"
)

// newBenchMetrics makes a batch of one metric with 1,000 points.
func newBenchMetrics(name string, value float64) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	points := m.SetEmptyGauge().DataPoints()
	for i := range 1000 {
		p := points.AppendEmpty()
		p.SetDoubleValue(value)
		p.Attributes().PutStr("detector", "d")
		p.Attributes().PutStr("host", fmt.Sprint(i))
	}
	return metrics
}

// What a point costs: of a metric that is no verdict, of a verdict that all is well, and of one that is not.
func BenchmarkPoints(b *testing.B) {
	for name, metrics := range map[string]pmetric.Metrics{
		"other":   newBenchMetrics("system.cpu.time", 1),
		"normal":  newBenchMetrics("guardian.anomaly.state", stateNormal),
		"anomaly": newBenchMetrics("guardian.anomaly.state", stateAnomaly),
	} {
		b.Run(name, func(b *testing.B) {
			c, err := createMetricsToLogs(b.Context(), connectortest.NewNopSettings(metadata.Type), createDefaultConfig(), &sink{})
			require.NoError(b, err)
			s := &scene{t: b, connector: c}
			require.NoError(b, c.Start(b.Context(), nil))
			defer s.stop()
			at := time.Unix(1, 0)
			points := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(time.Second)
				for i := range points.Len() {
					points.At(i).SetTimestamp(pcommon.NewTimestampFromTime(at))
				}
				require.NoError(b, c.ConsumeMetrics(b.Context(), metrics))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
		})
	}
}
