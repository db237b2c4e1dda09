// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "math"

// JensenShannon returns the Jensen–Shannon divergence of two lists of shares in nats, 0 to ln 2.
func JensenShannon(reference, current []float64) float64 {
	var sum float64
	for i, p := range reference {
		q := current[i]
		mean := (p + q) / 2
		sum += relativeEntropy(p, mean) + relativeEntropy(q, mean)
	}
	return max(0, sum/2)
}

func relativeEntropy(p, q float64) float64 {
	if p == 0 {
		return 0
	}
	return p * math.Log(p/q)
}

// JensenShannonDistance returns the root of the Jensen–Shannon divergence in bits, 0 to 1: the distance of SciPy with base 2.
func JensenShannonDistance(reference, current []float64) float64 {
	return math.Sqrt(JensenShannon(reference, current) / math.Ln2)
}

// jensenShannonP is the p-value of a divergence in nats over b bins and samples of m and n values: without drift, 8 times the
// divergence over (1/m + 1/n) follows a χ² law with b − 1 degrees of freedom.
func jensenShannonP(divergence float64, bins int, m, n float64) float64 {
	return chiSquareSurvival(8*divergence*m*n/(m+n), bins-1)
}
