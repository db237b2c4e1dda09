// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// givenReference is one that somebody keeps.
var givenReference = sync.OnceValue(func() *Reference {
	r, err := NewNumericReference(sample(4000, seeded(4).NormFloat64), ReferenceSettings{ID: "given", Created: day})
	if err != nil {
		panic(err)
	}
	return r
})

// busyGroup has features of every kind, learned and given references, a season or sub-windows.
func busyGroup(t testing.TB, change func(*Settings)) (*Group, Lookup) {
	t.Helper()
	s := DefaultSettings()
	s.Window.Samples = 60
	s.Window.MaxAge = 50 * time.Second
	s.Learning = Learning{First: 100, Doublings: 2}
	s.Hysteresis = Hysteresis{Raise: 2, Of: 3, Clear: 2, ClearRatio: 0.8}
	s.AbsentIsMissing = true
	if change != nil {
		change(&s)
	}
	g, err := NewGroup(s)
	require.NoError(t, err)
	given := givenReference()
	for _, name := range []string{"learned", "given"} {
		g.Feature(name, Numeric)
	}
	g.Feature("reason", Categorical)
	g.Feature("latency", Aggregated)
	g.Feature("given latency", Aggregated)
	for _, name := range []string{"given", "given latency"} {
		require.NoError(t, g.SetReference(g.Find(name), -1, given))
	}
	return g, func(_, hash string) *Reference {
		if hash == given.hash {
			return given
		}
		return nil
	}
}

// feed commits row i of a stream that drifts, misses values and comes back.
func feed(t testing.TB, g *Group, i int) {
	t.Helper()
	rng := seeded(uint64(i))
	shift := 2 * math.Max(0, math.Sin(float64(i)/150))
	number := rng.NormFloat64() + shift
	if rng.IntN(10) == 0 {
		number = math.NaN()
	}
	b := explicit(t, []float64{number}, []float64{-1, 0, 1, 2})
	at := day.UnixNano() + int64(i)*int64(time.Second) - int64(rng.IntN(3))*int64(time.Second)
	row := []Value{
		{Feature: g.Find("learned"), Number: number},
		{Feature: g.Find("given"), Number: number},
		{Feature: g.Find("reason"), Category: fmt.Sprint(int(rng.ExpFloat64() + shift))},
		{Feature: g.Find("latency"), Buckets: &b},
		{Feature: g.Find("given latency"), Buckets: &b},
	}
	g.Observe(at, at, row[:3+2*rng.IntN(2)])
}

// TestRestartsChangeNothing: a group that is encoded and restored after any row gives the same reports, bit for bit.
func TestRestartsChangeNothing(t *testing.T) {
	f := func(name string, every int, change func(*Settings)) {
		t.Run(name, func(t *testing.T) {
			plain, _ := busyGroup(t, change)
			restarted, lookup := busyGroup(t, change)
			var want, got []Report
			for i := range 3000 {
				feed(t, plain, i)
				feed(t, restarted, i)
				want, got = append(want, plain.Reports()...), append(got, restarted.Reports()...)
				if i%every == every-1 {
					state := restarted.Append(nil)
					next, err := NewGroup(restarted.settings)
					require.NoError(t, err)
					require.NoError(t, next.Restore(state, lookup))
					require.Equal(t, state, next.Append(nil))
					restarted = next
				}
			}
			require.Greater(t, len(want), 40)
			require.Equal(t, want, got)
			require.Equal(t, plain.Append(nil), restarted.Append(nil))
			raised := 0
			for _, r := range want {
				for _, v := range r.Features {
					if v.Changed {
						raised++
					}
				}
			}
			require.Greater(t, raised, 4, "the stream must raise and clear alarms")
		})
	}
	f("after every row", 1, nil)
	f("now and then", 37, nil)
	f("sub-windows", 7, func(s *Settings) { s.Window.SubWindows = 3 })
	f("season", 11, func(s *Settings) { s.Window.Season = Season{Phases: 3, Length: 5 * time.Minute} })
	f("budget", 13, func(s *Settings) { s.Budget = 50; s.Method = PopulationStability })
}

// TestKeptStates: states and a reference that were saved by an earlier version are read, written again as they were, and go on.
func TestKeptStates(t *testing.T) {
	f := func(name string, change func(*Settings)) {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join("testdata", "states")
			reference := testutil.Kept(t, filepath.Join(folder, "reference.bin"), func() []byte { return givenReference().Append(nil) })
			given, err := DecodeReference(reference)
			require.NoError(t, err)
			assert.Equal(t, reference, given.Append(nil))
			state := testutil.Kept(t, filepath.Join(folder, name+".bin"), func() []byte {
				g, _ := busyGroup(t, change)
				for i := range 700 {
					feed(t, g, i)
				}
				g.Reports()
				return g.Append(nil)
			})
			g, _ := busyGroup(t, change)
			require.NoError(t, g.Restore(state, func(_, hash string) *Reference {
				require.Equal(t, given.Hash(), hash)
				return given
			}))
			assert.Equal(t, state, g.Append(nil))
			for i := range 300 {
				feed(t, g, 700+i)
			}
			assert.NotEmpty(t, g.Reports())
		})
	}
	f("plain", nil)
	f("sub_windows", func(s *Settings) { s.Window.SubWindows = 3 })
	f("season", func(s *Settings) { s.Window.Season = Season{Phases: 3, Length: 5 * time.Minute} })
}

// BenchmarkState appends and restores the state of a group of five features.
func BenchmarkState(b *testing.B) {
	g, lookup := busyGroup(b, nil)
	for i := range 700 {
		feed(b, g, i)
	}
	g.Reports()
	state := g.Append(nil)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			state = g.Append(state[:0])
		}
		b.ReportMetric(float64(len(state)), "B")
	})
	b.Run("restore", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, g.Restore(state, lookup))
		}
	})
}

func TestStateWithoutItsReference(t *testing.T) {
	g, _ := busyGroup(t, nil)
	for i := range 300 {
		feed(t, g, i)
	}
	next, err := NewGroup(g.settings)
	require.NoError(t, err)
	require.NoError(t, next.Restore(g.Append(nil), nil))
	assert.Nil(t, next.Find("given").reference)
	assert.NotNil(t, next.Find("learned").reference, "learned references are part of the state")
	feed(t, next, 301)
}

func TestStateOfOtherWindows(t *testing.T) {
	g, lookup := busyGroup(t, nil)
	feed(t, g, 0)
	state := g.Append(nil)
	f := func(want string, change func(*Settings)) {
		t.Helper()
		s := g.settings
		change(&s)
		next, err := NewGroup(s)
		require.NoError(t, err)
		before := next.Append(nil)
		require.ErrorContains(t, next.Restore(state, lookup), want)
		assert.Equal(t, before, next.Append(nil), "it stays as it was")
	}
	f("windows have another form", func(s *Settings) { s.Window.SubWindows = 2 })
	f("windows have another form", func(s *Settings) { s.Window.Season = Season{Phases: 2, Length: time.Hour} })
	f("the limit is 3", func(s *Settings) { s.MaxFeatures = 3 })
	next, err := NewGroup(g.settings)
	require.NoError(t, err)
	for i := range state {
		require.ErrorIs(t, next.Restore(state[:i], lookup), codec.ErrDamaged, "cut to %d bytes", i)
	}
	require.ErrorIs(t, next.Restore(append(state, 0), lookup), codec.ErrDamaged)
}

// FuzzRestore: bytes that nobody encoded are refused, or give a group that works and encodes again.
func FuzzRestore(f *testing.F) {
	for _, change := range []func(*Settings){nil, func(s *Settings) { s.Window.SubWindows = 2 }} {
		g, _ := busyGroup(f, change)
		for i := range 150 {
			feed(f, g, i)
		}
		f.Add(g.Append(nil))
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		g, lookup := busyGroup(t, nil)
		next, err := NewGroup(g.settings)
		require.NoError(t, err)
		if next.Restore(state, lookup) != nil {
			return
		}
		again, err := NewGroup(g.settings)
		require.NoError(t, err)
		encoded := next.Append(nil)
		require.NoError(t, again.Restore(encoded, lookup))
		require.Equal(t, encoded, again.Append(nil))
		for _, f := range next.Features() {
			next.Observe(next.start, next.start, []Value{{Feature: f, Number: 1, Category: "a"}})
		}
		next.Tick(math.MaxInt64 / 2)
		for _, r := range next.Reports() {
			for i := range r.Features {
				require.False(t, math.IsNaN(r.Features[i].Score))
			}
		}
	})
}
