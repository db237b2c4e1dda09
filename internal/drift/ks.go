// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "math"

const (
	// exactBelow is the effective number of values from which the asymptotic law is good enough.
	exactBelow = 50
	// exactLargest is the largest sample for which the exact law is computed, as in SciPy: its cost is the product of both.
	exactLargest = 10_000
)

// KolmogorovSmirnovP returns the p-value of the two-sided two-sample Kolmogorov–Smirnov test for the statistic d (0 to 1) and
// two samples of m and n values. Sizes may be fractions: effective sizes of dependent values. For m·n/(m+n) below 50 it is the
// exact law of samples without ties, which with ties is too large rather than too small; else it is what SciPy calls asymp, the
// law of the one-sample statistic for round(m·n/(m+n)) values. It is 1 where a sample is empty.
func KolmogorovSmirnovP(d, m, n float64) float64 {
	if !(m > 0 && n > 0 && d > 0) {
		return 1
	}
	effective := m * n / (m + n)
	if effective < exactBelow && max(m, n) <= exactLargest {
		return exactSurvival(d, max(1, int(math.Round(m))), max(1, int(math.Round(n))))
	}
	return kolmogorovSurvival(max(1, int(math.RoundToEven(effective))), d)
}

// detectableConstant is c(α) of the critical value D = c(α)/√n_e for large samples: 1.358 at α = 0.05.
func detectableConstant(alpha float64) float64 { return math.Sqrt(-math.Log(alpha/2) / 2) }

// Detectable returns the smallest Kolmogorov–Smirnov statistic that is significant at level alpha for two samples of m and n
// values, 1 if none is.
func Detectable(alpha, m, n float64) float64 {
	if !(m > 0 && n > 0 && alpha > 0) {
		return 1
	}
	return min(1, detectableConstant(alpha)*math.Sqrt((m+n)/(m*n)))
}
