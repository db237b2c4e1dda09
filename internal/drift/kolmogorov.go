// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import "math"

// kolmogorovSurvival returns P(D ≥ d) for the two-sided one-sample Kolmogorov–Smirnov statistic of n values (n ≥ 1), with the
// choice of methods by Simard and L'Ecuyer (Journal of Statistical Software 39/11, 2011) that SciPy's kstwo.sf makes too.
func kolmogorovSurvival(n int, d float64) float64 {
	size := float64(n)
	nd, nd2 := size*d, size*d*d
	switch {
	case d >= 1 || nd2 >= 370:
		return 0
	case nd <= 0.5 || nd2 < negligible:
		return 1
	case nd <= 1:
		return 1 - kolmogorovLowest(n, d)
	case nd >= size-1:
		return 2 * math.Pow(1-d, size)
	case d >= 0.5 || n > 140 && nd2 >= 2.2 || n <= 140 && nd2 > 4:
		return min(1, 2*smirnovSurvival(n, d))
	case n <= 140 || n <= 100_000 && nd*math.Sqrt(d) <= 1.4:
		return clampShare(1 - kolmogorovExact(n, d))
	default:
		return clampShare(1 - pelzGood(n, d))
	}
}

// negligible is the n·d² below which P(D < d) is less than 1e-11.
const negligible = 0.041

func clampShare(p float64) float64 { return min(max(p, 0), 1) }

// kolmogorovLowest is P(D < d) for 1/2 < n·d ≤ 1, by Ruben and Gambino: n!·(2d − 1/n)ⁿ.
func kolmogorovLowest(n int, d float64) float64 {
	width, p := 2*d-1/float64(n), 1.0
	for i := 1; i <= n; i++ {
		p *= float64(i) * width
	}
	return p
}

// kolmogorovExact is P(D < d) by Durbin's matrix in the form of Marsaglia, Tsang and Wang (Journal of Statistical Software
// 8/18, 2003): the middle element of n!/nⁿ·Hⁿ. The matrix is applied n times to a vector instead of being raised to a power,
// which costs less for the sizes that matter, as all entries but the first column and the last row repeat.
func kolmogorovExact(n int, d float64) float64 {
	nd := float64(n) * d
	k := int(nd) + 1
	h := float64(k) - nd
	m := 2*k - 1
	edge, corner := durbinEdges(m, h)
	v, next := make([]float64, m), make([]float64, m)
	v[k-1] = 1
	for range n {
		durbinStep(next, v, edge, corner)
		v, next = next, v
	}
	return v[k-1] * stirlingRatio(n)
}

// inverseFactorials are 1/i! for all i that matter to a float64.
var inverseFactorials = func() (f [20]float64) {
	f[0] = 1
	for i := 1; i < len(f); i++ {
		f[i] = f[i-1] / float64(i)
	}
	return f
}()

func inverseFactorial(i int) float64 {
	if i >= len(inverseFactorials) {
		return 0
	}
	return inverseFactorials[i]
}

// durbinEdges returns the first column of the matrix, which is also the last row from right to left, and their common corner.
func durbinEdges(m int, h float64) (edge []float64, corner float64) {
	edge = make([]float64, m)
	power := h
	for i := range edge {
		edge[i] = (1 - power) * inverseFactorial(i+1)
		power *= h
	}
	corner = 1 - 2*math.Pow(h, float64(m))
	if h > 0.5 {
		corner += math.Pow(2*h-1, float64(m))
	}
	return edge, corner * inverseFactorial(m)
}

// durbinStep sets next to H·v/e; the e keeps the numbers near 1 and goes into stirlingRatio.
func durbinStep(next, v, edge []float64, corner float64) {
	last := len(v) - 1
	for i := range last {
		sum := edge[i] * v[0]
		for j := max(1, i+2-len(inverseFactorials)); j <= i+1; j++ {
			sum += inverseFactorials[i+1-j] * v[j]
		}
		next[i] = sum / math.E
	}
	sum := corner * v[0]
	for j := 1; j <= last; j++ {
		sum += edge[last-j] * v[j]
	}
	next[last] = sum / math.E
}

// stirlingRatio is n!·eⁿ/nⁿ.
func stirlingRatio(n int) float64 {
	size := float64(n)
	if n < 20 {
		p := 1.0
		for i := 1; i <= n; i++ {
			p *= float64(i) / size * math.E
		}
		return p
	}
	s := 1 / (size * size)
	series := (1.0/12 - s*(1.0/360-s*(1.0/1260-s/1680))) / size
	return math.Sqrt(2*math.Pi*size) * math.Exp(series)
}

// pelzGood is P(D < d) by the expansion of Pelz and Good (Journal of the Royal Statistical Society B 38/2, 1976) to the order
// n^(-3/2), with the factors that SciPy has.
func pelzGood(n int, d float64) float64 {
	root := math.Sqrt(float64(n))
	z := root * d
	z2 := z * z
	z4, z6 := z2*z2, z2*z2*z2
	var k0, k1, k2, k3, even2, even3 float64
	for j := range 20 {
		odd := math.Pi * (float64(j) + 0.5)
		o2 := odd * odd
		weight := math.Exp(-o2 / (2 * z2))
		full := math.Pi * float64(j+1)
		f2 := full * full
		fullWeight := math.Exp(-f2 / (2 * z2))
		if weight == 0 {
			break
		}
		k0 += weight
		k1 += (o2 - z2) * weight
		k2 += (6*z6 + 2*z4 + o2*(2*z4-5*z2) + o2*o2*(1-2*z2)) * weight
		k3 += (o2*o2*o2*(5-30*z2) + o2*o2*(212*z4-60*z2) + o2*(135*z4-96*z6) - 30*z6 - 90*z6*z2) * weight
		even2 += f2 * fullWeight
		even3 += (3*f2*z2 - f2*f2) * fullWeight
	}
	half := math.Sqrt(math.Pi / 2)
	// Each sum runs over the positive half of its terms, hence the factors of two.
	k0 *= 2 * half / z
	k1 *= 2 * half / (6 * z4)
	k2 = 2 * half * (k2/(72*z6*z) - even2/(36*z2*z))
	k3 = 2 * half * (k3/(6480*z6*z4) + even3/(216*z6))
	return k0 + (k1+(k2+k3/root)/root)/root
}
