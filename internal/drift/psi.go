// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "math"

// PSI returns the Population Stability Index Σ (q − p)·ln(q/p) of two lists of shares. A bin that is empty on both sides counts
// nothing, one that is empty on one side is +Inf: smooth before.
func PSI(reference, current []float64) float64 {
	var sum float64
	for i, p := range reference {
		if q := current[i]; p != q {
			sum += (q - p) * math.Log(q/p)
		}
	}
	return sum
}

// psiP is the p-value of a PSI over b bins and samples of m and n values: without drift, PSI/(1/m + 1/n) follows a χ² law with
// b − 1 degrees of freedom (Yurdakul, 2018).
func psiP(psi float64, bins int, m, n float64) float64 {
	return chiSquareSurvival(psi*m*n/(m+n), bins-1)
}
