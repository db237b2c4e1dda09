// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"strconv"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// Values of labels that an event may leave out.
const (
	unknown = "unknown"
	// otherError is what OpenTelemetry calls an error without a type.
	otherError = "_OTHER"
)

// request counts a request that starts or ends.
func (c *counts) request(r *event.Request, l *keyedLabels, at *occasion) {
	if r.Phase == event.PhaseStart {
		c.start(r, at.now)
		return
	}
	c.open.end(r.RequestID)
	c.checkRequest(r)
	if l.specialist != "" {
		c.joinTier(l, r, at)
		c.untiered(l.tier)
		if l.errorType != "" {
			if !c.seen.failureAgain(r.RequestID, l.specialist, at.now) {
				c.specialistError(l.specialist, l.errorType, r.SeverityName, at)
			}
		}
	}
	total := c.requestTotal(l)
	total.addRequest(r, at)
	c.addRate(total, r, at)
}

// start notes that a request is in progress, unless its end came first.
func (c *counts) start(r *event.Request, now time.Time) {
	if r.RequestID == "" || r.Model.Name == "" || c.seen.ended(r, now) {
		return
	}
	var call callKeys
	if c.seen.withSpans {
		call = c.seen.callKeys(r)
	}
	c.limited("open_requests", c.open.start(r.RequestID, r.Model.Name, call, now))
}

// endBySpan notes that the request of a span is over, even if the span counts nowhere.
func (c *counts) endBySpan(r *event.Request) {
	if len(c.open.byID) > 0 {
		c.open.end(r.RequestID)
		c.open.endCall(c.seen.callKeys(r))
	}
}

// joinTier sets the tier of a request that did not say it, if a guardian has, or holds the request.
func (c *counts) joinTier(l *keyedLabels, r *event.Request, at *occasion) {
	if l.tier != "" {
		return
	}
	if l.tier = c.tiers.request(r, at); l.tier != "" {
		l.key = c.requests.keys.of(&l.requestLabels)
	}
}

// label puts the labels of a request into l, but for their key, unless the request only starts. Its tier is among them only if
// the request says it.
func (c *counts) label(r *event.Request, l *keyedLabels) {
	if r.Phase == event.PhaseStart {
		return
	}
	l.specialist, l.complexity, l.tier = r.Specialist.Type, r.Complexity, ""
	l.model, l.version, l.endpoint = r.Model.Name, r.Model.Version, r.Endpoint
	l.operation, l.provider, l.errorType = r.Operation, r.Provider, ""
	l.batchSize, l.sequence = "", ""
	if l.specialist != "" {
		l.tier = c.tiers.said(r)
	}
	c.setOptionalLabels(&l.requestLabels, r)
}

// labelled gives the labels of a request with their key, until it is called again.
func (c *counts) labelled(r *event.Request) *keyedLabels {
	c.label(r, &c.labels)
	c.labels.key = c.requests.keys.of(&c.labels.requestLabels)
	return &c.labels
}

// setOptionalLabels sets the labels that not every request has, but for the tier.
func (c *counts) setOptionalLabels(labels *requestLabels, r *event.Request) {
	if r.Failed() {
		labels.errorType = r.ErrorType
		if labels.errorType == "" {
			labels.errorType = otherError
		}
	}
	for _, attribute := range c.inferenceOptions {
		switch attribute {
		case "batch_size":
			labels.batchSize = number(r.BatchSize)
		case "sequence_length":
			labels.sequence = number(r.SequenceLength)
		}
	}
}

// requestTotal gives the total that the next request is added to.
func (c *counts) requestTotal(l *keyedLabels) *requestTotal {
	total := c.requests.find(&l.key)
	switch {
	case total == nil:
		if c.requests.full() {
			c.showRequests()
			c.requests.forget(minCells)
		}
		total = c.requests.create(l)
	case total.full():
		c.showRequests()
	}
	if total.requests == 0 {
		c.requests.used = append(c.requests.used, total)
	}
	return total
}

// addRequest adds a request to the total of its labels.
func (t *requestTotal) addRequest(r *event.Request, at *occasion) {
	t.begin(at)
	if r.Duration.Set {
		t.add(ofDuration, r.Duration.Value, at)
	}
	if r.QualityScore.Set {
		t.add(ofQuality, r.QualityScore.Value, at)
	}
	if r.Confidence.Set {
		t.add(ofConfidence, r.Confidence.Value, at)
	}
	if tokens, ok := contextTokensOf(r); ok {
		t.add(ofContext, tokens, at)
	}
	if r.Usage.Input.Set {
		t.add(ofInput, float64(r.Usage.Input.Value), at)
	}
	if r.Usage.Output.Set {
		t.add(ofOutput, float64(r.Usage.Output.Value), at)
	}
}

// addRate adds a request to what came within the second.
func (c *counts) addRate(t *requestTotal, r *event.Request, at *occasion) {
	if second := at.now.Unix(); second != t.rate.second {
		c.showRate(t)
		t.rate.second = second
	}
	t.rate.requests++
	if r.Usage.Output.Set {
		t.rate.tokens += float64(r.Usage.Output.Value)
		t.rate.hasTokens = true
	}
}

// showRate moves what came within a second into the windows.
func (c *counts) showRate(t *requestTotal) {
	if t.rate.requests > 0 && t.labels.model != "" {
		c.throughput.add(t.labels.model, t.rate.requests, t.rate.second)
	}
	if t.rate.hasTokens && t.labels.specialist != "" {
		c.tokens.made.add(t.labels.specialist, t.rate.tokens, t.rate.second)
	}
	t.rate = rate{}
}

// checkRequest drops values that no request has.
func (c *counts) checkRequest(r *event.Request) {
	if r.Duration.Set && r.Duration.Value > absurdSeconds {
		c.telemetry.rejected(event.NameRequest, "absurd")
		r.Duration = event.Float{}
	}
	for _, tokens := range []*event.Int{&r.Usage.Input, &r.Usage.Output, &r.ContextSize} {
		if tokens.Set && tokens.Value > absurdTokens {
			c.telemetry.rejected(event.NameRequest, "absurd")
			*tokens = event.Int{}
		}
	}
}

func status(failed bool) string {
	if failed {
		return event.StatusError
	}
	return event.StatusSuccess
}

func contextTokensOf(r *event.Request) (float64, bool) {
	if r.ContextSize.Set {
		return float64(r.ContextSize.Value), true
	}
	return float64(r.Usage.Input.Value), r.Usage.Input.Set
}

// specialistError counts an error.
func (c *counts) specialistError(specialist, errorType, severity string, at *occasion) {
	if errorType == "" {
		errorType = otherError
	}
	c.to.specialistErrors.Add(at.now, &metering.Labels{specialist, errorType, orUnknown(severity)}, 1, &at.exemplar)
	if event.IsTimeout(errorType) {
		c.to.specialistTimeouts.Add(at.now, &metering.Labels{specialist}, 1, &at.exemplar)
	}
}

// countHeld counts a request that was held for its tier.
func (c *counts) countHeld(r *heldRequest, tier string, now time.Time) {
	c.untiered(tier)
	c.to.specialistRequests.Add(now, &metering.Labels{r.specialist, r.status, tier}, 1, &r.exemplar)
}

func (c *counts) untiered(tier string) {
	if tier == unknown {
		c.telemetry.unlabelled()
	}
}

// showRequests moves the totals of requests into the metrics.
func (c *counts) showRequests() {
	for _, total := range c.requests.take() {
		c.showSpecialist(total)
		c.showModel(total)
		c.showGenAI(total)
		c.showRate(total)
		total.reset()
	}
}

func (c *counts) showSpecialist(t *requestTotal) {
	l := &t.labels
	if l.specialist == "" {
		return
	}
	if l.tier != "" {
		t.to(c.to.specialistRequests, ofRequests, nil, metering.Labels{l.specialist, status(l.errorType != ""), l.tier})
	}
	t.to(c.to.specialistDuration, ofDuration, secondsOfRequests, metering.Labels{l.specialist, orUnknown(l.complexity)})
	t.to(c.to.specialistQuality, ofQuality, tenths, metering.Labels{l.specialist})
	t.to(c.to.specialistConfidence, ofConfidence, tenths, metering.Labels{l.specialist})
	t.to(c.to.contextLength, ofContext, contextTokens, metering.Labels{l.specialist})
}

func (c *counts) showModel(t *requestTotal) {
	l := &t.labels
	if l.model == "" {
		return
	}
	endpoint := l.endpoint
	if endpoint == "" {
		endpoint = l.operation
	}
	endpoint = orUnknown(endpoint)
	t.to(c.to.mlRequests, ofRequests, nil, metering.Labels{l.model, endpoint, l.version})
	if l.errorType != "" {
		t.to(c.to.mlErrors, ofRequests, nil, metering.Labels{l.model, endpoint, l.errorType})
	}
	t.to(c.to.mlDuration, ofDuration, secondsOfModels, metering.Labels{l.model, endpoint})
	labels := metering.Labels{l.model, l.version}
	for i, attribute := range c.inferenceOptions {
		labels[2+i] = l.batchSize
		if attribute == "sequence_length" {
			labels[2+i] = l.sequence
		}
	}
	t.to(c.to.inferenceDuration, ofDuration, secondsOfModels, labels)
}

// showGenAI counts requests that say what GenAI operation they were.
func (c *counts) showGenAI(t *requestTotal) {
	l := &t.labels
	if l.operation == "" {
		return
	}
	with := func(last string) metering.Labels { return metering.Labels{l.operation, l.provider, l.model, last} }
	t.to(c.to.genAIDuration, ofDuration, secondsOfGenAI, with(l.errorType))
	t.to(c.to.genAITokens, ofInput, tokensOfGenAI, with("input"))
	t.to(c.to.genAITokens, ofOutput, tokensOfGenAI, with("output"))
	t.to(c.to.genAIInput, ofInput, nil, with("text"))
	t.to(c.to.genAIOutput, ofOutput, nil, with("text"))
	t.to(c.to.genAIInputPerOp, ofInput, tokensOfGenAI, with(""))
	t.to(c.to.genAIOutPerOp, ofOutput, tokensOfGenAI, with(""))
}

func orUnknown(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

func number(n event.Int) string {
	if !n.Set {
		return unknown
	}
	return strconv.FormatInt(n.Value, 10)
}

// limited counts that a bounded table gave something up.
func (c *counts) limited(table string, full bool) {
	if full {
		c.telemetry.limited(table)
	}
}
