// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "time"

// Cause is the test that decided a severity.
type Cause string

// Causes.
const (
	CauseNone       Cause = ""
	CauseKS         Cause = "ks"
	CausePSI        Cause = "psi"
	CauseJS         Cause = "js"
	CauseCategories Cause = "chi_square"
	CauseMissing    Cause = "missing"
	CauseUnseen     Cause = "unseen"
	CauseTail       Cause = "tail"
)

// Verdict is the judgement of a feature over a window.
type Verdict struct {
	Feature string
	Kind    Kind
	Evidence
	// Method is the test that the score comes from.
	Method Cause
	// Score is its effect, P its p-value and PAdjusted that after correction for the number of tests; 1 where it was not judged.
	Score, P, PAdjusted float64
	// Severity is that of this window, and Cause the test that decided it. It takes both: an effect that reaches a limit, and
	// significance after correction.
	Severity Severity
	Cause    Cause
	// Effect is that of the deciding test, and Limit what it has reached; both are 0 without a severity, and Limit is 0 where
	// significance alone decides.
	Effect, Limit float64
	// Straddles says that an effect that is known as an interval reaches a higher limit with its upper end only.
	Straddles bool
	// State is that of the alarm after this window, and Changed says that this window raised or cleared it.
	State   State
	Changed bool
	// Raised says whether the alarm is raised, also where State is InsufficientData.
	Raised bool
	// Detectable is the smallest D that would be significant without correction: what the window could have shown at all.
	Detectable float64
	Reference  ReferenceInfo
	// excited says that a test is not below the lower limits.
	excited bool
}

// ReferenceInfo says what a window was compared with.
type ReferenceInfo struct {
	ID, Hash    string
	Age         time.Duration
	Provisional bool
	N           uint64
	Error       float64
}

// Report is the judgement of all features of a group over a window.
type Report struct {
	Start, End time.Time
	// Rows is the number of observations.
	Rows uint64
	// Features are in the order in which they were first seen. Those without a reference are not among them.
	Features []Verdict
	// Alpha is the level that p-values after correction were held to, and Tests the number of tests that were corrected for.
	Alpha float64
	Tests int
	// Share is the share of drifted features, with a severity of at least Warning, among the Judged ones.
	Share         float64
	Judged        int
	ShareSeverity Severity
	ShareState    State
	ShareChanged  bool
}

// hypothesis is a test that may decide the severity of a feature.
type hypothesis struct {
	feature  int
	cause    Cause
	test     Test
	high     float64 // the largest effect that is possible
	limits   Limits
	adjusted float64
}

// hypotheses returns the tests of a feature that have limits, the one of the method first.
func (s *Settings) hypotheses(dst []hypothesis, feature int, v *Verdict) []hypothesis {
	add := func(cause Cause, test Test, high float64, limits Limits) {
		if limits != (Limits{}) {
			dst = append(dst, hypothesis{feature: feature, cause: cause, test: test, high: high, limits: limits})
		}
	}
	t := &s.Thresholds
	if v.NEffective >= s.MinEffective {
		cause, test, limits := s.main(v)
		high := test.Effect
		if cause == CauseKS && v.Kind == Aggregated {
			high = v.KSBounds.High
		}
		add(cause, test, high, limits)
		add(CauseTail, v.Lower.test(), 0, t.Tail)
		add(CauseTail, v.Upper.test(), 0, t.Tail)
		if v.Unseen.possible() {
			add(CauseUnseen, v.Unseen.test(), 0, t.Unseen)
		}
	}
	if v.Missing.possible() && v.observed >= s.MinEffective {
		add(CauseMissing, v.Missing.test(), 0, t.Missing)
	}
	return dst
}

// main returns the test that gives a feature its score.
func (s *Settings) main(v *Verdict) (Cause, Test, Limits) {
	switch {
	case s.Method == PopulationStability:
		return CausePSI, v.PSI, s.Thresholds.PSI
	case s.Method == JensenShannonMethod:
		return CauseJS, v.JS, s.Thresholds.JS
	case v.Kind == Categorical:
		return CauseCategories, v.ChiSquare, s.Thresholds.Categories
	}
	return CauseKS, v.KS, s.Thresholds.KS
}

// judge gives every feature its severity.
func (s *Settings) judge(r *Report, elapsed time.Duration) {
	var tests []hypothesis
	for i := range r.Features {
		v := &r.Features[i]
		v.Method, v.Score, v.P, v.PAdjusted = s.score(v)
		tests = s.hypotheses(tests, i, v)
	}
	r.Tests, r.Alpha = len(tests), s.alpha(elapsed)
	s.adjust(tests)
	judged := make([]bool, len(r.Features))
	for i := range tests {
		h := &tests[i]
		v := &r.Features[h.feature]
		judged[h.feature] = true
		if h.cause == v.Method {
			v.PAdjusted = h.adjusted
		}
		s.weigh(v, h, r.Alpha)
	}
	for i := range r.Features {
		v := &r.Features[i]
		v.Detectable = Detectable(r.Alpha, v.referenceEffective, v.NEffective)
		if !judged[i] {
			v.State = InsufficientData
		}
	}
}

func (s *Settings) score(v *Verdict) (Cause, float64, float64, float64) {
	cause, test, _ := s.main(v)
	return cause, test.Effect, test.P, 1
}

// weigh raises the severity of a feature to that of a test, and notes whether the test is calm.
func (s *Settings) weigh(v *Verdict, h *hypothesis, alpha float64) {
	severity, calm := s.bySignificance(h, alpha)
	if s.Budget == 0 {
		severity, calm = s.byThreshold(h, alpha)
		v.Straddles = v.Straddles || h.limits.severity(h.high) > h.limits.severity(h.test.Effect)
	}
	v.excited = v.excited || !calm
	if severity > v.Severity {
		v.Severity, v.Cause, v.Effect, v.Limit = severity, h.cause, h.test.Effect, 0
		if s.Budget == 0 {
			v.Limit = h.limits.of(severity)
		}
	}
}

// byThreshold asks for an effect that reaches a limit and for significance.
func (s *Settings) byThreshold(h *hypothesis, alpha float64) (severity Severity, calm bool) {
	if h.adjusted > alpha {
		return None, true
	}
	lower := h.limits.scaled(s.Hysteresis.ClearRatio)
	return h.limits.severity(h.test.Effect), lower.severity(h.test.Effect) < Warning
}

// The steps of significance under a budget.
const (
	criticalStep = 0.1 // critical false alarms take up at most a tenth of the budget
	calmStep     = 10  // a window is calm when it would not even be significant at ten times the level
)

// bySignificance leaves the effect aside.
func (s *Settings) bySignificance(h *hypothesis, alpha float64) (severity Severity, calm bool) {
	switch {
	case h.adjusted <= alpha*criticalStep:
		return Critical, false
	case h.adjusted <= alpha:
		return Warning, false
	}
	return None, h.adjusted > min(0.5, alpha*calmStep)
}

// adjust corrects for the number of tests. Thresholds come with control of the share of false discoveries. A budget is a promise
// about their number, which the correction by Bonferroni keeps also where other features have drifted.
func (s *Settings) adjust(tests []hypothesis) {
	p := make([]float64, len(tests))
	for i := range tests {
		p[i] = tests[i].test.P
	}
	if s.Budget > 0 {
		bonferroni(p)
	} else {
		BenjaminiHochberg(p)
	}
	for i := range tests {
		tests[i].adjusted = p[i]
	}
}

// largestAlpha bounds the level of a window that took longer than its budget is worth.
const largestAlpha = 0.05

// alpha is the level of a window. With a budget it is the part of the budget that the time since the last verdict is worth, so
// that the levels of a day add up to the budget, however many windows the day has.
func (s *Settings) alpha(elapsed time.Duration) float64 {
	if s.Budget == 0 {
		return s.Alpha
	}
	return min(largestAlpha, s.Budget*elapsed.Hours()/24)
}

// summarize judges the whole by the share of features that have drifted.
func (s *Settings) summarize(r *Report, a *alarm) {
	drifted := 0
	for i := range r.Features {
		v := &r.Features[i]
		if v.State == InsufficientData {
			continue
		}
		r.Judged++
		if v.Severity >= Warning {
			drifted++
		}
	}
	if r.Judged == 0 || s.DriftedShare == 0 {
		r.ShareState = InsufficientData
		return
	}
	r.Share = float64(drifted) / float64(r.Judged)
	if r.Share > s.DriftedShare {
		r.ShareSeverity = Critical
	}
	r.ShareChanged = a.update(s.Hysteresis, r.ShareSeverity == Critical, r.Share <= s.DriftedShare*s.Hysteresis.ClearRatio)
	r.ShareState = a.state()
}
