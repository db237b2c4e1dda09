// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"math"
	"slices"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// requestTotals add up what requests say between two flushes, one total for each combination of labels, so that a
// request is looked up once and not once per metric. What they hold goes into the metrics before these are shown or saved. A
// combination that comes again is known; one that did not come between two flushes is forgotten.
type requestTotals struct {
	limit int
	byKey map[string]*requestTotal // packed labels
	last  *requestTotal            // requests of one sender come together
	used  []*requestTotal          // since the last flush, in the order of their first requests
	key   []byte                   // of the labels that were looked for last
}

// requestTotal is what requests with the same labels add up to. What every request touches comes first and lies together.
type requestTotal struct {
	key      string
	requests uint32
	traced   uint32 // bits of the measures that the last request with a trace had
	exemplar metering.Exemplar
	amounts  [measures]amount
	buckets  [buckets]uint32 // those of each measure from firstBucket on
	rate     rate
	labels   requestLabels
}

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

// amount is the values of one measure, besides their buckets.
type amount struct {
	first    int64 // arrival of the first one, nanoseconds since 1970; 0 before it
	sum      float64
	exemplar float64 // the value of the last request with a trace
}

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
	return &requestTotals{limit: limit, byKey: map[string]*requestTotal{}}
}

// find gives the total of labels, or nil.
func (t *requestTotals) find(labels *requestLabels) *requestTotal {
	if t.last != nil && t.last.labels == *labels {
		return t.last
	}
	t.key = labels.pack(t.key[:0])
	t.last = t.byKey[string(t.key)]
	return t.last
}

func (t *requestTotals) full() bool { return len(t.byKey) >= t.limit }

// create makes the total of labels, which were looked for and not found.
func (t *requestTotals) create() *requestTotal {
	total := &requestTotal{key: string(t.key)}
	total.labels.unpack(total.key)
	t.byKey[total.key] = total
	t.last = total
	return total
}

// take gives the totals that were used, to be emptied before the next request, and forgets the others.
func (t *requestTotals) take() []*requestTotal {
	taken := t.used
	t.used = t.used[:0]
	for key, total := range t.byKey {
		if total.requests == 0 {
			delete(t.byKey, key)
		}
	}
	t.last = nil
	return taken
}

// forget forgets all totals.
func (t *requestTotals) forget() {
	clear(t.byKey)
	t.last = nil
}

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
	amount := &t.amounts[m]
	if amount.first == 0 {
		amount.first = at.now.UnixNano()
	}
	amount.sum += value
	t.buckets[firstBucket[m]+bucketOf(m, value)]++
	if at.traced {
		amount.exemplar = value
		t.traced |= 1 << m
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
	t.requests, t.traced, t.rate = 0, 0, rate{}
	t.amounts = [measures]amount{}
	t.buckets = [buckets]uint32{}
}

// to adds a measure to a metric. Histograms have bounds, all of which are edges of the measure.
func (t *requestTotal) to(i *metering.Instrument, m measure, bounds []float64, labels metering.Labels) {
	amount := &t.amounts[m]
	if i == nil || amount.first == 0 {
		return
	}
	var counts [buckets]uint64
	batch := metering.Batch{Sum: amount.sum, First: time.Unix(0, amount.first), Buckets: counts[:len(bounds)+1]}
	batch.Count = coarsen(t.buckets[firstBucket[m]:firstBucket[m+1]], edges[m], batch.Buckets, bounds)
	if bounds == nil {
		batch.Buckets = nil
	}
	if t.traced>>m&1 == 1 {
		batch.Exemplar, batch.Value = t.exemplar, amount.exemplar
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
