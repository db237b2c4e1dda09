// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAdmit(t *testing.T) {
	table := NewTable(Settings{TTL: time.Hour})
	keys := numbered(0, 2)
	require.False(t, table.Knows(keys[0], start))
	require.True(t, table.Admit(keys[0], start))
	require.True(t, table.Knows(keys[0], start))
	require.False(t, table.Admit(keys[0], start))
	require.Equal(t, New, table.Claim(keys[1], start))
	require.True(t, table.Knows(keys[1], start))
	require.False(t, table.Admit(keys[1], start), "it is pending")
	require.False(t, table.Knows(keys[0], start.Add(time.Hour)))
	require.True(t, table.Admit(keys[0], start.Add(time.Hour)))
	require.Equal(t, Stats{Done: 1, Pending: 1, Expired: 1}, table.Stats())
}

// TestAdmitIsClaimAndCommit gives the same keys to three tables, one of which takes each in two steps, one in one step, and
// one takes many keys at a time.
func TestAdmitIsClaimAndCommit(t *testing.T) {
	settings := Settings{TTL: time.Minute, Limit: 50}
	twice, once, atOnce := NewTable(settings), NewTable(settings), NewTable(settings)
	rng, now := rand.New(rand.NewPCG(3, 4)), start
	pool := numbered(0, 120)
	for range 2000 {
		keys := make([]Key, rng.IntN(100))
		want, got := make([]bool, len(keys)), make([]bool, len(keys))
		for i := range keys {
			keys[i] = pool[rng.IntN(len(pool))]
			if want[i] = twice.Claim(keys[i], now) == New; want[i] {
				twice.Commit(keys[i:i+1], now)
			}
			require.Equal(t, !want[i], once.Knows(keys[i], now))
			require.Equal(t, want[i], once.Admit(keys[i], now))
		}
		atOnce.Expect(keys)
		atOnce.AdmitAll(keys, got, now)
		require.Equal(t, want, got)
		now = now.Add(time.Duration(rng.IntN(40)) * time.Second)
	}
	for _, table := range []*Table{once, atOnce} {
		require.Equal(t, known(twice, pool, now), known(table, pool, now))
		require.Positive(t, table.Stats().Expired)
		require.Positive(t, table.Stats().Displaced)
	}
}

// BenchmarkAdmit remembers new keys in a full table, one by one and sixteen at a time.
func BenchmarkAdmit(b *testing.B) {
	const lot = 16
	run := func(name string, admit func(*Table, []Key)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			table, rng := NewTable(Settings{}), rand.New(rand.NewPCG(1, 1))
			keys := make([]Key, lot)
			renew := func() {
				for i := range keys {
					binary.LittleEndian.PutUint64(keys[i][:], rng.Uint64())
					binary.LittleEndian.PutUint64(keys[i][8:], rng.Uint64())
				}
			}
			for range DefaultLimit / lot {
				renew()
				admit(table, keys)
			}
			for b.Loop() {
				renew()
				admit(table, keys)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lot, "ns/key")
		})
	}
	run("claim_commit", func(table *Table, keys []Key) {
		for i := range keys {
			if table.Claim(keys[i], start) == New {
				table.Commit(keys[i:i+1], start)
			}
		}
	})
	run("one_by_one", func(table *Table, keys []Key) {
		for _, key := range keys {
			table.Admit(key, start)
		}
	})
	admitted := make([]bool, lot)
	run("at_once", func(table *Table, keys []Key) {
		table.Expect(keys)
		table.AdmitAll(keys, admitted, start)
	})
}
