// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package isolationforest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/isolationforestprocessor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly/anomalytest"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/processors/anomalyprocessor"
)

// input is a way in which the same values come.
type input struct {
	name   string
	metric string // of the anomaly processor's detector
	host   string // that is looked at
	// put writes a value into an empty metric of a batch; start is the time of the first batch.
	put func(m pmetric.Metric, v float64, at, start time.Time)
}

func gaugePoint(m pmetric.Metric, at time.Time) pmetric.NumberDataPoint {
	if m.Type() != pmetric.MetricTypeGauge {
		m.SetEmptyGauge()
	}
	p := m.Gauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	return p
}

// inputs bring values of about 1,000.
func inputs() []input {
	var total, sum float64
	var count uint64
	n := 0
	return []input{
		{"gauge, double", "m0", hostName(0), func(m pmetric.Metric, v float64, at, _ time.Time) { gaugePoint(m, at).SetDoubleValue(v) }},
		{"gauge, int", "m0", hostName(0), func(m pmetric.Metric, v float64, at, _ time.Time) { gaugePoint(m, at).SetIntValue(int64(v)) }},
		{"gauge, the second of two points", "m0", hostName(1), func(m pmetric.Metric, v float64, at, _ time.Time) {
			other := gaugePoint(m, at)
			other.SetDoubleValue(1000 + math.Mod(v, 10))
			other.Attributes().PutStr("host.name", hostName(0))
			p := gaugePoint(m, at)
			p.SetDoubleValue(v)
			p.Attributes().PutStr("host.name", hostName(1))
		}},
		{"gauge, one in 20 NaN besides", "m0", hostName(0), func(m pmetric.Metric, v float64, at, _ time.Time) {
			if n++; n%20 == 0 && v < 1030 { // Not in place of a spike.
				v = math.NaN()
			}
			gaugePoint(m, at).SetDoubleValue(v)
		}},
		{"counter, cumulative", "m0", hostName(0), func(m pmetric.Metric, v float64, at, start time.Time) {
			total += v
			s := m.SetEmptySum()
			s.SetIsMonotonic(true)
			s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := s.DataPoints().AppendEmpty()
			p.SetDoubleValue(total)
			p.SetTimestamp(pcommon.NewTimestampFromTime(at))
			p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		}},
		{"histogram, its mean", "{name: m0, values: [mean]}", hostName(0), func(m pmetric.Metric, v float64, at, start time.Time) {
			sum, count = sum+10*v, count+10
			h := m.SetEmptyHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := h.DataPoints().AppendEmpty()
			p.SetSum(sum)
			p.SetCount(count)
			p.SetTimestamp(pcommon.NewTimestampFromTime(at))
			p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		}},
	}
}

// TestInput lets 20 spikes of 10 standard deviations stand in the last 2,000 of 3,000 rows of noise and prints how well the scores tell them from the
// other rows, as ROC-AUC, for every way in which values may come.
func TestInput(t *testing.T) {
	const rows, from = 3000, 1000
	rng := rand.New(rand.NewPCG(3, 4))
	values, spikes := make([]float64, rows), make([]bool, rows)
	for i := range values {
		values[i] = 1000 + 5*rng.NormFloat64()
	}
	for i := range 20 {
		at := from + 100*i + rng.IntN(60)
		values[at], spikes[at] = values[at]+50, true
	}
	w := newTable("spikes, ROC-AUC", compared())
	for i := range inputs() {
		fmt.Fprintf(w, "%s", inputs()[i].name)
		for _, s := range compared() {
			in := inputs()[i]
			cfg := s.config(t, 1, 2, 0)
			ours := s.factory.Type().String() == "anomaly"
			if ours {
				cfg = detectorOf(t, "isolation_forest", in.metric, 0)
			}
			var start time.Time
			judged := s.judgeAll(t, cfg, rows, in.host, 0, func(i int, at time.Time) pmetric.Metrics {
				if i == 0 {
					start = at.Add(-step)
				}
				metrics := pmetric.NewMetrics()
				resource := metrics.ResourceMetrics().AppendEmpty()
				resource.Resource().Attributes().PutStr("host.name", hostName(0))
				resource.Resource().Attributes().PutStr("metric", metricName(0))
				m := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
				m.SetName(metricName(0))
				in.put(m, values[i], at, start)
				return metrics
			})
			auc := anomalytest.ROCAUC(scores(judged)[from:], spikes[from:])
			fmt.Fprintf(w, "\t%.3f", auc)
			if ours {
				assert.Greater(t, auc, 0.95, in.name)
			}
		}
		fmt.Fprintf(w, "\t\n")
	}
	require.NoError(t, w.Flush())
}

// TestAgain prints what the same calm rows give twice: the largest difference of a score, and the share of the first 60 rows that are anomalies, which
// is what a restart without state gives.
func TestAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	rows := make([][]float64, 2000)
	for i := range rows {
		rows[i] = []float64{10 + rng.NormFloat64()}
	}
	w := newTable("the same rows twice", nil)
	fmt.Fprintf(w, "\tlargest difference of a score\tcalm rows called anomalies, of the first 60\t\n")
	for _, s := range compared() {
		cfg := s.config(t, 1, 1, 0)
		send := func(i int, at time.Time) pmetric.Metrics { return metricsOf(rows[i], at) }
		first, second := s.judgeAll(t, cfg, len(rows), hostName(0), 0, send), s.judgeAll(t, cfg, len(rows), hostName(0), 1, send)
		difference, anomalous := 0.0, 0
		for i := range first {
			difference = max(difference, math.Abs(first[i].score-second[i].score))
			if i < 60 {
				anomalous += first[i].anomalous
			}
		}
		fmt.Fprintf(w, "%s\t%.3g\t%d\t\n", s.name, difference, anomalous)
		if s.factory.Type().String() == "anomaly" {
			assert.Zero(t, difference)
			assert.Zero(t, anomalous)
		}
	}
	require.NoError(t, w.Flush())
}

// TestTooManyEntities sends 100 hosts where there is room for ten: the anomaly processor's limit, and models in the peer's configuration. Ours judges the
// ten that came first and counts what it leaves out; printed is who judges the hundredth of the peer.
func TestTooManyEntities(t *testing.T) {
	const rows, hosts, room = 200, 100, 10
	send := func(run running) {
		for i := range rows {
			metrics := pmetric.NewMetrics()
			for host := range hosts {
				p := addGauge(metrics, metricName(0), hostName(host))
				p.SetDoubleValue(float64(host))
				p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(time.Duration(i-rows) * step)))
			}
			require.NoError(t, run.ConsumeMetrics(t.Context(), metrics))
		}
	}
	cfg, err := testutil.LoadConfig(t, anomalyprocessor.NewFactory(),
		fmt.Sprintf("{detectors: [{name: d, metrics: [m0], group_by: [host.name], step: %s, lateness: 0s, limits: {entities: %d}}]}", step, room))
	require.NoError(t, err)
	run := ours("isolation_forest").start(t, cfg, func(said) {})
	send(run)
	assert.EqualValues(t, rows*(hosts-room), run.own(t, "otelcol_processor_anomaly_limited"))
	assert.EqualValues(t, rows*room, run.own(t, "otelcol_processor_anomaly_points"))

	models := map[string]int{}
	stranger := peer("a model per series", peerBest)
	stranger.read = func(metrics pmetric.Metrics, _ func(said)) {
		last := metrics.ResourceMetrics().At(hosts - 1)
		model, _ := last.ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).Attributes().Get("anomaly.model_name")
		models[model.Str()]++
	}
	send(stranger.start(t, stranger.config(t, 1, room, 0), nil))
	fmt.Printf("%s: %d points of a host that none of its %d models is for were judged, and learned, by %d of them\n", stranger.name, rows, room, len(models))
}

// role tells a child process what to run.
const role = "ISOLATIONFOREST_ROLE"

// TestConcurrentSenders prints what becomes of eight senders at once, each in a process of its own that may hang or crash.
func TestConcurrentSenders(t *testing.T) {
	if name := os.Getenv(role); name != "" {
		sendConcurrently(t, name)
		return
	}
	for _, name := range []string{"anomaly", "isolationforest", "isolationforest, adaptive_window"} {
		outcome, output := child(t, name)
		fmt.Printf("eight senders, %s: %s\n", name, outcome)
		if name == "anomaly" {
			assert.Equal(t, "done", outcome, output)
		}
	}
}

func child(t *testing.T, name string) (outcome, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestConcurrentSenders$")
	cmd.Env = append(os.Environ(), role+"="+name)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return "done", ""
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return strings.TrimSpace(line), string(out)
		}
	}
	return "fails", string(out)
}

func sendConcurrently(t *testing.T, name string) {
	t.Helper()
	s := ours("isolation_forest")
	var cfg component.Config
	if name != "anomaly" {
		s = peer(name, peerDefaults)
		settings := s.config(t, 1, 1, 0).(*isolationforestprocessor.Config)
		settings.AdaptiveWindow.Enabled = strings.HasSuffix(name, "adaptive_window")
		cfg = settings
	} else {
		cfg = s.config(t, 1, 1, 0)
	}
	run := s.start(t, cfg, func(said) {})
	var senders sync.WaitGroup
	var passed atomic.Int64
	stop := watch(&passed)
	defer stop()
	for sender := range 8 {
		senders.Go(func() {
			for i := range 500 {
				metrics := metricsOf([]float64{float64(i % 17)}, time.Now())
				metrics.ResourceMetrics().At(0).Resource().Attributes().PutStr("host.name", hostName(sender))
				if err := run.ConsumeMetrics(context.Background(), metrics); err != nil {
					t.Error(err)
				}
				passed.Add(1)
			}
		})
	}
	senders.Wait()
}

// watch ends the process if nothing passes for ten seconds, as who waits for a lock for ever can be ended in no other way.
func watch(passed *atomic.Int64) (stop func()) {
	before := int64(-1)
	var timer *time.Timer
	timer = time.AfterFunc(10*time.Second, func() {
		now := passed.Load()
		if now == before {
			panic(fmt.Sprintf("deadlock: nothing has passed for ten seconds, after %d batches", now))
		}
		before = now
		timer.Reset(10 * time.Second)
	})
	return func() { timer.Stop() }
}
