// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "gonum.org/v1/gonum/mathext"

// ChiSquare is the result of a χ² test of homogeneity.
type ChiSquare struct {
	Statistic float64
	Degrees   int
	P         float64
}

// homogeneity tests whether two lists of counts come from one distribution, as a contingency table without Yates' correction. Both
// sides count as samples: a category that the reference lacks is a column like any other. Columns without counts are left out;
// with fewer than two columns, or an empty side, there is nothing to tell apart and P is 1. The statistic is divided by the factor by
// which dependence inflates it (Rao and Scott's first order).
func homogeneity(reference, current []uint32, inflation float64) ChiSquare {
	m, n := float64(total(reference)), float64(total(current))
	if m == 0 || n == 0 {
		return ChiSquare{P: 1}
	}
	var sum float64
	columns := 0
	for i, r := range reference {
		both := float64(r) + float64(current[i])
		if both == 0 {
			continue
		}
		columns++
		// The deviations of the two cells are equal and opposite.
		deviation := float64(r) - both*m/(m+n)
		sum += deviation * deviation / both
	}
	result := ChiSquare{Statistic: sum * (m + n) * (m + n) / (m * n) / inflation, Degrees: columns - 1}
	result.P = chiSquareSurvival(result.Statistic, result.Degrees)
	return result
}

func total(counts []uint32) uint64 {
	var sum uint64
	for _, c := range counts {
		sum += uint64(c)
	}
	return sum
}

// chiSquareSurvival is P(X ≥ x) for a χ² law, 1 without degrees of freedom.
func chiSquareSurvival(x float64, degrees int) float64 {
	if degrees <= 0 || !(x > 0) {
		return 1
	}
	return mathext.GammaIncRegComp(float64(degrees)/2, x/2)
}

// totalVariation is half the sum of the differences of shares, 0 to 1: the largest difference in the probability of any set of
// categories, as the Kolmogorov–Smirnov statistic is the largest difference in that of any half-line.
func totalVariation(reference, current []uint32) float64 {
	m, n := float64(total(reference)), float64(total(current))
	if m == 0 || n == 0 {
		return 0
	}
	var sum float64
	for i, r := range reference {
		difference := float64(r)/m - float64(current[i])/n
		sum += max(difference, 0)
	}
	return sum
}
