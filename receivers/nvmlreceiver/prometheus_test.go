// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"fmt"
	"testing"

	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// prometheusPage gives a scrape under the names and labels that the Prometheus exporter makes of it.
func prometheusPage(t *testing.T, metrics pmetric.Metrics) map[string][]sample {
	t.Helper()
	names := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	labelNames := otlptranslator.LabelNamer{}
	translated := map[string][]sample{}
	raw := pageOf(metrics)
	for _, metric := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		name, err := names.Build(otlptranslator.Metric{Name: metric.Name(), Unit: metric.Unit(), Type: typeOf(metric)})
		require.NoError(t, err)
		for _, point := range raw[metric.Name()] {
			labels := labels{}
			for key, value := range point.attributes {
				label, err := labelNames.Build(key)
				require.NoError(t, err)
				labels[label] = fmt.Sprint(value)
			}
			translated[name] = append(translated[name], sample{value: point.value, attributes: labels})
		}
	}
	return translated
}

func typeOf(metric pmetric.Metric) otlptranslator.MetricType {
	switch {
	case metric.Type() == pmetric.MetricTypeGauge:
		return otlptranslator.MetricTypeGauge
	case metric.Sum().IsMonotonic():
		return otlptranslator.MetricTypeMonotonicCounter
	default:
		return otlptranslator.MetricTypeNonMonotonicCounter
	}
}
