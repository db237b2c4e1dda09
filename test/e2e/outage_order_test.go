// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

const (
	orderSeries = 20
	orderSteps  = 600 // samples per series, a second apart
)

// smallBatches leaves most of what comes during an outage in the queue, as a long outage would.
const smallBatches = `
exporters:
  otlp_http/remote_write: {sending_queue: {batch: {min_size: 1000, max_size: 10000}}}
`

// TestOutageRemoteWriteOrder sends series whose samples follow one another through an outage and a crash. The queue gives
// the batch that was under way in the crash out again behind the others: Prometheus must take samples out of order.
func TestOutageRemoteWriteOrder(t *testing.T) {
	for _, prometheus := range []struct {
		name, yaml string
		complete   bool
	}{
		{"window of an hour", "storage: {tsdb: {out_of_order_time_window: 1h}}\n", true},
		{"no window", "global: {}\n", false},
	} {
		t.Run(prometheus.name, func(t *testing.T) {
			backends := startPrometheusAlone(t, prometheus.yaml)
			collector := backends.startOutageCollector(t, smallBatches)
			series := newOrderedSeries(t, collector)

			series.send(t, orderSteps/6)
			backends.proxies["prometheus_remote_write"].Set(t, otlpload.Unavailable)
			series.send(t, orderSteps/3)
			collector.Kill()
			collector.Start(t)
			series.send(t, orderSteps/2)
			backends.proxies["prometheus_remote_write"].Set(t, otlpload.Healthy)

			// The newest sample is the last to come.
			require.Eventually(t, func() bool { return series.newest(t, backends, "shipped") }, time.Minute, 200*time.Millisecond)
			// The batch of the crash comes behind it.
			require.Eventually(t, func() bool { return queueSize(t, collector, "otlp_http/remote_write") == 0 }, time.Minute, 200*time.Millisecond)
			arrived := series.arrived(t, backends, "shipped")
			t.Logf("%-31s %-7s %-35s sent %6d  accepted %6d  delivered %6d  missing %5d",
				"prometheus_remote_write", "metrics", "503, SIGKILL, "+prometheus.name, series.accepted, series.accepted, arrived, series.accepted-arrived)
			assert.Equal(t, prometheus.complete, arrived == series.accepted, "whether everything arrives with %s", prometheus.name)
		})
	}
}

// remoteWriteLog is the exporter with its own log on disk, which the shipped configuration does without.
const remoteWriteLog = `
exporters:
  prometheus_remote_write/log:
    endpoint: "${env:REMOTE_WRITE_ENDPOINT}"
    external_labels: {run: log}
    remote_write_queue: {enabled: false}
    retry_on_failure: {max_interval: 1s, max_elapsed_time: 0s}
    wal: {directory: "${env:STATE}/remote_write", buffer_size: 1}
service:
  pipelines:
    metrics/cumulative: {exporters: [prometheus, otlp_http/remote_write, forward/influxdb, prometheus_remote_write/log]}
`

// TestOutageRemoteWriteRefusedSample shows why the shipped configuration does without the exporter's own log: one sample
// that Prometheus refuses holds up all that come after it, where the queue drops that sample and goes on.
func TestOutageRemoteWriteRefusedSample(t *testing.T) {
	backends := startPrometheusAlone(t, "global: {}\n")
	collector := backends.startOutageCollector(t, remoteWriteLog)
	series := newOrderedSeries(t, collector)

	series.send(t, 10)
	for _, run := range []string{"shipped", "log"} {
		require.Eventually(t, func() bool { return series.arrived(t, backends, run) == 10*orderSeries }, time.Minute, 100*time.Millisecond)
	}
	series.export(t, series.start.Add(-3*time.Hour)) // Too old.
	collector.LogMatch(t, "error processing WAL entries")
	collector.LogMatch(t, "Dropping data")
	series.send(t, 10)
	require.Eventually(t, func() bool { return series.arrived(t, backends, "shipped") == 20*orderSeries }, time.Minute, 100*time.Millisecond)
	assert.Equal(t, 10*orderSeries, series.arrived(t, backends, "log"), "the log goes on behind a refused sample: the shipped configuration could use it now")
}

// startPrometheusAlone starts a Prometheus; the other backends are down.
func startPrometheusAlone(t *testing.T, yaml string) *outageBackends {
	t.Helper()
	b := backendsDown()
	b.prometheus = servers.StartPrometheus(t, servers.PrometheusConfig{YAML: yaml})
	b.proxies["prometheus_remote_write"] = startFaultProxy(t, hostOf(b.prometheus.URL))
	return b
}

// orderedSeries sends the same gauges again and again, each time a second later.
type orderedSeries struct {
	client   otlpload.Client
	start    time.Time
	steps    int
	accepted int // samples
}

func newOrderedSeries(t testing.TB, c *testutil.Collector) *orderedSeries {
	t.Helper()
	client, err := otlpload.NewClient(otlpload.GRPC, c.Address("OTLP_GRPC"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return &orderedSeries{client: client, start: time.Now().Add(-orderSteps * time.Second)}
}

func (s *orderedSeries) send(t testing.TB, steps int) {
	t.Helper()
	for range steps {
		s.export(t, s.start.Add(time.Duration(s.steps)*time.Second))
		s.steps++
		s.accepted += orderSeries
	}
}

// export sends one sample of each series until they are accepted.
func (s *orderedSeries) export(t testing.TB, at time.Time) {
	t.Helper()
	metrics := pmetric.NewMetrics()
	metric := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("order_probe")
	points := metric.SetEmptyGauge().DataPoints()
	for i := range orderSeries {
		point := points.AppendEmpty()
		point.SetTimestamp(pcommon.NewTimestampFromTime(at))
		point.SetIntValue(int64(s.steps))
		point.Attributes().PutInt("series", int64(i))
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(metrics).MarshalProto()
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.client.Export(t.Context(), otlpload.Metrics, body) == nil }, time.Minute, 10*time.Millisecond)
}

// arrived returns how many samples Prometheus has.
func (s *orderedSeries) arrived(t testing.TB, b *outageBackends, run string) int {
	t.Helper()
	total := 0
	for _, sample := range b.prometheus.Query(t, fmt.Sprintf(`sum(count_over_time(order_probe{run=%q}[1h]))`, run)) {
		total += int(sample.Value)
	}
	return total
}

// newest reports whether Prometheus has the last sample of every series.
func (s *orderedSeries) newest(t testing.TB, b *outageBackends, run string) bool {
	t.Helper()
	last := b.prometheus.QueryAt(t, fmt.Sprintf(`order_probe{run=%q} == %d`, run, s.steps-1), s.start.Add(time.Duration(s.steps)*time.Second))
	return len(last) == orderSeries
}
