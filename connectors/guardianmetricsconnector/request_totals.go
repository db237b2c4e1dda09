// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"math"
	"math/bits"
	"slices"
	"time"
	"unsafe"

	"github.com/llm-guardian/otelcol-guardian/internal/metering"
	"github.com/llm-guardian/otelcol-guardian/internal/prefetch"
)

// requestTotals add up what requests say between two flushes, one total for each combination of labels, so that a
// request is looked up once and not once per metric. What they hold goes into the metrics before these are shown or saved. A
// combination that comes again is known; one that did not come between two flushes is forgotten.
type requestTotals struct {
	limit int
	keys  *requestKeys
	cells []totalCell // a power of two, at most half of them used; a search begins where the hash of the key says
	known int
	used  []*requestTotal // since the last flush, in the order of their first requests
}

// totalCell is empty if it has no total.
type totalCell struct {
	key   requestKey
	total *requestTotal
}

// requestTotal is what requests with the same labels add up to. What every request touches comes first and lies together.
type requestTotal struct {
	requests  uint32
	has       uint16 // bits of the measures that a request had
	traced    uint16 // bits of those that the last request with a trace had
	rate      rate
	sums      [measures]float64
	buckets   [buckets]uint32   // those of each measure from firstBucket on
	firsts    [measures]int64   // arrivals of the first request that had each, nanoseconds since 1970
	exemplar  metering.Exemplar // of the last request with a trace
	exemplars [measures]float64 // what it said
	labels    keyedLabels
}

// touchedLines are the lines of memory at the beginning of a total that a request touches.
const touchedLines = int(unsafe.Offsetof(requestTotal{}.firsts)+prefetch.LineSize-1) / prefetch.LineSize

// measure is what a request says, or that there is one.
type measure int

const (
	ofRequests measure = iota // always 1
	ofDuration
	ofQuality
	ofConfidence
	ofContext
	ofInput
	ofOutput

	measures
)

// rate is what came within one second.
type rate struct {
	second    int64 // since 1970
	requests  float64
	tokens    float64
	hasTokens bool
}

// edges are the bucket edges of each measure: those of all histograms that show it, so that a value is put into one
// bucket and not into one of each.
var edges = [measures][]float64{
	ofDuration:   union(secondsOfRequests, secondsOfModels, secondsOfGenAI),
	ofQuality:    tenths,
	ofConfidence: tenths,
	ofContext:    contextTokens,
	ofInput:      tokensOfGenAI,
	ofOutput:     tokensOfGenAI,
}

func union(histograms ...[]float64) []float64 {
	all := slices.Concat(histograms...)
	slices.Sort(all)
	return slices.Compact(all)
}

// buckets is the number of buckets of all measures; a test holds it to what edges say.
const buckets = 86

// firstBucket is where the buckets of each measure begin.
var firstBucket = func() (first [measures + 1]int) {
	for m := range measures {
		first[m+1] = first[m] + len(edges[m]) + 1
	}
	return first
}()

func newRequestTotals(limit int) *requestTotals {
	return &requestTotals{limit: limit, keys: newRequestKeys(), cells: make([]totalCell, minCells)}
}

const minCells = 16

// cell gives the cell of a key, or the empty one to put its total into.
func (t *requestTotals) cell(key *requestKey) *totalCell {
	for at := key.hash(); ; at++ {
		cell := &t.cells[at&uint64(len(t.cells)-1)]
		if cell.total == nil || cell.key == *key {
			return cell
		}
	}
}

// find gives the total of labels by their key, or nil.
func (t *requestTotals) find(key *requestKey) *requestTotal { return t.cell(key).total }

// expect has the place fetched where the total of a key will be looked for.
func (t *requestTotals) expect(key *requestKey) {
	prefetch.Lines(unsafe.Pointer(&t.cells[key.hash()&uint64(len(t.cells)-1)]), 1)
}

// fetch has the total of a key fetched, which a request will be added to.
func (t *requestTotals) fetch(key *requestKey) {
	if total := t.find(key); total != nil {
		prefetch.Lines(unsafe.Pointer(total), touchedLines)
	}
}

func (t *requestTotals) full() bool { return t.known >= t.limit }

// create makes the total of labels whose key was looked for and not found.
func (t *requestTotals) create(l *keyedLabels) *requestTotal {
	if 2*(t.known+1) > len(t.cells) {
		t.resize(2 * len(t.cells))
	}
	total := &requestTotal{labels: keyedLabels{l.clone(), l.key}}
	t.place(total)
	return total
}

func (t *requestTotals) place(total *requestTotal) {
	*t.cell(&total.labels.key) = totalCell{total.labels.key, total}
	t.known++
}

// resize moves the totals into another number of cells.
func (t *requestTotals) resize(cells int) {
	old := t.cells
	t.forget(cells)
	for i := range old {
		if total := old[i].total; total != nil {
			t.place(total)
		}
	}
}

// take gives the totals that were used, to be emptied before the next request, and forgets the others.
func (t *requestTotals) take() []*requestTotal {
	taken := t.used
	t.used = t.used[:0]
	if len(taken) < t.known {
		t.forget(max(minCells, 1<<bits.Len(uint(2*len(taken)))))
		for _, total := range taken {
			t.place(total)
		}
	}
	return taken
}

// forget forgets all totals, and makes room for half as many as there are cells then.
func (t *requestTotals) forget(cells int) { t.cells, t.known = make([]totalCell, cells), 0 }

// begin counts one more request.
func (t *requestTotal) begin(at *occasion) {
	t.requests++
	if at.traced {
		t.exemplar, t.traced = at.exemplar, 0
	}
	t.add(ofRequests, 1, at)
}

// full reports whether one more request would be too many for the buckets.
func (t *requestTotal) full() bool { return t.requests == math.MaxUint32 }

// add adds what the request that began last says of a measure.
func (t *requestTotal) add(m measure, value float64, at *occasion) {
	if t.has>>m&1 == 0 {
		t.has |= 1 << m
		t.firsts[m] = at.now.UnixNano()
	}
	t.sums[m] += value
	t.buckets[firstBucket[m]+bucketOf(m, value)]++
	if at.traced {
		t.traced |= 1 << m
		t.exemplars[m] = value
	}
}

// bucketOf gives the bucket of a value: the first one whose edge is not less.
func bucketOf(m measure, value float64) (bucket int) {
	if value > 0 {
		bucket = int(edgesBelow[m][math.Float64bits(value)>>52])
	}
	for _, edge := range edges[m][bucket:] {
		if value <= edge {
			return bucket
		}
		bucket++
	}
	return bucket
}

// edgesBelow is how many edges of a measure are less than all positive values with an exponent, where the search begins.
var edgesBelow = func() (below [measures][1 << 11]uint8) {
	for m := range measures {
		for exponent := range below[m] {
			least := math.Float64frombits(uint64(exponent) << 52)
			for _, edge := range edges[m] {
				if edge < least {
					below[m][exponent]++
				}
			}
		}
	}
	return below
}()

// reset empties the total.
func (t *requestTotal) reset() {
	t.requests, t.has, t.traced, t.rate = 0, 0, 0, rate{}
	t.sums = [measures]float64{}
	t.buckets = [buckets]uint32{}
}

// to adds a measure to a metric. Histograms have bounds, all of which are edges of the measure.
func (t *requestTotal) to(i *metering.Instrument, m measure, bounds []float64, labels metering.Labels) {
	if i == nil || t.has>>m&1 == 0 {
		return
	}
	var counts [buckets]uint64
	batch := metering.Batch{Sum: t.sums[m], First: time.Unix(0, t.firsts[m]), Buckets: counts[:len(bounds)+1]}
	batch.Count = coarsen(t.buckets[firstBucket[m]:firstBucket[m+1]], edges[m], batch.Buckets, bounds)
	if bounds == nil {
		batch.Buckets = nil
	}
	if t.traced>>m&1 == 1 {
		batch.Exemplar, batch.Value = t.exemplar, t.exemplars[m]
	}
	i.AddBatch(&labels, &batch)
}

// coarsen gives counts between edges as counts between bounds, all of which are edges, and their total.
func coarsen(counts []uint32, edges []float64, into []uint64, bounds []float64) (total uint64) {
	at := 0
	for i, n := range counts {
		into[at] += uint64(n)
		total += uint64(n)
		if at < len(bounds) && edges[i] == bounds[at] {
			at++
		}
	}
	return total
}
