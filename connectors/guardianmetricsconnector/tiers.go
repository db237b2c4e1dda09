// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"strings"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// tierJoin brings requests together with the quality tier that a guardian gives them
// later, or has given them already, so that a request counts once and with its tier.
// Both sides wait for as long as the configuration says.
type tierJoin struct {
	config QualityTierConfig
	keys   *keyMaker
	count  func(r *heldRequest, tier string, now time.Time)
	full   func(table string) // a table gave its oldest entry up

	held    map[duplicates.Key]*heldRequest // by each id that an evaluation may name
	holding int                             // the number of requests that are held
	waiting fifo[*heldRequest]              // with those that were counted since
	early   map[duplicates.Key]string       // tiers that came before their request
	tiers   fifo[earlyTier]                 // with those that have met their request since
}

// Tables of the join that are bounded.
const (
	tableHeld  = "held_requests"
	tableEarly = "early_tiers"
)

// heldRequest is a request that waits for its tier.
type heldRequest struct {
	specialist, status string
	exemplar           metering.Exemplar
	keys               [3]duplicates.Key
	since              time.Time
	counted            bool
}

type earlyTier struct {
	key   duplicates.Key
	tier  string
	since time.Time
}

func newTierJoin(config QualityTierConfig, keys *keyMaker, count func(*heldRequest, string, time.Time), full func(string)) *tierJoin {
	return &tierJoin{
		config: config, keys: keys, count: count, full: full, held: map[duplicates.Key]*heldRequest{}, early: map[duplicates.Key]string{},
	}
}

var noKey duplicates.Key

// joinKeys gives a key for each id by which a request and its evaluation may know
// one another: request id, response id, span.
func (j *tierJoin) joinKeys(requestID, responseID string, meta *event.Meta) (keys [3]duplicates.Key) {
	if requestID != "" {
		keys[0] = j.keys.of(ofJoinedRequest, requestID)
	}
	if responseID != "" {
		keys[1] = j.keys.of(ofJoinedResponse, responseID)
	}
	if !meta.SpanID.IsEmpty() {
		keys[2] = j.keys.ofSpan(ofJoinedSpan, meta.TraceID, meta.SpanID)
	}
	return keys
}

// said gives the tier of a request that is known without a guardian, "" if it must come from one.
func (j *tierJoin) said(r *event.Request) string {
	switch {
	case r.QualityTier != "":
		return r.QualityTier
	case r.QualityScore.Set:
		return tierOf(j.config, r.QualityScore.Value)
	case j.config.Wait == 0:
		return unknown
	default:
		return ""
	}
}

// request gives the tier of a request that said none, or holds it and gives none. One without an id waits for nothing: no evaluation can
// name it.
func (j *tierJoin) request(r *event.Request, at *occasion) (tier string) {
	keys := j.joinKeys(r.RequestID, r.ResponseID, &r.Meta)
	if keys == [3]duplicates.Key{} {
		return unknown
	}
	for _, key := range keys {
		if tier, ok := j.early[key]; ok && key != noKey {
			delete(j.early, key)
			return tier
		}
	}
	if j.holding >= j.config.Limit {
		j.full(tableHeld)
		j.giveUpOldest(at.now)
	}
	j.hold(&heldRequest{
		specialist: strings.Clone(r.Specialist.Type), status: status(r.Failed()), exemplar: at.exemplar, keys: keys, since: at.now,
	})
	return ""
}

func (j *tierJoin) hold(held *heldRequest) {
	for _, key := range held.keys {
		if key != noKey {
			j.held[key] = held
		}
	}
	j.holding++
	if len(j.waiting.all()) >= 2*j.config.Limit {
		j.waiting.keep(func(held *heldRequest) bool { return !held.counted })
	}
	j.waiting.push(held)
}

// judged gives a request its tier. The first tier counts.
func (j *tierJoin) judged(r *event.Result, tier string, now time.Time) {
	if j.config.Wait == 0 {
		return
	}
	requestID := r.Target.RequestID
	if requestID == "" {
		requestID = r.RequestID
	}
	keys := j.joinKeys(requestID, r.Target.ResponseID, &r.Meta)
	for _, key := range keys {
		if held := j.held[key]; held != nil && key != noKey {
			j.settle(held, tier, now)
			return
		}
	}
	for _, key := range keys {
		if key == noKey {
			continue
		}
		if _, ok := j.early[key]; ok {
			return
		}
		if len(j.early) >= j.config.Limit {
			j.full(tableEarly)
			j.forgetOldestTier()
		}
		if len(j.tiers.all()) >= 2*j.config.Limit {
			j.tiers.keep(func(tier earlyTier) bool { _, live := j.early[tier.key]; return live })
		}
		j.early[key] = tier
		j.tiers.push(earlyTier{key: key, tier: tier, since: now})
		return
	}
}

// settle counts a held request.
func (j *tierJoin) settle(held *heldRequest, tier string, now time.Time) {
	for _, key := range held.keys {
		if j.held[key] == held {
			delete(j.held, key)
		}
	}
	held.counted = true
	j.holding--
	j.count(held, tier, now)
}

func (j *tierJoin) giveUpOldest(now time.Time) {
	for {
		held, ok := j.waiting.pop()
		if !ok {
			return
		}
		if !held.counted {
			j.settle(held, unknown, now)
			return
		}
	}
}

func (j *tierJoin) forgetOldestTier() {
	for {
		oldest, ok := j.tiers.pop()
		if _, live := j.early[oldest.key]; !ok || live {
			delete(j.early, oldest.key)
			return
		}
	}
}

// expire counts the requests that have waited long enough, or all of them.
func (j *tierJoin) expire(now time.Time, all bool) {
	for {
		held, ok := j.waiting.peek()
		if !ok || (!held.counted && !all && now.Sub(held.since) < j.config.Wait) {
			break
		}
		j.waiting.pop()
		if !held.counted {
			j.settle(held, unknown, now)
		}
	}
	for {
		oldest, ok := j.tiers.peek()
		if !ok || now.Sub(oldest.since) < j.config.Wait {
			return
		}
		j.tiers.pop()
		delete(j.early, oldest.key)
	}
}

func (c *counts) tierOf(score float64) string { return tierOf(c.config.QualityTier, score) }

// tierOf gives the tier of a quality score.
func tierOf(config QualityTierConfig, score float64) string {
	switch {
	case score >= config.High:
		return "high"
	case score >= config.Medium:
		return "medium"
	default:
		return "low"
	}
}
