// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"slices"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// ranked are the last values of a stream, also in ascending order. The order lags behind by a block of at most 32 values, as
// one value costs much less in a block than alone.
type ranked[T float32 | float64] struct {
	recent  []T // a ring once it is full
	next    int // where the next value goes in the ring
	sorted  []T
	fresh   []T // in recent and not yet in sorted, a block at most
	gone    []T // in sorted and no longer in recent
	limit   int
	refresh int // the number of fresh values that completes a block
}

const block = 32

func newRanked[T float32 | float64](limit int) ranked[T] { return ranked[T]{limit: limit, refresh: 1} }

// add takes the next value and says whether the order is up to date.
func (r *ranked[T]) add(v T) bool {
	if r.recent == nil {
		r.recent, r.sorted = make([]T, 0, r.limit), make([]T, 0, r.limit)
		blocks := make([]T, 2*block)
		r.fresh, r.gone = blocks[:0:block], blocks[block:block:2*block]
	}
	if len(r.recent) < r.limit {
		r.recent = append(r.recent, v)
	} else {
		r.gone = append(r.gone, r.recent[r.next])
		r.recent[r.next] = v
		r.next++
		if r.next == r.limit {
			r.next = 0
		}
	}
	r.fresh = append(r.fresh, v)
	if len(r.fresh) < r.refresh {
		return false
	}
	r.update()
	return true
}

// update brings the order up to date.
func (r *ranked[T]) update() {
	slices.Sort(r.gone)
	r.remove()
	slices.Sort(r.fresh)
	r.insert()
	r.fresh, r.gone = r.fresh[:0], r.gone[:0]
	r.refresh = min(max(1, len(r.sorted)/16), block)
}

// remove takes the values that are gone out. A pass over all values is quicker than a search for each: its branches can be predicted.
func (r *ranked[T]) remove() {
	if len(r.gone) == 0 {
		return
	}
	s, to, i := r.sorted, 0, 0
	for _, v := range s {
		if i < len(r.gone) && v == r.gone[i] {
			i++
			continue
		}
		s[to] = v
		to++
	}
	r.sorted = s[:to]
}

// insert puts the fresh values in, from the back to the front.
func (r *ranked[T]) insert() {
	from := len(r.sorted) - 1
	s := r.sorted[:len(r.sorted)+len(r.fresh)]
	for i, v := range slices.Backward(r.fresh) {
		for ; from >= 0 && s[from] > v; from-- {
			s[from+i+1] = s[from]
		}
		s[from+i+1] = v
	}
	r.sorted = s
}

// lowerBound is how many of the sorted values are less than v.
func lowerBound[T float32 | float64](sorted []T, v T) int {
	low, n := 0, len(sorted)
	for n > 1 {
		half := n / 2
		if sorted[low+half-1] < v {
			low += half
		}
		n -= half
	}
	if n == 1 && sorted[low] < v {
		low++
	}
	return low
}

// each calls for the values in the order in which they came.
func (r *ranked[T]) each(call func(v T)) {
	for _, v := range r.recent[r.next:] {
		call(v)
	}
	for _, v := range r.recent[:r.next] {
		call(v)
	}
}

// reset forgets all values.
func (r *ranked[T]) reset() {
	r.recent, r.sorted, r.fresh, r.gone = r.recent[:0], r.sorted[:0], r.fresh[:0], r.gone[:0]
	r.next, r.refresh = 0, 1
}

func (r *ranked[T]) bytes(size int) int { return (2*cap(r.recent) + 2*block) * size }

// encode appends the values; floats of 32 bits have the same form as of 64.
func (r *ranked[T]) encode(e *codec.Encoder) {
	e.Count(len(r.recent))
	r.each(func(v T) { e.Float64(float64(v)) })
	e.Count(len(r.fresh))
	e.Count(len(r.gone))
	for _, v := range r.gone {
		e.Float64(float64(v))
	}
}

// decode replaces the values.
func (r *ranked[T]) decode(d *codec.Decoder) {
	*r = newRanked[T](r.limit)
	values := decodeFloats[T](d)
	fresh := d.Below(uint64(min(len(values), block-1)) + 1)
	gone := decodeFloats[T](d)
	d.Require(len(values) <= r.limit && len(gone) <= int(fresh) && (len(gone) == 0 || len(values) == r.limit))
	if d.Err() != nil || len(values) == 0 {
		return
	}
	for _, v := range append(values[:len(values)-int(fresh):len(values)-int(fresh)], gone...) {
		r.add(v)
	}
	r.update()
	r.recent, r.next = append(r.recent[:0], values...), 0
	r.fresh, r.gone = append(r.fresh, values[len(values)-int(fresh):]...), append(r.gone, gone...)
	d.Require(len(r.fresh) < r.refresh || len(r.fresh) == 0)
}

// decodeFloats reads a list of numbers that fit into T.
func decodeFloats[T float32 | float64](d *codec.Decoder) []T {
	list := d.Finites()
	values := make([]T, len(list))
	for i, v := range list {
		values[i] = T(v)
		d.Require(float64(values[i]) == v)
	}
	return values
}
