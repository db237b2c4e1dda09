// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const (
	flaggedBelow       = 0.65 // quality of an answer that a guardian finds fault with
	falseAlarmShare    = 0.02 // of the good answers
	brokenJudgeShare   = 0.01 // of the evaluations
	improvementShare   = 0.08 // of the evaluations
	acceptedShare      = 0.7  // of the suggestions
	implementedShare   = 0.8  // of what was accepted
	labelledJudgements = 0.1  // of the evaluations
	judgeDelay         = 1.5  // seconds from an answer to the judge, mean
	wrongLabelShare    = 0.05 // of the labels: they are corrected later
	retractedShare     = 0.01 // of the labels: they are taken back later
)

// guardian is a model that judges answers.
type guardian struct {
	id, kind, source string
	evaluationType   string
	score            string // name of its score
	low, high        float64
	lowerIsBetter    bool
	evaluator        event.Evaluator
	latency          float64  // median, seconds
	issues           []string // categories that it finds
	improvements     []string // types that it suggests
}

var guardians = [...]guardian{
	{
		id: "quality-1", kind: "quality", source: "/guardian/quality-1", evaluationType: "quality", score: "quality", low: 0, high: 1,
		evaluator: event.Evaluator{ID: "quality-1", Type: "llm_judge", Version: "2026-06", Model: "prometheus-2-8x7b"},
		latency:   0.8, issues: []string{"incomplete", "off_topic"}, improvements: []string{"prompt", "retrieval"},
	},
	{
		id: "review-1", kind: "review", source: "/guardian/review-1", evaluationType: "quality", score: "quality", low: 0, high: 10,
		evaluator: event.Evaluator{ID: "review-1", Type: "llm_judge", Version: "2026-03", Model: "llama-3.1-70b-instruct"},
		latency:   1.6, issues: []string{"style", "incomplete"}, improvements: []string{"prompt", "fine_tuning"},
	},
	{
		id: "safety-1", kind: "safety", source: "/guardian/safety-1", evaluationType: "safety", score: "toxicity", low: 0, high: 1, lowerIsBetter: true,
		evaluator: event.Evaluator{ID: "safety-1", Type: "llm_judge", Version: "4", Model: "llama-guard-4-12b"},
		latency:   0.2, issues: []string{"toxicity", "personal_data", "prompt_injection"}, improvements: []string{"filter", "prompt"},
	},
	{
		id: "fact-1", kind: "factuality", source: "/guardian/fact-1", evaluationType: "hallucination", score: "groundedness", low: 1, high: 5,
		evaluator: event.Evaluator{ID: "fact-1", Type: "deterministic", Version: "2"},
		latency:   0.05, issues: []string{"hallucination", "wrong_citation"}, improvements: []string{"retrieval", "temperature"},
	},
}

var (
	issueSeverities = []string{"low", "medium", "medium", "high", "critical"}
	priorities      = []string{"low", "medium", "high"}
)

// judgement is an evaluation that is about to be done.
type judgement struct {
	request    uint64 // number of it; an answer is judged at most once
	specialist int
	guardian   int
	quality    float64
	duration   time.Duration
}

// beginEvaluation chooses the guardian of an answer. Its event comes when it has judged.
func (c *Cluster) beginEvaluation(at time.Time, answer *completion) {
	random := c.sources.specialists[answer.specialist]
	g := random.IntN(len(guardians))
	wait := seconds(random.ExpFloat64() * judgeDelay)
	took := seconds(logNormal(random, guardians[g].latency, 0.5))
	c.queue.add(at.Add(wait+took), judgement{
		request: answer.number, specialist: answer.specialist, guardian: g, quality: answer.quality, duration: took,
	})
}

func (j judgement) happen(c *Cluster, at time.Time) event.Event {
	g, random := &guardians[j.guardian], c.sources.specialists[j.specialist]
	e := &c.events.evaluation
	*e = event.Evaluation{Results: e.Results[:0], Issues: e.Issues[:0], Improvements: e.Improvements[:0]}
	e.Meta = c.about(j.request, g.source)
	e.Judgement = c.judged(&j)
	e.Mode, e.Duration = "async", event.Some(j.duration.Seconds())
	if chance(random, brokenJudgeShare) {
		e.ErrorType, e.ErrorMessage = "judge_timeout", "the judge gave no verdict within the time allowed"
		return e
	}
	seen := share(j.quality + 0.05*random.NormFloat64())
	flagged := seen < flaggedBelow || chance(random, falseAlarmShare)
	e.Decision, e.Action = "allow", "none"
	if flagged {
		e.Decision, e.Action = "deny", "flagged"
		e.Issues = append(e.Issues, g.issue(c.id("issue", j.request), random.IntN, seen))
	}
	e.Results = append(e.Results, g.result(seen))
	if g.score == "quality" {
		e.Results = append(e.Results, event.Result{Name: "confidence", Score: event.Some(share(0.6 + 0.4*random.Float64()))})
	}
	if g.evaluator.Type == "llm_judge" {
		e.Usage = event.Usage{Input: event.Some(int64(300 + random.IntN(2000))), Output: event.Some(int64(10 + random.IntN(200)))}
	}
	if chance(random, improvementShare) {
		c.suggest(at, &j, e)
	}
	if chance(random, labelledJudgements) {
		c.addLate(at, random, judgementTruth{judgement: j, wrong: j.quality < flaggedBelow})
	}
	return e
}

// judged says who judged what.
func (c *Cluster) judged(j *judgement) event.Judgement {
	g, s := &guardians[j.guardian], &specialists[j.specialist]
	about := event.Judgement{
		EvaluationID: c.id("evaluation", j.request), GuardianType: g.kind, EvaluationType: g.evaluationType,
		Specialist: s.who(), Model: s.model, Evaluator: g.evaluator,
		Target: event.Target{RequestID: c.id("request", j.request), ResponseID: c.id("answer", j.request), Scope: "span"},
	}
	if isTraced(j.request) {
		meta := c.about(j.request, "")
		about.Target.TraceID, about.Target.SpanID = meta.TraceID.String(), meta.SpanID.String()
	}
	return about
}

// result puts a quality from 0 to 1 on the guardian's own scale.
func (g *guardian) result(quality float64) event.Result {
	r := event.Result{Name: g.score, Min: event.Some(g.low), Max: event.Some(g.high), Direction: event.HigherIsBetter, Label: "pass"}
	if g.lowerIsBetter {
		quality, r.Direction = 1-quality, event.LowerIsBetter
	}
	r.Score = event.Some(round(g.low+quality*(g.high-g.low), 3))
	threshold := flaggedBelow
	if g.lowerIsBetter {
		threshold = 1 - flaggedBelow
	}
	r.Threshold = event.Some(round(g.low+threshold*(g.high-g.low), 3))
	if good := quality >= threshold; good == g.lowerIsBetter {
		r.Label = "fail"
	}
	return r
}

func (g *guardian) issue(id string, draw func(int) int, seen float64) event.Issue {
	return event.Issue{
		IssueID: id, Category: g.issues[draw(len(g.issues))], SeverityName: issueSeverities[draw(len(issueSeverities))],
		Stage: "output", Score: event.Some(share(1 - seen)), PolicyID: g.kind + "-policy",
	}
}
