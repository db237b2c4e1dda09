// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	batchPoints    = 1000
	metricsInBatch = 50
)

// judgeState stands for what a small detector keeps per series.
type judgeState struct{ values [8]float64 }

// benchNames are attribute names as they come from an SDK: not sorted.
var benchNames = []string{
	"server.address", "gen_ai.request.model", "gen_ai.operation.name", "error.type", "gen_ai.provider.name",
	"gen_ai.response.model", "server.port", "gen_ai.token.type", "user_agent.original", "http.response.status_code",
	"tenant.id", "deployment.environment.name", "network.protocol.name", "cloud.region", "specialist.type", "app.version",
}

// benchPoint gives a point of one of many series its attributes.
func benchPoint(to pcommon.Map, series, attributes int) {
	for i, name := range benchNames[:attributes] {
		if i == 0 {
			to.PutStr(name, fmt.Sprintf("instance-%08d.example", series))
			continue
		}
		to.PutStr(name, fmt.Sprintf("value-%d", (series+i)%97))
	}
}

// benchBatches returns marshalled batches that together hold each series once, in the given order.
func benchBatches(b *testing.B, order []int, attributes int) [][]byte {
	b.Helper()
	var batches [][]byte
	for members := range slices.Chunk(order, batchPoints) {
		payload, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(benchBatch(members, attributes))
		require.NoError(b, err)
		batches = append(batches, payload)
	}
	return batches
}

// benchBatch puts series s into metric s%metricsInBatch.
func benchBatch(members []int, attributes int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	for _, name := range []string{"service.name", "service.namespace", "service.instance.id", "k8s.pod.name", "k8s.node.name"} {
		rm.Resource().Attributes().PutStr(name, "a-value-of-"+name)
	}
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("github.com/llm-guardian/bench")
	for i := range metricsInBatch {
		m := sm.Metrics().AppendEmpty()
		m.SetName(fmt.Sprintf("gen_ai.client.metric.%02d", i))
		m.SetUnit("{request}")
		m.SetEmptyGauge()
	}
	for _, s := range members {
		dp := sm.Metrics().At(s % metricsInBatch).Gauge().DataPoints().AppendEmpty()
		dp.SetDoubleValue(float64(s))
		benchPoint(dp.Attributes(), s, attributes)
	}
	return md
}

func decode(b *testing.B, payload []byte) pmetric.Metrics {
	b.Helper()
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(payload)
	require.NoError(b, err)
	return md
}

// judge is as much of a judge as it takes to find the series of a batch.
type judge struct {
	store *Store[judgeState]
	keys  []Key
}

// points calls visit with the points of each metric of a batch and the ID of the metric.
func points(md pmetric.Metrics, visit func(*ID, pmetric.NumberDataPointSlice)) {
	for _, rm := range md.ResourceMetrics().All() {
		resource := ID{}.Resource(rm.Resource())
		for _, sm := range rm.ScopeMetrics().All() {
			scope := resource.Scope(sm.Scope())
			for _, m := range sm.Metrics().All() {
				metric := scope.Metric(m)
				visit(&metric, m.Gauge().DataPoints())
			}
		}
	}
}

// oneByOne identifies a point and finds its series, then goes to the next.
func (j *judge) oneByOne(metric *ID, points pmetric.NumberDataPointSlice) {
	for _, dp := range points.All() {
		id := metric.Attributes(dp.Attributes())
		_, state := j.store.Observe(&id)
		state.values[0] += dp.DoubleValue()
	}
}

// keysFirst identifies all points of a metric before it finds any of their series.
func (j *judge) keysFirst(metric *ID, points pmetric.NumberDataPointSlice) {
	j.identify(metric, points)
	j.find(metric, points)
}

func (j *judge) identify(metric *ID, points pmetric.NumberDataPointSlice) {
	j.keys = j.keys[:0]
	for _, dp := range points.All() {
		j.keys = append(j.keys, metric.AttributesKey(dp.Attributes()))
	}
}

func (j *judge) find(metric *ID, points pmetric.NumberDataPointSlice) {
	for i, key := range j.keys {
		_, state := j.store.Find(key)
		if state == nil {
			id := metric.Attributes(points.At(i).Attributes())
			_, state = j.store.Observe(&id)
		}
		state.values[0] += points.At(i).DoubleValue()
	}
}

// mapHashSink keeps the compiler from dropping the peer.
var mapHashSink [16]byte

// mapHashAll is the peer: it hashes the attributes of the points and does nothing else.
func mapHashAll(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, dp := range m.Gauge().DataPoints().All() {
					mapHashSink = pdatautil.MapHash(dp.Attributes())
				}
			}
		}
	}
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

// interleave runs both arms on batches that were decoded just before, in turns, and reports the time of ours per point
// and as a multiple of the peer's.
func interleave(b *testing.B, batches [][]byte, points int, ours, peer func(pmetric.Metrics)) {
	b.Helper()
	var watches [2]stopwatch
	arms := [2]func(pmetric.Metrics){ours, peer}
	turn := 0
	for b.Loop() {
		for _, payload := range batches {
			for _, arm := range [2]int{turn % 2, 1 - turn%2} {
				md := decode(b, payload)
				watches[arm].time(func() { arms[arm](md) })
			}
			turn++
		}
	}
	report(b, &watches[0], &watches[1], points/len(batches), "ns/point", "x_MapHash")
}

// report gives our time per item and as a multiple of the peer's, in place of that of an iteration, which counts both
// arms and the preparations.
func report(b *testing.B, ours, peer *stopwatch, items int, unit, ratio string) {
	b.Helper()
	b.ReportMetric(ours.median()/float64(items), unit)
	b.ReportMetric(ours.median()/peer.median(), ratio)
	b.ReportMetric(0, "ns/op")
}

// BenchmarkKnownSeries finds known series in batches that were decoded just before, all levels of the identity and the
// store included, against contrib's MapHash of the attributes of the points alone. "shuffled" is the worst case for the
// cache, series that arrive in another order than they were created in.
func BenchmarkKnownSeries(b *testing.B) {
	run := func(attributes, n int, shuffled bool, name string, visit func(*judge, *ID, pmetric.NumberDataPointSlice)) {
		b.Run(fmt.Sprintf("attributes=%d/series=%d/%s", attributes, n, name), func(b *testing.B) {
			order := slices.Collect(intsBelow(n))
			j := &judge{store: NewStore[judgeState](Config{Limit: n})}
			for _, payload := range benchBatches(b, order, attributes) {
				points(decode(b, payload), j.oneByOne)
			}
			if shuffled {
				rng := rand.New(rand.NewPCG(1, 2))
				rng.Shuffle(n, func(i, k int) { order[i], order[k] = order[k], order[i] })
			}
			batches := benchBatches(b, order, attributes)
			tracked, now := j.store.Len(), time.Unix(0, 0)
			interleave(b, batches, n, func(md pmetric.Metrics) {
				now = now.Add(10 * time.Second / time.Duration(len(batches))) // Each series reports every 10 s.
				j.store.Advance(now, nil)
				points(md, func(metric *ID, dps pmetric.NumberDataPointSlice) { visit(j, metric, dps) })
			}, mapHashAll)
			require.Equal(b, tracked, j.store.Len())
			require.Zero(b, j.store.Stats().Overflowed)
		})
	}
	for _, attributes := range []int{0, 4, 8, 16} {
		run(attributes, 1000, false, "one-by-one", (*judge).oneByOne)
	}
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		run(4, n, false, "keys-first", (*judge).keysFirst)
	}
	for _, n := range []int{100_000, 1_000_000} {
		run(4, n, false, "one-by-one", (*judge).oneByOne)
		run(4, n, true, "keys-first-shuffled", (*judge).keysFirst)
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

// BenchmarkIdentity hashes the attributes of one point, against MapHash.
func BenchmarkIdentity(b *testing.B) {
	var sink Key
	for _, attributes := range []int{0, 4, 8, 16} {
		m := pcommon.NewMap()
		benchPoint(m, 1, attributes)
		group := ID{}.Resource(pcommon.NewResource())
		b.Run(fmt.Sprintf("attributes=%d", attributes), func(b *testing.B) {
			b.ReportAllocs()
			var ours, peer stopwatch
			const times = 1000
			for b.Loop() {
				ours.time(func() {
					for range times {
						sink = group.AttributesKey(m)
					}
				})
				peer.time(func() {
					for range times {
						mapHashSink = pdatautil.MapHash(m)
					}
				})
			}
			report(b, &ours, &peer, times, "ns/point", "x_MapHash")
		})
	}
	_ = sink
}

// BenchmarkIndex compares the index with a Go map of the same content, both too big for the cache.
func BenchmarkIndex(b *testing.B) {
	const n, lot = 1_000_000, 1000
	store, peer := NewStore[struct{}](Config{Limit: n}), map[Key]uint32{}
	keys := make([]Key, n)
	for i := range keys {
		id := idOf(i)
		ref, _ := store.Observe(id)
		keys[i], peer[id.key] = id.key, ref.slot
	}
	rand.Shuffle(n, func(i, k int) { keys[i], keys[k] = keys[k], keys[i] })
	var ours, theirs stopwatch
	for b.Loop() {
		for lot := range slices.Chunk(keys, lot) {
			ours.time(func() {
				for _, key := range lot {
					if store.table.find(key) == overflowSlot {
						b.Fatal("series lost")
					}
				}
			})
		}
		for lot := range slices.Chunk(keys, lot) {
			theirs.time(func() {
				for _, key := range lot {
					// A store with a Go map would have to read the entry, too.
					if store.table.entry(peer[key]).key != key {
						b.Fatal("series lost")
					}
				}
			})
		}
	}
	report(b, &ours, &theirs, lot, "ns/find", "x_map")
}

// BenchmarkTwoCores runs two receivers, each with batches of its own series, into one store behind a mutex that is held
// per metric, and into two stores without, and reports the part of the throughput that the mutex leaves.
func BenchmarkTwoCores(b *testing.B) {
	const n, receivers = 10_000, 2
	var batches [receivers][][]byte
	for r := range receivers {
		order := slices.Collect(intsBelow(n * receivers))[r*n : (r+1)*n]
		batches[r] = benchBatches(b, order, 4)
	}
	run := func(stores [receivers]*Store[judgeState], lock, unlock func()) {
		var wg sync.WaitGroup
		for r := range receivers {
			wg.Go(func() {
				j := &judge{store: stores[r]}
				for _, payload := range batches[r] {
					points(decode(b, payload), func(metric *ID, dps pmetric.NumberDataPointSlice) {
						j.identify(metric, dps)
						lock()
						j.find(metric, dps)
						unlock()
					})
				}
			})
		}
		wg.Wait()
	}
	shared := NewStore[judgeState](Config{})
	private := [receivers]*Store[judgeState]{NewStore[judgeState](Config{}), NewStore[judgeState](Config{})}
	var mutex sync.Mutex
	var locked, free stopwatch
	for b.Loop() {
		locked.time(func() { run([receivers]*Store[judgeState]{shared, shared}, mutex.Lock, mutex.Unlock) })
		free.time(func() { run(private, func() {}, func() {}) })
	}
	require.Equal(b, receivers*n, shared.Len())
	report(b, &free, &locked, receivers*n, "ns/point", "throughput_kept")
}

// BenchmarkNewSeries creates series, the labels included.
func BenchmarkNewSeries(b *testing.B) {
	b.ReportAllocs()
	store := NewStore[judgeState](Config{})
	group := ID{}.Metric(metricOf("metric", "s", nil))
	m := pcommon.NewMap()
	benchPoint(m, 0, 4)
	number, _ := m.Get(benchNames[1])
	next := int64(0)
	for b.Loop() {
		number.SetInt(next)
		next++
		id := group.Attributes(m)
		if ref, _ := store.Observe(&id); ref.IsOverflow() {
			store = NewStore[judgeState](Config{})
		}
	}
}

// BenchmarkOverflow sends new series to a full store.
func BenchmarkOverflow(b *testing.B) {
	b.ReportAllocs()
	store := NewStore[judgeState](Config{Limit: 1})
	store.Observe(idOf(0))
	m := pcommon.NewMap()
	benchPoint(m, 0, 4)
	for b.Loop() {
		id := ID{}.Attributes(m)
		store.Observe(&id)
	}
	require.EqualValues(b, b.N, store.Stats().Overflowed)
}

// BenchmarkEvict lets 100,000 series go at once.
func BenchmarkEvict(b *testing.B) {
	benchStore(b, func(store *Store[judgeState], _ [][]byte) {
		for range 3 {
			store.Advance(store.clock.last.Add(DefaultIdleAfter), nil)
		}
		require.Zero(b, store.Len())
	})
}

// BenchmarkSnapshot walks over 100,000 series and their labels, as a checkpoint does.
func BenchmarkSnapshot(b *testing.B) {
	var buffer []byte
	benchStore(b, func(store *Store[judgeState], _ [][]byte) {
		buffer = buffer[:0]
		for ref := range store.All() {
			buffer = store.AppendLabels(buffer, ref)
		}
	})
}

// BenchmarkRestore puts 100,000 series back.
func BenchmarkRestore(b *testing.B) {
	benchStore(b, func(_ *Store[judgeState], labels [][]byte) {
		restored := NewStore[judgeState](Config{})
		for _, l := range labels {
			_, err := restored.Restore(l)
			require.NoError(b, err)
		}
	})
}

// benchStore times what run does with a full store and the labels of its series.
func benchStore(b *testing.B, run func(store *Store[judgeState], labels [][]byte)) {
	b.Helper()
	const n = 100_000
	var watch stopwatch
	for b.Loop() {
		store := NewStore[judgeState](Config{Limit: n})
		store.Advance(start, nil)
		labels := make([][]byte, 0, n)
		group := ID{}.Resource(resourceOf(b, map[string]any{"service.name": "x"})).Metric(metricOf("metric", "s", nil))
		m := pcommon.NewMap()
		for i := range n {
			benchPoint(m, i, 4)
			id := group.Attributes(m)
			ref, _ := store.Observe(&id)
			labels = append(labels, store.AppendLabels(nil, ref))
		}
		watch.time(func() { run(store, labels) })
	}
	b.ReportMetric(watch.median()/float64(time.Millisecond), "ms/100k")
	b.ReportMetric(0, "ns/op")
}
