// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"
	"sort"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	// MaxCells is the number of distinct values up to which a numeric reference is exact.
	MaxCells = 1024
	// MaxBins is the largest number of bins for PSI and Jensen–Shannon.
	MaxBins = 64
	// tailShare is the share of a reference beyond each of its tails.
	tailShare = 0.05
	// maxReference is the largest number of values of a reference: products of two counts stay below 2⁶³.
	maxReference = 1<<31 - 1
)

// numbers are the values of a numeric reference: at most MaxCells distinct ones, and how many are at most each.
type numbers struct {
	cuts  cuts
	upTo  []uint32
	offBy float64 // the largest difference to the distribution function of all values
	bins  bins
	// The edges of the tails: cells below low and above high.
	low, high uint16
	// The lowest and highest finite cut, the ends of the range that Wasserstein's distance knows from the cells.
	lowest, highest int
}

// newNumbers takes values in ascending order without NaN.
func newNumbers(sorted []float64, s BinSettings) *numbers {
	values, upTo := compress(sorted)
	r := &numbers{offBy: thinningError(sorted, values, upTo)}
	edges := s.equalWidthEdges(sorted)
	values, upTo = insertEdges(values, upTo, edges)
	r.cuts, r.upTo = newCuts(values), slices.Clone(upTo) // Which lies in the memory of all values.
	if s.EqualWidth {
		r.bins = equalWidthBins(sorted, values, edges)
	} else {
		r.bins = quantileBins(sorted, values, upTo, s.count())
	}
	r.derive()
	return r
}

// derive sets what follows from the cells.
func (r *numbers) derive() {
	n := float64(r.upTo[len(r.upTo)-1])
	low := sort.Search(len(r.upTo), func(i int) bool { return float64(r.upTo[i]) >= tailShare*n })
	high := sort.Search(len(r.upTo), func(i int) bool { return float64(r.upTo[i]) >= (1-tailShare)*n })
	r.low, r.high = uint16(2*low+1), uint16(2*high+1)
	r.lowest, r.highest = 0, r.cuts.len()-1
	for r.lowest < r.highest && math.IsInf(r.cuts.at(r.lowest), 0) {
		r.lowest++
	}
	for r.highest > r.lowest && math.IsInf(r.cuts.at(r.highest), 0) {
		r.highest--
	}
}

// compress returns the distinct values and how many are at most each. Of more than MaxCells values, the medians of MaxCells groups
// of equal size stand for all: the distribution function then is off by half a group, less than 1/1,024.
func compress(sorted []float64) (values []float64, upTo []uint32) {
	values, upTo = distinct(sorted)
	if len(values) <= MaxCells {
		return values, upTo
	}
	values, upTo = values[:0], upTo[:0]
	for group := range MaxCells {
		from, to := group*len(sorted)/MaxCells, (group+1)*len(sorted)/MaxCells
		v := sorted[(from+to)/2]
		if last := len(values) - 1; last >= 0 && values[last] == v {
			upTo[last] = uint32(to)
			continue
		}
		values, upTo = append(values, v), append(upTo, uint32(to))
	}
	return values, upTo
}

func distinct(sorted []float64) (values []float64, upTo []uint32) {
	for i, v := range sorted {
		if i+1 == len(sorted) || sorted[i+1] != v {
			values, upTo = append(values, v), append(upTo, uint32(i+1))
		}
	}
	return values, upTo
}

// thinningError is the largest difference of the distribution functions before and after compress.
func thinningError(sorted, values []float64, upTo []uint32) float64 {
	all, counts := distinct(sorted)
	worst, thinned, at := int64(0), int64(0), 0
	for i, v := range all {
		for at < len(values) && values[at] <= v {
			thinned = int64(upTo[at])
			at++
		}
		worst = max(worst, thinned-int64(counts[i]), int64(counts[i])-thinned)
	}
	return float64(worst) / float64(len(sorted))
}

// insertEdges makes cuts of the edges of bins, so that every cell lies in one bin. Cuts where the reference has no value change no
// statistic.
func insertEdges(values []float64, upTo []uint32, edges []float64) ([]float64, []uint32) {
	for _, edge := range edges {
		i, found := slices.BinarySearch(values, edge)
		if found {
			continue
		}
		count := uint32(0)
		if i > 0 {
			count = upTo[i-1]
		}
		values, upTo = slices.Insert(values, i, edge), slices.Insert(upTo, i, count)
	}
	return values, upTo
}

func (r *numbers) encode(e *codec.Encoder) {
	e.Count(r.cuts.len())
	for i := range r.cuts.len() {
		e.Float64(r.cuts.at(i))
	}
	before := uint32(0)
	for _, n := range r.upTo {
		e.Uvarint(uint64(n - before))
		before = n
	}
	e.Float64(r.offBy)
	r.bins.encode(e)
}

func decodeNumbers(d *codec.Decoder) *numbers {
	values := make([]float64, d.Count(9))
	d.Require(len(values) > 0 && len(values) <= MaxCells+MaxBins)
	for i := range values {
		values[i] = d.Float64()
		d.Require(!math.IsNaN(values[i]) && (i == 0 || values[i] > values[i-1]))
	}
	upTo := make([]uint32, len(values))
	sum := uint64(0)
	for i := range upTo {
		sum += d.Below(maxReference + 1)
		d.Require(sum <= maxReference)
		upTo[i] = uint32(sum)
	}
	d.Require(sum > 0)
	r := &numbers{upTo: upTo, offBy: d.Float64()}
	d.Require(r.offBy >= 0 && r.offBy <= 1)
	r.bins = decodeBins(d, 2*len(values)+1, sum)
	if d.Err() != nil {
		return nil
	}
	r.cuts = newCuts(values)
	r.derive()
	return r
}
