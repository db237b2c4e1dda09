// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "math"

// exactSurvival returns P(D ≥ d) for two samples of m and n values without ties. All orders of the m + n values are equally
// likely, which makes the order a random path from (0, 0) to (m, n); D ≥ d is a path that leaves the band |i/m − j/n| < d. The
// probabilities of leaving it for the first time are added up, so that small ones do not cancel.
func exactSurvival(d float64, m, n int) float64 {
	if m < n {
		m, n = n, m
	}
	// D is a multiple of 1/lcm(m, n), so the rounding error of d must not push it over the next multiple.
	divisor := gcd(m, n)
	limit := math.Ceil(d*float64(m)*float64(n)/float64(divisor)-1e-6) * float64(divisor)
	path := bandWalk{m: m, n: n, limit: int(limit), inside: make([]float64, n+1)}
	for i := range m + 1 {
		path.row(i)
	}
	return min(1, path.left)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// bandWalk goes through the points (i, j) row by row.
type bandWalk struct {
	m, n, limit int
	inside      []float64 // by j, for the current i: the probability to come there without having left the band
	left        float64   // the probability of having left the band
}

func (w *bandWalk) row(i int) {
	for j := range w.n + 1 {
		p := w.arrive(i, j)
		if abs(i*w.n-j*w.m) >= w.limit {
			w.left += p
			p = 0
		}
		w.inside[j] = p
	}
}

// arrive is the probability to come to (i, j) from within the band: from (i−1, j), whose value the row still holds, or from
// (i, j−1). The next value is of either sample with a probability in proportion to what is left of it.
func (w *bandWalk) arrive(i, j int) float64 {
	if i == 0 && j == 0 {
		return 1
	}
	rest := float64(w.m + w.n - i - j + 1)
	var p float64
	if i > 0 {
		p = w.inside[j] * float64(w.m-i+1) / rest
	}
	if j > 0 {
		p += w.inside[j-1] * float64(w.n-j+1) / rest
	}
	return p
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}
