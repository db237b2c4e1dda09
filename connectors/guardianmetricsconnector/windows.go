// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"math"
	"strings"
	"time"

	"github.com/axiomhq/hyperloglog"
)

// rates are sums per second over the last 60 s, in slots of one second.
type rates struct {
	windows map[string]*rateWindow
}

const rateSeconds = 60

type rateWindow struct {
	slots [rateSeconds]float64
	last  int64 // second of the newest slot
}

func newRates() *rates { return &rates{windows: map[string]*rateWindow{}} }

func (r *rates) add(key string, n float64, second int64) {
	window := r.windows[key]
	if window == nil {
		if len(r.windows) >= maxRates {
			return // the series limit of the metric is lower
		}
		window = &rateWindow{last: second}
		r.windows[strings.Clone(key)] = window
	}
	window.advance(second)
	if window.last-second < rateSeconds {
		window.slots[second%rateSeconds] += n
	}
}

// maxRates bounds the keys; they are names of models and types of specialists.
const maxRates = 10_000

// advance empties the slots that time has passed over.
func (w *rateWindow) advance(second int64) {
	if second-w.last >= rateSeconds {
		clear(w.slots[:])
		w.last = second
	}
	for ; w.last < second; w.last++ {
		w.slots[(w.last+1)%rateSeconds] = 0
	}
}

func (w *rateWindow) sum() float64 {
	sum := 0.0
	for _, n := range w.slots {
		sum += n
	}
	return sum
}

// show gives the rate of each key; one that has been idle is shown at 0, once, and
// then forgotten.
func (r *rates) show(now time.Time, set func(key string, perSecond float64)) {
	for key, window := range r.windows {
		window.advance(now.Unix())
		sum := window.sum()
		set(key, sum/rateSeconds)
		if sum == 0 {
			delete(r.windows, key)
		}
	}
}

// reportTime is how long a report of a specialist is believed.
const reportTime = 5 * time.Minute

// report is what one specialist said last.
type report struct {
	value float64
	at    time.Time
}

// tokenRates are tokens per second by type of specialist: what specialists report,
// added up, or what their requests say where none of the type reports.
type tokenRates struct {
	made    *rates
	reports map[string]map[string]report // by type and id
}

func newTokenRates() *tokenRates {
	return &tokenRates{made: newRates(), reports: map[string]map[string]report{}}
}

func (t *tokenRates) reported(specialist, id string, perSecond float64, now time.Time) {
	putReport(t.reports, specialist, id, perSecond, now)
}

func (t *tokenRates) show(now time.Time, set func(specialist string, perSecond float64)) {
	t.made.show(now, func(specialist string, perSecond float64) {
		if len(t.reports[specialist]) == 0 {
			set(specialist, perSecond)
		}
	})
	showReports(t.reports, now, set)
}

// maxReporters bounds the specialists of a type whose last report is kept.
const maxReporters = 1000

func putReport(reports map[string]map[string]report, key, id string, value float64, now time.Time) {
	byID := reports[key]
	if byID == nil {
		if len(reports) >= maxRates {
			return
		}
		byID = map[string]report{}
		reports[key] = byID
	}
	if _, known := byID[id]; known || len(byID) < maxReporters {
		byID[id] = report{value: value, at: now}
	}
}

// showReports gives the sum of what is still believed. Where nothing is, 0 is shown
// once.
func showReports(reports map[string]map[string]report, now time.Time, set func(key string, sum float64)) {
	for key, byID := range reports {
		sum := 0.0
		for id, said := range byID {
			if now.Sub(said.at) > reportTime {
				delete(byID, id)
				continue
			}
			sum += said.value
		}
		set(key, sum)
		if len(byID) == 0 {
			delete(reports, key)
		}
	}
}

// reportedSums are sums of what specialists report, by type and kind of memory.
type reportedSums struct {
	reports map[string]map[string]report // by type and kind, joined by NUL
}

func newReportedSums() *reportedSums {
	return &reportedSums{reports: map[string]map[string]report{}}
}

func (s *reportedSums) set(specialist, kind, id string, value float64, now time.Time) {
	putReport(s.reports, specialist+"\x00"+kind, id, value, now)
}

func (s *reportedSums) show(now time.Time, set func(specialist, kind string, sum float64)) {
	showReports(s.reports, now, func(key string, sum float64) {
		for i := range len(key) {
			if key[i] == 0 {
				set(key[:i], key[i+1:], sum)
				return
			}
		}
	})
}

// daySlots are the slots of a window of 24 h.
const (
	mappingSlots   = 288 // of 5 minutes
	mappingSlot    = 24 * time.Hour / mappingSlots
	tenantSlots    = 24 // of an hour
	tenantSlotTime = time.Hour
)

// mappingWindow is the confidence of the mappings of the last 24 h, to 5 minutes.
type mappingWindow struct {
	slots [mappingSlots]mappingCounts
}

type mappingCounts struct {
	slot    int64 // number of the slot since 1970
	n, high float64
	sum     float64
}

func (w *mappingWindow) add(confidence float64, now time.Time) {
	slot := now.UnixNano() / int64(mappingSlot)
	counts := &w.slots[slot%mappingSlots]
	if counts.slot != slot {
		*counts = mappingCounts{slot: slot}
	}
	counts.n++
	counts.sum += confidence
	if confidence > highConfidence {
		counts.high++
	}
}

// shares gives mean confidence and share of high confidence, and whether there were any
// mappings.
func (w *mappingWindow) shares(now time.Time) (mean, high float64, known bool) {
	newest := now.UnixNano() / int64(mappingSlot)
	var total mappingCounts
	for i := range w.slots {
		if newest-w.slots[i].slot < mappingSlots {
			total.n += w.slots[i].n
			total.high += w.slots[i].high
			total.sum += w.slots[i].sum
		}
	}
	if total.n == 0 {
		return 0, 0, false
	}
	return total.sum / total.n, total.high / total.n, true
}

// tenantWindow estimates the number of distinct tenants of the last 24 h, to an hour,
// by HyperLogLog: 2^14 registers, a standard error of 0.8 %.
type tenantWindow struct {
	slots    [tenantSlots]*hyperloglog.Sketch
	numbers  [tenantSlots]int64
	merged   float64
	mergedOf int64 // slot for which merged was computed
	changed  bool
}

func newTenantWindow() *tenantWindow { return &tenantWindow{} }

func (w *tenantWindow) add(tenant string, now time.Time) {
	number := now.UnixNano() / int64(tenantSlotTime)
	slot := number % tenantSlots
	if w.slots[slot] == nil || w.numbers[slot] != number {
		w.slots[slot], w.numbers[slot] = hyperloglog.New14(), number
	}
	w.slots[slot].Insert([]byte(tenant))
	w.changed = true
}

func (w *tenantWindow) estimate(now time.Time) (tenants float64, known bool) {
	newest := now.UnixNano() / int64(tenantSlotTime)
	if !w.changed && w.mergedOf == newest {
		return w.merged, w.merged > 0
	}
	all := hyperloglog.New14()
	for i, sketch := range w.slots {
		if sketch == nil {
			continue
		}
		if newest-w.numbers[i] >= tenantSlots {
			w.slots[i] = nil
			continue
		}
		if err := all.Merge(sketch); err != nil {
			continue // of the same precision: cannot be
		}
	}
	w.merged, w.mergedOf, w.changed = math.Round(float64(all.Estimate())), newest, false
	return w.merged, w.merged > 0
}
