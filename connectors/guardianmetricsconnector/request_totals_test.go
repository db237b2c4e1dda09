// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// Requests that are added up between flushes, in lots, give the same metrics as requests that go into the metrics one by one,
// over flushes, idle times and restarts. Values are multiples of 1/8, of which sums are exact in any order.
func TestTotalsAreTheirRequests(t *testing.T) {
	for seed := range uint64(8) {
		compareTotals(t, rand.New(rand.NewPCG(seed, 11)), series, func(c *Config) { c.Series.IdleAfter = 2 * time.Minute })
	}
}

// With more series than there is room for, which of them have room hangs on which metric is updated first; totals do not.
func TestTotalsAreTheirRequestsInTheOverflowToo(t *testing.T) {
	for seed := range uint64(8) {
		compareTotals(t, rand.New(rand.NewPCG(seed, 12)), totals, func(c *Config) { c.Series.Limit = 3 })
	}
}

func compareTotals(t *testing.T, rng *rand.Rand, look func(*scene) map[string]string, configure func(*Config)) {
	t.Helper()
	configure = both(configure, func(c *Config) {
		c.Metrics = map[string]MetricConfig{"model.inference.duration": {Attributes: []string{"sequence_length", "batch_size"}}}
	})
	atOnce, oneByOne := newScene(t, configure), newScene(t, configure)
	shown := 0
	for range 60 {
		logs := plog.NewLogs()
		records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for range rng.IntN(3 * lotSize) {
			putRandom(rng, records.AppendEmpty())
		}
		atOnce.counts.records(records, pcommon.NewMap(), atOnce.now)
		for _, record := range records.All() {
			oneByOne.counts.record(record, pcommon.NewMap(), oneByOne.now)
			oneByOne.counts.showRequests()
		}
		pause := time.Duration(rng.IntN(3000)) * time.Millisecond
		if rng.IntN(20) == 0 {
			pause = time.Duration(rng.IntN(300)) * time.Second
		}
		atOnce.now, oneByOne.now = atOnce.now.Add(pause), oneByOne.now.Add(pause)
		switch rng.IntN(8) {
		case 0:
			want := look(oneByOne)
			require.Equal(t, want, look(atOnce))
			shown += len(want)
		case 1:
			atOnce, oneByOne = restarted(t, atOnce, configure), restarted(t, oneByOne, configure)
		}
	}
	require.Equal(t, look(oneByOne), look(atOnce))
	assert.Positive(t, shown)
	assert.Equal(t, oneByOne.own("otelcol_guardian_metrics_duplicates"), atOnce.own("otelcol_guardian_metrics_duplicates"))
}

func both(first, second func(*Config)) func(*Config) {
	return func(c *Config) { first(c); second(c) }
}

// putRandom makes a record a request, or seldom an evaluation of one, out of few labels and ids.
func putRandom(rng *rand.Rand, record plog.LogRecord) {
	attributes := record.Attributes()
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	sometimes := func(put func()) {
		if rng.IntN(3) > 0 {
			put()
		}
	}
	id := fmt.Sprint(rng.IntN(3000))
	if rng.IntN(10) == 0 {
		record.SetEventName(event.NameEvaluationResult)
		attributes.PutStr("evaluation_id", id)
		attributes.PutStr("target.request_id", id)
		attributes.PutStr("quality_tier", one("gold", "silver"))
		return
	}
	record.SetEventName(event.NameRequest)
	attributes.PutStr("request_id", id)
	sometimes(func() { attributes.PutStr("specialist.type", one("legal", "tax")) })
	sometimes(func() { attributes.PutStr("model.name", one("m", "n")) })
	sometimes(func() { attributes.PutStr("gen_ai.operation.name", one("chat", "embeddings")) })
	sometimes(func() { attributes.PutDouble("duration_s", float64(rng.IntN(100))/8) })
	sometimes(func() { attributes.PutDouble("confidence", float64(rng.IntN(9))/8) })
	sometimes(func() { attributes.PutInt("gen_ai.usage.input_tokens", rng.Int64N(1e4)) })
	sometimes(func() { attributes.PutInt("gen_ai.usage.output_tokens", rng.Int64N(1e3)) })
	sometimes(func() { attributes.PutStr("status", one("success", "error", "success")) })
	switch rng.IntN(6) {
	case 0:
		attributes.PutDouble("quality_score", float64(rng.IntN(9))/8)
	case 1:
		attributes.PutStr("quality_tier", one("gold", "unknown"))
	case 2:
		attributes.PutStr("complexity", one("high", "low"))
		attributes.PutInt("batch_size", rng.Int64N(2))
	case 3:
		attributes.PutStr("phase", one("start", "complete"))
	case 4:
		attributes.PutDouble("duration_s", -1)
	}
}

func restarted(t *testing.T, s *scene, configure func(*Config)) *scene {
	t.Helper()
	state := s.counts.encodeState(s.now)
	again := newScene(t, configure)
	require.NoError(t, again.counts.restoreState(stateSchema, state, s.now))
	// What was reported before goes on, as it does where the process is the same.
	again.counts.telemetry, again.reader, again.now = s.counts.telemetry, s.reader, s.now
	return again
}

// series gives what a flush shows of each series, but for exemplars.
func series(s *scene) map[string]string {
	shown := map[string]string{}
	each(s, func(m pmetric.Metric, attributes pcommon.Map, start pcommon.Timestamp, value float64, buckets []uint64) {
		shown[m.Name()+labelText(attributes)] = fmt.Sprint(start.AsTime(), value, buckets)
	})
	return shown
}

// totals gives what a flush shows of each metric that adds up, all series together.
func totals(s *scene) map[string]string {
	sums, counts := map[string]float64{}, map[string][]uint64{}
	each(s, func(m pmetric.Metric, _ pcommon.Map, _ pcommon.Timestamp, value float64, buckets []uint64) {
		if m.Type() == pmetric.MetricTypeGauge {
			return
		}
		sums[m.Name()] += value
		for i, n := range buckets {
			counts[m.Name()] = append(counts[m.Name()], make([]uint64, max(0, len(buckets)-len(counts[m.Name()])))...)
			counts[m.Name()][i] += n
		}
	})
	shown := map[string]string{}
	for name, sum := range sums {
		shown[name] = fmt.Sprint(sum, counts[name])
	}
	return shown
}

// each flushes twice, since what is new is shown at 0 first, and gives the points of the second time.
func each(s *scene, yield func(m pmetric.Metric, attributes pcommon.Map, start pcommon.Timestamp, value float64, buckets []uint64)) {
	s.flush()
	s.now = s.now.Add(15 * time.Second)
	s.counts.settle(s.now, false)
	for _, picture := range s.counts.flush(s.now, false, "test") {
		for _, m := range picture.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			switch m.Type() {
			case pmetric.MetricTypeSum:
				for _, p := range m.Sum().DataPoints().All() {
					yield(m, p.Attributes(), p.StartTimestamp(), p.DoubleValue(), nil)
				}
			case pmetric.MetricTypeGauge:
				for _, p := range m.Gauge().DataPoints().All() {
					yield(m, p.Attributes(), p.StartTimestamp(), p.DoubleValue(), nil)
				}
			case pmetric.MetricTypeHistogram:
				for _, p := range m.Histogram().DataPoints().All() {
					yield(m, p.Attributes(), p.StartTimestamp(), p.Sum(), p.BucketCounts().AsRaw())
				}
			}
		}
	}
}

// The exemplar of a series is the last request with a trace.
func TestExemplarIsOfTheLastTrace(t *testing.T) {
	s := newScene(t)
	for i, trace := range []byte{1, 2, 0} {
		record := plog.NewLogRecord()
		record.SetEventName(event.NameRequest)
		record.SetTimestamp(pcommon.NewTimestampFromTime(s.now))
		record.SetTraceID(pcommon.TraceID{trace})
		record.SetSpanID(pcommon.SpanID{trace})
		_ = record.Attributes().FromRaw(map[string]any{"request_id": fmt.Sprint(i), "model.name": "m", "duration_s": float64(i)})
		s.counts.record(record, pcommon.NewMap(), s.now)
	}
	s.flush()
	s.now = s.now.Add(15 * time.Second)
	found := 0
	for _, m := range s.counts.flush(s.now, false, "test")[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Name() != "ml.request.duration" {
			continue
		}
		exemplars := m.Histogram().DataPoints().At(0).Exemplars()
		require.Equal(t, 1, exemplars.Len())
		assert.Equal(t, pcommon.TraceID{2}, exemplars.At(0).TraceID())
		assert.InDelta(t, 1, exemplars.At(0).DoubleValue(), 0)
		found++
	}
	assert.Equal(t, 1, found)
}

// The edges of a measure include the bounds of all histograms that show it, and there is a bucket for each.
func TestMeasures(t *testing.T) {
	assert.Equal(t, buckets, firstBucket[measures])
	f := func(m measure, names ...string) {
		t.Helper()
		assert.True(t, slices.IsSorted(edges[m]))
		for _, name := range names {
			for _, bound := range find(name).Bounds {
				assert.Contains(t, edges[m], bound, name)
			}
		}
	}
	f(ofDuration, "specialist.request.duration", "ml.request.duration", "model.inference.duration", "gen_ai.client.operation.duration")
	f(ofQuality, "specialist.quality_score")
	f(ofConfidence, "specialist.confidence_score")
	f(ofContext, "context.length.tokens")
	f(ofInput, "gen_ai.client.token.usage", "gen_ai.client.inference.operation.input_tokens")
	f(ofOutput, "gen_ai.client.token.usage", "gen_ai.client.inference.operation.output_tokens")
}

func TestCoarsen(t *testing.T) {
	f := func(want []uint64, bounds ...float64) {
		t.Helper()
		got := make([]uint64, len(bounds)+1)
		total := coarsen([]uint32{1, 2, 4, 8, 16}, []float64{.5, 1, 5, 10}, got, bounds)
		assert.Equal(t, want, got)
		assert.EqualValues(t, 31, total)
	}
	f([]uint64{31})
	f([]uint64{1, 30}, .5)
	f([]uint64{3, 28}, 1)
	f([]uint64{1, 6, 24}, .5, 5)
	f([]uint64{15, 16}, 10)
	f([]uint64{1, 2, 4, 8, 16}, .5, 1, 5, 10)
}

// Labels that differ in anything have different keys, and a copy has the same one.
func TestRequestKeys(t *testing.T) {
	keys := newRequestKeys()
	long := strings.Repeat("x", 300)
	seen := map[requestKey]requestLabels{}
	f := func(labels requestLabels) {
		t.Helper()
		key := keys.of(&labels)
		assert.NotContains(t, seen, key, "%v", labels)
		seen[key] = labels
		copied := labels.clone()
		assert.Equal(t, labels, copied)
		assert.Equal(t, key, keys.of(&copied))
	}
	f(requestLabels{})
	f(requestLabels{specialist: "a", complexity: "b"})
	f(requestLabels{specialist: "ab"})
	f(requestLabels{specialist: "\x00"})
	f(requestLabels{specialist: "\x00\x00"})
	f(requestLabels{model: long, version: "\x00", errorType: "é"})
	f(requestLabels{batchSize: "8", sequence: "512", endpoint: long, provider: long})
	for length := 1; length < 40; length++ {
		for field := range requestLabelCount {
			for changed := range length {
				var labels requestLabels
				text := []byte(strings.Repeat("x", length))
				text[changed] = 'y'
				labels.all()[field] = string(text)
				f(labels)
			}
		}
	}
	assert.NotEqual(t, keys.of(&requestLabels{}), newRequestKeys().of(&requestLabels{}), "the secret is random")
}

// Totals that nothing was added to between two flushes are forgotten, and all of them when there are too many.
func TestTotalsAreBounded(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Series.Limit = 10 })
	request := func(model int) {
		s.json(fmt.Sprintf(`{"type":"request","data":{"request_id":"%d","model":"m%d"}}`, s.counts.requests.known*1000+model, model))
	}
	for model := range 35 {
		request(model)
		assert.LessOrEqual(t, s.counts.requests.known, 10)
	}
	assert.Equal(t, 5, s.counts.requests.known)
	s.flush()
	request(34)
	assert.Equal(t, 5, s.counts.requests.known)
	s.flush()
	assert.Equal(t, 1, s.counts.requests.known)
	s.flush()
	assert.Zero(t, s.counts.requests.known)
	sum := 0.0
	for _, value := range with(s.flush(), "ml_requests_total") {
		sum += value
	}
	assert.InDelta(t, 36, sum, 0)
}

// A total that has no room for another request goes into the metrics first.
func TestFullTotal(t *testing.T) {
	s := newScene(t)
	one := `{"type":"request","data":{"request_id":"%d","model":"m"}}`
	s.json(fmt.Sprintf(one, 1))
	total := s.counts.requests.used[0]
	total.requests = 1<<32 - 1
	s.json(fmt.Sprintf(one, 2))
	assert.EqualValues(t, 1, total.requests)
	assert.InDelta(t, 2, s.settled()["ml_requests_total{endpoint=unknown,model_name=m}"], 0)
}

// A request event with known series costs two allocations at most.
func TestKnownRequestsHardlyAllocate(t *testing.T) {
	e := startedEngine(t)
	const runs = 20
	var batches [runs + 2]plog.Logs
	for n := range batches {
		logs, renew := requestLogs(100)
		renew(uint64(n))
		batches[n] = logs
	}
	e.logs(batches[0])
	at := 0
	perEvent := testing.AllocsPerRun(runs, func() {
		at++
		e.logs(batches[at])
		e.counts.showRequests()
	}) / batchSize
	assert.LessOrEqual(t, perEvent, 0.1, "the issue allows 2")
}
