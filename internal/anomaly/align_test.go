// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// minute is a time in minutes and seconds since a whole minute of 2023.
func minute(m, s int64) int64 { return 1_700_000_040*1e9 + (60*m+s)*1e9 }

var alignment = Alignment{Step: time.Minute, Lateness: 30 * time.Second, Carry: 2 * time.Minute, Ahead: time.Minute}

// aligned adds points and writes every row as minute, values and what is carried and missing.
type aligned struct {
	t *testing.T
	*Aligner
	rows []string
}

func newAligned(t *testing.T, metrics int) *aligned {
	t.Helper()
	a, err := NewAligner(alignment, metrics)
	require.NoError(t, err)
	return &aligned{t: t, Aligner: a}
}

func (a *aligned) add(metric int, at int64, v float64) Timing { return a.addAt(metric, at, v, at) }

func (a *aligned) addAt(metric int, at int64, v float64, now int64) Timing {
	timing := a.Add(metric, at, v, now)
	a.drain(now)
	return timing
}

func (a *aligned) drain(now int64) {
	for row, ok := a.Next(now); ok; row, ok = a.Next(now) {
		a.rows = append(a.rows, fmt.Sprintf("%d %v c%d m%d", (row.At-minute(0, 0))/6e10, row.Values, row.Carried, row.Missing))
	}
}

func (a *aligned) expect(rows ...string) {
	a.t.Helper()
	assert.Equal(a.t, rows, a.rows)
	a.rows = nil
}

func TestRowsHaveTheValueThatWasAddedLast(t *testing.T) {
	a := newAligned(t, 2)
	assert.Equal(t, OnTime, a.add(0, minute(0, 10), 1))
	assert.Equal(t, OnTime, a.add(1, minute(0, 20), 10))
	assert.Equal(t, OnTime, a.add(0, minute(0, 50), 2))
	assert.Equal(t, OnTime, a.add(0, minute(0, 50), 3))
	assert.Equal(t, OnTime, a.add(0, minute(0, 40), 4), "time within the step does not matter")
	assert.Equal(t, OnTime, a.add(0, minute(1, 20), 5))
	assert.Equal(t, OnTime, a.add(1, minute(0, 55), 11), "within the lateness")
	a.expect()
	assert.Equal(t, OnTime, a.add(0, minute(1, 30), 6))
	a.expect("1 [4 11] c0 m0")
	assert.Equal(t, Late, a.add(1, minute(0, 59), 12))
	tally := a.Tally()
	assert.Equal(t, AlignTally{OnTime: 8, Late: 1, Rows: 1}, tally)
}

func TestMissingValuesAreCarriedForAWhile(t *testing.T) {
	a := newAligned(t, 2)
	a.add(0, minute(0, 0), 1)
	a.add(1, minute(0, 30), 10)
	for m := int64(1); m < 5; m++ {
		a.add(0, minute(m, 0), float64(m))
	}
	a.drain(minute(5, 30))
	a.expect("1 [1 10] c0 m0", "2 [1 10] c1 m0", "3 [2 NaN] c0 m1", "4 [3 NaN] c0 m1", "5 [4 NaN] c0 m1")
}

func TestStepsWithoutPointsMakeNoRows(t *testing.T) {
	a := newAligned(t, 1)
	a.add(0, minute(0, 0), 1)
	a.add(0, minute(1, 0), 2)
	a.add(0, minute(500, 0), 3)
	a.expect("1 [1] c0 m0", "2 [2] c0 m0")
	a.drain(minute(501, 29))
	a.expect()
	a.drain(minute(501, 30))
	a.expect("501 [3] c0 m0")
	assert.EqualValues(t, 1, a.Tally().Gaps)
}

// Where no points come, event time goes on with the clock; a replay of the past, and a source whose clock is slow, are not cut short.
func TestStepsCloseByTheClock(t *testing.T) {
	a := newAligned(t, 1)
	now := minute(10_000, 0)
	a.addAt(0, minute(0, 0), 1, now)
	a.drain(now + 89e9)
	a.expect()
	assert.Equal(t, OnTime, a.addAt(0, minute(0, 30), 2, now+89e9))
	a.drain(now + 89e9 + 60e9)
	a.expect("1 [2] c0 m0")
}

func TestPointsAheadAndUnusable(t *testing.T) {
	a := newAligned(t, 1)
	assert.Equal(t, Ahead, a.addAt(0, minute(1, 1), 1, minute(0, 0)))
	assert.Equal(t, OnTime, a.addAt(0, minute(1, 0), 1, minute(0, 0)))
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.01e150, -1e300} {
		assert.Equal(t, Unusable, a.add(0, minute(1, 30), v))
	}
	assert.Equal(t, OnTime, a.addAt(0, minute(2, 30), -1e150, minute(2, 30)))
	assert.Equal(t, AlignTally{OnTime: 2, Ahead: 1, Unusable: 5, Rows: 1}, a.Tally())
}

func TestClockSetBack(t *testing.T) {
	a := newAligned(t, 1)
	a.add(0, minute(600, 0), 1)
	a.add(0, minute(602, 0), 2)
	assert.Equal(t, OnTime, a.add(0, minute(0, 0), 3), "the clock is right now")
	a.add(0, minute(2, 0), 4)
	a.expect("601 [1] c0 m0", "1 [3] c0 m0")
	assert.EqualValues(t, 1, a.Tally().ClockSteps)
}

// A source whose own clock was set back has late points only, until they cover so much time that this must be it.
func TestClockOfTheSourceSetBack(t *testing.T) {
	a := newAligned(t, 1)
	a.add(0, minute(600, 0), 1)
	a.add(0, minute(602, 0), 2)
	a.rows = nil
	for m := range int64(turnSteps) {
		require.Equal(t, Late, a.addAt(0, minute(m, 0), 3, minute(602+m, 0)))
	}
	assert.Equal(t, OnTime, a.addAt(0, minute(turnSteps, 0), 4, minute(602+turnSteps, 0)))
	a.addAt(0, minute(turnSteps+2, 0), 5, minute(604+turnSteps, 0))
	assert.Contains(t, a.rows, fmt.Sprintf("%d [4] c0 m0", turnSteps+1))
	assert.EqualValues(t, 1, a.Tally().ClockSteps)
}

func TestRowsThatNobodyTakesAreLost(t *testing.T) {
	a, err := NewAligner(alignment, 1)
	require.NoError(t, err)
	for m := range int64(1000) {
		a.Add(0, minute(m, 0), 1, minute(m, 0))
	}
	assert.LessOrEqual(t, len(a.steps), maxOpenSteps+3)
	assert.NotZero(t, a.Tally().Lost)
}

func TestRestoredAlignerGoesOn(t *testing.T) {
	rng := seeded(3)
	type point struct {
		metric int
		at     int64
		value  float64
	}
	var points []point
	for i := range int64(300) {
		points = append(points, point{rng.IntN(2), minute(i/4, 0) + rng.Int64N(100e9), rng.NormFloat64()})
	}
	whole := newAligned(t, 2)
	for cut, p := range points {
		state := whole.Append(nil)
		restored := newAligned(t, 2)
		require.NoError(t, restored.Restore(state))
		require.Equal(t, state, restored.Append(nil))
		for i, q := range points[cut:min(cut+20, len(points))] {
			now := minute(int64(cut+i)/4, 0)
			restored.addAt(q.metric, q.at, q.value, now)
		}
		probe := newAligned(t, 2)
		require.NoError(t, probe.Restore(state))
		for i, q := range points[cut:min(cut+20, len(points))] {
			probe.addAt(q.metric, q.at, q.value, minute(int64(cut+i)/4, 0))
		}
		require.Equal(t, probe.rows, restored.rows)
		whole.addAt(p.metric, p.at, p.value, minute(int64(cut)/4, 0))
	}
	require.NotEmpty(t, whole.rows)
}

func TestAlignmentValidate(t *testing.T) {
	bad := Alignment{Step: time.Microsecond, Lateness: -1}
	require.ErrorContains(t, bad.Validate(), "step must be 1ms to 24h (got 1µs)")
	require.ErrorContains(t, bad.Validate(), "must not be negative")
	bad = Alignment{Step: math.MaxInt64}
	require.ErrorContains(t, bad.Validate(), "step must be 1ms to 24h (got 2562047h47m16.854775807s)")
	bad = Alignment{Step: time.Second, Lateness: time.Hour}
	require.ErrorContains(t, bad.Validate(), "at most 64 steps")
	_, err := NewAligner(alignment, 0)
	require.ErrorContains(t, err, "1 to 64 (got 0)")
}

func FuzzAligner(f *testing.F) {
	f.Add([]byte{0, 10, 0, 1, 70, 3, 200, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := NewAligner(alignment, 3)
		require.NoError(t, err)
		now, sum := minute(0, 0), uint64(0)
		for ; len(b) >= 3; b = b[3:] {
			now += int64(int8(b[2])) * 3e9
			value := float64(b[1])
			if b[1] == 255 {
				value = math.NaN()
			}
			a.Add(int(b[0])%3, now+int64(int8(b[1]))*1e9, value, now)
			sum++
			rows := 0
			for row, ok := a.Next(now); ok; row, ok = a.Next(now) {
				require.Len(t, row.Values, 3)
				require.Less(t, row.Missing, 3, "a row has a value")
				rows++
			}
			require.LessOrEqual(t, rows, maxOpenSteps+3)
		}
		tally := a.Tally()
		require.Equal(t, sum, tally.OnTime+tally.Late+tally.Ahead+tally.Unusable, "every point is counted once")
		other, err := NewAligner(alignment, 3)
		require.NoError(t, err)
		require.NoError(t, other.Restore(a.Append(nil)))
		require.Equal(t, a.Append(nil), other.Append(nil))
	})
}

func FuzzRestoreAligner(f *testing.F) {
	a, _ := NewAligner(alignment, 2)
	a.Add(0, minute(0, 0), 1, minute(0, 0))
	f.Add(a.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := NewAligner(alignment, 2)
		require.NoError(t, err)
		if a.Restore(b) != nil {
			return
		}
		require.Equal(t, b, a.Append(nil), "a state has one encoding")
		a.Add(1, minute(1, 0), 2, minute(1, 0))
		for _, ok := a.Next(minute(9, 0)); ok; _, ok = a.Next(minute(9, 0)) {
			continue
		}
	})
}
