// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math/rand/v2"
	"slices"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// reservoir holds rows of the past: the first ones all, later ones in the place of any, so seldom that the mean age of the
// rows is the horizon.
type reservoir struct {
	limit, horizon int
	columns        int
	values         []float64
	ages           []uint64 // the number of each row
	seen           uint64
	source         *rand.PCG
	draw           *rand.Rand
}

func newReservoir(limit, horizon, columns int, seed uint64) reservoir {
	source := rand.NewPCG(seed, reservoirStream)
	return reservoir{
		limit: limit, horizon: horizon, columns: columns, source: source,
		draw: rand.New(source), //nolint:gosec // Not for secrets: the same seed must give the same rows.
	}
}

func (r *reservoir) rows() int { return len(r.ages) }

func (r *reservoir) add(columns []float64) {
	r.seen++
	if len(r.ages) < r.limit {
		r.values = append(r.values, columns...)
		r.ages = append(r.ages, r.seen)
		return
	}
	if r.draw.IntN(max(r.horizon, r.limit)) < r.limit {
		r.replace(columns)
	}
}

// put takes a row for certain.
func (r *reservoir) put(columns []float64) {
	if len(r.ages) < r.limit {
		r.add(columns)
		return
	}
	r.seen++
	r.replace(columns)
}

func (r *reservoir) replace(columns []float64) {
	at := r.draw.IntN(r.limit)
	copy(r.values[at*r.columns:], columns)
	r.ages[at] = r.seen
}

// reset forgets all rows.
func (r *reservoir) reset() { r.values, r.ages, r.seen = r.values[:0], r.ages[:0], 0 }

// ordered is a copy of the rows in the order in which they came.
func (r *reservoir) ordered() []float64 {
	order := make([]int, len(r.ages))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if r.ages[a] < r.ages[b] {
			return -1
		}
		return 1
	})
	out := make([]float64, 0, len(r.values))
	for _, i := range order {
		out = append(out, r.values[i*r.columns:(i+1)*r.columns]...)
	}
	return out
}

func (r *reservoir) bytes() int { return 8*cap(r.values) + 8*cap(r.ages) + 64 }

func (r *reservoir) encode(e *codec.Encoder) {
	e.Uvarint(r.seen)
	e.Uvarints(r.ages)
	for _, v := range r.values {
		e.Float64(v)
	}
	state, _ := r.source.MarshalBinary() // Which returns no error.
	e.Bytes(state)
}

func (r *reservoir) decode(d *codec.Decoder) {
	r.seen = d.Uvarint()
	n := d.Count(1)
	d.Require(n <= r.limit)
	r.ages, r.values = nil, nil
	known := map[uint64]bool{}
	for range n {
		age := d.Uvarint()
		d.Require(age >= 1 && age <= r.seen && !known[age])
		if d.Err() != nil {
			return
		}
		known[age] = true
		r.ages = append(r.ages, age)
	}
	for range n * r.columns {
		r.values = append(r.values, d.Finite())
		if d.Err() != nil {
			return
		}
	}
	d.Require(r.source.UnmarshalBinary(d.Bytes()) == nil)
}
