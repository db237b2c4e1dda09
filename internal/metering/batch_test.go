// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBatchesAreTheirUpdates gives the same updates to two Meters, to one of them in batches, and expects the same of both,
// with more series than there is room for. Values are multiples of 1/8, of which sums are exact in any order.
func TestBatchesAreTheirUpdates(t *testing.T) {
	f := func(config Config) {
		config.SeriesLimit, config.IdleAfter = 4, 2*time.Minute
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, 5))
			single, batched, now := newMeter(t, config), newMeter(t, config), start
			for range 200 {
				b := Batch{First: now, Exemplar: *traced(now)}
				labels := &Labels{string(rune('a' + rng.IntN(6)))}
				counts := rng.IntN(2) == 0
				if !counts {
					b.Buckets = make([]uint64, 4)
				}
				for range rng.IntN(4) {
					b.Count++
					b.Value = float64(rng.IntN(40)) / 8
					b.Sum += b.Value
					if counts {
						single.Instrument("a.counter").Add(now, labels, b.Value, &b.Exemplar)
					} else {
						single.Instrument("a.histogram").Record(now, labels, b.Value, &b.Exemplar)
						b.Buckets[bucketOf([]float64{-1, .5, 2}, b.Value)]++
					}
				}
				if counts {
					batched.Instrument("a.counter").AddBatch(labels, &b)
				} else {
					batched.Instrument("a.histogram").AddBatch(labels, &b)
				}
				now = now.Add(time.Second)
				if rng.IntN(5) == 0 {
					now = now.Add(time.Duration(rng.IntN(90)) * time.Second)
					require.Equal(t, flushAt(t, single, now), flushAt(t, batched, now))
					require.Equal(t, single.Stats(), batched.Stats())
				}
			}
			assert.Positive(t, batched.Stats().Metrics[0].Overflowed)
			assert.Positive(t, batched.Stats().Metrics[0].Expired)
		}
	}
	f(Config{})
	f(Config{Delta: true})
}

// TestBatchesThatMeet: a series begins with the first update of all its batches, in whatever order they come.
func TestBatchesThatMeet(t *testing.T) {
	m := newMeter(t, Config{})
	for _, second := range []int{5, 2, 9} {
		m.Instrument("a.counter").AddBatch(labelA, &Batch{Count: 3, Sum: 4, First: after(second)})
	}
	assert.Equal(t, point{Start: after(2), Time: after(15)}, flushAt(t, m, after(15))["a.counter"][*labelA])
	m.Instrument("a.counter").AddBatch(labelA, &Batch{Count: 1, Sum: 1, First: after(1)})
	assert.Equal(t, point{Value: 13, Start: after(2), Time: after(30)}, flushAt(t, m, after(30))["a.counter"][*labelA], "a start that was shown stays")
}

func TestBatchesThatContradictThemselvesAreRejected(t *testing.T) {
	m := newMeter(t, Config{})
	f := func(name string, b Batch) {
		t.Helper()
		b.Count, b.First = 2, start
		m.Instrument(name).AddBatch(labelA, &b)
	}
	f("none", Batch{})
	f("a.counter", Batch{Sum: -1})
	f("a.counter", Batch{Sum: math.NaN()})
	f("a.counter", Batch{Buckets: []uint64{2}})
	f("a.histogram", Batch{})
	f("a.histogram", Batch{Buckets: []uint64{1, 0, 0, 0}})
	f("a.histogram", Batch{Buckets: []uint64{2, 0, 0}})
	f("a.histogram", Batch{Sum: math.Inf(1), Buckets: []uint64{2, 0, 0, 0}})
	f("a.gauge", Batch{})
	f("an.updown", Batch{})
	f("a.summary", Batch{})
	assert.Empty(t, flushAt(t, m, start))
	var rejected []uint64
	for _, s := range m.Stats().Metrics {
		rejected = append(rejected, s.Rejected)
	}
	assert.Equal(t, []uint64{6, 2, 2, 8, 2}, rejected)
}
