// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// sumOf adds up the points of one of the receiver's own metrics.
func sumOf(t *testing.T, data metricdata.Aggregation) int64 {
	t.Helper()
	sum := int64(0)
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, point := range data.DataPoints {
			sum += point.Value
		}
	case metricdata.Gauge[int64]:
		for _, point := range data.DataPoints {
			sum += point.Value
		}
	default:
		require.Failf(t, "no number", "%T", data)
	}
	return sum
}
