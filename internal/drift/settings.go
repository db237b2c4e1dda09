// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Method is the statistic that gives a feature its score.
type Method string

// Methods.
const (
	// KolmogorovSmirnov scores numbers by D, and names by the total variation distance with the p-value of a χ² test.
	KolmogorovSmirnov Method = "ks"
	// PopulationStability scores by PSI.
	PopulationStability Method = "psi"
	// JensenShannonMethod scores by the Jensen–Shannon distance.
	JensenShannonMethod Method = "js"
)

// Severity says how bad a verdict is.
type Severity uint8

// Severities, in ascending order.
const (
	None Severity = iota
	Info
	Warning
	Critical
)

// String returns the severity as in events.
func (s Severity) String() string {
	switch s {
	case None:
		return "none"
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Critical:
		return "critical"
	}
	return "unknown"
}

// Limits are the effects from which a severity applies. A limit of 0 never applies.
type Limits struct{ Info, Warning, Critical float64 }

func (l Limits) severity(effect float64) Severity {
	switch {
	case l.Critical > 0 && effect >= l.Critical:
		return Critical
	case l.Warning > 0 && effect >= l.Warning:
		return Warning
	case l.Info > 0 && effect >= l.Info:
		return Info
	}
	return None
}

// of gives the effect from which a severity applies.
func (l Limits) of(severity Severity) float64 {
	return [...]float64{None: 0, Info: l.Info, Warning: l.Warning, Critical: l.Critical}[severity]
}

func (l Limits) scaled(by float64) Limits {
	return Limits{l.Info * by, l.Warning * by, l.Critical * by}
}

func (l Limits) validate(wrong *faults, test string) {
	last, ok := 0.0, true
	for _, limit := range []float64{l.Info, l.Warning, l.Critical} {
		ok = ok && limit >= 0 && !math.IsInf(limit, 0) && (limit == 0 || limit >= last)
		last = max(last, limit)
	}
	wrong.unless(ok, "thresholds::%s must not be negative and must ascend, but for 0, which never applies (got %v, %v, %v)",
		test, l.Info, l.Warning, l.Critical)
}

// Thresholds are the limits of each test. A test without limits is reported and decides nothing.
type Thresholds struct {
	KS         Limits // Kolmogorov–Smirnov D
	PSI        Limits // Population Stability Index
	JS         Limits // Jensen–Shannon distance, base 2
	Categories Limits // total variation distance of categories
	Missing    Limits // difference of the shares of missing values
	Unseen     Limits // share of categories that the reference lacks
	Tail       Limits // difference of the shares beyond a tail of the reference
}

// Window says when a window is complete: with so many values or after so much time, whichever comes first. Time is event time.
type Window struct {
	// Samples is the number of values of the fullest feature that completes a window; 0 leaves it to MaxAge.
	Samples int
	// MaxAge is the time from the first value to the end of a window; 0 leaves it to Samples.
	MaxAge time.Duration
	// SubWindows cut a window into as many parts. A verdict falls at the end of each part, over the parts of one window: quicker
	// than every window, and from as many values. 0 and 1 mean tumbling windows.
	SubWindows int
	// Lateness is how long before the start of a window a value may lie and still count in it.
	Lateness time.Duration
	// Ahead is how far ahead of the clock the time of a value may lie.
	Ahead time.Duration
	// Season makes references for phases that return, such as the hours of a week. The zero Season has one phase.
	Season Season
}

// maxSamples is the number of values that completes a window at the latest.
const maxSamples = 1 << 24

// maxSubWindows is the number of parts that a window can be cut into.
const maxSubWindows = 64

func (w Window) validate(wrong *faults) {
	wrong.unless(w.Samples >= 0 && w.Samples <= maxSamples, "window::samples must be 0 to %d (got %d)", maxSamples, w.Samples)
	wrong.unless(w.MaxAge >= 0, "window::max_age must not be negative (got %s)", w.MaxAge)
	wrong.unless(w.Samples != 0 || w.MaxAge != 0, "window::samples or window::max_age must be set: nothing else ends a window (got 0 and 0s)")
	wrong.unless(w.Lateness >= 0, "window::lateness must not be negative (got %s)", w.Lateness)
	wrong.unless(w.Ahead >= 0, "window::ahead must not be negative (got %s)", w.Ahead)
	if w.SubWindows < 0 || w.SubWindows > maxSubWindows {
		wrong.unless(false, "window::sub_windows must be 0 to %d (got %d)", maxSubWindows, w.SubWindows)
		return
	}
	wrong.unless(w.Samples <= 0 || w.parts() <= w.Samples, "window::sub_windows must be at most window::samples, %d (got %d)", w.Samples, w.SubWindows)
	wrong.unless(w.MaxAge <= 0 || time.Duration(w.parts()) <= w.MaxAge, "window::sub_windows must leave a part some of window::max_age, %s (got %d)",
		w.MaxAge, w.SubWindows)
	wrong.unless(!w.Season.on() || w.parts() == 1, "window::sub_windows must be 0 or 1 with season::phases, %d: no window reaches over the end of a phase (got %d)",
		w.Season.Phases, w.SubWindows)
}

func (w Window) parts() int { return max(1, w.SubWindows) }

// partSamples is the number of values that completes a part of a window.
func (w Window) partSamples() uint64 {
	if w.Samples == 0 {
		return maxSamples
	}
	return uint64(w.Samples / w.parts())
}

// Season is a number of phases of equal length that return one after the other, counted from 1970-01-01 UTC plus Offset. Every
// phase has references of its own, and no window reaches over the end of a phase.
type Season struct {
	Phases int           // 0 and 1 mean no season; at most 168, the hours of a week
	Length time.Duration // of a phase
	Offset time.Duration // for phases that start with the local day or the week, which starts on a Thursday otherwise
}

func (s Season) on() bool { return s.Phases > 1 }

// maxPhases are the hours of a week.
const maxPhases = 168

func (s Season) validate(wrong *faults) {
	wrong.unless(s.Phases >= 0 && s.Phases <= maxPhases, "season::phases must be 0 to %d (got %d)", maxPhases, s.Phases)
	wrong.unless(!s.on() || s.Length > 0, "season::length must be positive (got %s)", s.Length)
}

// Phase returns the phase of a time in Unix nanoseconds, counted from 0.
func (s Season) Phase(at int64) int {
	number, _ := s.at(at)
	return number
}

func (s Season) phases() int { return max(1, s.Phases) }

// at returns the phase of a time and when it ends, in Unix nanoseconds.
func (s Season) at(t int64) (phase int, end int64) {
	if !s.on() {
		return 0, math.MaxInt64
	}
	length, offset := int64(s.Length), int64(s.Offset)
	number := floorDiv(t-offset, length)
	return int(number - floorDiv(number, int64(s.Phases))*int64(s.Phases)), (number+1)*length + offset
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// Hysteresis says when an alarm is raised and when it is cleared.
type Hysteresis struct {
	// Raise of the last Of windows must reach Warning to raise the alarm.
	Raise, Of int
	// Clear windows in a row must stay below the lower limits to clear it.
	Clear int
	// ClearRatio times the limits are the lower limits, 0 to 1.
	ClearRatio float64
}

func (h Hysteresis) validate(wrong *faults) {
	wrong.unless(h.Of >= 1 && h.Of <= 64 && h.Raise >= 1 && h.Raise <= h.Of,
		"hysteresis::raise must be 1 to hysteresis::of, and that at most 64 (got %d of %d)", h.Raise, h.Of)
	wrong.unless(h.Clear >= 1 && h.Clear <= 1000, "hysteresis::clear must be 1 to 1000 (got %d)", h.Clear)
	wrong.unless(h.ClearRatio > 0 && h.ClearRatio <= 1, "hysteresis::clear_ratio must be above 0 and at most 1 (got %v)", h.ClearRatio)
}

// Learning makes references of the first values where nobody has set one.
type Learning struct {
	// First is the number of values that make the first, provisional reference; 0 means not to learn. When as many again have
	// come, all make the next one. It is confirmed if its halves are alike; if not, that is tried again with twice as many.
	First int
	// Doublings is how often to try. After that the reference stays provisional until somebody accepts it.
	Doublings int
}

const (
	// maxLearned is the largest number of values that a feature keeps while it learns.
	maxLearned   = 1 << 20
	minLearned   = 20
	maxDoublings = 8
)

func (l Learning) validate(wrong *faults) {
	if l.Doublings < 0 || l.Doublings > maxDoublings {
		wrong.unless(false, "reference::doublings must be 0 to %d (got %d)", maxDoublings, l.Doublings)
		return
	}
	most := maxLearned >> l.Doublings
	wrong.unless(l.First == 0 || l.First >= minLearned && l.First <= most,
		"reference::first must be 0, or %d to %d, which may be doubled %d times (got %d)", minLearned, most, l.Doublings, l.First)
}

// Settings say how to judge the features of a group.
type Settings struct {
	Method     Method
	Window     Window
	Learning   Learning
	Bins       BinSettings
	Thresholds Thresholds
	Hysteresis Hysteresis
	// Alpha is the level of significance of a window, after correction for the number of its tests.
	Alpha float64
	// Budget is how many false alarms of a group per day are acceptable. If it is set, significance alone decides, instead of
	// the thresholds: see [Group]. 0 means thresholds.
	Budget float64
	// DriftedShare is the share of drifted features above which the whole is critical; 0 means not to judge it.
	DriftedShare float64
	// MinEffective is the number of independent values without which a feature is not judged.
	MinEffective float64
	// MaxFeatures is the limit of features in a group.
	MaxFeatures int
	// AbsentIsMissing counts a row in which a feature does not occur as a missing value. Set it where a row has all features.
	AbsentIsMissing bool
}

// DefaultSettings are the settings for the features of a model: windows of 1,000 values, D ≥ 0.10, 0.15, 0.25.
func DefaultSettings() Settings {
	d := Limits{0.10, 0.15, 0.25}
	return Settings{
		Method: KolmogorovSmirnov,
		Window: Window{Samples: 1000, Lateness: time.Minute, Ahead: time.Minute},
		Thresholds: Thresholds{
			KS: d, PSI: Limits{0.10, 0.20, 0.25}, JS: d, Categories: d, Missing: d, Unseen: d,
		},
		Hysteresis:   Hysteresis{Raise: 1, Of: 1, Clear: 1, ClearRatio: 0.8},
		Alpha:        0.05,
		DriftedShare: 0.3,
		MinEffective: 30,
		MaxFeatures:  1000,
		Learning:     Learning{Doublings: 3},
	}
}

// Validate returns everything that is wrong with the settings, each fault once. Faults name what is set by the key that it has in the
// configuration of a monitor, such as window::samples.
func (s *Settings) Validate() error {
	var wrong faults
	wrong.unless(s.Method == KolmogorovSmirnov || s.Method == PopulationStability || s.Method == JensenShannonMethod,
		"method must be ks, psi or js (got %q)", s.Method)
	s.Window.validate(&wrong)
	s.Window.Season.validate(&wrong)
	s.Learning.validate(&wrong)
	s.Bins.validate(&wrong)
	s.Thresholds.validate(&wrong)
	s.Hysteresis.validate(&wrong)
	wrong.unless(s.Alpha > 0 && s.Alpha < 1, "significance must be above 0 and below 1 (got %v)", s.Alpha)
	wrong.unless(s.Budget >= 0 && s.Budget <= 1e6, "false_alarms_per_day must be 0 to 1000000 (got %v)", s.Budget)
	wrong.unless(s.DriftedShare >= 0 && s.DriftedShare < 1, "thresholds::share must be at least 0 and below 1 (got %v)", s.DriftedShare)
	wrong.unless(s.MinEffective >= 1 && s.MinEffective <= maxSamples, "min_effective must be 1 to %d (got %v)", maxSamples, s.MinEffective)
	wrong.unless(s.MaxFeatures > 0 && s.MaxFeatures <= 1_000_000, "limits::features must be 1 to 1000000 (got %d)", s.MaxFeatures)
	return errors.Join(wrong...)
}

func (t *Thresholds) validate(wrong *faults) {
	t.KS.validate(wrong, "ks")
	t.PSI.validate(wrong, "psi")
	t.JS.validate(wrong, "js")
	t.Categories.validate(wrong, "categories")
	t.Missing.validate(wrong, "missing")
	t.Unseen.validate(wrong, "unseen")
	t.Tail.validate(wrong, "tail")
}

// faults are what is wrong.
type faults []error

func (f *faults) unless(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}
