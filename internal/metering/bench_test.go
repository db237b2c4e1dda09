// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	peer "github.com/llm-guardian/otelcol-guardian/internal/series"
)

// benchDefinitions have four labels and, where they have buckets, eight bounds, as most of the catalogue.
func benchDefinitions() []Definition {
	attributes := []string{"model.name", "endpoint", "model.version", "tenant.id"}
	return []Definition{
		{Name: "ml.requests", Unit: "{request}", Kind: Counter, Attributes: attributes},
		{
			Name: "ml.request.duration", Unit: "s", Kind: Histogram, Attributes: attributes,
			Bounds: []float64{.01, .05, .1, .5, 1, 2, 5, 10},
		},
	}
}

// benchLabels are those of one of many series. Every call returns other copies of the strings, as decoding does.
func benchLabels(n int) *Labels {
	return &Labels{
		fmt.Sprintf("model-%d", n%97), fmt.Sprintf("/v1/endpoint/%d", n%7), "2026-03-01", fmt.Sprintf("tenant-%06d", n),
	}
}

func benchMeter(tb testing.TB, limit int) *Meter {
	tb.Helper()
	m, err := New(Config{SeriesLimit: limit, IdleAfter: 10_000 * time.Hour}, benchDefinitions())
	require.NoError(tb, err)
	return m
}

// benchExemplar belongs to a sampled trace.
var benchExemplar = &Exemplar{TraceID: pcommon.TraceID{1}, SpanID: pcommon.SpanID{2}, Time: start}

// full returns a Meter in which every metric has n series, each with an exemplar.
func full(tb testing.TB, n int) *Meter {
	tb.Helper()
	m := benchMeter(tb, n)
	for s := range n {
		labels := benchLabels(s)
		m.Instrument("ml.requests").Add(start, labels, 1, benchExemplar)
		m.Instrument("ml.request.duration").Record(start, labels, float64(s%12), benchExemplar)
	}
	return m
}

// stopwatch keeps many short times and gives their median, which other load on the machine hardly moves.
type stopwatch []time.Duration

func (w *stopwatch) time(f func()) {
	begin := time.Now()
	f()
	*w = append(*w, time.Since(begin))
}

func (w *stopwatch) median() float64 {
	slices.Sort(*w)
	return float64((*w)[len(*w)/2])
}

// arrival is an update as it comes out of a decoder: its strings are fresh, hence in the cache.
type arrival struct {
	labels     *Labels
	attributes pcommon.Map
}

func arrivals(members []int) []arrival {
	out := make([]arrival, len(members))
	for i, s := range members {
		out[i] = arrival{benchLabels(s), pcommon.NewMap()}
		for at, key := range benchDefinitions()[0].Attributes {
			out[i].attributes.PutStr(key, out[i].labels[at])
		}
	}
	return out
}

// BenchmarkKnownSeries updates known series in random order. The peers are a Go map from the labels to the values, and
// internal/series, which finds the series of attributes as they come in a batch.
func BenchmarkKnownSeries(b *testing.B) {
	const lot = 500
	type update func(*arrival)
	run := func(name string, n int, ours, theirs update) {
		b.Run(fmt.Sprintf("%s/series=%d", name, n), func(b *testing.B) {
			order := rand.New(rand.NewPCG(1, 2)).Perm(n)
			arms, turn := [2]update{ours, theirs}, 0
			var watches [2]stopwatch
			for b.Loop() {
				for members := range slices.Chunk(order, lot) {
					turn++
					for arm := range arms {
						arm ^= turn % 2 // Each goes first half of the time.
						batch := arrivals(members)
						watches[arm].time(func() {
							for i := range batch {
								arms[arm](&batch[i])
							}
						})
					}
				}
			}
			b.ReportMetric(watches[0].median()/lot, "ns/update")
			b.ReportMetric(watches[0].median()/watches[1].median(), "x_peer")
			b.ReportMetric(0, "ns/op")
		})
	}
	for _, n := range []int{1000, 10_000, 100_000} {
		m := full(b, n)
		byLabels := map[Labels]*float64{}
		store := peer.NewStore[float64](peer.Config{Limit: n})
		for _, a := range arrivals(slices.Collect(intsBelow(n))) {
			byLabels[*a.labels] = new(float64)
			id := peer.ID{}.Attributes(a.attributes)
			store.Observe(&id)
		}
		counter, histogram := m.Instrument("ml.requests"), m.Instrument("ml.request.duration")
		add := func(a *arrival) { counter.Add(start, a.labels, 1, nil) }
		viaMap := func(a *arrival) { *byLabels[*a.labels]++ }
		run("counter-map", n, add, viaMap)
		run("counter-store", n, add, func(a *arrival) {
			id := peer.ID{}.Attributes(a.attributes)
			_, state := store.Observe(&id)
			*state++
		})
		run("histogram-map", n, func(a *arrival) { histogram.Record(start, a.labels, .3, benchExemplar) }, viaMap)
	}
}

func intsBelow(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// BenchmarkSwitchedOff updates a metric that is not defined.
func BenchmarkSwitchedOff(b *testing.B) {
	b.ReportAllocs()
	none := benchMeter(b, 1).Instrument("none")
	labels := benchLabels(1)
	for b.Loop() {
		none.Add(start, labels, 1, nil)
	}
}

// BenchmarkNewSeries creates series, a histogram each.
func BenchmarkNewSeries(b *testing.B) {
	b.ReportAllocs()
	const n = 100_000
	labels := make([]*Labels, n)
	for s := range n {
		labels[s] = benchLabels(s)
	}
	m, next := benchMeter(b, n), 0
	for b.Loop() {
		if next == n {
			m, next = benchMeter(b, n), 0
		}
		m.Instrument("ml.request.duration").Record(start, labels[next], .3, nil)
		next++
	}
}

// BenchmarkOverflow sends updates of one more series to a metric that is full.
func BenchmarkOverflow(b *testing.B) {
	b.ReportAllocs()
	m := full(b, 1)
	labels := benchLabels(1)
	for b.Loop() {
		m.Instrument("ml.requests").Add(start, labels, 1, nil)
	}
}

// BenchmarkFlush shows the series of a counter and a histogram. The peer writes as many points of the same content without
// looking at any series: what pdata takes.
func BenchmarkFlush(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("series=%d", n), func(b *testing.B) {
			m := full(b, n)
			now := start
			flush := func() {
				now = now.Add(15 * time.Second)
				m.Flush(now, pmetric.NewMetricSlice())
			}
			flush() // The points at 0, with which the peer has nothing in common.
			flush() // The exemplars.
			labels := benchLabels(1)
			var ours, theirs stopwatch
			for b.Loop() {
				ours.time(flush)
				theirs.time(func() { writePoints(n, labels) })
			}
			b.ReportMetric(ours.median()/float64(2*n), "ns/series")
			b.ReportMetric(ours.median()/theirs.median(), "x_pdata")
			b.ReportMetric(testing.AllocsPerRun(1, flush)/float64(2*n), "allocs/series")
			b.ReportMetric(testing.AllocsPerRun(1, func() { writePoints(n, labels) })/float64(2*n), "peer_allocs/series")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// writePoints writes n points of a counter and n of a histogram.
func writePoints(n int, labels *Labels) {
	definitions := benchDefinitions()
	dst := pmetric.NewMetricSlice()
	numbers := dst.AppendEmpty().SetEmptySum().DataPoints()
	histograms := dst.AppendEmpty().SetEmptyHistogram().DataPoints()
	numbers.EnsureCapacity(n)
	histograms.EnsureCapacity(n)
	put := func(to pcommon.Map) {
		to.EnsureCapacity(len(definitions[0].Attributes))
		for i, key := range definitions[0].Attributes {
			to.PutStr(key, labels[i])
		}
	}
	buckets := make([]uint64, 9)
	for range n {
		number := numbers.AppendEmpty()
		put(number.Attributes())
		number.SetDoubleValue(1)
		histogram := histograms.AppendEmpty()
		put(histogram.Attributes())
		histogram.SetCount(1)
		histogram.SetSum(1)
		histogram.ExplicitBounds().FromRaw(definitions[1].Bounds)
		histogram.BucketCounts().FromRaw(buckets)
	}
}

// BenchmarkState saves and restores 10,000 series of a counter and 10,000 of a histogram.
func BenchmarkState(b *testing.B) {
	const n = 10_000
	m := full(b, n)
	e := codec.NewEncoder(nil)
	m.AppendState(e)
	saved := slices.Clone(e.Data())
	b.Run("save", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.AppendState(codec.NewEncoder(saved[:0]))
		}
		b.ReportMetric(float64(len(saved))/(2*n), "B/series")
	})
	b.Run("restore", func(b *testing.B) {
		b.ReportAllocs()
		restored := benchMeter(b, n)
		for b.Loop() {
			require.NoError(b, restored.RestoreState(codec.NewDecoder(saved), start))
		}
	})
}

// TestMemoryPerSeries holds the heap per series under the limit that the issue sets, 600 bytes all included, and the estimate
// close to it.
func TestMemoryPerSeries(t *testing.T) {
	const n, limit = 100_000, 600
	m := benchMeter(t, n)
	histogram := m.Instrument("ml.request.duration")
	before := heap()
	for s := range n {
		histogram.Record(start, benchLabels(s), .3, benchExemplar)
	}
	perSeries := float64(heap()-before) / n
	t.Logf("%.0f bytes of heap per series of a histogram with exemplars", perSeries)
	assert.LessOrEqual(t, perSeries, float64(limit))
	assert.InEpsilon(t, perSeries, float64(m.Stats().Metrics[1].Bytes)/n, 0.15)
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestKnownSeriesAreUpdatedWithoutAllocation(t *testing.T) {
	m := full(t, 100)
	labels := benchLabels(7)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		m.Instrument("ml.requests").Add(start, labels, 1, benchExemplar)
		m.Instrument("ml.request.duration").Record(start, labels, 1, benchExemplar)
	}))
}
