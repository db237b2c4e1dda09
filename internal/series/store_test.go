// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

const idle = 16 * time.Minute

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// idOf returns the identity of one of many series.
func idOf(n int) *ID {
	m := pcommon.NewMap()
	m.PutInt("series", int64(n))
	id := ID{}.Attributes(m)
	return &id
}

// members returns the numbers that idOf gave to the series of a store, -1 for the overflow series, in the order of All.
func members[S any](t testing.TB, store *Store[S]) []int {
	t.Helper()
	var out []int
	for ref := range store.All() {
		out = append(out, member(t, store, ref))
	}
	return out
}

func member[S any](t testing.TB, store *Store[S], ref Ref) int {
	t.Helper()
	labels, err := decodeLabels(store.AppendLabels(nil, ref))
	require.NoError(t, err)
	if v, ok := labels.Attributes.Get("series"); ok {
		return int(v.Int())
	}
	assert.Equal(t, map[string]any{overflowAttribute: true}, labels.Attributes.AsRaw())
	return -1
}

func TestStoreKeepsStatePerSeries(t *testing.T) {
	store := NewStore[int](Config{})
	for round := range 3 {
		for n := range 1000 {
			ref, state := store.Observe(idOf(n))
			require.False(t, ref.IsOverflow())
			require.Equal(t, round*n, *state)
			*state += n
			require.Same(t, state, store.Get(ref))
		}
	}
	stats := store.Stats()
	assert.Equal(t, 1000, stats.Tracked)
	assert.Equal(t, DefaultLimit, stats.Limit)
	assert.EqualValues(t, 1000, stats.Created)
	assert.Zero(t, stats.Evicted+stats.Overflowed)
}

func TestFindDoesNotCreate(t *testing.T) {
	store := NewStore[int](Config{})
	ref, state := store.Find(idOf(1).Key())
	assert.Nil(t, state)
	assert.Nil(t, store.Get(ref))
	assert.Zero(t, store.Len())
}

func TestIdleSeriesAreEvictedOldestFirst(t *testing.T) {
	store := NewStore[int](Config{IdleAfter: idle})
	store.Advance(start, nil)
	for n := range 4 {
		_, state := store.Observe(idOf(n))
		*state = n
		store.Advance(start.Add(time.Duration(n+1)*2*time.Minute), nil)
	}
	store.Observe(idOf(1)) // Minute 8; the others were last seen in minutes 0, 4 and 6.

	var evicted []int
	show := func(ref Ref, state *int) {
		assert.Equal(t, member(t, store, ref), *state)
		evicted = append(evicted, *state)
	}
	for minute := 9; minute <= 30; minute++ {
		store.Advance(start.Add(time.Duration(minute)*time.Minute), show)
		assert.Equal(t, minute >= 18, slices.Contains(evicted, 0), "series 0 in minute %d", minute)
		assert.Equal(t, minute >= 22, slices.Contains(evicted, 2), "series 2 in minute %d", minute)
		assert.Equal(t, minute >= 24, slices.Contains(evicted, 3), "series 3 in minute %d", minute)
		assert.Equal(t, minute >= 26, slices.Contains(evicted, 1), "series 1 in minute %d", minute)
	}
	assert.Equal(t, []int{0, 2, 3, 1}, evicted)
	assert.EqualValues(t, 4, store.Stats().Evicted)
	assert.Zero(t, store.Len())
}

func TestClockStepsEvictNobodyWhoReports(t *testing.T) {
	f := func(name string, at func(round int) time.Duration) {
		t.Run(name, func(t *testing.T) {
			store := NewStore[int](Config{IdleAfter: idle})
			for round := range 200 {
				store.Advance(start.Add(at(round)), nil)
				for n := range 10 {
					_, state := store.Observe(idOf(n))
					*state++
				}
			}
			for _, state := range store.All() {
				assert.Equal(t, 200, *state)
			}
			assert.Zero(t, store.Stats().Evicted)

			// The idle go all the same, at the pace of the clock after its steps.
			last := start.Add(at(199))
			for minute := range 20 {
				store.Advance(last.Add(time.Duration(minute)*time.Minute), nil)
			}
			assert.EqualValues(t, 10, store.Stats().Evicted)
		})
	}
	f("steady", func(round int) time.Duration { return time.Duration(round) * time.Minute })
	f("hour forwards", func(round int) time.Duration {
		return time.Duration(round)*time.Minute + time.Duration(round/100)*time.Hour
	})
	f("hour backwards", func(round int) time.Duration {
		return time.Duration(round)*time.Minute - time.Duration(round/100)*time.Hour
	})
	f("to and fro", func(round int) time.Duration {
		return time.Duration(round)*time.Minute + time.Duration(round%2)*time.Hour
	})
	f("backwards all the time", func(round int) time.Duration { return -time.Duration(round) * time.Minute })
	f("intervals longer than IdleAfter", func(round int) time.Duration { return time.Duration(round) * time.Hour })
	f("years", func(round int) time.Duration { return time.Duration(round) * 365 * 24 * time.Hour })
}

// TestCardinalityBomb sends ten times as many series as there is room for, past series that were there before.
func TestCardinalityBomb(t *testing.T) {
	const limit, bomb, rounds = 1000, 10_000, 3
	store := NewStore[int](Config{Limit: limit, IdleAfter: idle})
	observe := func(n int) {
		_, state := store.Observe(idOf(n))
		*state++
	}
	for n := range limit / 2 {
		observe(n)
	}
	for round := range rounds {
		store.Advance(start.Add(time.Duration(round)*time.Minute), nil)
		for n := range bomb {
			observe(n)
		}
	}

	stats := store.Stats()
	assert.Equal(t, limit, stats.Tracked)
	assert.EqualValues(t, limit, stats.Created)
	assert.EqualValues(t, rounds*(bomb-limit), stats.Overflowed)
	total := 0
	for ref, state := range store.All() {
		total += *state
		switch n := member(t, store, ref); {
		case ref.IsOverflow():
			assert.Equal(t, rounds*(bomb-limit), *state)
		case n < limit/2:
			assert.Equal(t, rounds+1, *state, "a series that was there before the bomb")
		default:
			assert.Equal(t, rounds, *state)
		}
	}
	assert.Equal(t, limit/2+rounds*bomb, total, "no point may be lost or counted twice")
	assert.Len(t, store.table.slabs, limit/slabSize+1)
	assert.Equal(t, -1, members(t, store)[0], "the overflow series comes first")

	// Room made by eviction goes to those who report.
	for minute := 3; minute < 30; minute++ {
		store.Advance(start.Add(time.Duration(minute)*time.Minute), nil)
		observe(bomb + 1)
		observe(1)
	}
	assert.Equal(t, 2, store.Len())
	assert.ElementsMatch(t, []int{-1, 1, bomb + 1}, members(t, store))
	assert.Len(t, store.table.slabs, limit/slabSize+1)
}

func TestGroupLimitLeavesRoomForOthers(t *testing.T) {
	store := NewStore[int](Config{Limit: 100, GroupLimit: 60})
	loud := ID{}.Metric(metricOf("loud", "", nil))
	quiet := ID{}.Metric(metricOf("quiet", "", nil))
	for n := range 200 {
		id := loud.Attributes(idOf(n).attributes)
		ref, _ := store.Observe(&id)
		assert.Equal(t, n >= 60, ref.IsOverflow())
	}
	for n := range 50 {
		id := quiet.Attributes(idOf(n).attributes)
		ref, _ := store.Observe(&id)
		assert.Equal(t, n >= 40, ref.IsOverflow())
	}
	assert.Equal(t, 100, store.Len())
}

func TestRefDiesWithItsSeries(t *testing.T) {
	store := NewStore[int](Config{})
	old, state := store.Observe(idOf(1))
	*state = 7
	store.Delete(old)
	assert.Nil(t, store.Get(old))
	assert.Empty(t, store.AppendLabels(nil, old))

	fresh, state := store.Observe(idOf(2))
	assert.Equal(t, old.slot, fresh.slot, "the place is used again")
	assert.Zero(t, *state, "but its state is not")
	assert.Nil(t, store.Get(old))
	store.Delete(old) // Must not hit the series that has the place now.
	assert.Equal(t, []int{2}, members(t, store))

	other := NewStore[int](Config{})
	assert.Nil(t, other.Get(Ref{}))
	assert.Nil(t, other.Get(Ref{slot: 1 << 20, generation: 1}))
}

func TestDeleteOfOverflowSeriesClearsIt(t *testing.T) {
	store := NewStore[int](Config{Limit: 1})
	store.Observe(idOf(1))
	ref, state := store.Observe(idOf(2))
	*state = 5
	require.True(t, ref.IsOverflow())
	assert.Equal(t, []int{-1, 1}, members(t, store))
	store.Delete(ref)
	assert.Equal(t, []int{1}, members(t, store))
	_, state = store.Observe(idOf(3))
	assert.Zero(t, *state)
}

func TestOverflowSeriesOfOthersJoins(t *testing.T) {
	store := NewStore[int](Config{})
	id := ID{}.Attributes(mapOf(t, map[string]any{overflowAttribute: true}))
	ref, _ := store.Observe(&id)
	assert.True(t, ref.IsOverflow())
	assert.EqualValues(t, 1, store.Stats().Overflowed)

	below := ID{}.Metric(metricOf("m", "", nil)).Attributes(id.attributes)
	ref, _ = store.Observe(&below)
	assert.False(t, ref.IsOverflow(), "of one metric, which ours is not")
}

func TestDeleteWhileIterating(t *testing.T) {
	store := NewStore[int](Config{})
	for n := range 300 {
		store.Observe(idOf(n))
	}
	for ref := range store.All() {
		if member(t, store, ref)%2 == 0 {
			store.Delete(ref)
		}
	}
	assert.Equal(t, 150, store.Len())
	for ref := range store.All() {
		require.Equal(t, 1, member(t, store, ref)%2)
		break // An iteration may be left.
	}
}

func TestGroupsComeAndGoWithTheirSeries(t *testing.T) {
	store := NewStore[int](Config{})
	empty := store.Stats().Bytes
	resource := ID{}.Resource(resourceOf(t, map[string]any{"service.name": "a name of some length"}))
	var refs []Ref
	for n := range 3 {
		id := resource.Attributes(idOf(n).attributes)
		ref, _ := store.Observe(&id)
		refs = append(refs, ref)
		assert.Equal(t, id.AppendLabels(nil), store.AppendLabels(nil, ref))
	}
	assert.Len(t, store.table.groups, 1)
	assert.Greater(t, store.Stats().Bytes, empty)
	for _, ref := range refs {
		store.Delete(ref)
	}
	assert.Empty(t, store.table.groups)
	assert.Equal(t, empty, store.Stats().Bytes)
}

func TestRestoreUnderOtherSecrets(t *testing.T) {
	store := NewStore[int](Config{Limit: 500})
	ids := func(n int) *ID {
		id := ID{}.Resource(resourceOf(t, map[string]any{"pod": n % 7})).Attributes(idOf(n).attributes)
		return &id
	}
	for n := range 600 {
		_, state := store.Observe(ids(n))
		*state += n + 1
	}

	reseed(t)
	restored := NewStore[int](Config{Limit: 500})
	for ref, state := range store.All() {
		to, err := restored.Restore(store.AppendLabels(nil, ref))
		require.NoError(t, err)
		*to = *state
	}
	assert.Equal(t, members(t, store), members(t, restored))
	assert.Equal(t, store.Stats().Bytes, restored.Stats().Bytes)
	assert.Zero(t, restored.Stats().Created)
	for n := range 500 {
		_, state := restored.Observe(ids(n))
		require.Equal(t, n+1, *state)
	}
	ref, state := restored.Observe(ids(599))
	assert.True(t, ref.IsOverflow())
	assert.Equal(t, (501+600)*100/2, *state)

	_, err := restored.Restore(ids(1000).AppendLabels(nil))
	require.ErrorIs(t, err, ErrFull)
	_, err = restored.Restore([]byte("x"))
	require.ErrorIs(t, err, ErrLabels)
	state, err = restored.Restore(ids(3).AppendLabels(nil))
	require.NoError(t, err)
	assert.Equal(t, 4, *state, "a series that is there already keeps its state")
}

// TestStoreAgainstModel compares the store with a plain map under a long random sequence of operations.
func TestStoreAgainstModel(t *testing.T) {
	const limit = 300
	rng := rand.New(rand.NewPCG(7, 11))
	store := NewStore[int](Config{Limit: limit, IdleAfter: idle})
	type modelled struct {
		value int
		seen  time.Time
	}
	model := map[int]modelled{}
	now := start
	store.Advance(now, nil)
	for step := range 200_000 {
		n := rng.IntN(400)
		switch op := rng.IntN(100); {
		case op == 0:
			now = now.Add(time.Duration(rng.IntN(120)) * time.Second)
			store.Advance(now, func(ref Ref, state *int) {
				gone := member(t, store, ref)
				require.Greater(t, now.Sub(model[gone].seen), idle, "evicted early")
				require.Equal(t, model[gone].value, *state)
				delete(model, gone)
			})
			for _, m := range model {
				require.LessOrEqual(t, now.Sub(m.seen), idle+idle/16, "evicted late")
			}
		case op < 5:
			if ref, state := store.Find(idOf(n).Key()); state != nil {
				store.Delete(ref)
			}
			delete(model, n)
		default:
			ref, state := store.Observe(idOf(n))
			if _, known := model[n]; !known && len(model) == limit {
				require.True(t, ref.IsOverflow())
				continue
			}
			*state += step
			model[n] = modelled{model[n].value + step, now}
			require.Equal(t, model[n].value, *state)
		}
		require.Equal(t, len(model), store.Len())
	}
	assert.Positive(t, store.Stats().Evicted)
	assert.Positive(t, store.Stats().Overflowed)
}

func TestKnownSeriesAreFoundWithoutAllocation(t *testing.T) {
	store := NewStore[[8]float64](Config{IdleAfter: idle})
	resource := resourceOf(t, map[string]any{"service.name": "x", "pod": []any{1, map[string]any{"a": 1.5}}})
	scope := scopeOf(t, "scope", "1", map[string]any{"a": true})
	metric := metricOf("metric", "s", nil)
	attributes := mapOf(t, map[string]any{
		"string": "a string that is longer than a few words", "int": 1, "double": 1.5, "bool": true, "nil": nil,
		"bytes": []byte("bytes"), "slice": []any{"a", 1}, "map": map[string]any{"b": []any{"c"}},
	})
	selector := NewSelector("string", "service.name", "absent")
	now := start
	allocations := testing.AllocsPerRun(100, func() {
		now = now.Add(2 * time.Minute) // Far enough for the series to move in the ring.
		store.Advance(now, nil)
		group := ID{}.Resource(resource).Scope(scope).Metric(metric)
		id := group.Attributes(attributes)
		store.Observe(&id)
		store.Find(group.AttributesKey(attributes))
		id = group.Select(selector, attributes, scope, resource)
		ref, _ := store.Observe(&id)
		store.Get(ref)
	})
	assert.Zero(t, allocations)
	assert.Equal(t, 2, store.Len())
}

// TestMemoryPerSeries holds the heap per series, with four labels and 64 bytes of state, under the limit, and the estimate
// of Stats close to it.
func TestMemoryPerSeries(t *testing.T) {
	const n, limit = 100_000, 565
	before := heap()
	store := NewStore[[8]float64](Config{})
	for i := range n {
		m := pcommon.NewMap()
		m.PutStr("server.address", fmt.Sprintf("10.0.%d.%d", i/250%250, i%250))
		m.PutStr("gen_ai.request.model", "model-of-some-size")
		m.PutStr("gen_ai.operation.name", "chat")
		m.PutInt("shard", int64(i))
		id := ID{}.Metric(metricOf("gen_ai.client.operation.duration", "s", nil)).Attributes(m)
		store.Observe(&id)
	}
	perSeries := float64(heap()-before) / n
	t.Logf("%.0f bytes of heap per series", perSeries)
	assert.LessOrEqual(t, perSeries, float64(limit))
	assert.InEpsilon(t, perSeries, float64(store.Stats().Bytes)/n, 0.15)
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
