// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stream feeds a detector rows, a minute apart.
type stream struct {
	t *testing.T
	*Detector
	at int64
}

func newStream(t *testing.T, s Settings, metrics ...string) *stream {
	t.Helper()
	d, err := NewDetector(s, metrics)
	require.NoError(t, err)
	return &stream{t: t, Detector: d, at: minute(0, 0)}
}

func (s *stream) next(row ...float64) Verdict {
	s.t.Helper()
	s.at += int64(time.Minute)
	v := observe(s.Detector, s.at, row)
	require.True(s.t, v.Score >= 0 && v.Score <= 1, "score %v", v.Score)
	require.True(s.t, v.P > 0 && v.P <= 1, "p %v", v.P)
	return v
}

// everyMethod are the default settings with each method.
func everyMethod() []Settings {
	var all []Settings
	for _, m := range []Method{IsolationForest, PCA, RobustZ, EWMA} {
		s := DefaultSettings()
		s.Method = m
		all = append(all, s)
	}
	return all
}

func TestNothingIsSaidBeforeEnoughRows(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			d := newStream(t, s, "x")
			rng := seeded(1)
			for range s.MinObservations {
				v := d.next(rng.NormFloat64())
				require.False(t, v.Judged)
				require.Equal(t, NotTrained, v.State)
				require.EqualValues(t, 1, v.P)
			}
			v := d.next(0)
			assert.True(t, v.Judged)
			assert.True(t, v.Changed)
			assert.Equal(t, Normal, v.State)
		})
	}
}

// The metrics that are off are named, with what is usual for them: the first cause is the one that is furthest off.
func TestCauses(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			d := newStream(t, s, "confidence", "latency", "errors")
			rng := seeded(2)
			for range 500 {
				d.next(0.8+0.05*rng.NormFloat64(), 2+0.2*rng.NormFloat64(), 0)
			}
			v := d.next(0.8, 6, 0.2)
			require.True(t, v.Anomalous, "%+v", v)
			require.Equal(t, AnomalyDetected, v.State)
			require.Len(t, v.Causes, 2)
			total := 0.0
			for _, c := range v.Causes {
				require.Equal(t, High, c.Severity)
				total += c.Contribution
				if c.Metric == "latency" {
					assert.Equal(t, 1, c.Index)
					assert.EqualValues(t, 6, c.Value)
					assert.InDelta(t, 2, c.Mean, 0.1)
					assert.InDelta(t, 0.2, c.Std, 0.05)
					assert.InDelta(t, 2.33, c.P95, 0.15)
					assert.InDelta(t, 20, c.Z, 5)
				} else {
					assert.Equal(t, "errors", c.Metric)
					assert.Greater(t, c.Z, 100.0, "errors were always 0")
				}
			}
			assert.InDelta(t, 1, total, 0.1)
			assert.GreaterOrEqual(t, v.Causes[0].Contribution, v.Causes[1].Contribution)
			assert.Equal(t, Normal, d.next(0.8, 2, 0).State)
		})
	}
}

func TestSignsAndSeverities(t *testing.T) {
	d := newStream(t, DefaultSettings(), "x", "y")
	rng := seeded(3)
	for range 300 {
		d.next(rng.NormFloat64(), rng.NormFloat64())
	}
	v := d.next(-9, 0)
	require.True(t, v.Anomalous)
	require.Len(t, v.Causes, 1)
	assert.Less(t, v.Causes[0].Z, -7.0)
	for z, want := range map[float64]Severity{0: Low, -2: Low, 2.1: Medium, -3: Medium, 3.1: High, -50: High} {
		assert.Equal(t, want, severityOf(z), "%v", z)
	}
}

// A constant series is never an anomaly, and a change that is less than the floor is none; a larger one is, and when it stays it is the
// new normal.
func TestConstantSeries(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			for _, level := range []float64{0, 100, -1e9} {
				d := newStream(t, s, "x")
				for range 2000 {
					require.False(t, d.next(level).Anomalous, "a constant series of %v", level)
				}
				require.False(t, d.next(level+math.Abs(level)*s.Floor/2).Anomalous, "a change within the floor")
				changed := level + 10 + math.Abs(level)
				v := d.next(changed)
				require.True(t, v.Anomalous, "%+v", v)
				require.Equal(t, "x", v.Causes[0].Metric)
				anomalous := 0
				for range 1000 {
					if d.next(changed).Anomalous {
						anomalous++
					}
				}
				assert.Less(t, anomalous, s.Decision.Accept)
				assert.Equal(t, Normal, d.State())
			}
		})
	}
}

// After a lasting change of level the detector is as good as before.
func TestLevelChangeIsAccepted(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			d := newStream(t, s, "x")
			rng := seeded(4)
			for range 1000 {
				d.next(10 + rng.NormFloat64())
			}
			require.True(t, d.next(60).Anomalous)
			last, accepted := 0, []int(nil)
			for i := range 3000 {
				v := d.next(60 + rng.NormFloat64())
				if v.Anomalous {
					last = i
				}
				if v.Accepted {
					require.True(t, v.Anomalous)
					accepted = append(accepted, i)
				}
			}
			tally := d.Tally()
			assert.Len(t, accepted, int(tally.Accepted), "the verdict says it of the row that it is counted with")
			assert.Less(t, tally.Anomalous, uint64(s.Decision.Accept+20))
			if s.Method != RobustZ { // Whose median has followed before.
				assert.EqualValues(t, 1, tally.Accepted)
				assert.InDelta(t, s.Decision.Accept, accepted[0], 20, "after as many anomalous rows as are asked for")
			}
			t.Logf("the last anomalous row is number %d", last)
			assert.InDelta(t, 60, d.Baseline(0).Mean, 1)
			assert.InDelta(t, 1, d.Baseline(0).Std, 0.7)
			assert.True(t, d.next(100).Anomalous)
		})
	}
}

// Anomalies in the calm scores would make the same anomaly normal after some time.
func TestAnomaliesDoNotBecomeNormalWhileTheyAreRare(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			d := newStream(t, s, "x")
			rng := seeded(5)
			for i := range 6000 {
				d.next(rng.NormFloat64())
				if i%100 == 99 && i > 200 {
					v := d.next(30 + 5*rng.NormFloat64())
					require.True(t, v.Anomalous, "anomaly after %d rows: %+v", i, v)
				}
			}
			assert.InDelta(t, 0, d.Baseline(0).Mean, 0.2)
			assert.InDelta(t, 1, d.Baseline(0).Std, 0.2)
		})
	}
}

func TestMissingValues(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			d := newStream(t, s, "a", "b")
			rng := seeded(6)
			for range 300 {
				d.next(rng.NormFloat64(), rng.NormFloat64())
			}
			nan := math.NaN()
			v := d.next(nan, nan)
			assert.False(t, v.Judged)
			assert.Equal(t, Normal, v.State)
			v = d.next(nan, 0)
			assert.True(t, v.Judged)
			assert.False(t, v.Anomalous)
			v = d.next(math.Inf(1), 50)
			require.True(t, v.Anomalous, "the metric that is there is off")
			require.Len(t, v.Causes, 1)
			assert.Equal(t, "b", v.Causes[0].Metric)
			assert.False(t, d.Observe(d.at+1, nil).Judged, "a row that is too short")
			tally := d.Tally()
			assert.EqualValues(t, 2, tally.Empty)
			assert.EqualValues(t, 2, tally.Incomplete)
			assert.EqualValues(t, 1, tally.NonFinite)
			assert.EqualValues(t, 304, tally.Rows)
		})
	}
}

// An entity that lacks a metric is judged by the others, and learns again when it gets one or loses one for long.
func TestMetricsComeAndGo(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			d := newStream(t, s, "a", "b")
			rng := seeded(7)
			nan := math.NaN()
			for range 200 {
				d.next(rng.NormFloat64(), nan)
			}
			require.Equal(t, Normal, d.State())
			require.Zero(t, d.Tally().Incomplete)
			v := d.next(rng.NormFloat64(), 7)
			require.Equal(t, NotTrained, v.State)
			require.True(t, v.Changed, "it was another before")
			for range 200 {
				d.next(rng.NormFloat64(), 7)
			}
			require.Equal(t, Normal, d.State())
			require.True(t, d.next(0, 9).Anomalous)
			for range s.Decision.Accept {
				d.next(nan, 7)
			}
			require.EqualValues(t, 2, d.Tally().Relearned)
			for range 200 {
				d.next(nan, 7)
			}
			assert.Equal(t, Normal, d.State())
		})
	}
}

func TestConfirmation(t *testing.T) {
	s := DefaultSettings()
	s.Decision.Raise, s.Decision.Of = 2, 3
	d := newStream(t, s, "x")
	rng := seeded(8)
	calm := func() float64 { return rng.Float64() }
	for range 400 {
		d.next(calm())
	}
	states := []State{Normal, Normal, AnomalyDetected, AnomalyDetected, AnomalyDetected, Normal, Normal}
	for i, row := range []float64{50, calm(), 50, calm(), calm(), calm(), calm()} {
		v := d.next(row)
		assert.Equal(t, states[i], v.State, "row %d", i)
	}
}

// By false alarms per day a detector of a row per minute may have one in 1,440 rows, which the ranks of 100 scores cannot show: that it
// comes from the tail is said.
func TestRateThatRanksCannotShow(t *testing.T) {
	s := DefaultSettings()
	s.Decision = Decision{FalseAlarmsPerDay: 1, Step: time.Minute, Calibration: 128, Raise: 1, Of: 1, Accept: 240}
	d := newStream(t, s, "x")
	rng := seeded(9)
	for range 1000 {
		d.next(rng.NormFloat64())
	}
	v := d.next(40)
	require.True(t, v.Anomalous)
	assert.True(t, v.Extrapolated)
	assert.Less(t, v.P, 1.0/1440)
	assert.NotZero(t, d.Tally().Extrapolated)
}

func TestContaminationIsAQuota(t *testing.T) {
	s := DefaultSettings()
	s.Decision.Alpha, s.Decision.Contamination = 0, 0.1
	s.Decision.Accept = 0
	d := newStream(t, s, "x")
	rng := seeded(10)
	for range 5000 {
		d.next(rng.NormFloat64())
	}
	tally := d.Tally()
	assert.InDelta(t, 0.1, float64(tally.Anomalous)/float64(tally.Judged), 0.06, "of calm rows, whatever they are")
}

// Of a metric that has a day, the same value is calm at noon and an anomaly at night.
func TestSeason(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			s.Season = Season{Phases: 24, Length: time.Hour}
			d, err := NewDetector(s, []string{"x"})
			require.NoError(t, err)
			rng := seeded(11)
			at := int64(0)
			value := func() float64 {
				return 100 + 50*math.Sin(2*math.Pi*math.Floor(float64(at)/3.6e12)/24) + rng.NormFloat64()
			}
			for at < int64(2*24*time.Hour) {
				require.False(t, observe(d, at, []float64{value()}).Judged, "no phase is known")
				at += int64(time.Minute)
			}
			for at < int64(5*24*time.Hour) {
				observe(d, at, []float64{value()})
				at += int64(time.Minute)
			}
			tally := d.Tally()
			require.NotZero(t, tally.Judged)
			assert.Less(t, float64(tally.Anomalous), 0.01*float64(tally.Judged))
			at += int64(6 * time.Hour) // 06:00, where the day is highest.
			v := observe(d, at, []float64{150})
			assert.False(t, v.Anomalous)
			at += int64(12 * time.Hour)
			v = observe(d, at, []float64{150})
			require.True(t, v.Anomalous)
			c := v.Causes[0]
			assert.InDelta(t, 50, c.Mean, 2, "the baseline is that of the hour")
			assert.Greater(t, c.Z, 10.0)
		})
	}
}

// Whatever a row is made of, its causes are responsible for all of the anomaly: also where the centre, between two levels, is as unusual as the
// row.
func TestContributionsAddUp(t *testing.T) {
	for _, metrics := range [][]string{{"x"}, {"x", "y"}} {
		for _, s := range everyMethod() {
			if s.Method.Trained() {
				s.Decision = Decision{Contamination: 0.1, Calibration: 1024, Raise: 1, Of: 1, Accept: 240}
			}
			d := newStream(t, s, metrics...)
			rng := seeded(15)
			row := make([]float64, len(metrics))
			for range 1500 {
				for i := range row {
					row[i] = float64(10+90*rng.IntN(2)) + rng.NormFloat64()
				}
				if v := d.next(row...); v.Anomalous {
					total := 0.0
					for _, c := range v.Causes {
						total += c.Contribution
					}
					require.Greater(t, total, 0.3, "%s: %v", s.Method, row)
					require.Less(t, total, 1.000001, "%s: %v", s.Method, row)
				}
			}
		}
	}
}

// A phase that is not known yet has no baseline, though others have.
func TestNoBaselineOfAnUnknownPhase(t *testing.T) {
	s := DefaultSettings()
	s.Method, s.Season = EWMA, Season{Phases: 24, Length: time.Hour}
	d, err := NewDetector(s, []string{"x"})
	require.NoError(t, err)
	for day := range int64(4) { // at noon only
		for m := range int64(60) {
			observe(d, day*int64(24*time.Hour)+12*int64(time.Hour)+m*int64(time.Minute), []float64{float64(100 + m%3)})
		}
	}
	assert.InDelta(t, 101, d.Baseline(0).Mean, 1)
	observe(d, 4*int64(24*time.Hour), []float64{100})
	assert.Zero(t, d.Baseline(0), "midnight has not been seen")
}

// What came before a gap is no feature of what comes after it.
func TestGap(t *testing.T) {
	s := small(IsolationForest)
	d := newStream(t, s, "x")
	d.next(1)
	d.next(2)
	assert.Equal(t, []float64{2, 1, 1, 1}, d.columns, "value, two lags, difference")
	d.at += int64(5 * time.Minute)
	d.next(7)
	assert.Equal(t, []float64{7, 7, 7, 0}, d.columns)
	assert.EqualValues(t, 1, d.Tally().Gaps)
	d.Observe(d.at, []float64{1})
	assert.EqualValues(t, 1, d.Tally().Backward)
}

func TestNothingIsAllocatedPerRow(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			s.Retrain = 1 << 29
			d := newStream(t, s, "a", "b", "c")
			rng := seeded(12)
			row := make([]float64, 3)
			next := func() {
				for i := range row {
					row[i] = rng.NormFloat64()
				}
				d.at += int64(time.Minute)
				d.Observe(d.at, row)
			}
			for range 3000 {
				next()
				train(d.Detector)
			}
			assert.Zero(t, testing.AllocsPerRun(1000, next))
			row[0] = 100
			d.next(row...)
			assert.Zero(t, testing.AllocsPerRun(100, func() { row[0] = 100; d.Observe(d.at, row) }), "an anomaly, once its memory is there")
		})
	}
}

func TestBytes(t *testing.T) {
	s := DefaultSettings()
	s.Method = RobustZ
	d := newStream(t, s, "x")
	rng := seeded(13)
	for range 3000 {
		d.next(rng.NormFloat64())
	}
	assert.LessOrEqual(t, d.Bytes(), 18<<10)
	assert.Greater(t, d.Bytes(), 16<<10)
}

// What comes and goes for more than a tenth of the time is no anomaly for ever.
func TestRecurringLevelIsAccepted(t *testing.T) {
	for _, s := range everyMethod() {
		t.Run(string(s.Method), func(t *testing.T) {
			d := newStream(t, s, "x")
			rng := seeded(14)
			last := 0
			for i := range 8000 {
				level := 10.0
				if i%100 >= 70 {
					level = 50
				}
				if d.next(level+rng.NormFloat64()).Anomalous && i > 100 {
					last = i
				}
			}
			tally := d.Tally()
			t.Logf("%d of %d rows, the last is number %d", tally.Anomalous, tally.Judged, last)
			assert.Less(t, tally.Anomalous, uint64(800))
		})
	}
}
