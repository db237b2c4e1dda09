// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package binary

import (
	"fmt"
	"iter"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// TestMetricsOfEvents sends requests that name their traces over several flushes, and looks at what OTLP brings of them: exemplars
// lead from a histogram to the trace of a request that took as long as they say, totals go on, and deltas, each of which
// begins at the flush before it, add up to the same.
func TestMetricsOfEvents(t *testing.T) {
	sink := testutil.StartSink(t)
	collector := testutil.StartCollector(t, testutil.CollectorConfig{
		Ports: []string{"GUARDIAN"},
		Env:   []string{"SINK=" + sink.Address},
		YAML: `
receivers:
  guardian: {endpoint: "127.0.0.1:${env:GUARDIAN}"}
connectors:
  guardian_metrics/totals: {flush_interval: 200ms}
  guardian_metrics/deltas: {flush_interval: 200ms, temporality: delta}
exporters:
  otlp_grpc: {endpoint: "${env:SINK}", tls: {insecure: true}, sending_queue: {num_consumers: 1}} # keeps the order
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [guardian], exporters: [guardian_metrics/totals, guardian_metrics/deltas]}
    metrics: {receivers: [guardian_metrics/totals, guardian_metrics/deltas], exporters: [otlp_grpc]}
`,
	})
	const batches, requests = 4, 50
	seconds := map[pcommon.TraceID]float64{}
	sent := 0.0
	for batch := range batches {
		lines := make([]string, requests)
		for i := range lines {
			trace := pcommon.TraceID{byte(batch + 1), byte(i + 1)}
			seconds[trace] = float64(batch*requests+i+1) / 8 // sums are exact
			sent += seconds[trace]
			lines[i] = fmt.Sprintf(`{"type":"request","traceparent":"00-%s-%s-01","data":{"request_id":"%d-%d","model":"m","endpoint":"/e","duration_s":%g}}`,
				trace, pcommon.SpanID{1}, batch, i, seconds[trace])
		}
		code, _, said := sendEvents(t, collector, lines...)
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, requests, said.Accepted)
		for _, temporality := range []pmetric.AggregationTemporality{pmetric.AggregationTemporalityCumulative, pmetric.AggregationTemporalityDelta} {
			require.Eventually(t, func() bool { return durationsOf(sink, temporality).count(temporality) == uint64((batch+1)*requests) },
				arriveLimit, lookEvery, "batch %d as %s", batch, temporality)
		}
	}
	require.Zero(t, collector.Stop(t))

	totals := durationsOf(sink, pmetric.AggregationTemporalityCumulative)
	last := totals[len(totals)-1]
	assert.EqualValues(t, batches*requests, last.Count())
	assert.InDelta(t, sent, last.Sum(), 0)
	for _, point := range totals {
		assert.Equal(t, totals[0].StartTimestamp(), point.StartTimestamp())
	}

	deltas, sum, flushes := durationsOf(sink, pmetric.AggregationTemporalityDelta), 0.0, 0
	flushed := flushTimes(sink)
	for i, point := range deltas {
		sum += point.Sum()
		assert.Less(t, point.StartTimestamp(), point.Timestamp())
		if i > 0 {
			assert.GreaterOrEqual(t, point.StartTimestamp(), deltas[i-1].Timestamp(), "no moment counts twice")
			assert.Contains(t, flushed, point.StartTimestamp(), "no moment is left out, but from flush to flush where nothing came")
		}
		if point.Count() > 0 {
			flushes++
		}
	}
	assert.EqualValues(t, batches*requests, deltas.count(pmetric.AggregationTemporalityDelta))
	assert.InDelta(t, sent, sum, 0)
	assert.GreaterOrEqual(t, flushes, batches)

	for _, points := range []durations{totals, deltas} {
		traces := map[pcommon.TraceID]bool{}
		for _, point := range points {
			for _, exemplar := range point.Exemplars().All() {
				assert.Contains(t, seconds, exemplar.TraceID())
				assert.InDelta(t, seconds[exemplar.TraceID()], exemplar.DoubleValue(), 0)
				assert.Equal(t, pcommon.SpanID{1}, exemplar.SpanID())
				traces[exemplar.TraceID()] = true
			}
		}
		assert.GreaterOrEqual(t, len(traces), batches, "at least one of each batch")
	}
}

// flushTimes are those of the emissions, each of which has the throughput of a model that is known.
func flushTimes(sink *testutil.Sink) (times []pcommon.Timestamp) {
	for metric := range metricsNamed(sink, "ml.throughput.requests") {
		times = append(times, metric.Gauge().DataPoints().At(0).Timestamp())
	}
	return times
}

// durations are the points of the one series of ml.request.duration.
type durations []pmetric.HistogramDataPoint

func durationsOf(sink *testutil.Sink, temporality pmetric.AggregationTemporality) (points durations) {
	for metric := range metricsNamed(sink, "ml.request.duration") {
		if metric.Histogram().AggregationTemporality() == temporality {
			points = append(points, metric.Histogram().DataPoints().At(0))
		}
	}
	return points
}

// metricsNamed gives the metrics of a name in the order in which they came.
func metricsNamed(sink *testutil.Sink, name string) iter.Seq[pmetric.Metric] {
	return func(yield func(pmetric.Metric) bool) {
		for _, metrics := range sink.Metrics.AllMetrics() {
			for _, resource := range metrics.ResourceMetrics().All() {
				for _, metric := range resource.ScopeMetrics().At(0).Metrics().All() {
					if metric.Name() == name && !yield(metric) {
						return
					}
				}
			}
		}
	}
}

// count is how many requests the points tell of.
func (d durations) count(temporality pmetric.AggregationTemporality) (n uint64) {
	for _, point := range d {
		if temporality == pmetric.AggregationTemporalityCumulative {
			n = point.Count()
		} else {
			n += point.Count()
		}
	}
	return n
}
