// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"strings"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// learner keeps the first values of a feature and makes references of them.
type learner struct {
	kind    Kind
	target  uint64 // the number of values of the next reference
	rounds  int    // that are left
	missing uint64

	numbers []float64
	names   []string
	known   map[string]string // every name once, so that values share its memory
	parts   []Buckets
	held    uint64 // values in parts
}

// maxNames is the number of different names that a learner tells apart.
const maxNames = 4 * MaxCategories

func newLearner(kind Kind, l Learning) *learner {
	return &learner{kind: kind, target: uint64(l.First), rounds: l.Doublings + 1}
}

// add keeps a value, up to the number that the next reference needs.
func (l *learner) add(v *Value) {
	switch {
	case l.full():
	case l.kind == Aggregated:
		l.addBuckets(v.Buckets)
	case l.kind == Numeric && math.IsNaN(v.Number), l.kind == Categorical && v.Missing:
		l.missing++
	case l.kind == Numeric:
		l.numbers = append(l.numbers, v.Number)
	default:
		l.names = append(l.names, l.intern(v.Category))
	}
}

func (l *learner) intern(name string) string {
	if known, ok := l.known[cutName(name)]; ok {
		return known
	}
	if len(l.known) >= maxNames {
		return ""
	}
	if l.known == nil {
		l.known = map[string]string{}
	}
	kept := strings.Clone(cutName(name))
	l.known[kept] = kept
	return kept
}

// maxParts is the number of parts that a learner keeps histograms in, so that it can take them in halves.
const maxParts = 32

func (l *learner) addBuckets(b *Buckets) {
	if b == nil || b.total == 0 || l.held+b.total > maxReference {
		return
	}
	l.held += b.total
	if len(l.parts) == maxParts {
		for i := range maxParts / 2 {
			joined := l.parts[2*i]
			joined.Add(&l.parts[2*i+1])
			l.parts[i] = joined
		}
		l.parts = l.parts[:maxParts/2]
	}
	l.parts = append(l.parts, b.clone())
}

func (l *learner) size() uint64 { return uint64(len(l.numbers)) + uint64(len(l.names)) + l.held }

func (l *learner) full() bool { return l.size() >= l.target }

// next returns a new reference if it is time for one, and whether there is more to learn. The first one has nothing to be compared
// with; a confirmed one, or the last one of all, ends it.
func (l *learner) next(s *Settings, from ReferenceSettings, first bool) (r *Reference, more bool) {
	if !l.full() {
		return nil, true
	}
	l.target *= 2
	l.rounds--
	stable := !first && l.halvesAgree(s, from)
	from.Provisional = !stable
	r, err := l.reference(l.values(0, 1), l.missing, from)
	if err != nil {
		return nil, false
	}
	return r, !stable && l.rounds > 0
}

// values returns the part of what was learned between two shares of it.
func (l *learner) values(from, to float64) learner {
	cut := func(n int) (int, int) { return int(from * float64(n)), int(to * float64(n)) }
	part := learner{kind: l.kind}
	i, j := cut(len(l.numbers))
	part.numbers = l.numbers[i:j]
	i, j = cut(len(l.names))
	part.names = l.names[i:j]
	i, j = cut(len(l.parts))
	part.parts = l.parts[i:j]
	return part
}

func (l *learner) reference(part learner, missing uint64, s ReferenceSettings) (*Reference, error) {
	switch l.kind {
	case Numeric:
		r, err := NewNumericReference(part.numbers, s)
		if err == nil {
			r.missing = missing
			r = r.finish(s)
		}
		return r, err
	case Categorical:
		return NewCategoricalReference(part.names, missing, s)
	default:
		return NewAggregatedReference(part.sum(), s)
	}
}

func (l *learner) sum() Buckets {
	var sum Buckets
	for i := range l.parts {
		sum.Add(&l.parts[i])
	}
	return sum
}

// halvesAgree compares the first half with the second by the rules of a window: only an effect that would be reported and is
// significant speaks against a reference.
func (l *learner) halvesAgree(s *Settings, from ReferenceSettings) bool {
	before, err := l.reference(l.values(0, 0.5), 0, from)
	if err != nil {
		return false
	}
	later := l.values(0.5, 1)
	w := newWindow(before)
	for _, v := range later.numbers {
		w.add(&Value{Number: v})
	}
	for _, name := range later.names {
		w.add(&Value{Category: name})
	}
	for i := range later.parts {
		w.add(&Value{Buckets: &later.parts[i]})
	}
	var scratch []uint32
	e := collect(before, []window{w}, 0, &scratch)
	test, limits := e.KS, s.Thresholds.KS
	if l.kind == Categorical {
		test, limits = e.ChiSquare, s.Thresholds.Categories
	}
	return test.P > s.Alpha || limits.severity(test.Effect) == None
}

func (l *learner) encode(e *codec.Encoder) {
	e.Uvarint(l.target)
	e.Count(l.rounds)
	e.Uvarint(l.missing)
	e.Float64s(l.numbers)
	e.Count(len(l.names))
	for _, name := range l.names {
		e.String(name)
	}
	e.Count(len(l.parts))
	for i := range l.parts {
		l.parts[i].encode(e)
	}
}

func decodeLearner(d *codec.Decoder, kind Kind) *learner {
	l := &learner{kind: kind, target: d.Below(2*maxLearned + 1), rounds: int(d.Below(maxDoublings + 2)), missing: d.Uvarint()}
	l.numbers = make([]float64, d.Count(8))
	for i := range l.numbers {
		l.numbers[i] = d.Float64()
		d.Require(!math.IsNaN(l.numbers[i]))
	}
	for range d.Count(1) {
		l.names = append(l.names, l.intern(d.String()))
	}
	count := d.Count(2)
	d.Require(count <= maxParts)
	for range count {
		if d.Err() != nil {
			break
		}
		b := decodeBuckets(d)
		l.held += b.total
		l.parts = append(l.parts, b)
	}
	return l
}
