// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// BinSettings say how PSI and Jensen–Shannon cut up a numeric reference. The edges belong to the reference: no later value moves
// them, and values outside all edges count in the first and last bin.
type BinSettings struct {
	// Count is the number of bins, 2 to MaxBins; 0 means 10. A reference of few distinct values has fewer.
	Count int
	// EqualWidth makes bins of equal width instead of equal share, the lower edge included, and gives an empty bin a share of
	// 0.0001 instead of adding half a count to every bin.
	EqualWidth bool
	// Low and High are the range of bins of equal width. Both 0 means the range of the finite values of the reference.
	Low, High float64
}

func (s BinSettings) validate() error {
	switch {
	case s.Count != 0 && (s.Count < 2 || s.Count > MaxBins):
		return fmt.Errorf("bins must be 2 to %d (got %d)", MaxBins, s.Count)
	case s.Low != 0 || s.High != 0:
		if width := s.High - s.Low; !(width > 0) || math.IsInf(width, 0) {
			return fmt.Errorf("the range of the bins must be finite and ascend (got %v to %v)", s.Low, s.High)
		}
	}
	return nil
}

func (s BinSettings) count() int {
	if s.Count == 0 {
		return 10
	}
	return s.Count
}

// equalWidthEdges returns the inner edges of bins of equal width, none for other bins.
func (s BinSettings) equalWidthEdges(sorted []float64) []float64 {
	if !s.EqualWidth {
		return nil
	}
	low, high := s.Low, s.High
	if low == 0 && high == 0 {
		low, high = finiteRange(sorted)
	}
	var edges []float64
	for i := 1; i < s.count(); i++ {
		at := float64(i) / float64(s.count())
		// Weighed instead of added to low, as the width of a range can overflow.
		edge := low*(1-at) + high*at
		if s.High-s.Low > 0 {
			edge = low + (high-low)*float64(i)/float64(s.count())
		}
		if len(edges) == 0 || edge > edges[len(edges)-1] {
			edges = append(edges, edge)
		}
	}
	return edges
}

// finiteRange returns the range of the finite values. A single value gets a range of width 1 about it.
func finiteRange(sorted []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range sorted {
		if !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	switch {
	case low > high:
		return 0, 1
	case low == high:
		return low - 0.5, high + 0.5
	}
	return low, high
}

// bins are groups of neighbouring cells.
type bins struct {
	ends       []uint16 // the last cell of each bin but the last
	counts     []uint32 // of the reference, by bin
	equalWidth bool
}

// quantileBins makes bins of about equal shares, from cuts that are values of the reference. The count of each is exact also where
// the cells are thinned.
func quantileBins(sorted, values []float64, upTo []uint32, count int) bins {
	if len(values) == 1 {
		// Below, at and above the one value, or no change could ever show.
		return bins{ends: []uint16{0, 1}, counts: []uint32{0, uint32(len(sorted)), 0}}
	}
	var b bins
	for i := 1; i < count; i++ {
		cut := sort.Search(len(upTo), func(j int) bool { return uint64(upTo[j])*uint64(count) >= uint64(len(sorted))*uint64(i) })
		end := uint16(2*cut + 1)
		if cut < len(values)-1 && (len(b.ends) == 0 || b.ends[len(b.ends)-1] < end) {
			b.ends = append(b.ends, end)
		}
	}
	b.countReference(sorted, func(end uint16) int {
		return sort.Search(len(sorted), func(i int) bool { return sorted[i] > values[end/2] })
	})
	return b
}

func equalWidthBins(sorted, values, edges []float64) bins {
	b := bins{equalWidth: true}
	for _, edge := range edges {
		cut, _ := slices.BinarySearch(values, edge)
		b.ends = append(b.ends, uint16(2*cut))
	}
	b.countReference(sorted, func(end uint16) int { return sort.SearchFloat64s(sorted, values[end/2]) })
	return b
}

func (b *bins) countReference(sorted []float64, upTo func(end uint16) int) {
	before := 0
	for _, end := range b.ends {
		n := upTo(end)
		b.counts = append(b.counts, uint32(n-before))
		before = n
	}
	b.counts = append(b.counts, uint32(len(sorted)-before))
}

// group adds up the counts of cells by bin.
func (b *bins) group(cells []uint32) []uint32 {
	out := make([]uint32, len(b.counts))
	bin := 0
	for cell, n := range cells {
		if bin < len(b.ends) && cell > int(b.ends[bin]) {
			bin++
		}
		out[bin] += n
	}
	return out
}

// edges returns the inner edges of the bins.
func (b *bins) edges(c *cuts) []float64 {
	out := make([]float64, len(b.ends))
	for i, end := range b.ends {
		out[i] = c.at(int(end / 2))
	}
	return out
}

// emptyShare is the share of an empty bin of equal width.
const emptyShare = 0.0001

// shares turns counts into shares that are never 0.
func (b *bins) shares(counts []uint32) []float64 {
	if !b.equalWidth {
		return smoothedShares(counts)
	}
	out := make([]float64, len(counts))
	sum := float64(total(counts))
	for i, n := range counts {
		out[i] = emptyShare
		if n > 0 {
			out[i] = float64(n) / sum
		}
	}
	return out
}

// smoothedShares adds half a count to each, so that an empty bin is neither impossible nor a matter of taste.
func smoothedShares(counts []uint32) []float64 {
	out := make([]float64, len(counts))
	sum := float64(total(counts)) + 0.5*float64(len(counts))
	for i, n := range counts {
		out[i] = (float64(n) + 0.5) / sum
	}
	return out
}

// plainShares are shares as they are, for pictures.
func plainShares(counts []uint32) []float64 {
	out := make([]float64, len(counts))
	sum := float64(max(1, total(counts)))
	for i, n := range counts {
		out[i] = float64(n) / sum
	}
	return out
}

func (b *bins) encode(e *codec.Encoder) {
	e.Bool(b.equalWidth)
	e.Count(len(b.counts))
	for _, end := range b.ends {
		e.Uvarint(uint64(end))
	}
	for _, n := range b.counts {
		e.Uvarint(uint64(n))
	}
}

// decodeBins reads bins over a number of cells that hold a number of values.
func decodeBins(d *codec.Decoder, cells int, values uint64) bins {
	b := bins{equalWidth: d.Bool()}
	count := d.Count(1)
	d.Require(count >= 1 && count <= MaxBins)
	if d.Err() != nil {
		return b
	}
	b.ends, b.counts = make([]uint16, count-1), make([]uint32, count)
	for i := range b.ends {
		b.ends[i] = uint16(d.Below(uint64(cells)))
		d.Require(i == 0 || b.ends[i] > b.ends[i-1])
	}
	for i := range b.counts {
		b.counts[i] = uint32(d.Below(maxReference + 1))
	}
	d.Require(total(b.counts) == values)
	return b
}
