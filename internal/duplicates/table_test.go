// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClaimReleaseCommit(t *testing.T) {
	table := NewTable(Settings{})
	key := KeyOf("source", "id")
	require.Equal(t, New, table.Claim(key, start))
	require.Equal(t, Pending, table.Claim(key, start))
	table.Release(key)
	require.Equal(t, New, table.Claim(key, start), "released")
	table.Commit([]Key{key}, start)
	require.Equal(t, Done, table.Claim(key, start))
	table.Release(key)
	require.Equal(t, Done, table.Claim(key, start), "only what is pending can be released")
	require.Equal(t, Done, table.Claim(key, start.Add(DefaultTTL-1)))
	require.Equal(t, New, table.Claim(key, start.Add(DefaultTTL)))
	require.Equal(t, Stats{Pending: 1, Expired: 1}, table.Stats())
}

func TestPendingIsBounded(t *testing.T) {
	table := NewTable(Settings{PendingLimit: 2})
	keys := numbered(0, 3)
	require.Equal(t, New, table.Claim(keys[0], start))
	require.Equal(t, New, table.Claim(keys[1], start))
	require.Equal(t, Full, table.Claim(keys[2], start))
	require.Equal(t, Pending, table.Claim(keys[0], start))
	table.Commit(keys[:1], start)
	require.Equal(t, Done, table.Claim(keys[0], start))
	require.Equal(t, New, table.Claim(keys[2], start))
}

func TestOldestMakesRoom(t *testing.T) {
	table := NewTable(Settings{Limit: 3})
	keys := numbered(0, 5)
	table.Commit(keys, start)
	require.Equal(t, Stats{Done: 3, Displaced: 2}, table.Stats())
	require.Equal(t, New, table.Claim(keys[1], start))
	require.Equal(t, Done, table.Claim(keys[2], start))
}

// TestClockSteps uses times without a monotonic part, which the callers' times have.
func TestClockSteps(t *testing.T) {
	table := NewTable(Settings{TTL: time.Hour})
	keys := numbered(0, 3)
	table.Commit(keys[:1], start)
	back := start.Add(-24 * time.Hour)
	table.Commit(keys[1:2], back)
	require.Equal(t, 2, known(table, keys, back))
	require.Equal(t, 2, known(table, keys, start.Add(time.Hour-1)), "time stood still until it had caught up")
	require.Zero(t, known(table, keys, start.Add(time.Hour)))
	require.Zero(t, known(table, keys, back), "what has expired stays so")

	forward := start.Add(time.Hour * 1e6) // A hundred years, further than a duration reaches from back.
	table.Commit(keys[2:], forward)
	require.Equal(t, 1, known(table, keys, start))
	require.Equal(t, 1, known(table, keys, time.Time{}))
}

func TestExpiredKeysAreReclaimed(t *testing.T) {
	table := NewTable(Settings{TTL: time.Hour})
	const n = 10 * chunkEntries
	table.Commit(numbered(0, n), start)
	later := start.Add(time.Hour)
	table.Commit(numbered(n, n+n/3), later)
	require.Equal(t, Stats{Done: n / 3, Expired: n}, table.Stats(), "a few per step")
	require.LessOrEqual(t, len(table.done.chunks), 5)
	require.Equal(t, n/3, known(table, numbered(0, n+n/3), later))
}

func TestConcurrentClaims(t *testing.T) {
	table := NewTable(Settings{})
	keys := numbered(0, 2000)
	var mu sync.Mutex
	owners := map[Key]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, key := range keys {
				if table.Claim(key, start) == New {
					mu.Lock()
					owners[key]++
					mu.Unlock()
					table.Commit([]Key{key}, start)
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, owners, len(keys))
	for _, n := range owners {
		require.Equal(t, 1, n, "a key has one owner")
	}
	require.Equal(t, Stats{Done: len(keys)}, table.Stats())
}

func TestSnapshot(t *testing.T) {
	table := NewTable(Settings{TTL: time.Hour})
	keys := numbered(0, 10_000)
	for i, key := range keys {
		table.Commit([]Key{key}, start.Add(time.Duration(i)*time.Second))
	}
	now := start.Add(10_000 * time.Second)
	snapshot := table.AppendSnapshot([]byte("prefix"), now)[len("prefix"):]
	require.Len(t, snapshot, 24*3599, "those of the last hour")

	restored := NewTable(Settings{TTL: time.Hour})
	require.NoError(t, restored.Restore(snapshot, now.Add(time.Minute)))
	require.Equal(t, 3599-60, known(restored, keys, now.Add(time.Minute)), "a minute went by")
	require.Equal(t, 1, known(restored, keys, now.Add(time.Hour-2*time.Second)))
	require.Zero(t, known(restored, keys, now.Add(time.Hour-time.Second)), "the age is that of the first commit")

	early := NewTable(Settings{TTL: time.Hour})
	require.NoError(t, early.Restore(snapshot, start))
	require.Equal(t, 3599, known(early, keys, start), "times in the future count as now")
	require.Zero(t, known(early, keys, start.Add(time.Hour)))

	require.EqualError(t, early.Restore(snapshot[1:], now),
		"cannot restore event ids: the size of the snapshot is not a multiple of that of a record")
}

// model is a table made of nothing but a map and a list.
type model struct {
	settings Settings
	pending  map[Key]bool
	commits  []record // at is in nanoseconds since start
	now      int64
}

func (m *model) advance(now time.Time) { m.now = max(m.now, int64(now.Sub(start))) }

func (m *model) done(key Key) bool {
	newest := m.commits[max(0, len(m.commits)-m.settings.Limit):]
	return slices.ContainsFunc(newest, func(r record) bool { return r.key == key && m.now-r.at < int64(m.settings.TTL) })
}

func (m *model) claim(key Key, now time.Time) Verdict {
	m.advance(now)
	switch {
	case m.pending[key]:
		return Pending
	case m.done(key):
		return Done
	case len(m.pending) >= m.settings.PendingLimit:
		return Full
	}
	m.pending[key] = true
	return New
}

func (m *model) commit(key Key, now time.Time) {
	m.advance(now)
	delete(m.pending, key)
	m.commits = append(m.commits, record{key, m.now})
}

// checkAgainstModel runs steps of two bytes, what and which key, over a table and the model.
func checkAgainstModel(t *testing.T, settings Settings, steps []byte) {
	t.Helper()
	table := NewTable(settings)
	table.Commit(nil, start)
	m := model{settings: settings, pending: map[Key]bool{}}
	now := start
	for i := 0; i+1 < len(steps); i += 2 {
		what, which := steps[i], int(steps[i+1])
		key := numbered(which, which+1)[0]
		switch what % 8 {
		case 0, 1, 2:
			require.Equal(t, m.claim(key, now), table.Claim(key, now), "step %d", i)
		case 3, 4:
			m.commit(key, now)
			table.Commit([]Key{key}, now)
		case 5:
			delete(m.pending, key)
			table.Release(key)
		case 6:
			now = now.Add(time.Duration(which) * time.Second)
		case 7:
			now = now.Add(-time.Duration(which) * time.Second / 2)
		}
		require.LessOrEqual(t, table.done.len(), settings.Limit)
		require.Len(t, table.pending, len(m.pending))
	}
	for which := range 256 {
		key := numbered(which, which+1)[0]
		delete(m.pending, key)
		table.Release(key)
		require.Equal(t, m.claim(key, now), table.Claim(key, now))
	}
}

func FuzzTable(f *testing.F) {
	f.Add(byte(3), byte(5), []byte{0, 1, 3, 1, 0, 1, 6, 200, 0, 1, 7, 100, 3, 2, 3, 3, 3, 4, 0, 2})
	f.Fuzz(func(t *testing.T, limit, ttl byte, steps []byte) {
		settings := Settings{TTL: (1 + time.Duration(ttl)) * time.Second, Limit: 1 + int(limit), PendingLimit: 1 + int(limit)/2}
		checkAgainstModel(t, settings, steps[:min(len(steps), 4000)])
	})
}

func TestTableAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		steps := make([]byte, 2000)
		for i := range steps {
			steps[i] = byte(rng.Uint32())
		}
		checkAgainstModel(t, Settings{TTL: time.Duration(1+rng.IntN(5000)) * time.Second, Limit: 1 + rng.IntN(300), PendingLimit: 1 + rng.IntN(100)}, steps)
	}
}

// TestHistoryUnderChurn fills the index with neighbours that come and go, so that every kind of removal happens.
func TestHistoryUnderChurn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	h := newHistory()
	want := map[Key]int64{}
	for i := range int64(200_000) {
		which := rng.IntN(5000)
		key := numbered(which, which+1)[0]
		if h.len() > 3000 || h.len() > 0 && rng.Uint32()%3 == 0 {
			oldest := *h.at(h.head)
			require.Equal(t, want[oldest.key] == oldest.at, h.forget())
			if want[oldest.key] == oldest.at {
				delete(want, oldest.key)
			}
		}
		hash := h.hash(&key)
		if known := h.find(&key, hash); known != nil {
			h.supersede(known)
		}
		h.add(hash, entry{key, i + 1})
		want[key] = i + 1
		require.Equal(t, len(want), h.used)
	}
	for key, at := range want {
		require.Equal(t, at, h.entry(&key).at)
	}
}

// TestPositionsWrap starts shortly before the positions of the queue begin again at zero.
func TestPositionsWrap(t *testing.T) {
	table := NewTable(Settings{Limit: 3 * chunkEntries})
	var near uint32 // 5000 positions before the wrap
	near -= 5000
	table.done.head, table.done.tail = near, near
	table.done.chunks = append(table.done.chunks, table.done.chunk())
	if near/chunkEntries != (near-1)/chunkEntries {
		t.Fatal("the queue would start with a chunk")
	}
	table.Commit(numbered(0, 10*chunkEntries), start)
	require.Less(t, table.done.tail, near)
	require.Equal(t, 3*chunkEntries, known(table, numbered(0, 10*chunkEntries), start))
	require.Equal(t, 3*chunkEntries, known(table, numbered(7*chunkEntries, 10*chunkEntries), start))
}

func heap() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// fill commits a million keys and returns the table, with the growth of the heap at the end, and at worst on the way, garbage
// included.
func fill() (table *Table, final, peak int) {
	runtime.GC()
	before := heap()
	table = NewTable(Settings{})
	for i := range 1000 {
		for _, key := range numbered(1000*i, 1000*(i+1)) {
			table.Claim(key, start)
			table.Commit([]Key{key}, start)
		}
		peak = max(peak, heap()-before)
	}
	runtime.GC()
	return table, heap() - before, peak
}

func TestMemoryOfAMillion(t *testing.T) {
	table, final, peak := fill()
	require.Equal(t, DefaultLimit, table.Stats().Done)
	t.Logf("%d bytes, at most %d on the way", final, peak)
	require.Less(t, final, 45_000_000)
	require.Less(t, peak, 100_000_000)
	runtime.KeepAlive(table)
}

// BenchmarkTable claims and commits new keys in a table that is full, so that each displaces one, and claims known ones. The peer is a
// map, which knows neither order nor age.
func BenchmarkTable(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		keys := numbered(0, 2*n)
		rand.New(rand.NewPCG(5, 6)).Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		table := NewTable(Settings{Limit: n})
		table.Commit(keys, start)
		name := fmt.Sprintf("n=%d/", n)
		b.Run(name+"claim+commit", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				key := keys[i%len(keys)]
				if table.Claim(key, start) != New {
					b.Fatal("known")
				}
				table.Commit([]Key{key}, start)
			}
		})
		b.Run(name+"claim+release", func(b *testing.B) {
			b.ReportAllocs()
			fresh := numbered(10*n, 11*n)
			for i := 0; b.Loop(); i++ {
				table.Claim(fresh[i%n], start)
				table.Release(fresh[i%n])
			}
		})
		b.Run(name+"claim-duplicate", func(b *testing.B) {
			b.ReportAllocs()
			table := NewTable(Settings{Limit: n})
			table.Commit(keys[:n], start)
			for i := 0; b.Loop(); i++ {
				if table.Claim(keys[i%n], start) != Done {
					b.Fatal("not known")
				}
			}
		})
		b.Run(name+"peer-map", func(b *testing.B) {
			b.ReportAllocs()
			var mu sync.Mutex
			seen := map[Key]time.Time{}
			for _, key := range keys[:n] {
				seen[key] = start
			}
			for i := 0; b.Loop(); i++ {
				mu.Lock()
				if _, ok := seen[keys[i%n]]; !ok {
					b.Fatal("not known")
				}
				mu.Unlock()
			}
		})
	}
}

func BenchmarkMillion(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		table, final, peak := fill()
		b.ReportMetric(float64(final)/1e6, "MB-heap")
		b.ReportMetric(float64(peak)/1e6, "MB-peak")
		runtime.KeepAlive(table)
	}
}
