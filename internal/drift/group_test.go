// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stream feeds a group with one row per second.
type stream struct {
	t     testing.TB
	group *Group
	at    int64
}

func newStream(t testing.TB, change func(*Settings)) *stream {
	t.Helper()
	s := DefaultSettings()
	if change != nil {
		change(&s)
	}
	g, err := NewGroup(s)
	require.NoError(t, err)
	return &stream{t, g, day.UnixNano()}
}

// feature adds a numeric feature with a reference.
func (s *stream) feature(name string, reference []float64) *Feature {
	s.t.Helper()
	f := s.group.Feature(name, Numeric)
	require.NotNil(s.t, f)
	r, err := NewNumericReference(reference, ReferenceSettings{ID: name, Created: day.Add(-time.Hour)})
	require.NoError(s.t, err)
	require.NoError(s.t, s.group.SetReference(f, -1, r))
	return f
}

// row commits numbers in the order of the features; after that, a second passes.
func (s *stream) row(values ...float64) {
	row := make([]Value, len(values))
	for i, v := range values {
		row[i] = Value{Feature: s.group.features[i], Number: v}
	}
	s.group.Observe(s.at, s.at, row)
	s.at += int64(time.Second)
}

// rows commits n rows of one drawn value each.
func (s *stream) rows(n int, draw func() float64) []Report {
	for range n {
		s.row(draw())
	}
	return s.group.Reports()
}

func shifted(rng *rand.Rand, by float64) func() float64 {
	return func() float64 { return rng.NormFloat64() + by }
}

func TestSeverities(t *testing.T) {
	f := func(shift float64, want Severity) {
		t.Helper()
		rng := seeded(10)
		s := newStream(t, nil)
		s.feature("age", sample(5000, rng.NormFloat64))
		reports := s.rows(1000, shifted(rng, shift))
		require.Len(t, reports, 1)
		v := reports[0].Features[0]
		assert.Equal(t, want, v.Severity, "D %v", v.Score)
		assert.Equal(t, want >= Warning, v.State == Raised)
		assert.Equal(t, want >= Warning, v.Changed)
		assert.Equal(t, Test{v.Score, v.P}, v.KS)
		assert.Equal(t, CauseKS, v.Method)
		assert.EqualValues(t, 1000, v.N)
		assert.InDelta(t, 1000, v.NEffective, 150)
		assert.Equal(t, "age", v.Reference.ID)
		assert.Equal(t, time.Hour+999*time.Second, v.Reference.Age)
		assert.Len(t, v.Reference.Hash, 32)
	}
	f(0, None)
	f(0.32, Info)     // D ≈ 2Φ(0.16) − 1 = 0.127
	f(0.5, Warning)   // 0.197
	f(-0.5, Warning)  // 0.197
	f(1, Critical)    // 0.383
	f(1e12, Critical) // 1
}

func TestLargeWindowsOfSmallDifferencesAreNoDrift(t *testing.T) {
	rng := seeded(11)
	s := newStream(t, func(s *Settings) { s.Window.Samples = 100_000 })
	s.feature("x", sample(100_000, rng.NormFloat64))
	v := s.rows(100_000, shifted(rng, 0.05))[0].Features[0]
	assert.Less(t, v.PAdjusted, 1e-6)
	assert.Equal(t, None, v.Severity, "D %v", v.Score)
}

func TestSmallWindowsSayWhatTheyCouldShow(t *testing.T) {
	rng := seeded(12)
	s := newStream(t, func(s *Settings) { s.Window.Samples = 20 })
	s.feature("x", sample(1000, rng.NormFloat64))
	v := s.rows(20, shifted(rng, 9))[0].Features[0]
	assert.Equal(t, InsufficientData, v.State)
	assert.Equal(t, None, v.Severity)
	assert.Equal(t, 1.0, v.PAdjusted)
	assert.Equal(t, 1.0, v.Score, "it is shown all the same")
	assert.InDelta(t, 1.358*math.Sqrt(1/v.NEffective+1.0/1000), v.Detectable, 1e-3)
	assert.False(t, v.Raised)
}

func TestWindowsEndByCountAndByTime(t *testing.T) {
	s := newStream(t, func(s *Settings) {
		s.Window = Window{Samples: 100, MaxAge: time.Minute, Lateness: 5 * time.Second, Ahead: 10 * time.Second}
	})
	s.feature("x", []float64{1, 2, 3})
	one := func() float64 { return 1 }
	assert.Empty(t, s.rows(60, one))
	reports := s.rows(1, one)
	require.Len(t, reports, 1, "the row of second 60 ends the window before it")
	assert.EqualValues(t, 60, reports[0].Rows)
	assert.Equal(t, day, reports[0].Start)
	assert.Equal(t, day.Add(time.Minute), reports[0].End)

	for range 98 {
		s.at -= int64(time.Second)
		assert.Empty(t, s.rows(1, one))
	}
	s.at -= int64(time.Second)
	reports = s.rows(1, one)
	require.Len(t, reports, 1)
	assert.EqualValues(t, 100, reports[0].Rows, "the hundredth row is the last one")

	s.group.Tick(s.at + int64(time.Hour))
	assert.Empty(t, s.group.Reports(), "nothing is open")
	s.rows(1, one)
	s.group.Tick(s.at + int64(time.Minute))
	assert.Empty(t, s.group.Reports(), "late rows may come")
	s.group.Tick(s.at + int64(66*time.Second))
	assert.Len(t, s.group.Reports(), 1)
	assert.EqualValues(t, 3, s.group.Stats().Windows)
}

func TestLateAndEarlyRows(t *testing.T) {
	s := newStream(t, nil)
	f := s.feature("x", []float64{1, 2, 3})
	row := []Value{{Feature: f, Number: 1}}
	now := s.at
	observe := func(offset time.Duration) Timing { return s.group.Observe(now+int64(offset), now, row) }
	assert.Equal(t, OnTime, observe(0))
	assert.Equal(t, OnTime, observe(-time.Minute))
	assert.Equal(t, Late, observe(-time.Minute-1))
	assert.Equal(t, OnTime, observe(time.Minute))
	assert.Equal(t, Ahead, observe(time.Minute+1), "a wrong clock must not end windows")
	assert.Equal(t, OnTime, observe(0))
	stats := s.group.Stats()
	assert.EqualValues(t, 1, stats.Late)
	assert.EqualValues(t, 1, stats.Ahead)
	assert.EqualValues(t, 4, f.seen)
}

func TestSubWindows(t *testing.T) {
	rng := seeded(13)
	s := newStream(t, func(s *Settings) { s.Window.SubWindows = 4 })
	s.feature("x", sample(1000, rng.NormFloat64))
	var rows []uint64
	for _, r := range s.rows(1500, rng.NormFloat64) {
		rows = append(rows, r.Rows)
		assert.Equal(t, r.Rows, r.Features[0].N)
	}
	assert.Equal(t, []uint64{250, 500, 750, 1000, 1000, 1000}, rows)
	reports := s.rows(500, shifted(rng, 0.9))
	assert.Less(t, reports[0].Features[0].Severity, Warning, "a quarter of the window has drifted, and so a quarter of D")
	assert.Equal(t, Warning, reports[1].Features[0].Severity)
	assert.Equal(t, day.Add(1000*time.Second), reports[1].Start)
}

// TestHysteresis follows an alarm over windows with a given D.
func TestHysteresis(t *testing.T) {
	h := Hysteresis{Raise: 2, Of: 3, Clear: 2, ClearRatio: 0.8}
	f := func(name, windows, want string) {
		t.Helper()
		var a alarm
		var got strings.Builder
		for _, w := range windows {
			// o is over the limit, - is between the lower limit and the limit, . is below both.
			changed := a.update(h, w == 'o', w == '.')
			switch {
			case changed && a.raised:
				got.WriteString("R")
			case changed:
				got.WriteString("C")
			case a.raised:
				got.WriteString("r")
			default:
				got.WriteString(".")
			}
		}
		assert.Equal(t, want, got.String(), name)
	}
	f("one window is not enough", "o..o..", "......")
	f("two in a row", "oo....", ".RrC..")
	f("two of three", "o.o", "..R")
	f("between the limits nothing changes", "oo-.-.--..", ".RrrrrrrrC")
	f("raising anew starts anew", "oo..o.o", ".RrC..R")
	f("an alarm is raised by a window over the limit only", "o-.oo", "....R")
}

func TestCorrectionOverFeatures(t *testing.T) {
	rng := seeded(14)
	s := newStream(t, func(s *Settings) { s.Window.Samples = 200 })
	for i := range 50 {
		s.feature(fmt.Sprint(i), sample(500, rng.NormFloat64))
	}
	uncorrected, drifted := 0, 0
	for range 200 * 20 {
		s.row(sample(50, rng.NormFloat64)...)
	}
	for _, r := range s.group.Reports() {
		assert.Equal(t, 50, r.Tests)
		for _, v := range r.Features {
			assert.GreaterOrEqual(t, v.PAdjusted, v.P)
			if v.P <= 0.05 {
				uncorrected++
			}
			if v.Severity > None {
				drifted++
			}
		}
	}
	assert.Greater(t, uncorrected, 20, "of 1,000")
	assert.LessOrEqual(t, drifted, 2)
}

func TestDatasetShare(t *testing.T) {
	f := func(shifted int, share float64, want Severity) {
		t.Helper()
		rng := seeded(15)
		s := newStream(t, nil)
		for i := range 10 {
			s.feature(fmt.Sprint(i), sample(2000, rng.NormFloat64))
		}
		for range 1000 {
			row := sample(10, rng.NormFloat64)
			for i := range shifted {
				row[i] += 0.6
			}
			s.row(row...)
		}
		r := s.group.Reports()[0]
		assert.Equal(t, 10, r.Judged)
		assert.InDelta(t, share, r.Share, 1e-12)
		assert.Equal(t, want, r.ShareSeverity)
		assert.Equal(t, want == Critical, r.ShareState == Raised)
	}
	f(0, 0, None)
	f(3, 0.3, None)
	f(4, 0.4, Critical)
}

func TestMissingValues(t *testing.T) {
	rng := seeded(16)
	s := newStream(t, func(s *Settings) { s.AbsentIsMissing = true })
	for _, name := range []string{"present", "nan", "absent"} {
		s.feature(name, sample(1000, rng.NormFloat64))
	}
	for range 1000 {
		s.row(rng.NormFloat64(), math.NaN())
	}
	r := s.group.Reports()[0]
	assert.Equal(t, None, r.Features[0].Severity)
	for _, v := range r.Features[1:] {
		assert.Equal(t, Critical, v.Severity, v.Feature)
		assert.Equal(t, CauseMissing, v.Cause)
		assert.Equal(t, Raised, v.State)
		assert.Equal(t, 1.0, v.Missing.Current)
		assert.Zero(t, v.N)
		assert.Equal(t, 1.0, v.PAdjusted, "its distribution was not judged")
	}
}

func TestCategories(t *testing.T) {
	rng := seeded(17)
	names := []string{"stop", "length", "tool_calls"}
	draw := func() string { return names[min(2, int(rng.ExpFloat64()))] }
	var list []string
	for range 2000 {
		list = append(list, draw())
	}
	r, err := NewCategoricalReference(list, 0, ReferenceSettings{ID: "finish"})
	require.NoError(t, err)
	s := newStream(t, nil)
	f := s.group.Feature("finish_reason", Categorical)
	require.NoError(t, s.group.SetReference(f, 0, r))
	window := func(next func() string) Verdict {
		for range 1000 {
			s.group.Observe(s.at, s.at, []Value{f.Category(next())})
		}
		return s.group.Reports()[0].Features[0]
	}
	assert.Equal(t, None, window(draw).Severity)
	v := window(func() string { return names[rng.IntN(3)] })
	assert.Equal(t, Critical, v.Severity)
	assert.Equal(t, CauseCategories, v.Cause)
	assert.Equal(t, v.ChiSquare.Effect, v.Score)
	assert.Equal(t, 2, v.Degrees)
	assert.Equal(t, append(slices.Clone(r.categories.names), "_OTHER"), v.Bins.Labels)

	v = window(func() string {
		if rng.IntN(6) == 0 {
			return "content_filter"
		}
		return draw()
	})
	assert.Equal(t, Warning, v.Severity)
	assert.Equal(t, []string{"content_filter"}, v.UnseenExamples)
	assert.InDelta(t, 1.0/6, v.Unseen.Current, 0.03)
	assert.Less(t, v.Unseen.P, 1e-9)
	assert.Equal(t, 3, v.Degrees, "a new category is a column")
	assert.False(t, math.IsInf(v.ChiSquareStatistic, 0))
}

func TestConceptDrift(t *testing.T) {
	rng := seeded(18)
	s := newStream(t, func(s *Settings) { s.Method = PopulationStability })
	s.feature("confidence", sample(4000, rng.Float64))
	v := s.rows(1000, rng.Float64)[0].Features[0]
	assert.Equal(t, None, v.Severity)
	v = s.rows(1000, func() float64 { return math.Pow(rng.Float64(), 1.7) })[0].Features[0]
	assert.Equal(t, CausePSI, v.Cause)
	assert.Equal(t, v.PSI.Effect, v.Score)
	assert.GreaterOrEqual(t, v.Severity, Warning, "PSI %v", v.Score)
	assert.Positive(t, v.KS.Effect)
	assert.Less(t, v.KS.P, 1e-6)
	assert.Less(t, v.JS.P, 1e-6)
	assert.Len(t, v.Bins.Reference, 10)
	assert.Len(t, v.Bins.Edges, 9)
}

func TestHistogramFeatures(t *testing.T) {
	rng := seeded(19)
	values := sample(4000, func() float64 { return math.Exp(rng.NormFloat64()) })
	coarse, fine := []float64{1}, []float64{0.1, 0.25, 0.5, 1, 2, 4, 8}
	r, err := NewNumericReference(values, ReferenceSettings{ID: "latency"})
	require.NoError(t, err)
	f := func(edges []float64, factor float64, want Severity, straddles bool) {
		t.Helper()
		s := newStream(t, nil)
		feature := s.group.Feature("latency", Aggregated)
		require.NoError(t, s.group.SetReference(feature, 0, r))
		for range 10 {
			b := explicit(t, sample(100, func() float64 { return factor * math.Exp(rng.NormFloat64()) }), edges)
			s.group.Observe(s.at, s.at, []Value{{Feature: feature, Buckets: &b}})
		}
		reports := s.group.Reports()
		require.Len(t, reports, 1, "10 points hold 1,000 values")
		v := reports[0].Features[0]
		assert.Equal(t, want, v.Severity, "%v", v.KSBounds)
		assert.Equal(t, straddles, v.Straddles, "%v", v.KSBounds)
		assert.EqualValues(t, 1000, v.N)
		assert.Equal(t, v.KSBounds.Low, v.Score)
	}
	f(fine, 3, Critical, false)
	f(fine, 1, None, true) // Between two edges lies more than a quarter of the values.
	f(coarse, 1, None, true)
	f(coarse, 9, Critical, false)
}

func TestBudget(t *testing.T) {
	rng := seeded(20)
	s := newStream(t, func(s *Settings) { s.Budget = 12 })
	s.feature("a", sample(5000, rng.NormFloat64))
	s.feature("b", sample(5000, rng.NormFloat64))
	for range 1000 {
		s.row(rng.NormFloat64(), rng.NormFloat64()+0.2)
	}
	r := s.group.Reports()[0]
	assert.InDelta(t, 999.0/7200, r.Alpha*999.0/7200/0.05, 1e-12, "capped at 0.05: %v", r.Alpha)
	assert.Equal(t, None, r.Features[0].Severity)
	assert.Equal(t, Critical, r.Features[1].Severity, "significance alone decides")
	assert.Equal(t, 2*r.Features[1].P, r.Features[1].PAdjusted, "2 tests")

	require.NoError(t, s.group.SetSettings(func() Settings { c := s.group.settings; c.Budget = 1; return c }()))
	for range 1000 {
		s.row(rng.NormFloat64(), rng.NormFloat64())
	}
	r = s.group.Reports()[0]
	assert.InDelta(t, 1000.0/86400, r.Alpha, 1e-12)
}

func TestSeason(t *testing.T) {
	rng := seeded(21)
	s := newStream(t, func(s *Settings) {
		s.Window.Season = Season{Phases: 2, Length: time.Hour}
		s.Learning.First = 500
		s.AbsentIsMissing = true
	})
	require.NotNil(t, s.group.Feature("load", Numeric))
	level := func() float64 { return float64(s.at/int64(time.Hour)%2) * 5 }
	worst := None
	phases := map[string]bool{}
	for range 12 * 3600 {
		s.row(rng.NormFloat64() + level())
	}
	for _, r := range s.group.Reports() {
		assert.Equal(t, r.Start.Truncate(time.Hour), r.End.Add(-1).Truncate(time.Hour), "no window reaches over a phase")
		worst = max(worst, r.Features[0].Severity)
		phases[r.Features[0].Reference.Hash] = true
	}
	assert.Equal(t, None, worst)
	assert.GreaterOrEqual(t, len(phases), 2)
	// The hours change places.
	for range 3600 {
		s.row(rng.NormFloat64() + 5 - level())
	}
	reports := s.group.Reports()
	assert.Equal(t, Critical, reports[len(reports)-1].Features[0].Severity)
}

func TestLearnedReferences(t *testing.T) {
	f := func(name string, draw func(i int) float64, wantProvisional []bool, wantN []uint64) {
		t.Helper()
		s := newStream(t, func(s *Settings) { s.Learning = Learning{First: 1000, Doublings: 2} })
		s.group.Feature("x", Numeric)
		var provisional []bool
		var n []uint64
		for i := range 8000 {
			s.row(draw(i))
		}
		for _, r := range s.group.Reports() {
			provisional = append(provisional, r.Features[0].Reference.Provisional)
			n = append(n, r.Features[0].Reference.N)
		}
		assert.Equal(t, wantProvisional, provisional, name)
		assert.Equal(t, wantN, n, name)
	}
	rng := seeded(22)
	f("stable", func(int) float64 { return rng.NormFloat64() },
		[]bool{true, false, false, false, false, false, false}, []uint64{1000, 2000, 2000, 2000, 2000, 2000, 2000})
	f("stable after a start", func(i int) float64 { return rng.NormFloat64() + max(0, float64(350-i)/175) },
		[]bool{true, true, true, false, false, false, false}, []uint64{1000, 2000, 2000, 4000, 4000, 4000, 4000})
	f("never stable", func(i int) float64 { return rng.NormFloat64() + float64(i)/1000 },
		[]bool{true, true, true, true, true, true, true}, []uint64{1000, 2000, 2000, 4000, 4000, 4000, 4000})
}

func TestAccept(t *testing.T) {
	rng := seeded(23)
	s := newStream(t, func(s *Settings) { s.Learning.First = 1000 })
	f := s.group.Feature("x", Numeric)
	assert.False(t, s.group.Accept(f, 0), "there is nothing to accept")
	s.rows(1500, rng.NormFloat64)
	assert.True(t, s.group.Accept(f, 0))
	v := s.rows(500, rng.NormFloat64)[0].Features[0]
	assert.False(t, v.Reference.Provisional)
	assert.EqualValues(t, 1000, v.N, "the window went on")
	s.rows(3000, rng.NormFloat64)
	assert.EqualValues(t, 1000, f.reference.n, "learning is over")
}

func TestLearnedCategoriesAndHistograms(t *testing.T) {
	rng := seeded(24)
	s := newStream(t, func(s *Settings) { s.Learning.First = 1000 })
	c, h := s.group.Feature("reason", Categorical), s.group.Feature("latency", Aggregated)
	commit := func(shift float64) Report {
		for range 1000 {
			name := fmt.Sprint(int(rng.ExpFloat64() + shift))
			b := explicit(t, []float64{rng.NormFloat64() + shift}, []float64{-2, -1, 0, 1, 2})
			s.group.Observe(s.at, s.at, []Value{c.Category(name), {Feature: h, Buckets: &b}})
		}
		reports := s.group.Reports()
		if len(reports) == 0 {
			return Report{}
		}
		return reports[0]
	}
	commit(0)
	for range 3 {
		for _, v := range commit(0).Features {
			assert.Equal(t, None, v.Severity, "%s %v", v.Feature, v.Score)
		}
	}
	for _, v := range commit(3).Features {
		assert.Equal(t, Critical, v.Severity, "%s %v", v.Feature, v.Score)
		assert.False(t, v.Reference.Provisional, v.Feature)
		assert.EqualValues(t, 2000, v.Reference.N)
	}
}

func TestConstantFeatures(t *testing.T) {
	s := newStream(t, nil)
	s.feature("same", []float64{7, 7, 7, 7})
	s.feature("stuck", sample(1000, seeded(25).NormFloat64))
	for range 1000 {
		s.row(7, 0.5)
	}
	r := s.group.Reports()[0]
	assert.Equal(t, None, r.Features[0].Severity)
	assert.Equal(t, 1.0, r.Features[0].P)
	assert.Equal(t, Critical, r.Features[1].Severity)
	for range 1000 {
		s.row(8, 0.5)
	}
	v := s.group.Reports()[0].Features[0]
	assert.Equal(t, 1.0, v.Score)
	assert.Positive(t, v.PSI.Effect)
}

func TestLimits(t *testing.T) {
	s := newStream(t, func(s *Settings) { s.MaxFeatures = 2 })
	a := s.group.Feature("a", Numeric)
	assert.Same(t, a, s.group.Feature("a", Numeric))
	assert.Nil(t, s.group.Feature("a", Categorical), "it is a number")
	assert.NotNil(t, s.group.Feature("b", Categorical))
	assert.Nil(t, s.group.Feature("c", Numeric))
	assert.EqualValues(t, 2, s.group.Stats().Refused)
	assert.Nil(t, s.group.Find("c"))
	s.group.Observe(s.at, s.at, []Value{{Number: 1}})
	assert.EqualValues(t, 1, s.group.Stats().Mismatched)

	r, err := NewCategoricalReference([]string{"x"}, 0, ReferenceSettings{})
	require.NoError(t, err)
	require.ErrorContains(t, s.group.SetReference(a, 0, r), "it is numeric, the reference categorical")
	require.ErrorContains(t, s.group.SetReference(s.group.Find("b"), 5, r), "for phase 5")
}

func TestReportsThatNobodyTakesMakeRoom(t *testing.T) {
	s := newStream(t, func(s *Settings) { s.Window.Samples = 1 })
	s.feature("x", []float64{1, 2})
	for range maxReports + 5 {
		s.row(1)
	}
	assert.EqualValues(t, 5, s.group.Stats().Lost)
	reports := s.group.Reports()
	require.Len(t, reports, maxReports)
	assert.Equal(t, day.Add(5*time.Second), reports[0].Start)
}

// TestNumbersCostNoAllocation: committing a number allocates nothing, missing ones and those beyond the reference included.
func TestNumbersCostNoAllocation(t *testing.T) {
	rng := seeded(28)
	s := newStream(t, func(s *Settings) { s.Window.Samples = 0; s.Window.MaxAge = 1000 * time.Hour })
	f := s.feature("x", sample(2000, rng.NormFloat64))
	row := []Value{{Feature: f}, {Feature: f, Number: math.NaN()}, {Feature: f, Number: 1e9}}
	s.rows(5000, rng.NormFloat64) // From here on the window has a counter per cell.
	got := testing.AllocsPerRun(1000, func() {
		row[0].Number = rng.NormFloat64()
		s.group.Observe(s.at, s.at, row)
	})
	assert.Zero(t, got)
}

// TestMemoryOfAFeature: at most 16 KB and 2 B per value of the window, with a reference as large as one gets.
func TestMemoryOfAFeature(t *testing.T) {
	const features, samples = 200, 1000
	rng := seeded(29)
	before := heap()
	s := newStream(t, func(s *Settings) { s.Window.Samples = samples + 1 })
	values := sample(5000, rng.NormFloat64)
	row := make([]Value, features)
	for i := range row {
		values[i] = rng.NormFloat64()
		row[i] = Value{Feature: s.feature(fmt.Sprint(i), values), Number: 1}
	}
	for range samples {
		s.group.Observe(s.at, s.at, row)
	}
	perFeature := (heap() - before) / features
	t.Logf("%d B per feature", perFeature)
	assert.LessOrEqual(t, perFeature, uint64(16<<10+2*samples))
	runtime.KeepAlive(s)
	runtime.KeepAlive(values)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestSettingsAreChecked(t *testing.T) {
	f := func(want string, change func(*Settings)) {
		t.Helper()
		s := DefaultSettings()
		change(&s)
		require.EqualError(t, s.Validate(), want)
		_, err := NewGroup(s)
		require.ErrorContains(t, err, want)
	}
	f(`method must be ks, psi or js (got "mmd")`, func(s *Settings) { s.Method = "mmd" })
	f("significance must be above 0 and below 1 (got NaN)", func(s *Settings) { s.Alpha = math.NaN() })
	f("false_alarms_per_day must be 0 to 1000000 (got -1)", func(s *Settings) { s.Budget = -1 })
	f("thresholds::share must be at least 0 and below 1 (got 1)", func(s *Settings) { s.DriftedShare = 1 })
	f("min_effective must be 1 to 16777216 (got 0)", func(s *Settings) { s.MinEffective = 0 })
	f("limits::features must be 1 to 1000000 (got 0)", func(s *Settings) { s.MaxFeatures = 0 })
	f("window::samples must be 0 to 16777216 (got -1)", func(s *Settings) { s.Window.Samples = -1 })
	f("window::samples or window::max_age must be set: nothing else ends a window (got 0 and 0s)", func(s *Settings) { s.Window.Samples = 0 })
	f("window::max_age must not be negative (got -1s)", func(s *Settings) { s.Window.MaxAge = -time.Second })
	f("window::sub_windows must be 0 to 64 (got 65)", func(s *Settings) { s.Window.SubWindows = 65 })
	f("window::sub_windows must be at most window::samples, 10 (got 20)", func(s *Settings) { s.Window.SubWindows, s.Window.Samples = 20, 10 })
	f("window::sub_windows must leave a part some of window::max_age, 1ns (got 2)", func(s *Settings) { s.Window.SubWindows, s.Window.MaxAge = 2, 1 })
	f("window::lateness must not be negative (got -1ns)", func(s *Settings) { s.Window.Lateness = -1 })
	f("window::ahead must not be negative (got -1ns)", func(s *Settings) { s.Window.Ahead = -1 })
	f("window::sub_windows must be 0 or 1 with season::phases, 2: no window reaches over the end of a phase (got 3)",
		func(s *Settings) { s.Window.SubWindows, s.Window.Season = 3, Season{Phases: 2, Length: 1} })
	f("season::length must be positive (got 0s)", func(s *Settings) { s.Window.Season = Season{Phases: 2} })
	f("season::phases must be 0 to 168 (got 169)", func(s *Settings) { s.Window.Season = Season{Phases: 169, Length: 1} })
	f("reference::first must be 0, or 20 to 131072, which may be doubled 3 times (got 3)", func(s *Settings) { s.Learning.First = 3 })
	f("reference::first must be 0, or 20 to 131072, which may be doubled 3 times (got -1)", func(s *Settings) { s.Learning.First = -1 })
	f("reference::doublings must be 0 to 8 (got 9)", func(s *Settings) { s.Learning.Doublings = 9 })
	f("bins::count must be 2 to 64, or 0 for 10 (got 65)", func(s *Settings) { s.Bins.Count = 65 })
	f("bins::range must be two finite numbers that ascend (got [1, 0])", func(s *Settings) { s.Bins.Low = 1 })
	f("hysteresis::raise must be 1 to hysteresis::of, and that at most 64 (got 2 of 1)", func(s *Settings) { s.Hysteresis.Raise = 2 })
	f("hysteresis::clear must be 1 to 1000 (got 0)", func(s *Settings) { s.Hysteresis.Clear = 0 })
	f("hysteresis::clear_ratio must be above 0 and at most 1 (got 0)", func(s *Settings) { s.Hysteresis.ClearRatio = 0 })
	const limits = " must not be negative and must ascend, but for 0, which never applies "
	f("thresholds::ks"+limits+"(got 0.9, 0.15, 0.25)", func(s *Settings) { s.Thresholds.KS.Info = 0.9 })
	f("thresholds::psi"+limits+"(got 0.1, 0.2, +Inf)", func(s *Settings) { s.Thresholds.PSI.Critical = math.Inf(1) })
	f("thresholds::tail"+limits+"(got NaN, 0, 0)", func(s *Settings) { s.Thresholds.Tail.Info = math.NaN() })
	f("thresholds::categories"+limits+"(got 0.1, -1, 0.25)", func(s *Settings) { s.Thresholds.Categories.Warning = -1 })
}

func TestSettingsChangeWithoutLosingWindows(t *testing.T) {
	rng := seeded(26)
	s := newStream(t, nil)
	s.feature("x", sample(2000, rng.NormFloat64))
	s.rows(900, shifted(rng, 0.5))
	settings := s.group.settings
	settings.Thresholds.KS = Limits{0.5, 0.6, 0.7}
	require.NoError(t, s.group.SetSettings(settings))
	v := s.rows(100, shifted(rng, 0.5))[0].Features[0]
	assert.EqualValues(t, 1000, v.N)
	assert.Equal(t, None, v.Severity)

	settings.Window.Samples = 50
	s.rows(900, rng.NormFloat64)
	require.NoError(t, s.group.SetSettings(settings))
	assert.EqualValues(t, 50, s.rows(50, rng.NormFloat64)[0].Features[0].N, "another window starts again")
	settings.Window.Season = Season{Phases: 2, Length: time.Hour}
	require.ErrorContains(t, s.group.SetSettings(settings), "season")
}

func TestAReferenceReloadedWithTheSameContentKeepsTheWindow(t *testing.T) {
	rng := seeded(27)
	values := sample(2000, rng.NormFloat64)
	s := newStream(t, nil)
	f := s.feature("x", values)
	s.rows(900, rng.NormFloat64)
	again, err := NewNumericReference(values, ReferenceSettings{ID: "reloaded"})
	require.NoError(t, err)
	require.NoError(t, s.group.SetReference(f, -1, again))
	v := s.rows(100, rng.NormFloat64)[0].Features[0]
	assert.EqualValues(t, 1000, v.N)
	assert.Equal(t, "reloaded", v.Reference.ID)
	s.rows(900, rng.NormFloat64)
	other, err := NewNumericReference(values[1:], ReferenceSettings{})
	require.NoError(t, err)
	require.NoError(t, s.group.SetReference(f, -1, other))
	assert.EqualValues(t, 100, s.rows(100, rng.NormFloat64)[0].Features[0].N, "counts of other cells mean nothing")
}
