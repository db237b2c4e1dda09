// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const (
	// capped is how many times less probable the score is, that an anomaly far beyond counts for, than one must be to be an anomaly.
	capped = 10
	// farBeyond is how many times as large as that a score is that is far beyond.
	farBeyond = 1.5
	// falseRun is the longest run of anomalies that false alarms make, unless calm scores come in clusters themselves, where a row is judged
	// by its own values alone.
	falseRun = 2
)

// calibration are the raw scores of recent calm rows, which a score is compared with. Raw scores are positive and grow with the
// anomaly.
//
// Scores of rows that were called anomalies are among them once the run of such rows is over, a thirtieth of all at most, and what is far
// beyond mostly as if it were little more than that. Without them the threshold would sink with every false alarm. While they last they
// would make themselves look calm, and runs that are longer than those of false alarms the next ones like them.
type calibration struct {
	scores ranked[float32]
	alarms []uint64 // a bit for each of scores.recent: of an anomaly
	raised int      // how many of them
	alpha  float64
	heavy  bool      // as in tail.fit
	cap    float64   // what the score of an anomaly counts for at most
	held   []float64 // the first scores of the run of anomalies that is not over; there is room for a run that is none of false alarms
	tail   tail
}

// pValue is the probability that a calm row has a score as large: the conformal p-value (1 + scores as large)/(1 + scores), or, where
// that cannot become as small as it must, the probability by the tail of the scores.
type pValue struct {
	p            float64
	extrapolated bool
}

// newCalibration makes one of so many scores; a value has part in the scores of as many rows as it lasts.
func newCalibration(limit int, alpha float64, heavy bool, lasts int) calibration {
	return calibration{
		scores: newRanked[float32](limit),
		alpha:  alpha,
		heavy:  heavy,
		held:   make([]float64, 0, falseRun+lasts),
		alarms: make([]uint64, (limit+63)/64),
	}
}

// size is the number of scores.
func (c *calibration) size() int { return len(c.scores.sorted) }

// p compares a score with the calm ones: by ranks as far as those go, by the tail for a score beyond all of them, and
// beyond the tail's threshold wherever ranks cannot show a level of significance.
func (c *calibration) p(raw float64) pValue {
	n := len(c.scores.sorted)
	if n == 0 {
		return pValue{p: 1}
	}
	above := n - lowerBound(c.scores.sorted, float32(raw))
	if above < c.tail.count { // Where a few make a difference, those that are not in order yet count too.
		for _, v := range c.scores.fresh {
			if v >= float32(raw) {
				above++
			}
		}
	}
	rank := float64(1+above) / float64(1+n)
	switch {
	case above >= c.tail.count:
		return pValue{p: rank}
	case above > 0 && c.alpha*float64(1+n) >= 1 && !c.tail.dependent():
		return pValue{p: rank}
	}
	tail := c.tail.p(raw)
	switch {
	case c.tail.dependent() && c.alpha*float64(1+n) >= 1:
		return pValue{p: max(rank, tail)}
	case tail < rank:
		return pValue{p: tail, extrapolated: true}
	}
	return pValue{p: rank}
}

// add takes the score of a row that was judged.
func (c *calibration) add(raw float64, anomalous bool) {
	if anomalous {
		if len(c.held) < cap(c.held) {
			c.held = append(c.held, raw)
		}
		return
	}
	c.endRun(len(c.held) < cap(c.held) || c.tail.dependent())
	c.put(raw, false)
}

// endRun keeps the scores of the run of anomalies, or forgets them.
func (c *calibration) endRun(keep bool) {
	held := c.held
	c.held = c.held[:0]
	if !keep || len(held) == 0 {
		return
	}
	most := c.cap
	if len(held) < cap(c.held) { // A longer run is none of an edge.
		most = c.most()
	}
	for _, raw := range held {
		if c.raised >= c.budget() {
			return
		}
		if raw > farBeyond*most {
			raw = most
		}
		c.put(raw, true)
	}
}

// most is what the score of an anomaly in a short run counts for at most. There is no limit for heavy ones once more runs were kept than are
// stated: an edge that comes back, as of a square wave, is each time a row of lags that a forest has hardly seen.
func (c *calibration) most() float64 {
	if c.heavy && float64(c.runs()) > c.alpha*float64(c.size()) {
		return math.Inf(1)
	}
	return c.cap
}

// runs is the number of runs of anomalies among the scores.
func (c *calibration) runs() int {
	runs, inRun := 0, false
	for i := range c.scores.recent {
		alarm := c.alarm((c.scores.next + i) % len(c.scores.recent))
		if alarm && !inRun {
			runs++
		}
		inRun = alarm
	}
	return runs
}

// alarm says whether a score is of an anomaly, by its place.
func (c *calibration) alarm(at int) bool { return c.alarms[at/64]>>(at%64)&1 == 1 }

func (c *calibration) put(raw float64, anomalous bool) {
	c.mark(anomalous)
	if c.scores.add(float32(raw)) {
		c.fit()
	}
}

// budget is how many scores of anomalies may be kept: a thirtieth of all there are, so that a few early ones are not all that the tail of
// few calm scores is made of. An anomaly that lasts would look calm from then on.
func (c *calibration) budget() int { return c.size() / 32 }

// replace starts anew with the scores of calm rows in the order in which they came.
func (c *calibration) replace(scores []float64) {
	c.scores.reset()
	clear(c.alarms)
	c.raised = 0
	c.endRun(false)
	for _, s := range scores[max(0, len(scores)-c.scores.limit):] {
		c.scores.add(float32(s))
	}
	if len(scores) > 0 {
		c.scores.update()
		c.fit()
	}
}

// fit looks at the largest scores. The cap follows from those that were not of anomalies.
func (c *calibration) fit() {
	c.tail.fit(&c.scores, c.heavy)
	calm := c.tail
	if c.heavy {
		calm.fit(&c.scores, false)
	}
	if c.raised > 0 {
		var sum, n float64
		for i, v := range c.scores.recent {
			if float64(v) > calm.threshold && !c.alarm(i) {
				sum += calm.excess(float64(v))
				n++
			}
		}
		calm.mean = calm.leastMean(sum / max(1, n))
	}
	c.cap = calm.quantile(c.alpha / capped)
}

// mark notes whether the next score is of an anomaly, in the place of the one that it replaces.
func (c *calibration) mark(anomalous bool) {
	at := c.scores.next
	if len(c.scores.recent) < c.scores.limit {
		at = len(c.scores.recent)
	}
	word, bit := &c.alarms[at/64], uint64(1)<<(at%64)
	if *word&bit != 0 {
		c.raised--
	}
	*word &^= bit
	if anomalous {
		c.raised++
		*word |= bit
	}
}

func (c *calibration) bytes() int { return c.scores.bytes(4) + 8*cap(c.alarms) }

func (c *calibration) encode(e *codec.Encoder) {
	c.scores.encode(e)
	n := len(c.scores.recent)
	for i := range n {
		e.Bool(c.alarm((c.scores.next + i) % n))
	}
	c.tail.encode(e)
	e.Float64(c.cap)
	e.Float64s(c.held)
}

func (c *calibration) decode(d *codec.Decoder) {
	c.scores.decode(d)
	clear(c.alarms)
	c.raised = 0
	for i := range c.scores.recent {
		if d.Bool() {
			c.alarms[i/64] |= 1 << (i % 64)
			c.raised++
		}
	}
	c.tail.decode(d)
	c.cap = d.Finite()
	held := d.Finites()
	d.Require(len(held) <= cap(c.held))
	c.held = append(c.held[:0], held[:min(len(held), cap(c.held))]...)
	for _, v := range held {
		d.Require(v >= 0)
	}
	for _, v := range c.scores.recent {
		d.Require(v >= 0)
	}
}
