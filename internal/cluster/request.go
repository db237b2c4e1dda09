// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const (
	backgroundErrorShare = 0.02 // of requests, in calm times
	judgedShare          = 0.5  // of answers
	selfJudgedShare      = 0.1  // of answers: their request has a quality score of its own
	timeoutAfter         = 10   // medians of the latency
	clusterID            = "cluster-a"
)

// specialist is a model that answers requests.
type specialist struct {
	id, kind, version string
	source            string
	model             event.Model
	provider          string
	weight            int     // share of the requests
	latency           float64 // median, seconds
	sigma             float64 // of the logarithm of the latency
	input, output     float64 // tokens, medians
	quality           float64 // mean, 0 to 1
	price             float64 // per million tokens, in US dollars
	gpu               string
}

var specialists = [...]specialist{
	{"legal-1", "legal", "7", "/specialist/legal-1", event.Model{Name: "llama-3.1-70b-instruct", Version: "2026-02"}, "vllm", 15, 3.2, 0.5, 2400, 420, 0.84, 0.9, "0"},
	{"medical-1", "medical", "3", "/specialist/medical-1", event.Model{Name: "llama-3.1-70b-instruct", Version: "2026-02"}, "vllm", 10, 2.6, 0.5, 1800, 350, 0.88, 0.9, "1"},
	{"code-1", "code", "12", "/specialist/code-1", event.Model{Name: "qwen2.5-coder-32b", Version: "2026-05"}, "vllm", 20, 1.8, 0.6, 3600, 600, 0.82, 0.5, "2"},
	{"code-2", "code", "12", "/specialist/code-2", event.Model{Name: "qwen2.5-coder-32b", Version: "2026-05"}, "vllm", 20, 1.8, 0.6, 3600, 600, 0.82, 0.5, "3"},
	{"summary-1", "summary", "4", "/specialist/summary-1", event.Model{Name: "mistral-7b-instruct", Version: "2025-11"}, "tgi", 15, 0.9, 0.4, 5200, 180, 0.8, 0.2, "4"},
	{"chat-1", "chat", "9", "/specialist/chat-1", event.Model{Name: "phi-4-mini", Version: "2026-01"}, "ollama", 20, 0.35, 0.4, 240, 90, 0.74, 0.1, "5"},
}

// complexities of requests, with what they do to latency and length.
var complexities = [...]struct {
	name   string
	share  float64
	factor float64
}{{"low", 0.5, 0.7}, {"medium", 0.35, 1}, {"high", 0.15, 2}}

var endings = []string{"stop", "stop", "stop", "stop", "length"}

// errorTypes of requests that fail, the most frequent first.
var errorTypes = []struct{ name, message, severity string }{
	{"timeout", "no answer within the time allowed", "high"},
	{"overloaded", "the queue of the specialist is full", "medium"},
	{"context_length_exceeded", "the prompt is longer than the context window", "low"},
	{"backend_unavailable", "the model server refused the connection", "critical"},
}

// completion is the end of a request.
type completion struct {
	number     uint64
	specialist int
	began      time.Time
	complexity int
	failure    int // index into errorTypes, -1 if it succeeds
	quality    float64
}

// beginRequest tells of the start of a request and puts its end into the queue.
func (c *Cluster) beginRequest(at time.Time) event.Event {
	c.counts.requests++
	end := completion{number: c.counts.requests, specialist: c.chooseSpecialist(), began: at, failure: -1}
	s, random := &specialists[end.specialist], c.sources.specialists[end.specialist]
	now := c.conditionOf(s, c.since(at))

	// Every request takes the same number of draws, so that a scenario does not change who draws what.
	end.complexity = drawComplexity(random.Float64())
	latency := logNormal(random, s.latency*now.latencyFactor*complexities[end.complexity].factor, s.sigma)
	failed, kind := random.Float64() < now.errorShare, int(random.ExpFloat64())%len(errorTypes)
	end.quality = share((s.quality + 0.08*random.NormFloat64()) * now.qualityFactor)
	if failed {
		end.failure = kind
		if errorTypes[kind].name == "timeout" {
			latency = s.latency * timeoutAfter
		}
	}
	c.queue.add(at.Add(seconds(latency)), end)

	r := &c.events.request
	c.describe(r, &end)
	r.Phase = event.PhaseStart
	return r
}

func (c *Cluster) chooseSpecialist() int {
	draw := c.random.IntN(100)
	for i := range specialists {
		if draw -= specialists[i].weight; draw < 0 {
			return i
		}
	}
	return 0
}

func drawComplexity(draw float64) int {
	for i := range complexities {
		if draw -= complexities[i].share; draw < 0 {
			return i
		}
	}
	return len(complexities) - 1
}

// describe fills in what is known when a request begins.
func (c *Cluster) describe(r *event.Request, end *completion) {
	s := &specialists[end.specialist]
	*r = event.Request{FinishReasons: r.FinishReasons[:0]}
	r.Meta = c.about(end.number, s.source)
	r.Operation, r.Provider, r.Endpoint, r.ClusterID = "chat", s.provider, "/v1/chat/completions", clusterID
	r.Specialist, r.Model = s.who(), s.model
	r.Complexity = complexities[end.complexity].name
}

func (s *specialist) who() event.Specialist {
	return event.Specialist{ID: s.id, Type: s.kind, Version: s.version}
}

func (e completion) happen(c *Cluster, at time.Time) event.Event {
	r := &c.events.request
	c.describe(r, &e)
	r.Duration = event.Some(at.Sub(e.began).Seconds())
	if e.failure >= 0 {
		failure := &errorTypes[e.failure]
		r.Phase, r.Status = event.PhaseFailed, event.StatusError
		r.ErrorType, r.ErrorMessage, r.SeverityName = failure.name, failure.message, failure.severity
		return r
	}
	r.Phase, r.Status = event.PhaseComplete, event.StatusSuccess
	c.answer(r, &e)
	if random := c.sources.specialists[e.specialist]; chance(random, judgedShare) {
		c.beginEvaluation(at, &e)
	}
	return r
}

// answer fills in what is known of a request that was answered.
func (c *Cluster) answer(r *event.Request, e *completion) {
	s, random := &specialists[e.specialist], c.sources.specialists[e.specialist]
	length := complexities[e.complexity].factor
	input := int64(logNormal(random, s.input*length, 0.7)) + 1
	output := int64(logNormal(random, s.output*length, 0.5)) + 1
	cached := int64(0)
	if chance(random, 0.4) {
		cached = input * int64(random.IntN(90)) / 100
	}
	r.ResponseID = c.id("answer", e.number)
	r.Stream = event.Some(e.number%3 == 0)
	if r.Stream.Value {
		r.TimeToFirstToken = event.Some(round(r.Duration.Value*(0.05+0.15*random.Float64()), 6))
	}
	r.Usage = event.Usage{Input: event.Some(input), Output: event.Some(output), CacheRead: event.Some(cached)}
	r.Cost = event.Cost{Amount: event.Some(round(float64(input-cached+3*output)*s.price/1e6, 8)), Currency: "USD", Source: "estimated"}
	r.BatchSize, r.SequenceLength = event.Some(int64(1+random.IntN(16))), event.Some(input+output)
	r.QueryLength, r.ContextSize = event.Some(input*4), event.Some(input)
	r.FinishReasons = append(r.FinishReasons, pick(random, endings))
	r.Confidence = event.Some(share(e.quality + 0.05*random.NormFloat64()))
	if chance(random, selfJudgedShare) {
		r.QualityScore = event.Some(e.quality)
	}
}
