// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "slices"

// BenjaminiHochberg replaces p-values by those adjusted for their number: rejecting all that are at most q keeps the expected
// share of false rejections at or below q, also where the tests are positively dependent. The order stays.
func BenjaminiHochberg(p []float64) {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	smallest := 1.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		smallest = min(smallest, p[i]*(float64(len(p))/float64(rank)))
		p[i] = smallest
	}
}

// bonferroni multiplies p-values by their number: rejecting all that are at most a keeps the expected number of false
// rejections at or below a, whatever the dependence and however many rejections are right.
func bonferroni(p []float64) {
	for i := range p {
		p[i] = min(1, p[i]*float64(len(p)))
	}
}
