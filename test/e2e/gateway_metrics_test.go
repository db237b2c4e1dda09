// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// kinds are the metrics of the source: their OTLP names, and the beginning of their names in Prometheus.
var kinds = []struct{ name, prometheus string }{
	{"kind.gauge", "kind_gauge_seconds"},
	{"kind.sum.cumulative", "kind_sum_cumulative_total"},
	{"kind.sum.delta", "kind_sum_delta_total"},
	{"kind.updown", "kind_updown"},
	{"kind.histogram.cumulative", "kind_histogram_cumulative_seconds"},
	{"kind.histogram.delta", "kind_histogram_delta_seconds"},
	{"kind.exponential.cumulative", "kind_exponential_cumulative_seconds"},
	{"kind.exponential.delta", "kind_exponential_delta_seconds"},
	{"kind.summary", "kind_summary_seconds"},
	{"kind.nan", "kind_nan"},
	{"kind.infinite", "kind_infinite"},
	{"kind.broken", "kind_broken"},
	{"kind.without.value", "kind_without_value"},
}

// kindsSource writes what one application says at two times: every kind of metric, delta and cumulative, and some that
// have spoilt their neighbours elsewhere.
type kindsSource struct {
	start, first, second time.Time
}

// newKindsSource begins now. Times are whole milliseconds, the finest that Prometheus and Elasticsearch's metrics keep.
func newKindsSource() kindsSource {
	start := time.Now().Truncate(time.Millisecond)
	return kindsSource{start: start, first: start.Add(200 * time.Millisecond), second: start.Add(400 * time.Millisecond)}
}

// metrics gives the first or the second request.
func (s kindsSource) metrics(second bool) pmetric.Metrics {
	all := pmetric.NewMetrics()
	resource := all.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "kinds")
	list := resource.ScopeMetrics().AppendEmpty().Metrics()
	add := func(name, unit string) pmetric.Metric {
		metric := list.AppendEmpty()
		metric.SetName(name)
		metric.SetUnit(unit)
		return metric
	}
	from, to := s.start, s.first
	if second {
		from, to = s.first, s.second
	}

	// The poison stands first, so that what comes after it shows whether it worked.
	nan := number(add("kind.nan", "").SetEmptyGauge().DataPoints(), time.Time{}, to)
	nan.SetDoubleValue(math.NaN())
	infinite := number(add("kind.infinite", "").SetEmptyGauge().DataPoints(), time.Time{}, to)
	infinite.SetDoubleValue(math.Inf(1))
	number(add("kind.without.value", "").SetEmptyGauge().DataPoints(), time.Time{}, to).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	broken := histogram(add("kind.broken", ""), pmetric.AggregationTemporalityDelta, from, to)
	broken.BucketCounts().FromRaw([]uint64{1, 2})

	number(add("kind.gauge", "s").SetEmptyGauge().DataPoints(), time.Time{}, to).SetDoubleValue(pick(second, 1.5, 2.5))
	number(sum(add("kind.sum.cumulative", "{request}"), pmetric.AggregationTemporalityCumulative, true), s.start, to).SetIntValue(pick[int64](second, 3, 7))
	number(sum(add("kind.sum.delta", "{request}"), pmetric.AggregationTemporalityDelta, true), from, to).SetIntValue(pick[int64](second, 3, 4))
	number(sum(add("kind.updown", ""), pmetric.AggregationTemporalityCumulative, false), s.start, to).SetIntValue(pick[int64](second, 5, 3))

	cumulative := histogram(add("kind.histogram.cumulative", "s"), pmetric.AggregationTemporalityCumulative, s.start, to)
	delta := histogram(add("kind.histogram.delta", "s"), pmetric.AggregationTemporalityDelta, from, to)
	fill(cumulative, pick(second, []uint64{1, 2, 3, 0}, []uint64{2, 3, 4, 1}), pick(second, 10.0, 40.0))
	fill(delta, pick(second, []uint64{1, 2, 3, 0}, []uint64{1, 1, 1, 1}), pick(second, 10.0, 30.0))

	fillExponential(exponential(add("kind.exponential.cumulative", "s"), pmetric.AggregationTemporalityCumulative, s.start, to),
		pick(second, []uint64{1, 2}, []uint64{2, 4}), pick(second, 8.0, 20.0))
	fillExponential(exponential(add("kind.exponential.delta", "s"), pmetric.AggregationTemporalityDelta, from, to),
		pick(second, []uint64{1, 2}, []uint64{1, 2}), pick(second, 8.0, 12.0))

	summary := add("kind.summary", "s").SetEmptySummary().DataPoints().AppendEmpty()
	summary.SetStartTimestamp(pcommon.NewTimestampFromTime(s.start))
	summary.SetTimestamp(pcommon.NewTimestampFromTime(to))
	summary.SetCount(pick[uint64](second, 10, 12))
	summary.SetSum(pick(second, 20.0, 25.0))
	for quantile, value := range map[float64]float64{0.5: 1, 0.99: 9} {
		point := summary.QuantileValues().AppendEmpty()
		point.SetQuantile(quantile)
		point.SetValue(value)
	}
	return all
}

func pick[T any](second bool, one, two T) T {
	if second {
		return two
	}
	return one
}

func number(points pmetric.NumberDataPointSlice, start, at time.Time) pmetric.NumberDataPoint {
	point := points.AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(at))
	if !start.IsZero() {
		point.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	}
	return point
}

func sum(metric pmetric.Metric, temporality pmetric.AggregationTemporality, monotonic bool) pmetric.NumberDataPointSlice {
	s := metric.SetEmptySum()
	s.SetAggregationTemporality(temporality)
	s.SetIsMonotonic(monotonic)
	return s.DataPoints()
}

func histogram(metric pmetric.Metric, temporality pmetric.AggregationTemporality, start, at time.Time) pmetric.HistogramDataPoint {
	h := metric.SetEmptyHistogram()
	h.SetAggregationTemporality(temporality)
	point := h.DataPoints().AppendEmpty()
	point.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	point.SetTimestamp(pcommon.NewTimestampFromTime(at))
	point.ExplicitBounds().FromRaw([]float64{0.1, 1, 10})
	return point
}

func fill(point pmetric.HistogramDataPoint, counts []uint64, total float64) {
	point.BucketCounts().FromRaw(counts)
	point.SetSum(total)
	point.SetCount(0)
	for _, count := range counts {
		point.SetCount(point.Count() + count)
	}
}

func exponential(metric pmetric.Metric, temporality pmetric.AggregationTemporality, start, at time.Time) pmetric.ExponentialHistogramDataPoint {
	h := metric.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(temporality)
	point := h.DataPoints().AppendEmpty()
	point.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	point.SetTimestamp(pcommon.NewTimestampFromTime(at))
	return point
}

// fillExponential puts counts into the buckets (1,2], (2,4] and so on.
func fillExponential(point pmetric.ExponentialHistogramDataPoint, counts []uint64, total float64) {
	point.Positive().BucketCounts().FromRaw(counts)
	point.SetSum(total)
	for _, count := range counts {
		point.SetCount(point.Count() + count)
	}
}

func TestGatewayBringsEveryKindOfMetricToEveryServer(t *testing.T) {
	written := servers.StartPrometheus(t, servers.PrometheusConfig{})
	influx, elastic := servers.StartInfluxDB(t, "guardian"), startElasticsearch(t)
	g := startGateway(t, gatewayBackends{prometheus: written.URL, influxdb: influx.URL, elasticsearch: elastic.URL})
	scraped := servers.StartPrometheus(t, servers.PrometheusConfig{YAML: fmt.Sprintf(`
scrape_configs:
  - job_name: gateway
    scrape_interval: 1s
    honor_labels: true
    scheme: https
    tls_config: {ca_file: %q}
    authorization: {credentials: %q}
    static_configs: [{targets: [%q]}]
`, g.authority.file, gatewayToken, g.Address("PAGE"))})

	source := newKindsSource()
	g.sendMetrics(t, source.metrics(false))
	// Both requests in one batch would reach the servers out of order only if the gateway did so.
	g.sendMetrics(t, source.metrics(true))

	for name, prometheus := range map[string]*servers.Prometheus{"scraped": scraped, "remote write": written} {
		require.Eventually(t, func() bool {
			return len(prometheus.Query(t, `kind_sum_delta_total == 7`)) == 1
		}, gatewayWait, gatewayPoll, name)
	}
	require.Eventually(t, func() bool {
		return influxLast(t, influx, "kind.sum.delta") == "counter=7"
	}, gatewayWait, gatewayPoll, "InfluxDB")
	awaitDocuments(t, elastic, "metrics-*", `{"exists":{"field":"metrics.kind.sum.delta"}}`, 2)

	testutil.Golden(t, filepath.Join("testdata", "gateway_kinds.md"), []byte(kindsTable(t, scraped, written, influx, elastic)))
	assertKindTimes(t, source, written, influx, elastic)
	assertLastSeen(t, written, scraped)
	assertDropsAreCounted(t, g)
}

// kindsTable shows what each server has in the end of each kind.
func kindsTable(t *testing.T, scraped, written *servers.Prometheus, influx *servers.InfluxDB, elastic *servers.SearchEngine) string {
	t.Helper()
	var table strings.Builder
	table.WriteString("| OTLP | Prometheus, scraped | Prometheus, remote write | InfluxDB | Elasticsearch, each point |\n|---|---|---|---|---|\n")
	documents := elasticValues(t, elastic)
	for _, kind := range kinds {
		var measurements []string
		for _, suffix := range []string{"", "_count", "_sum"} {
			if last := influxLast(t, influx, kind.name+suffix); last != "" {
				measurements = append(measurements, strings.TrimPrefix(suffix+" ", " ")+last)
			}
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", kind.name,
			prometheusSeries(t, scraped, kind.prometheus), prometheusSeries(t, written, kind.prometheus),
			or(strings.Join(measurements, "; "), "–"), or(strings.Join(documents[kind.name], ", then "), "–"))
	}
	return table.String()
}

// prometheusSeries lists the series of a metric, without the labels that all of them have.
func prometheusSeries(t *testing.T, prometheus *servers.Prometheus, name string) string {
	t.Helper()
	samples := prometheus.Query(t, fmt.Sprintf(`{__name__=~"%s.*",job="kinds"}`, name))
	slices.SortFunc(samples, func(a, b servers.Sample) int {
		return cmp.Or(cmp.Compare(a.Metric["__name__"], b.Metric["__name__"]), cmp.Compare(edge(a), edge(b)))
	})
	var series []string
	for _, sample := range samples {
		text := sample.Metric["__name__"]
		switch {
		case sample.Metric["le"] != "":
			text += fmt.Sprintf("{le=%g}", edge(sample))
		case sample.Metric["quantile"] != "":
			text += fmt.Sprintf("{quantile=%g}", edge(sample))
		}
		if sample.Histogram != nil {
			text += fmt.Sprintf(" native: count %g, sum %g, buckets %v", sample.Histogram.Count, sample.Histogram.Sum, sample.Histogram.Buckets)
		} else {
			text += fmt.Sprintf(" %g", sample.Value)
		}
		series = append(series, text)
	}
	return or(strings.Join(series, "; "), "–")
}

// edge is a bucket's bound or a quantile. A page in protobuf says le="1.0", remote write and text le="1".
func edge(sample servers.Sample) float64 {
	value, _ := strconv.ParseFloat(sample.Metric["le"]+sample.Metric["quantile"], 64)
	return value
}

// influxLast gives the fields of the last point of a measurement, sorted, without tags.
func influxLast(t *testing.T, influx *servers.InfluxDB, measurement string) string {
	t.Helper()
	series := influx.Query(t, "guardian", fmt.Sprintf(`SELECT * FROM %q GROUP BY * ORDER BY time DESC LIMIT 1`, measurement))
	if len(series) == 0 {
		return ""
	}
	var fields []string
	for i, column := range series[0].Columns {
		if column != "time" && column != "start_time_unix_nano" {
			fields = append(fields, fmt.Sprintf("%s=%v", column, series[0].Values[0][i]))
		}
	}
	slices.Sort(fields)
	return strings.Join(fields, " ")
}

type metricDocument struct {
	Timestamp int64          `json:"@timestamp"`
	Unit      string         `json:"unit"`
	Metrics   map[string]any `json:"metrics"`
}

func metricDocuments(t *testing.T, elastic *servers.SearchEngine) []metricDocument {
	t.Helper()
	var documents []metricDocument
	for _, hit := range elastic.Search(t, "metrics-*", `{"term":{"service.name":"kinds"}}`) {
		var document metricDocument
		require.NoError(t, json.Unmarshal(hit.Source, &document))
		documents = append(documents, document)
	}
	slices.SortFunc(documents, func(a, b metricDocument) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	return documents
}

// elasticValues gives the values of each metric in the order of time.
func elasticValues(t *testing.T, elastic *servers.SearchEngine) map[string][]string {
	t.Helper()
	values := map[string][]string{}
	for _, document := range metricDocuments(t, elastic) {
		for name, value := range document.Metrics {
			text, err := json.Marshal(value)
			require.NoError(t, err)
			values[name] = append(values[name], string(text))
		}
	}
	return values
}

func assertKindTimes(t *testing.T, source kindsSource, written *servers.Prometheus, influx *servers.InfluxDB, elastic *servers.SearchEngine) {
	t.Helper()
	for _, kind := range kinds[:4] {
		samples := written.Query(t, fmt.Sprintf(`timestamp(%s)`, kind.prometheus))
		require.Len(t, samples, 1, kind.name)
		assert.Equal(t, source.second.UnixMilli(), int64(math.Round(samples[0].Value*1000)), "time of %s by remote write", kind.name)

		series := influx.Query(t, "guardian", fmt.Sprintf(`SELECT * FROM %q ORDER BY time`, kind.name))
		require.Len(t, series, 1, kind.name)
		var times []string
		for _, row := range series[0].Values {
			times = append(times, fmt.Sprint(row[0]))
		}
		assert.Equal(t, []string{strconv.FormatInt(source.first.UnixNano(), 10), strconv.FormatInt(source.second.UnixNano(), 10)}, times, "times of %s in InfluxDB", kind.name)
	}
	times := map[int64]bool{}
	for _, document := range metricDocuments(t, elastic) {
		times[document.Timestamp] = true
		if _, isGauge := document.Metrics["kind.gauge"]; isGauge {
			assert.Equal(t, "s", document.Unit)
		}
	}
	delete(times, 0)
	assert.Equal(t, []int64{source.first.UnixMilli(), source.second.UnixMilli()}, slices.Sorted(maps.Keys(times)), "times in Elasticsearch")
}

func assertLastSeen(t *testing.T, all ...*servers.Prometheus) {
	t.Helper()
	for _, prometheus := range all {
		require.Eventually(t, func() bool {
			return len(prometheus.Query(t, `time() - max by (job) (service_last_seen_seconds{job="kinds"}) < 300`)) == 1
		}, gatewayWait, gatewayPoll)
	}
}

// assertDropsAreCounted looks at the collector's own page for what the filters dropped, in points of both requests.
func assertDropsAreCounted(t *testing.T, g gateway) {
	t.Helper()
	for filter, want := range map[string]float64{"filter/broken": 2, "filter/finite": 12} {
		assert.InDelta(t, want, dropped(t, g, "otelcol_processor_filter_datapoints_filtered", fmt.Sprintf("filter=%q", filter)), 0, "points dropped by %s", filter)
	}
}

// What Prometheus refuses must not stop what comes after it, as it does in the exporter's own log on disk.
func TestGatewayRemoteWriteGoesOnAfterARefusal(t *testing.T) {
	written := servers.StartPrometheus(t, servers.PrometheusConfig{})
	g := startGateway(t, gatewayBackends{prometheus: written.URL})
	send := func(name string, at time.Time, value int64) {
		metrics := pmetric.NewMetrics()
		metric := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		metric.SetName(name)
		number(metric.SetEmptyGauge().DataPoints(), time.Time{}, at).SetIntValue(value)
		g.sendMetrics(t, metrics)
	}
	arrived := func(name string) func() bool {
		return func() bool { return len(written.Query(t, name)) == 1 }
	}
	now := time.Now()
	send("before", now, 1)
	require.Eventually(t, arrived("before"), gatewayWait, gatewayPoll)

	send("before", now, 2) // another value at the same time: 400
	require.Eventually(t, func() bool {
		return dropped(t, g, "otelcol_exporter_send_failed_metric_points", `exporter="otlp_http/remote_write"`) > 0
	}, gatewayWait, gatewayPoll)
	send("between", now, 1)
	require.Eventually(t, arrived("between"), gatewayWait, gatewayPoll)

	send("too_old", now.Add(-48*time.Hour), 1) // older than the server's window: 500
	require.Eventually(t, func() bool {
		return dropped(t, g, "otelcol_processor_filter_datapoints_filtered", `filter="filter/too_old"`) == 1
	}, gatewayWait, gatewayPoll)
	send("after", now, 1)
	require.Eventually(t, arrived("after"), gatewayWait, gatewayPoll)
}

// dropped adds up the series of one of the collector's own counters that carry a label.
func dropped(t *testing.T, g gateway, counter, label string) float64 {
	t.Helper()
	var total float64
	for series, value := range ownMetrics(t, g.URL("OWN")) {
		if strings.HasPrefix(series, counter) && strings.Contains(series, label) {
			total += value
		}
	}
	return total
}
