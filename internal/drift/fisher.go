// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "math"

// proportions are two shares to compare: with of all, in the reference and in the window.
type proportions struct {
	referenceWith, reference float64
	currentWith, current     float64
}

func (p *proportions) shares() (reference, current float64) {
	return share(p.referenceWith, p.reference), share(p.currentWith, p.current)
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// greater is the p-value of Fisher's exact test for a larger share in the window.
func (p *proportions) greater() float64 {
	return hypergeometricTail(math.Round(p.currentWith), math.Round(p.current), math.Round(p.referenceWith), math.Round(p.reference))
}

// differs is the two-sided p-value: twice the smaller of both sides.
func (p *proportions) differs() float64 {
	without := proportions{p.reference - p.referenceWith, p.reference, p.current - p.currentWith, p.current}
	return min(1, 2*min(p.greater(), without.greater()))
}

// scaled shrinks both sides to their effective sizes.
func (p *proportions) scaled(reference, current float64) *proportions {
	referenceShare, currentShare := p.shares()
	return &proportions{referenceShare * reference, reference, currentShare * current, current}
}

// hypergeometricTail is P(X ≥ k) for the number X of marked ones among n drawn from n + m, where k + l are marked. It adds up the
// smaller side, whose first term is its largest.
func hypergeometricTail(k, n, l, m float64) float64 {
	marked := k + l
	switch {
	case k <= max(0, marked-m):
		return 1
	case k <= n*marked/(n+m):
		return max(0, 1-hypergeometricTail(n-k+1, n, m-l-1, m)) // At least n − k + 1 of those drawn are not marked.
	}
	term := math.Exp(logChoose(marked, k) + logChoose(n+m-marked, n-k) - logChoose(n+m, n))
	var sum float64
	for x := k; term > 1e-18*sum; x++ {
		sum += term
		term *= (marked - x) * (n - x) / ((x + 1) * (m - marked + x + 1))
	}
	return min(1, sum)
}

func logChoose(n, k float64) float64 { return logFactorial(n) - logFactorial(k) - logFactorial(n-k) }

func logFactorial(n float64) float64 {
	v, _ := math.Lgamma(n + 1)
	return v
}
