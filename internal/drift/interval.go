// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

// Interval holds a number that is not known better.
type Interval struct{ Low, High float64 }

// comparison is what can be said of two distributions of which some cumulated counts are known.
type comparison struct {
	d Interval // the Kolmogorov–Smirnov statistic lies in it
	// The counts of both sides in the cells between places where both are known.
	reference, current []uint64
	edges              []float64
}

// compareBuckets walks over all edges of both sides. At an edge, the distribution functions differ by at least the gap between
// what is possible on one side and on the other; between two edges, by at most the difference between the end of one and the
// start of the other.
func compareBuckets(reference, current *Buckets) comparison {
	var c comparison
	m, n := float64(reference.total), float64(current.total)
	before := [2]bounds{}
	var cell [2]uint64
	step := func(left, right bounds) {
		high := max(float64(left.high)/m-float64(before[1].low)/n, float64(right.high)/n-float64(before[0].low)/m)
		c.d.High = max(c.d.High, high)
		before = [2]bounds{left, right}
	}
	walkKnots(reference, current, func(at knot, left, right bounds) {
		c.d.Low = max(c.d.Low, float64(left.low)/m-float64(right.high)/n, float64(right.low)/n-float64(left.high)/m)
		step(left, right)
		if left.exact() && right.exact() {
			c.reference = append(c.reference, left.low-cell[0])
			c.current = append(c.current, right.low-cell[1])
			c.edges = append(c.edges, at.x)
			cell = [2]uint64{left.low, right.low}
		}
	})
	step(bounds{reference.total, reference.total}, bounds{current.total, current.total})
	c.reference = append(c.reference, reference.total-cell[0])
	c.current = append(c.current, current.total-cell[1])
	return c
}

// group joins neighbouring cells until each but the last has its part of the reference, so that there are at most count.
func (c *comparison) group(count int) (reference, current []uint32, edges []float64) {
	var total uint64
	for _, n := range c.reference {
		total += n
	}
	var r, w, sum uint64
	for i := range c.reference {
		r += c.reference[i]
		w += c.current[i]
		sum += c.reference[i]
		last := i == len(c.reference)-1
		if last || r > 0 && sum*uint64(count) >= total*uint64(len(reference)+1) && sum < total {
			reference, current = append(reference, clamp32(r)), append(current, clamp32(w))
			r, w = 0, 0
			if !last {
				edges = append(edges, c.edges[i])
			}
		}
	}
	return reference, current, edges
}

func clamp32(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }

// asBuckets gives the distribution of numbers as known counts: two per cut, as nothing lies between cuts.
func (r *numbers) asBuckets() Buckets {
	b := Buckets{total: uint64(r.upTo[len(r.upTo)-1])}
	before := uint64(0)
	for i, n := range r.upTo {
		b.knots = append(b.knots, knot{r.cuts.at(i), false, before}, knot{r.cuts.at(i), true, uint64(n)})
		before = uint64(n)
	}
	return b
}
