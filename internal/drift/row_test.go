// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Rows of many values of one feature, as large as Room allows, give the reports and the state that values one by one give.
func TestRowsOfNumbersAreLikeSingleValues(t *testing.T) {
	f := func(change func(s *Settings)) {
		t.Helper()
		s := DefaultSettings()
		s.Window.Samples, s.Learning.First = 500, 1000
		change(&s)
		rng := seeded(40)
		reference := numericReference(t, sample(3000, rng.NormFloat64))
		single, many := newRowGroup(t, s), newRowGroup(t, s)
		at := day.UnixNano()
		for i := range 60 {
			if i == 40 { // the file comes
				require.NoError(t, single.SetReference(single.Find("x"), -1, reference))
				require.NoError(t, many.SetReference(many.Find("x"), -1, reference))
			}
			at += int64(rng.IntN(3)) * int64(20*time.Second)
			values := sample(1+rng.IntN(300), func() float64 { return rowValue(rng.IntN(50), rng.NormFloat64()) })
			for _, v := range values {
				single.Observe(at, at, []Value{{Feature: single.Find("x"), Number: v}})
			}
			for len(values) > 0 {
				n := min(len(values), many.Room(at))
				many.ObserveNumbers(at, at, many.Find("x"), values[:n])
				values = values[n:]
			}
			want, got := single.Reports(), many.Reports()
			for i := range want {
				want[i].Rows = got[i].Rows // a row is a row, whatever it holds
			}
			require.Equal(t, want, got)
		}
		assert.NotZero(t, many.Stats().Windows)
		clear(single.rows)
		clear(many.rows)
		assert.Equal(t, single.Append(nil), many.Append(nil))
	}
	f(func(*Settings) {})
	f(func(s *Settings) { s.Window.SubWindows = 5 })
	f(func(s *Settings) { s.Window.MaxAge = time.Minute })
	f(func(s *Settings) { s.Window.MaxAge, s.Window.Samples = time.Minute, 0 })
	f(func(s *Settings) { s.Window.Season = Season{Phases: 3, Length: 5 * time.Minute} })
	f(func(s *Settings) { s.Learning.First = 0 })
}

// rowValue is now and then a missing value, or one far outside.
func rowValue(kind int, v float64) float64 {
	switch kind {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(1)
	case 2:
		return 1e300
	case 3:
		return math.Inf(-1)
	}
	return v
}

func newRowGroup(t *testing.T, s Settings) *Group {
	t.Helper()
	g, err := NewGroup(s)
	require.NoError(t, err)
	require.NotNil(t, g.Feature("x", Numeric))
	return g
}

// Rows of numbers that lie outside the times of the window, or of no feature, are counted as other rows are.
func TestRowsOfNumbersThatAreNotUsed(t *testing.T) {
	g := newRowGroup(t, DefaultSettings())
	at := day.UnixNano()
	assert.Equal(t, OnTime, g.ObserveNumbers(at, at, g.Find("x"), []float64{1, 2}))
	assert.Equal(t, Late, g.ObserveNumbers(at-int64(time.Hour), at, g.Find("x"), []float64{1, 2}))
	assert.Equal(t, Ahead, g.ObserveNumbers(at+int64(time.Hour), at, g.Find("x"), []float64{1, 2}))
	assert.Equal(t, Stats{Late: 1, Ahead: 1}, g.Stats())
	assert.Equal(t, DefaultSettings().Window.Samples-2, g.Room(at))
}

// Rows that are committed together give the reports and the state that rows one by one give, whatever their times.
func TestRowsTogetherAreLikeSingleRows(t *testing.T) {
	f := func(change func(s *Settings)) {
		t.Helper()
		s := DefaultSettings()
		s.Window.Samples, s.Learning.First = 50, 100
		change(&s)
		rng := seeded(41)
		single, many := newRowGroup(t, s), newRowGroup(t, s)
		require.NotNil(t, single.Feature("y", Categorical))
		require.NotNil(t, many.Feature("y", Categorical))
		var late, ahead int
		at := day.UnixNano()
		for range 80 {
			now := at + int64(time.Minute)
			var rows []Row
			var before, together []Value
			for range 1 + rng.IntN(60) {
				at += int64(rng.IntN(3)) * int64(2*time.Second)
				row := Row{At: at}
				switch rng.IntN(30) {
				case 0:
					row.At -= int64(time.Hour)
				case 1:
					row.At += int64(time.Hour)
				}
				from := len(before)
				for range rng.IntN(4) { // none, or one feature twice
					number, name := rowValue(rng.IntN(50), rng.NormFloat64()), string(rune('a'+rng.IntN(3)))
					before = append(before, Value{Feature: single.Find("x"), Number: number}, single.Find("y").Category(name))
					together = append(together, Value{Feature: many.Find("x"), Number: number}, many.Find("y").Category(name))
				}
				row.Values = len(before) - from
				rows = append(rows, row)
			}
			var want Observed
			rest := before
			for _, row := range rows {
				switch single.Observe(row.At, now, rest[:row.Values]) {
				case Late:
					want.Late++
				case Ahead:
					want.Ahead++
				case OnTime:
					want.Values += row.Values
					want.Latest = max(want.Latest, row.At)
				}
				rest = rest[row.Values:]
			}
			require.Equal(t, want, many.ObserveRows(now, rows, together))
			require.Equal(t, single.Reports(), many.Reports())
			require.Equal(t, single.Append(nil), many.Append(nil))
			late, ahead = late+want.Late, ahead+want.Ahead
		}
		assert.NotZero(t, many.Stats().Windows)
		assert.NotZero(t, late)
		assert.NotZero(t, ahead)
	}
	f(func(*Settings) {})
	f(func(s *Settings) { s.Window.SubWindows = 5 })
	f(func(s *Settings) { s.Window.Samples = 1; s.Learning.First = 30 })
	f(func(s *Settings) { s.Window.MaxAge = time.Minute })
	f(func(s *Settings) { s.Window.MaxAge, s.Window.Samples = time.Minute, 0 })
	f(func(s *Settings) { s.Window.Season = Season{Phases: 3, Length: 5 * time.Minute} })
}
