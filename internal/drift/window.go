// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"
	"strings"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// Value is one observation of a feature. It holds no memory of the caller's but a Category, which
// [Feature.Category] makes safe to keep.
type Value struct {
	Feature *Feature
	// Number is the value of a numeric feature; NaN is a missing value.
	Number float64
	// Category is the value of a categorical feature.
	Category string
	// Missing says that there is no category.
	Missing bool
	number  uint32 // of the category, counted from 1, in the reference that it was looked up in; 0 where that is not known
	// Buckets are the values of an aggregated feature.
	Buckets *Buckets
}

// window holds the values of one feature between two points in time, counted by the cells of its reference.
type window interface {
	// add counts a value and returns how many values it stands for.
	add(v *Value) uint64
	// observed is the number of values, missing ones included.
	observed() uint64
	// reset empties the window.
	reset()
	encode(e *codec.Encoder)
	decode(d *codec.Decoder)
}

func newWindow(r *Reference) window {
	switch r.kind {
	case Numeric:
		return newNumericWindow(r.numbers)
	case Categorical:
		return &categoricalWindow{reference: r.categories, counts: make([]uint32, len(r.categories.counts))}
	default:
		return &aggregatedWindow{}
	}
}

// presence counts missing values and how they cluster.
type presence struct {
	missing, there uint64
	changes        uint64 // from missing to there and back
	first, last    bool   // missing
}

func (p *presence) add(missing bool) {
	if missing == p.last && p.there|p.missing != 0 {
		p.count(missing)
		return
	}
	if p.there|p.missing == 0 {
		p.first = missing
	} else {
		p.changes++
	}
	p.last = missing
	p.count(missing)
}

// addAll adds n values that are there, at least 1.
func (p *presence) addAll(n int) {
	p.add(false)
	p.there += uint64(n - 1)
}

func (p *presence) count(missing bool) {
	if missing {
		p.missing++
	} else {
		p.there++
	}
}

func (p *presence) n() uint64 { return p.missing + p.there }

// runs gives the sequence in the form that has a correlation.
func (p *presence) runs() runs {
	if p.n() == 0 {
		return runs{}
	}
	return runs{n: p.n(), same: p.n() - 1 - p.changes}
}

func (p *presence) append(later *presence) {
	switch {
	case later.n() == 0:
		return
	case p.n() == 0:
		*p = *later
		return
	}
	if p.last != later.first {
		p.changes++
	}
	p.missing += later.missing
	p.there += later.there
	p.changes += later.changes
	p.last = later.last
}

// numericWindow starts with what every value touches.
type numericWindow struct {
	cuts      cuts // those of the reference
	inside    [2]uint16
	cells     counts
	serial    serial
	presence  presence
	excess    excess
	reference *numbers
}

func newNumericWindow(r *numbers) *numericWindow {
	return &numericWindow{cuts: r.cuts, inside: [2]uint16{uint16(2*r.lowest + 1), uint16(2*r.highest + 1)}, reference: r}
}

// excess is how far the finite values outside the range of the reference lie outside, added up.
type excess struct{ below, above float64 }

func (w *numericWindow) add(v *Value) uint64 {
	if v.Number != v.Number {
		w.presence.add(true)
		return 1
	}
	w.count(w.cuts.cell(v.Number), v.Number)
	return 1
}

// addAll is add for many values. The sums of a batch are gathered before they are written.
func (w *numericWindow) addAll(values []float64) {
	for len(values) > 0 {
		part := values[:min(len(values), batch)]
		values = values[len(part):]
		if slices.ContainsFunc(part, math.IsNaN) {
			for _, v := range part {
				w.add(&Value{Number: v})
			}
			continue
		}
		var cells [batch]uint16
		w.cuts.search(part, &cells)
		w.presence.addAll(len(part))
		w.cells.addAll(cells[:len(part)], w.cuts.cells())
		w.serial.addAll(cells[:len(part)])
		for i, cell := range cells[:len(part)] {
			if cell < w.inside[0] || cell > w.inside[1] {
				w.excess.add(w.reference, part[i])
			}
		}
	}
}

// count adds a number whose cell is known.
func (w *numericWindow) count(cell uint16, number float64) {
	w.presence.add(false)
	w.cells.add(cell, w.cuts.cells())
	w.serial.add(cell)
	if cell < w.inside[0] || cell > w.inside[1] {
		w.excess.add(w.reference, number)
	}
}

func (x *excess) add(r *numbers, v float64) {
	if math.IsInf(v, 0) {
		return
	}
	x.below += max(0, r.cuts.at(r.lowest)-v)
	x.above += max(0, v-r.cuts.at(r.highest))
}

func (w *numericWindow) reset() {
	w.cells.reset()
	w.serial, w.presence, w.excess = serial{}, presence{}, excess{}
}

// maxExamples is the number of unseen names that a finding shows.
const maxExamples = 8

type categoricalWindow struct {
	reference *categories
	counts    []uint32 // the last one of unseen categories, or of those without a count of their own
	runs      runs
	presence  presence
	examples  []string // of unseen categories
}

func (w *categoricalWindow) add(v *Value) uint64 {
	w.presence.add(v.Missing)
	if v.Missing {
		return 1
	}
	i := w.reference.number(v)
	w.counts[i]++
	w.runs.add(i)
	if i == w.reference.rest() && w.reference.complete() {
		w.examples = appendExample(w.examples, cutName(v.Category))
	}
	return 1
}

func appendExample(examples []string, name string) []string {
	if len(examples) == maxExamples {
		return examples
	}
	if slices.Contains(examples, name) {
		return examples
	}
	return append(examples, strings.Clone(name))
}

func (w *categoricalWindow) reset() {
	clear(w.counts)
	w.runs, w.presence, w.examples = runs{}, presence{}, w.examples[:0]
}

type aggregatedWindow struct{ buckets Buckets }

func (w *aggregatedWindow) add(v *Value) uint64 {
	if v.Buckets == nil || w.buckets.total+v.Buckets.total > maxReference {
		return 0
	}
	w.buckets.Add(v.Buckets)
	return v.Buckets.total
}

func (w *aggregatedWindow) reset() { w.buckets = Buckets{} }

func (w *numericWindow) observed() uint64     { return w.presence.n() }
func (w *categoricalWindow) observed() uint64 { return w.presence.n() }
func (w *aggregatedWindow) observed() uint64  { return w.buckets.total }

func (w *numericWindow) encode(e *codec.Encoder) {
	w.cells.encode(e)
	s := &w.serial
	for _, v := range []uint64{s.n, s.sum, s.squares, s.products, uint64(s.first), uint64(s.last)} {
		e.Uvarint(v)
	}
	w.presence.encode(e)
	e.Float64(w.excess.below)
	e.Float64(w.excess.above)
}

func (w *numericWindow) decode(d *codec.Decoder) {
	w.cells = decodeCounts(d, w.reference.cuts.cells())
	cells := uint64(w.reference.cuts.cells())
	s := &w.serial
	s.n, s.sum, s.squares, s.products = d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Uvarint()
	s.first, s.last = uint16(d.Below(cells)), uint16(d.Below(cells))
	w.presence.decode(d)
	w.excess = excess{d.Float64(), d.Float64()}
}

func (w *categoricalWindow) encode(e *codec.Encoder) {
	for _, n := range w.counts {
		e.Uvarint(uint64(n))
	}
	w.runs.encode(e)
	w.presence.encode(e)
	e.Count(len(w.examples))
	for _, name := range w.examples {
		e.String(name)
	}
}

func (w *categoricalWindow) decode(d *codec.Decoder) {
	for i := range w.counts {
		w.counts[i] = uint32(d.Below(1 << 32))
	}
	w.runs.decode(d)
	w.presence.decode(d)
	count := d.Count(1)
	d.Require(count <= maxExamples)
	for range count {
		if d.Err() != nil {
			return
		}
		w.examples = append(w.examples, d.String())
	}
}

func (w *aggregatedWindow) encode(e *codec.Encoder) { w.buckets.encode(e) }
func (w *aggregatedWindow) decode(d *codec.Decoder) { w.buckets = decodeBuckets(d) }

func (r *runs) encode(e *codec.Encoder) {
	for _, v := range []uint64{r.n, r.same, uint64(r.first), uint64(r.last)} {
		e.Uvarint(v)
	}
}

func (r *runs) decode(d *codec.Decoder) {
	r.n, r.same, r.first, r.last = d.Uvarint(), d.Uvarint(), uint32(d.Below(1<<32)), uint32(d.Below(1<<32))
}

func (p *presence) encode(e *codec.Encoder) {
	for _, v := range []uint64{p.missing, p.there, p.changes} {
		e.Uvarint(v)
	}
	e.Bool(p.first)
	e.Bool(p.last)
}

func (p *presence) decode(d *codec.Decoder) {
	*p = presence{missing: d.Uvarint(), there: d.Uvarint(), changes: d.Uvarint(), first: d.Bool(), last: d.Bool()}
	d.Require(p.missing < 1<<62 && p.there < 1<<62 && p.changes < max(1, p.n()))
}
