// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"bytes"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// busy returns a Meter whose series are in all states: shown, not shown yet, changed, forgotten, overflowing.
func busy(tb testing.TB, config Config) *Meter {
	tb.Helper()
	m := newMeter(tb, config)
	observeAll(m, after(0))
	m.Instrument("a.gauge").Set(start, labelC, math.SmallestNonzeroFloat64)
	m.Instrument("a.counter").Add(start, labelC, .1, nil)
	m.Instrument("a.counter").Add(start, labelC, .2, nil) // Not .3.
	flushAt(tb, m, after(15))
	observeAll(m, after(20))
	m.Instrument("a.gauge").Forget(labelC)
	m.Instrument("a.counter").Add(after(21), labelB, 4, traced(start))
	m.Instrument("a.histogram").Record(after(22), labelB, 4, nil)
	return m
}

func TestRestoredMeterGoesOnBitForBit(t *testing.T) {
	f := func(name string, config Config) {
		t.Run(name, func(t *testing.T) {
			m := busy(t, config)
			restored := restart(t, m, config, after(25))
			assert.Equal(t, stateOf(m), stateOf(restored))
			for s := 30; s < 60; s += 15 {
				want := flushAt(t, m, after(s))
				for _, series := range want {
					for labels, p := range series {
						p.Exemplar = 0
						series[labels] = p
					}
				}
				require.Equal(t, want, flushAt(t, restored, after(s)))
			}
		})
	}
	f("cumulative", Config{})
	f("delta", Config{Delta: true})
	f("overflow", Config{SeriesLimit: 2})
}

// TestKeptStates: what an earlier version has saved is read, and written again as it was.
func TestKeptStates(t *testing.T) {
	f := func(name string, config Config) {
		t.Run(name, func(t *testing.T) {
			state := testutil.Kept(t, filepath.Join("testdata", "states", name+".bin"), func() []byte { return stateOf(busy(t, config)) })
			m := newMeter(t, config)
			d := codec.NewDecoder(state)
			require.NoError(t, m.RestoreState(d, after(25)))
			require.NoError(t, d.Finish())
			assert.Equal(t, state, stateOf(m))
			assert.NotEmpty(t, flushAt(t, m, after(30)))
		})
	}
	f("cumulative", Config{})
	f("delta", Config{Delta: true})
	f("overflow", Config{SeriesLimit: 2})
}

// TestNoTimePassesWhileTheProcessIsDown: what was idle before goes on being idle from there.
func TestNoTimePassesWhileTheProcessIsDown(t *testing.T) {
	config := Config{IdleAfter: time.Minute}
	m := newMeter(t, config)
	m.Instrument("a.gauge").Set(start, labelA, 1)
	flushAt(t, m, after(0))
	flushAt(t, m, after(30))
	m = restart(t, m, config, after(3600))
	assert.NotEmpty(t, flushAt(t, m, after(3625)))
	assert.Empty(t, flushAt(t, m, after(3630)), "30 s before and 30 s after")
}

func TestSeriesOfOtherDefinitionsAreDropped(t *testing.T) {
	m := busy(t, Config{})
	f := func(name string, dropped int, config Config, change func([]Definition)) {
		t.Run(name, func(t *testing.T) {
			definitions := oneOfEach()
			change(definitions)
			restored := restart(t, m, config, after(25), definitions...)
			assert.EqualValues(t, dropped, restored.Stats().Dropped)
		})
	}
	f("none", 0, Config{}, func(d []Definition) { d[0].Description, d[0].Prometheus = "other", "other" })
	f("gone", 3, Config{}, func(d []Definition) { d[0].Name = "other" })
	f("kind", 3, Config{}, func(d []Definition) { d[0].Kind = UpDownCounter })
	f("unit", 2, Config{}, func(d []Definition) { d[2].Unit = "s" })
	f("attributes", 2, Config{}, func(d []Definition) { d[2].Attributes = []string{"second.key", "first.key"} })
	f("bounds", 2, Config{}, func(d []Definition) { d[3].Bounds = []float64{-1, .5, 3} })
	f("temporality", 5, Config{Delta: true}, func([]Definition) {})
}

func TestLowerLimitKeepsTotals(t *testing.T) {
	m := newMeter(t, Config{})
	for n := range 10 {
		labels := &Labels{string(rune('a' + n))}
		m.Instrument("a.counter").Add(after(n), labels, float64(n), nil)
		m.Instrument("a.histogram").Record(after(n), labels, 1, nil)
		m.Instrument("a.summary").Record(after(n), labels, 2, nil)
		m.Instrument("a.gauge").Set(after(n), labels, float64(n))
	}
	flushAt(t, m, after(15))
	restored := restart(t, m, Config{SeriesLimit: 4}, after(20))
	got := flushAt(t, restored, after(30))
	require.Len(t, got["a.counter"], 5)
	assert.Equal(t, point{Value: 4 + 5 + 6 + 7 + 8 + 9, Start: after(4), Time: after(30)}, got["a.counter"][overflow])
	assert.Equal(t, point{6, 6, []uint64{0, 0, 6, 0}, after(4), after(30), 0}, got["a.histogram"][overflow])
	assert.Equal(t, point{12, 6, nil, after(4), after(30), 0}, got["a.summary"][overflow])
	assert.Equal(t, point{Value: 9, Time: after(30)}, got["a.gauge"][overflow])
	assert.Zero(t, restored.Stats().Dropped)
}

func TestBrokenStateLeavesNoSeries(t *testing.T) {
	m := busy(t, Config{SeriesLimit: 2})
	good := stateOf(m)
	restored := newMeter(t, Config{})
	f := func(want error, state []byte) {
		t.Helper()
		restored.Instrument("a.gauge").Set(start, labelA, 1)
		require.ErrorIs(t, restored.RestoreState(codec.NewDecoder(state), start), want)
		assert.Empty(t, flushAt(t, restored, start))
	}
	for n := range good {
		f(codec.ErrTruncated, good[:n])
	}
	f(codec.ErrInvalid, append([]byte{stateVersion + 1}, good[1:]...))

	nan := newMeter(t, Config{})
	nan.Instrument("a.gauge").Set(start, labelA, 1)
	nan.Instrument("a.gauge").table.at(1).value = math.NaN()
	f(codec.ErrInvalid, stateOf(nan))

	packed := []byte(pack(labelC[:2]))
	require.Contains(t, string(good), string(packed))
	tooLong := bytes.Clone(packed)
	tooLong[len(tooLong)-lengthBytes] = 1 // The second label would end after the last byte.
	f(codec.ErrInvalid, bytes.Replace(good, packed, tooLong, 1))

	sameTwice := newMeter(t, Config{})
	sameTwice.Instrument("a.gauge").Set(start, labelA, 1)
	sameTwice.Instrument("a.gauge").Set(start, labelB, 1)
	f(codec.ErrInvalid, bytes.Replace(stateOf(sameTwice), []byte(pack(labelB[:2])), []byte(pack(labelA[:2])), 1))
}

// FuzzRestoreState: whatever the bytes, the Meter stays within its limit, and what it took it can save, restore and show.
func FuzzRestoreState(f *testing.F) {
	config := Config{SeriesLimit: 3}
	f.Add(stateOf(busy(f, Config{})))
	f.Add(stateOf(busy(f, config)))
	f.Add(stateOf(newMeter(f, config)))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := newMeter(t, config)
		err := m.RestoreState(codec.NewDecoder(data), after(25))
		for _, s := range m.Stats().Metrics {
			require.LessOrEqual(t, s.Series, config.SeriesLimit)
			require.True(t, err == nil || s.Series == 0, "an error leaves nothing")
		}
		state := bytes.Clone(stateOf(m))
		again := restart(t, m, config, after(25))
		require.Equal(t, state, stateOf(again))
		want, got := flushAt(t, m, after(30)), flushAt(t, again, after(30))
		for name := range want {
			require.Equal(t, want[name], got[name])
		}
		observeAll(m, after(31))
		flushAt(t, m, after(45))
	})
}
