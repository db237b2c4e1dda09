// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// reopened returns how many of the keys a new process would know that finds what the client holds now.
func reopened(tb testing.TB, client *memory, settings Settings, keys []Key, now time.Time) int {
	tb.Helper()
	table := NewTable(settings)
	copied := &memory{values: maps.Clone(client.values)}
	log, warnings, err := Open(tb.Context(), copied, table, now, 0)
	require.NoError(tb, err)
	require.Empty(tb, warnings)
	require.NoError(tb, log.Close(tb.Context()))
	return known(table, keys, now)
}

func TestAppendAndReopen(t *testing.T) {
	client := newMemory()
	log := requireOpen(t, client, NewTable(Settings{}))
	keys := numbered(0, 3*segmentRecords+10)
	written := 0
	// Alone, few, more than a segment, exactly what fills one, and one by one over more than the pieces that there may be.
	for _, n := range append([]int{1, 5, 2*segmentRecords + 1, segmentRecords - 7}, slices.Repeat([]int{1}, maxPieces+5)...) {
		n = min(n, len(keys)-written)
		require.NoError(t, log.Append(t.Context(), keys[written:written+n], start))
		written += n
		require.Equal(t, written, reopened(t, client, Settings{}, keys, start), "%d keys written last", n)
		require.LessOrEqual(t, len(client.values), maxPieces+4+1)
	}
	require.NoError(t, log.Append(t.Context(), nil, start))
	require.Equal(t, len(keys), written)
}

// TestSmallAppends shows what single keys cost: each is written about three times over, and few values are left.
func TestSmallAppends(t *testing.T) {
	client := newMemory()
	log := requireOpen(t, client, NewTable(Settings{}))
	keys := numbered(0, 2*segmentRecords)
	for i := range keys {
		require.NoError(t, log.Append(t.Context(), keys[i:i+1], start))
	}
	require.Equal(t, []string{"meta", "segment-0", "segment-1"}, slices.Sorted(maps.Keys(client.values)))
	require.Len(t, client.values["segment-0"], 12+8192*24+8)
	require.Less(t, client.bytes/len(keys), 3000, "bytes per append of one key, where rewriting half a segment would be 98,000")
	require.Equal(t, len(keys), reopened(t, client, Settings{}, keys, start))
}

func TestOldSegmentsAreDropped(t *testing.T) {
	f := func(settings Settings, at func(i int) time.Time, wantSegments []string, wantKnown int) {
		t.Helper()
		client := newMemory()
		log := requireOpen(t, client, NewTable(settings))
		keys := numbered(0, 5*segmentRecords+1)
		i := 0
		for chunk := range slices.Chunk(keys, segmentRecords) {
			require.NoError(t, log.Append(t.Context(), chunk, at(i)))
			i++
		}
		want := append([]string{"meta", "piece-0"}, wantSegments...)
		require.Equal(t, want, slices.Sorted(maps.Keys(client.values)))
		require.Equal(t, wantKnown, reopened(t, client, settings, keys, at(i-1)))
	}
	hourly := func(i int) time.Time { return start.Add(time.Duration(i) * time.Hour) }
	always := func(int) time.Time { return start }
	f(Settings{TTL: 2 * time.Hour}, hourly, []string{"segment-4"}, segmentRecords+1)
	f(Settings{Limit: segmentRecords}, always, []string{"segment-4"}, segmentRecords)
	f(Settings{Limit: segmentRecords + 1}, always, []string{"segment-4"}, segmentRecords+1)
	f(Settings{Limit: 2 * segmentRecords}, always, []string{"segment-3", "segment-4"}, 2*segmentRecords)
	f(Settings{Limit: 10}, always, []string{"segment-4"}, 10)

	backwards := func(i int) time.Time { return start.Add(-time.Duration(i) * time.Hour) }
	all := []string{"segment-0", "segment-1", "segment-2", "segment-3", "segment-4"}
	f(Settings{TTL: 2 * time.Hour}, backwards, all, 5*segmentRecords+1)
}

func TestKeysExpireOverARestart(t *testing.T) {
	client := newMemory()
	log := requireOpen(t, client, NewTable(Settings{}))
	keys := numbered(0, 3)
	for i := range keys {
		require.NoError(t, log.Append(t.Context(), keys[i:i+1], start.Add(time.Duration(i)*time.Hour)))
	}
	require.Equal(t, 3, reopened(t, client, Settings{}, keys, start))
	require.Equal(t, 3, reopened(t, client, Settings{}, keys, start.Add(24*time.Hour-1)))
	require.Equal(t, 2, reopened(t, client, Settings{}, keys, start.Add(24*time.Hour)))
	require.Equal(t, 1, reopened(t, client, Settings{TTL: time.Hour}, keys, start.Add(2*time.Hour)))
}

// TestGroupCommit holds the first write until many callers wait: they share the second one.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newMemory()
		log := requireOpen(t, client, NewTable(Settings{}))
		release := make(chan struct{})
		client.before = func(*storage.Operation) error {
			<-release
			return nil
		}
		keys := numbered(0, 101)
		var wg sync.WaitGroup
		for i := range keys {
			wg.Go(func() { require.NoError(t, log.Append(t.Context(), keys[i:i+1], start)) })
			if i == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		require.Equal(t, 2, client.writes)
		require.Equal(t, len(keys), reopened(t, client, Settings{}, keys, start))
	})
}

// TestFailedWrite shows that all callers learn of it, and that the log goes on with what it held before.
func TestFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newMemory()
		table := NewTable(Settings{})
		log := requireOpen(t, client, table)
		keys := numbered(0, 20)
		require.NoError(t, log.Append(t.Context(), keys[:5], start))
		full := errors.New("no space left on device")
		client.before = func(*storage.Operation) error {
			time.Sleep(time.Second) // of the bubble's clock
			return full
		}
		var wg sync.WaitGroup
		for i := 5; i < 15; i++ {
			wg.Go(func() {
				err := log.Append(t.Context(), keys[i:i+1], start)
				require.EqualError(t, err, "cannot store 1 event ids: no space left on device")
			})
		}
		wg.Wait()
		require.Zero(t, table.Stats())
		client.before = nil
		require.NoError(t, log.Append(t.Context(), keys[15:], start))
		require.Equal(t, 10, reopened(t, client, Settings{}, keys, start))
	})
}

// TestTornWrites fails each operation of each batch in turn, on a storage without transactions: whatever was acknowledged is known.
func TestTornWrites(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for round := range 10 {
		client := newMemory()
		log := requireOpen(t, client, NewTable(Settings{}))
		keys := numbered(0, 40_000)
		var acknowledged []Key
		for written := 0; written < len(keys); {
			n := min(1+rng.IntN(1+rng.IntN(1000)), len(keys)-written)
			left := rng.IntN(100)
			client.before = func(*storage.Operation) error {
				if left--; left == 0 {
					return errTest
				}
				return nil
			}
			if log.Append(t.Context(), keys[written:written+n], start) == nil {
				acknowledged = append(acknowledged, keys[written:written+n]...)
				client.before = nil
				if rng.IntN(20) == 0 {
					require.Equal(t, len(acknowledged), reopened(t, client, Settings{}, acknowledged, start), "round %d", round)
				}
			}
			written += n
		}
		require.Equal(t, len(acknowledged), reopened(t, client, Settings{}, acknowledged, start))
		require.Greater(t, len(acknowledged), 30_000)
	}
}

func TestPanickingStorage(t *testing.T) {
	client := newMemory()
	log := requireOpen(t, client, NewTable(Settings{}))
	keys := numbered(0, 2)
	client.before = func(*storage.Operation) error { panic("broken page") }
	require.EqualError(t, log.Append(t.Context(), keys[:1], start), "cannot store 1 event ids: the storage panicked: broken page")
	client.before = nil
	require.NoError(t, log.Append(t.Context(), keys[1:], start))
	require.Equal(t, 1, reopened(t, client, Settings{}, keys, start))
}

// TestHangingStorage shows that callers wait for no longer than they may, and that the log goes on when the call comes back.
func TestHangingStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newMemory()
		log := requireOpen(t, client, NewTable(Settings{}))
		release := make(chan struct{})
		client.before = func(*storage.Operation) error {
			<-release
			return nil
		}
		keys := numbered(0, maxWaiting+4)
		began := time.Now()
		require.ErrorIs(t, log.Append(t.Context(), keys[:1], start), ErrTimeout)
		require.Equal(t, time.Minute, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, log.Append(ctx, keys[1:2], start), context.DeadlineExceeded)
		require.ErrorIs(t, log.Append(t.Context(), keys[2:maxWaiting+2], start), ErrBusy)
		require.ErrorIs(t, log.Close(ctx), context.DeadlineExceeded)
		require.ErrorIs(t, log.Append(t.Context(), keys[2:], start), ErrClosed)
		close(release)
		require.NoError(t, log.Close(t.Context()))
		require.Equal(t, 1, client.closed)
		require.Equal(t, 2, reopened(t, client, Settings{}, keys, start), "late is better than never")
	})
}

func TestOpenFails(t *testing.T) {
	client := newMemory()
	client.before = func(*storage.Operation) error { return errTest }
	_, _, err := Open(t.Context(), client, NewTable(Settings{}), start, 0)
	require.EqualError(t, err, "cannot read the event ids that were seen before: test error")

	synctest.Test(t, func(t *testing.T) {
		client := newMemory()
		release := make(chan struct{})
		client.before = func(*storage.Operation) error {
			<-release
			return nil
		}
		_, _, err := Open(t.Context(), client, NewTable(Settings{}), start, 0)
		require.ErrorIs(t, err, ErrTimeout)
		close(release)
		synctest.Wait()
		require.Equal(t, 1, client.closed)
	})
}

// TestDamagedValues damages or removes each value: its keys are forgotten, all others known, and the log works on.
func TestDamagedValues(t *testing.T) {
	client := newMemory()
	log := requireOpen(t, client, NewTable(Settings{}))
	keys := numbered(0, 2*segmentRecords+2)
	require.NoError(t, log.Append(t.Context(), keys[:2*segmentRecords], start))
	require.NoError(t, log.Append(t.Context(), keys[2*segmentRecords:][:1], start))
	require.NoError(t, log.Append(t.Context(), keys[2*segmentRecords+1:], start))

	f := func(name string, damage func(map[string][]byte), want string, lost int) {
		t.Helper()
		damaged := &memory{values: maps.Clone(client.values)}
		damage(damaged.values)
		table := NewTable(Settings{})
		log, warnings := requireDamaged(t, damaged, table)
		require.Len(t, warnings, 1, name)
		require.EqualError(t, warnings[0], want+": stored value is damaged")
		require.Equal(t, len(keys)-lost, known(table, keys, start))

		more := numbered(1_000_000, 1_000_000+segmentRecords)
		require.NoError(t, log.Append(t.Context(), more, start))
		again := NewTable(Settings{})
		_, _ = requireDamaged(t, &memory{values: maps.Clone(damaged.values)}, again)
		require.Equal(t, len(keys)-lost, known(again, keys, start))
		require.Equal(t, len(more), known(again, more, start))
	}
	remove := func(name string) func(map[string][]byte) {
		return func(values map[string][]byte) { delete(values, name) }
	}
	flip := func(name string) func(map[string][]byte) {
		return func(values map[string][]byte) {
			values[name] = bytes.Clone(values[name])
			values[name][len(values[name])/2] ^= 1
		}
	}
	f("segment", flip("segment-0"), "checksum of segment-0 does not match", segmentRecords)
	f("segment", remove("segment-1"), "segment-1 is missing", segmentRecords)
	f("swapped", func(values map[string][]byte) { values["piece-0"] = values["piece-1"] }, "checksum of piece-0 does not match", 1)
	f("piece", flip("piece-1"), "checksum of piece-1 does not match", 1)
	f("piece", remove("piece-0"), "piece-0 is missing", 1)
	f("meta", flip("meta"), "checksum of meta does not match", len(keys))
}

// FuzzStoredValues opens a log over values that anybody may have written, checksums included.
func FuzzStoredValues(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2}, []byte("records that are 24 bytes records that are 24 bytes"), byte(3))
	f.Fuzz(func(t *testing.T, ranges, body []byte, cut byte) {
		ranges = append(ranges, make([]byte, 4)...)
		client := newMemory()
		client.values[metaName] = meta{
			segments: span{uint64(ranges[0]), uint64(ranges[1])}, pieces: span{uint64(ranges[2]), uint64(ranges[3])},
		}.encode()
		for i := range uint64(256) {
			value := seal(segmentName(i), append(begin(len(body)), body...))
			client.values[segmentName(i)] = value[:len(value)-int(cut)%len(value)]
			client.values[pieceName(i)] = seal(pieceName(i), append(begin(len(body)), body...))
		}
		table := NewTable(Settings{Limit: 100})
		log, _, err := Open(t.Context(), client, table, start, 0)
		require.NoError(t, err)
		key := KeyOf("new")
		require.NoError(t, log.Append(t.Context(), []Key{key}, start))
		require.NoError(t, log.Close(t.Context()))
		require.LessOrEqual(t, table.Stats().Done, 100)

		again := NewTable(Settings{Limit: 100})
		log, _, err = Open(t.Context(), client, again, start, 0)
		require.NoError(t, err)
		require.NoError(t, log.Close(t.Context()))
		require.Equal(t, Done, again.Claim(key, start))
	})
}

// TestFileStorage runs against the real extension, and opens a copy of its files as they are while it has them open.
func TestFileStorage(t *testing.T) {
	dir := t.TempDir()
	log := requireOpen(t, requireFileStorage(t, dir, false), NewTable(Settings{}))
	keys := numbered(0, 2*segmentRecords)
	var wg sync.WaitGroup
	for chunk := range slices.Chunk(keys, len(keys)/4) {
		wg.Go(func() {
			for some := range slices.Chunk(chunk, 50) {
				require.NoError(t, log.Append(t.Context(), some, start))
			}
		})
	}
	wg.Wait()
	copied := t.TempDir()
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	table := NewTable(Settings{})
	requireOpen(t, requireFileStorage(t, copied, false), table)
	require.Equal(t, len(keys), known(table, keys, start))
}

// BenchmarkAppend appends one key per call, alone and from many callers, over the real storage. The peer writes a key of the storage for each.
func BenchmarkAppend(b *testing.B) {
	key := make([]Key, 1)
	for _, fsync := range []bool{false, true} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("fsync=%t/callers=%d", fsync, callers), func(b *testing.B) {
				log := requireOpen(b, requireFileStorage(b, b.TempDir(), fsync), NewTable(Settings{}))
				b.ReportAllocs()
				b.SetParallelism(callers)
				if callers == 1 {
					for b.Loop() {
						require.NoError(b, log.Append(b.Context(), key, start))
					}
					return
				}
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						if err := log.Append(b.Context(), key, start); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
		b.Run(fmt.Sprintf("fsync=%t/peer-key-per-id", fsync), func(b *testing.B) {
			client := requireFileStorage(b, b.TempDir(), fsync)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				require.NoError(b, client.Set(b.Context(), fmt.Sprintf("%032x", i), make([]byte, 8)))
			}
			require.NoError(b, client.Close(b.Context()))
		})
	}
}

// BenchmarkOpen reads a million keys back.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	log, _, err := Open(b.Context(), requireFileStorage(b, dir, false), NewTable(Settings{}), start, time.Minute)
	require.NoError(b, err)
	for i := range 100 {
		require.NoError(b, log.Append(b.Context(), numbered(10_000*i, 10_000*(i+1)), start))
	}
	require.NoError(b, log.Close(b.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(b, err)
	require.Len(b, files, 1, strings.Join(files, " "))
	info, err := os.Stat(files[0])
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		table := NewTable(Settings{})
		log, _, err := Open(b.Context(), requireFileStorage(b, dir, false), table, start, time.Minute)
		require.NoError(b, err)
		require.NoError(b, log.Close(b.Context()))
		require.Equal(b, DefaultLimit, table.Stats().Done)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB-file")
}
