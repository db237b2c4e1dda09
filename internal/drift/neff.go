// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

// Effective sample size. Values that resemble the one before say less than as many independent ones: n values with a lag-1
// autocorrelation ρ weigh as n·(1−ρ)/(1+ρ). Autocorrelation is taken over the cells of the reference instead of the values,
// that is over ranks: one outlier cannot hide it, and sums of integers do not depend on how a window was put together.

// largestCorrelation bounds the discount for dependence: at least one value in 2,000 counts.
const largestCorrelation = 0.999

// effectiveShare returns the factor by which n dependent values count, with the small-sample bias of the estimate undone.
// Negative correlation is no reason to count more.
func effectiveShare(correlation float64, n uint64) float64 {
	if n < 3 {
		return 1
	}
	corrected := correlation + (1+3*correlation)/float64(n)
	rho := min(max(corrected, 0), largestCorrelation)
	return (1 - rho) / (1 + rho)
}

// serial sums up a sequence of cell indexes for its autocorrelation.
type serial struct {
	n                      uint64
	sum, squares, products uint64
	first, last            uint16
}

func (s *serial) add(cell uint16) {
	if s.n == 0 {
		s.first, s.last = cell, 0 // The first value has no one before it.
	}
	c := uint64(cell)
	s.n++
	s.sum += c
	s.squares += c * c
	s.products += c * uint64(s.last)
	s.last = cell
}

// addAll is add for many cells, at least one. Within them the sums are kept in registers.
func (s *serial) addAll(cells []uint16) {
	s.add(cells[0])
	var sum, squares, products uint64
	last := uint64(s.last)
	for _, cell := range cells[1:] {
		c := uint64(cell)
		sum += c
		squares += c * c
		products += c * last
		last = c
	}
	s.n += uint64(len(cells) - 1)
	s.sum += sum
	s.squares += squares
	s.products += products
	s.last = uint16(last)
}

// append adds the sequence that comes after this one.
func (s *serial) append(later *serial) {
	switch {
	case later.n == 0:
		return
	case s.n == 0:
		*s = *later
		return
	}
	s.products += later.products + uint64(s.last)*uint64(later.first)
	s.n += later.n
	s.sum += later.sum
	s.squares += later.squares
	s.last = later.last
}

// correlation returns the lag-1 autocorrelation, 0 for a constant sequence.
func (s *serial) correlation() float64 {
	if s.n < 3 {
		return 0
	}
	n, sum := float64(s.n), float64(s.sum)
	mean := sum / n
	variance := float64(s.squares) - sum*mean
	if variance <= 0 {
		return 0
	}
	inner := 2*sum - float64(s.first) - float64(s.last)
	return (float64(s.products) - mean*inner + (n-1)*mean*mean) / variance
}

// runs counts how often a category is that of the value before: the autocorrelation of categories.
type runs struct {
	n, same     uint64
	first, last uint32
}

func (r *runs) add(category uint32) {
	if r.n == 0 {
		r.first = category
	} else if category == r.last {
		r.same++
	}
	r.last = category
	r.n++
}

func (r *runs) append(later *runs) {
	switch {
	case later.n == 0:
		return
	case r.n == 0:
		*r = *later
		return
	}
	r.same += later.same
	if r.last == later.first {
		r.same++
	}
	r.n += later.n
	r.last = later.last
}

// correlation compares how often neighbours agree with how often independent values would. The latter is the sum of the
// squared shares; 0 where all values agree.
func (r *runs) correlation(chance float64) float64 {
	if r.n < 3 || chance >= 1 {
		return 0
	}
	agree := float64(r.same) / float64(r.n-1)
	return (agree - chance) / (1 - chance)
}
