// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "math"

// smirnovLargest is the number of values above which the sum gives way to its limit, as in SciPy.
const smirnovLargest = 1_000_000

// smirnovSurvival returns P(D⁺ ≥ d) for the one-sided one-sample statistic of n values, 0 < d < 1: the sum by Smirnov and
// Birnbaum–Tingey,
//
//	d · Σ C(n,j) (d + j/n)^(j−1) (1 − d − j/n)^(n−j),  0 ≤ j ≤ n(1−d).
//
// All terms are positive. They rise to one peak and fall, so the sum goes both ways from the middle and stops where the rest
// no longer counts.
func smirnovSurvival(n int, d float64) float64 {
	size := float64(n)
	if n > smirnovLargest {
		x := 6*size*d + 1
		return math.Exp(-x * x / (18 * size))
	}
	last := int(math.Floor(size * (1 - d)))
	middle := last / 2
	t := smirnovTerms{n: size, nd: size * d}
	sum := t.sum(middle, last+1, 1) + t.sum(middle-1, -1, -1)
	return sum * d
}

type smirnovTerms struct{ n, nd float64 }

// sum adds the terms from one index up or down to another, which is not included.
func (t smirnovTerms) sum(from, to, step int) float64 {
	var sum, before float64
	for j := from; j != to; j += step {
		term := t.at(float64(j))
		sum += term
		if term < before && term < 1e-18*sum {
			break
		}
		before = term
	}
	return sum
}

// at is C(n,j) x^(j−1) y^(n−j) n^(1−n) with x = nd + j and y = n − x, by Stirling's formula: the large powers cancel before
// they are taken.
func (t smirnovTerms) at(j float64) float64 {
	x := t.nd + j
	y := t.n - x
	rest := t.n - j
	switch {
	case y <= 0:
		return 0
	case j == 0:
		return math.Exp(t.n*math.Log1p(-t.nd/t.n)) * t.n / t.nd
	}
	log := j*math.Log1p(t.nd/j) + rest*math.Log1p(-t.nd/rest) + stirlingError(t.n) - stirlingError(j) - stirlingError(rest)
	return math.Exp(log) * math.Sqrt(t.n/(2*math.Pi*j*rest)) * t.n / x
}

// stirlingError is log(k!) − log(√(2πk)·(k/e)^k) for k ≥ 1.
func stirlingError(k float64) float64 {
	if k < float64(len(stirlingErrors)) {
		return stirlingErrors[int(k)]
	}
	s := 1 / (k * k)
	return (1.0/12 - s*(1.0/360-s*(1.0/1260-s/1680))) / k
}

var stirlingErrors = func() (e [32]float64) {
	for k := 1; k < len(e); k++ {
		log, _ := math.Lgamma(float64(k) + 1)
		size := float64(k)
		e[k] = log - (0.5*math.Log(2*math.Pi*size) + size*math.Log(size) - size)
	}
	return e
}()
