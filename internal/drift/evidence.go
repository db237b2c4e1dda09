// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

// Test is the result of one statistical test: how large the difference is, and how likely one as large is without drift.
type Test struct{ Effect, P float64 }

// Share compares the share of some values in the reference and in the window.
type Share struct{ Reference, Current, P float64 }

// possible says that there are such values at all: where neither side has any, no test could ever find a difference.
func (s *Share) possible() bool { return s.Reference+s.Current > 0 }

func (s *Share) test() Test {
	difference := s.Current - s.Reference
	return Test{max(difference, -difference), s.P}
}

// Bins are the shares of both sides on the same edges, as they are, for a picture. Categories have labels instead of edges.
type Bins struct {
	Edges              []float64
	Labels             []string
	Reference, Current []float64
}

// Evidence is what the values of a window say about a feature, before any threshold. Effects that a kind of feature does not have
// are 0 with a P of 1. No number is NaN.
type Evidence struct {
	// N is the number of values, missing ones not counted; NEffective is that of independent values they stand for.
	N          uint64
	NEffective float64
	// referenceEffective is NEffective of the reference.
	referenceEffective float64
	// observed is the number of values, missing ones included.
	observed float64

	// KS is the Kolmogorov–Smirnov test. For aggregated features its effect is KSBounds.Low, which is proven.
	KS Test
	// KSBounds is where the statistic over all values lies: wider than one number for aggregated features and for references
	// that are thinned.
	KSBounds Interval
	// KSAt is where the distribution functions are furthest apart, and KSAbove whether the window lies above the reference
	// there: whether its values are smaller.
	KSAt    float64
	KSAbove bool
	// PSI is the Population Stability Index.
	PSI Test
	// JS is the Jensen–Shannon distance with base 2, 0 to 1.
	JS Test
	// ChiSquare is the χ² test of homogeneity of a categorical feature. Its effect is the total variation distance, 0 to 1.
	ChiSquare Test
	// ChiSquareStatistic and Degrees belong to ChiSquare.
	ChiSquareStatistic float64
	Degrees            int
	// Wasserstein is where the Wasserstein-1 distance lies, in units of the feature; infinite values are left out.
	Wasserstein Interval
	// Lower and Upper are the values beyond the 5 % tails of a numeric reference, Fisher's exact test for more than expected.
	Lower, Upper Share
	// Missing is the share of missing values, Fisher's exact test of both sides.
	Missing Share
	// Unseen is the share of categories that the reference lacks, and UnseenExamples up to 8 of them.
	Unseen         Share
	UnseenExamples []string
	Bins           Bins
}

// collect makes the evidence of windows that follow one another. The number of rows in which the feature was absent counts as
// missing values.
func collect(r *Reference, windows []window, absent uint64, scratch *[]uint32) Evidence {
	none := Test{P: 1}
	e := Evidence{
		KS: none, PSI: none, JS: none, ChiSquare: none,
		Lower: Share{P: 1}, Upper: Share{P: 1}, Missing: Share{P: 1}, Unseen: Share{P: 1},
	}
	e.referenceEffective = r.effective()
	switch r.kind {
	case Numeric:
		collectNumeric(&e, r, windows, absent, scratch)
	case Categorical:
		collectCategorical(&e, r, windows, absent)
	case Aggregated:
		collectAggregated(&e, r, windows)
	}
	return e
}

func zeroed(scratch *[]uint32, n int) []uint32 {
	if cap(*scratch) < n {
		*scratch = make([]uint32, n)
	}
	out := (*scratch)[:n]
	clear(out)
	return out
}

func collectNumeric(e *Evidence, r *Reference, windows []window, absent uint64, scratch *[]uint32) {
	cells := zeroed(scratch, r.numbers.cuts.cells())
	var order serial
	var there presence
	var out excess
	for _, w := range windows {
		w := w.(*numericWindow)
		w.cells.addTo(cells)
		order.append(&w.serial)
		there.append(&w.presence)
		out.below += w.excess.below
		out.above += w.excess.above
	}
	e.missing(r, &there, absent)
	e.N = order.n
	e.NEffective = float64(order.n) * effectiveShare(order.correlation(), order.n)
	if e.N == 0 {
		return
	}
	e.distances(r.numbers, cells, &out)
	e.binned(r.numbers.bins.counts, r.numbers.bins.group(cells), r.numbers.bins.shares)
	e.Bins.Edges = r.numbers.bins.edges(&r.numbers.cuts)
	e.tails(r.numbers, cells)
}

// distances sets the statistics that follow from the difference of the distribution functions.
func (e *Evidence) distances(r *numbers, cells []uint32, out *excess) {
	walk := r.compare(cells)
	d := walk.d()
	e.KS = Test{d, KolmogorovSmirnovP(d, e.referenceEffective, e.NEffective)}
	e.KSBounds = Interval{max(0, d-r.offBy), min(1, d+r.offBy)}
	e.KSAt, e.KSAbove = r.cuts.at(walk.at), walk.above
	e.Wasserstein = Interval{walk.area.Low, walk.area.High}
	outside := (out.below + out.above) / float64(e.N)
	e.Wasserstein.Low += outside
	e.Wasserstein.High += outside
}

// binned sets the statistics of bins. The shares that they compare are never 0, those of the picture may be.
func (e *Evidence) binned(reference, current []uint32, shares func([]uint32) []float64) {
	p, q := shares(reference), shares(current)
	psi, divergence := PSI(p, q), JensenShannon(p, q)
	m, n := e.referenceEffective, e.NEffective
	e.PSI = Test{psi, psiP(psi, len(p), m, n)}
	e.JS = Test{JensenShannonDistance(p, q), jensenShannonP(divergence, len(p), m, n)}
	e.Bins.Reference, e.Bins.Current = plainShares(reference), plainShares(current)
}

func (e *Evidence) tails(r *numbers, cells []uint32) {
	var lower, upper proportions
	for cell, n := range cells {
		if cell < int(r.low) {
			lower.currentWith += float64(n)
		} else if cell > int(r.high) {
			upper.currentWith += float64(n)
		}
	}
	all := float64(r.upTo[len(r.upTo)-1])
	if i := int(r.low) / 2; i > 0 {
		lower.referenceWith = float64(r.upTo[i-1])
	}
	upper.referenceWith = all - float64(r.upTo[r.high/2])
	lower.reference, upper.reference = all, all
	lower.current, upper.current = float64(e.N), float64(e.N)
	e.Lower, e.Upper = e.more(&lower), e.more(&upper)
}

// more tests for a larger share in the window, with as many values as the effective sizes.
func (e *Evidence) more(p *proportions) Share {
	reference, current := p.shares()
	return Share{reference, current, p.scaled(e.referenceEffective, e.NEffective).greater()}
}

// missing compares the shares of missing values. Values of the reference count as independent: it does not say where it missed
// some.
func (e *Evidence) missing(r *Reference, there *presence, absent uint64) {
	n := float64(there.n() + absent)
	e.observed = n
	p := proportions{float64(r.missing), float64(r.n + r.missing), float64(there.missing + absent), n}
	if n == 0 {
		return
	}
	e.Missing.Reference, e.Missing.Current = p.shares()
	chance := e.Missing.Current*e.Missing.Current + (1-e.Missing.Current)*(1-e.Missing.Current)
	order := there.runs()
	effective := n * effectiveShare(order.correlation(chance), order.n)
	e.Missing.P = p.scaled(p.reference, effective).differs()
}

func collectCategorical(e *Evidence, r *Reference, windows []window, absent uint64) {
	current := make([]uint32, len(r.categories.counts))
	var order runs
	var there presence
	for _, w := range windows {
		w := w.(*categoricalWindow)
		for i, n := range w.counts {
			current[i] += n
		}
		order.append(&w.runs)
		there.append(&w.presence)
		for _, name := range w.examples {
			e.UnseenExamples = appendExample(e.UnseenExamples, name)
		}
	}
	e.missing(r, &there, absent)
	e.N = order.n
	if e.N == 0 {
		return
	}
	e.NEffective = float64(order.n) * effectiveShare(order.correlation(agreement(current)), order.n)
	e.homogeneity(r, current)
	e.binned(r.categories.counts, current, smoothedShares)
	e.Bins.Labels = r.categories.labels()
	if r.categories.complete() {
		unseen := proportions{0, float64(r.n), float64(current[len(current)-1]), float64(e.N)}
		e.Unseen = e.more(&unseen)
	}
}

func (e *Evidence) homogeneity(r *Reference, current []uint32) {
	m, n := float64(r.n), float64(e.N)
	inflation := m * n / (m + n) * (1/e.referenceEffective + 1/e.NEffective)
	chi := homogeneity(r.categories.counts, current, inflation)
	e.ChiSquare = Test{totalVariation(r.categories.counts, current), chi.P}
	e.ChiSquareStatistic, e.Degrees = chi.Statistic, chi.Degrees
}

// aggregatedBins is the largest number of bins that PSI and Jensen–Shannon make of buckets.
const aggregatedBins = 10

func collectAggregated(e *Evidence, r *Reference, windows []window) {
	var current Buckets
	for _, w := range windows {
		current.Add(&w.(*aggregatedWindow).buckets)
	}
	e.N, e.NEffective = current.total, float64(current.total)
	if e.N == 0 {
		return
	}
	c := compareBuckets(&r.buckets, &current)
	c.d = Interval{max(0, c.d.Low-r.Error()), min(1, c.d.High+r.Error())}
	e.KSBounds = c.d
	e.KS = Test{c.d.Low, KolmogorovSmirnovP(c.d.Low, e.referenceEffective, e.NEffective)}
	p, q, edges := c.group(aggregatedBins)
	e.binned(p, q, smoothedShares)
	e.Bins.Edges = edges
}
