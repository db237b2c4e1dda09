// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/cluster/sender"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const (
	meteredFlush = time.Second
	// meteredTierWait is longer than the collector is away, so that requests and their evaluations meet over a restart.
	meteredTierWait = 15 * time.Second
	// killSlack is how much later than it should a flush may be saved on a busy machine.
	killSlack = 500 * time.Millisecond

	streamEvents = 5000 // until everything is compared
	killedEvents = 6000 // after that, with a crash among them
	streamSpeed  = 40   // virtual seconds per second
	streamRate   = 25   // events per virtual second
)

// Every metric of the catalogue is in Prometheus with its type, labels and edges, and has exactly the value that follows from
// the events, of which a tenth came twice and some as spans too, with a restart in their middle. After a crash nothing is
// counted twice either, at most what came since the last flush is lost, and nothing that Prometheus saw.
func TestGuardianMetricsAreWhatWasSent(t *testing.T) {
	m := startMetered(t, meteredSetup{
		flush: meteredFlush, tierWait: meteredTierWait,
		rules: []string{filepath.Join(testutil.Root(t), "monitoring", "rules", "spellings.yaml")},
	})
	load := newLoad(t, m)

	load.send(t, streamEvents, func() {
		require.Zero(t, m.Stop(t))
		m.Start(t)
	})
	load.sendAgain(t)
	ledger := load.ledger(t, nil)
	m.awaitSeries(t, exactly(ledger.grown), grown)
	m.awaitSeries(t, exactly(ledger.gauges), states)
	m.assertCatalogue(t)
	m.assertThroughput(t, ledger)
	m.assertNoResets(t)

	var killed time.Time
	load.send(t, killedEvents, func() {
		killed = time.Now()
		m.Kill()
		m.Start(t)
	})
	perhapsLost := func(dispatched time.Time) bool {
		return dispatched.After(killed.Add(-meteredFlush-killSlack)) && !dispatched.After(killed)
	}
	most, least := load.ledger(t, nil), load.ledger(t, perhapsLost)
	require.Less(t, least.ended(), most.ended(), "the crash was not among the events")
	m.awaitSeries(t, between(withoutTiers(least.grown), withoutTiers(most.grown)), func(shown map[string]float64) map[string]float64 {
		return withoutTiers(grown(shown))
	})
	m.assertNoResets(t)
	counted := 0.0
	for _, sample := range m.prometheus.Query(t, `sum(ml_requests_total)`) {
		counted = sample.Value
	}
	t.Logf("of %d requests %.0f were counted, and %d at least must be", most.ended(), counted, least.ended())
}

// load is a simulated cluster whose events go to a collector.
type load struct {
	collector  metered
	config     cluster.Config
	cluster    *cluster.Cluster
	dispatched []time.Time // when each event was handed to the sender
	sent       atomic.Int64
}

func newLoad(t *testing.T, m metered) *load {
	t.Helper()
	// Nothing lies in the future, and what becomes of improvements comes in time.
	l := &load{collector: m, config: cluster.Config{
		Seed: 5, Start: time.Now().Add(-time.Hour), Rate: streamRate, LateAfter: time.Second, LateWithin: time.Minute,
	}}
	l.cluster = l.newCluster(t)
	return l
}

func (l *load) newCluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	c, err := cluster.New(l.config)
	require.NoError(t, err)
	return c
}

// Observe implements sender.Observer.
func (l *load) Observe(event.Event) {
	l.dispatched = append(l.dispatched, time.Now())
	l.sent.Add(1)
}

// send sends the next events to the guardian receiver as an application does, which tries again what is refused, and
// does something when half of them are sent.
func (l *load) send(t *testing.T, events int, inTheMiddle func()) {
	t.Helper()
	guardian, err := sender.NewGuardian(sender.GuardianOptions{Endpoint: l.collector.URL("GUARDIAN")})
	require.NoError(t, err)
	s := sender.Sender{
		Cluster: l.cluster, Guardian: guardian, Events: events, Speed: streamSpeed, Batch: 20, Linger: 20 * time.Millisecond,
		RetryMost: 500 * time.Millisecond, Observers: []sender.Observer{l},
	}
	half := l.sent.Load() + int64(events/2)
	done := make(chan error, 1)
	go func() {
		report, err := s.Run(t.Context())
		if err == nil {
			err = report.Err()
		}
		done <- err
	}()
	require.Eventually(t, func() bool { return l.sent.Load() >= half }, gatewayWait, time.Millisecond)
	inTheMiddle()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(gatewayWait):
		require.FailNow(t, "the events are not all sent")
	}
}

// ledger says what the metrics must be after all events, without those that were handed over at some times.
func (l *load) ledger(t *testing.T, without func(dispatched time.Time) bool) *metricLedger {
	t.Helper()
	again, ledger := l.newCluster(t), newMetricLedger()
	for _, at := range l.dispatched {
		if e := again.Next(); without == nil || !without(at) {
			ledger.Observe(e)
		}
	}
	ledger.settle()
	return ledger
}

// sendAgain sends a tenth of the events a second time, half of these by the way they came, half as log records over OTLP, and
// the spans of all requests that were traced.
func (l *load) sendAgain(t *testing.T) {
	t.Helper()
	again := l.newCluster(t)
	var lines bytes.Buffer
	twice := 0
	logs, traces := plog.NewLogs(), ptrace.NewTraces()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range l.dispatched {
		e := again.Next()
		switch batch := i / 20; batch % 20 {
		case 0:
			lines.Write(append(event.AppendJSON(nil, e), '\n'))
			twice++
		case 10:
			event.Append(e, pcommon.NewTimestampFromTime(time.Now()), records)
		}
		cluster.AppendSpan(e, spans)
	}
	assert.Equal(t, twice, l.collector.postLines(t, &lines), "duplicates")
	l.collector.sendOTLP(t, "/v1/logs", plogotlp.NewExportRequestFromLogs(logs))
	l.collector.sendOTLP(t, "/v1/traces", ptraceotlp.NewExportRequestFromTraces(traces))
}

// assertCatalogue holds names and types; labels and edges are part of the series that were compared.
func (m metered) assertCatalogue(t *testing.T) {
	t.Helper()
	shown := map[string]bool{}
	for series := range m.shown(t) {
		shown[metricOf(series).name] = true
	}
	kinds := m.kinds(t)
	var names []string
	for i := range owedMetrics {
		metric := &owedMetrics[i]
		names = append(names, metric.name)
		assert.True(t, shown[metric.name], "%s has no series", metric.name)
		assert.Equal(t, metric.kind, kinds[metric.name], metric.name)
	}
	documented := documentedMetrics(t)
	assert.Subset(t, documented, names, "METRICS.md has all that is owed")
	assert.Subset(t, with(names, owedToOthers...), documented, "METRICS.md has nothing else")
	for _, name := range spelledShort {
		assert.Empty(t, m.prometheus.Query(t, name+`_total != on (model_name, predicted_class, threshold) `+name), name)
		assert.NotEmpty(t, m.prometheus.Query(t, name+`_total == on (model_name, predicted_class, threshold) `+name), name)
	}
}

// assertThroughput holds the rates of requests between 0 and what they would be had all come in the last minute.
func (m metered) assertThroughput(t *testing.T, ledger *metricLedger) {
	t.Helper()
	models := map[string]bool{}
	for _, sample := range m.prometheus.Query(t, throughput) {
		model := sample.Metric["model_name"]
		models[model] = true
		assert.Positive(t, sample.Value, model)
		assert.LessOrEqual(t, sample.Value, float64(ledger.requests[model])/60, model)
	}
	assert.Len(t, models, len(ledger.requests))
}

// between is the bounds of series of which some events may be missing.
func between(least, most map[string]float64) map[string]bounds {
	want := make(map[string]bounds, len(most))
	for name, value := range most {
		want[name] = bounds{least: least[name], most: value, optional: true}
	}
	return want
}

var tierLabel = regexp.MustCompile(`quality_tier="[a-z]*",`)

// withoutTiers adds up over the quality tiers: a request whose evaluation was lost counts as unknown.
func withoutTiers(series map[string]float64) map[string]float64 {
	summed := make(map[string]float64, len(series))
	for name, value := range series {
		summed[tierLabel.ReplaceAllString(name, "")] += value
	}
	return summed
}
