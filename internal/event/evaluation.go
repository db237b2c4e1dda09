// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"cmp"

	"go.opentelemetry.io/collector/pdata/plog"
)

// Judgement is what an evaluation, its results, issues and improvements share:
// who judged what.
type Judgement struct {
	EvaluationID   string
	GuardianType   string
	EvaluationType string
	Specialist     Specialist
	Model          Model
	Target         Target
	Evaluator      Evaluator
}

// Evaluator is the judge.
type Evaluator struct{ ID, Type, Version, Model string }

// Verdict is what an evaluation says as a whole.
type Verdict struct {
	QualityTier      string
	Decision, Action string
	Mode             string
	Duration         Float // seconds
	ErrorType        string
	ErrorMessage     string
	Usage            Usage
}

// Evaluation is a guardian's judgement of an answer, as JSON has it. On records
// it is the list that Records gives.
type Evaluation struct {
	Meta
	Judgement
	Verdict
	Results      []Result
	Issues       []Issue
	Improvements []Improvement

	whole Result // stands for an evaluation without results
}

// Result is one score of an evaluation: an event gen_ai.evaluation.result.
type Result struct {
	Meta
	Judgement
	Verdict
	Name, Label, Explanation string
	Score, Min, Max          Float
	Direction                string
	Threshold                Float
}

// Directions of a score.
const (
	HigherIsBetter = "higher_is_better"
	LowerIsBetter  = "lower_is_better"
)

// Issue is a fault that a guardian found: an event guardian.issue.
type Issue struct {
	Meta
	Judgement
	IssueID, Category, Taxonomy string
	SeverityName, Stage         string
	Score                       Float
	PolicyID, RuleID            string
	Message                     string
}

// Improvement is something that a guardian suggests, or what became of it: an
// event guardian.improvement.
type Improvement struct {
	Meta
	Judgement
	ImprovementID, Type, Priority, Status string
	Description                           string
}

// States of an improvement.
const (
	ImprovementSuggested   = "suggested"
	ImprovementAccepted    = "accepted"
	ImprovementRejected    = "rejected"
	ImprovementImplemented = "implemented"
)

// Records gives the events that stand for the evaluation on records, in order:
// its results (one without a score, named after the evaluation's or else the
// guardian's type, if it has none), issues and improvements. The
// first one stands for the evaluation itself. The events are e's own: they are
// good until e changes.
func (e *Evaluation) Records(yield func(Event) bool) {
	part := int64(0)
	meta := func() Meta {
		m := e.Meta
		m.Part = part
		part++
		return m
	}
	if len(e.Results) == 0 {
		e.whole = Result{Meta: meta(), Judgement: e.Judgement, Verdict: e.Verdict, Name: cmp.Or(e.EvaluationType, e.GuardianType)}
		if !yield(&e.whole) {
			return
		}
	}
	for i := range e.Results {
		r := &e.Results[i]
		r.Meta, r.Judgement, r.Verdict = meta(), e.Judgement, Verdict{}
		if i == 0 {
			r.Verdict = e.Verdict
		}
		if !yield(r) {
			return
		}
	}
	for i := range e.Issues {
		issue := &e.Issues[i]
		issue.Meta, issue.Judgement = meta(), e.Judgement
		if !yield(issue) {
			return
		}
	}
	for i := range e.Improvements {
		improvement := &e.Improvements[i]
		improvement.Meta, improvement.Judgement = meta(), e.Judgement
		if !yield(improvement) {
			return
		}
	}
}

// Severity implements Event.
func (e *Evaluation) Severity() plog.SeverityNumber { return failureSeverity(e.ErrorType) }

// Severity implements Event.
func (r *Result) Severity() plog.SeverityNumber { return failureSeverity(r.ErrorType) }

// Severity implements Event.
func (i *Issue) Severity() plog.SeverityNumber {
	return severityNumber(i.SeverityName, plog.SeverityNumberWarn)
}

// Severity implements Event.
func (i *Improvement) Severity() plog.SeverityNumber { return plog.SeverityNumberInfo }

func failureSeverity(errorType string) plog.SeverityNumber {
	if errorType != "" {
		return plog.SeverityNumberError
	}
	return plog.SeverityNumberInfo
}

func (e *Evaluation) reset() {
	*e = Evaluation{Results: e.Results[:0], Issues: e.Issues[:0], Improvements: e.Improvements[:0]}
}
func (r *Result) reset()      { *r = Result{} }
func (i *Issue) reset()       { *i = Issue{} }
func (i *Improvement) reset() { *i = Improvement{} }

func (*Evaluation) table() *table  { return evaluationTable }
func (*Result) table() *table      { return resultTable }
func (*Issue) table() *table       { return issueTable }
func (*Improvement) table() *table { return improvementTable }

func judgementFields[T any](at func(*T) *Judgement) fields {
	return join(
		fields{
			text("evaluation_id", "id of the evaluation", func(e *T) *string { return &at(e).EvaluationID }).unique(),
			text("guardian_type", "kind of the guardian that judged", func(e *T) *string { return &at(e).GuardianType }).as("guardian_type", "guardian.type").path("guardian.type"),
			text("evaluation_type", "what was judged, such as safety", func(e *T) *string { return &at(e).EvaluationType }),
		},
		specialistFields(func(e *T) *Specialist { return &at(e).Specialist }),
		modelFields(func(e *T) *Model { return &at(e).Model }),
		targetFields(func(e *T) *Target { return &at(e).Target }),
		fields{
			text("evaluator.id", "which judge", func(e *T) *string { return &at(e).Evaluator.ID }),
			text("evaluator.type", "kind of the judge", func(e *T) *string { return &at(e).Evaluator.Type }).oneOf("llm_judge", "deterministic", "human"),
			text("evaluator.version", "version of the judge", func(e *T) *string { return &at(e).Evaluator.Version }),
			text("evaluator.model", "model of the judge", func(e *T) *string { return &at(e).Evaluator.Model }),
		},
	)
}

func verdictFields[T any](at func(*T) *Verdict) fields {
	return join(
		fields{
			text("quality_tier", "tier of the answer's quality, such as high, medium, low", func(e *T) *string { return &at(e).QualityTier }),
			text("verdict", "what the guardian decided, such as allow or deny", func(e *T) *string { return &at(e).Decision }),
			text("action", "what the application did then", func(e *T) *string { return &at(e).Action }),
			text("mode", "whether the answer waited for the verdict", func(e *T) *string { return &at(e).Mode }).oneOf("sync", "async"),
			double("duration_s", "seconds that judging took", func(e *T) *Float { return &at(e).Duration }).notNegative(),
			text("error_type", "why the evaluation failed, of low cardinality", func(e *T) *string { return &at(e).ErrorType }).as("error.type", "error_type"),
			text("error_message", "what the error said; secrets in it are masked", func(e *T) *string { return &at(e).ErrorMessage }).as("error.message", "error_message").message(),
		},
		usageFields(func(e *T) *Usage { return &at(e).Usage }),
	)
}

var resultElements = fields{
	text("name", "what the score measures; quality and confidence are shown as the specialist's", func(r *Result) *string { return &r.Name }).as("gen_ai.evaluation.name").needed(),
	double("score", "the score, on its own scale", func(r *Result) *Float { return &r.Score }).as("gen_ai.evaluation.score.value"),
	text("label", "the score in words, of low cardinality", func(r *Result) *string { return &r.Label }).as("gen_ai.evaluation.score.label"),
	text("explanation", "why; kept only as the receiver's content setting says", func(r *Result) *string { return &r.Explanation }).as("gen_ai.evaluation.explanation").content(),
	double("min", "least score of the scale; 0 by default", func(r *Result) *Float { return &r.Min }).as("score.min"),
	double("max", "greatest score of the scale; 1 by default", func(r *Result) *Float { return &r.Max }).as("score.max"),
	text("direction", "which end of the scale is good; higher_is_better by default", func(r *Result) *string { return &r.Direction }).
		as("score.direction").oneOf(HigherIsBetter, LowerIsBetter),
	double("threshold", "score at which the verdict turns", func(r *Result) *Float { return &r.Threshold }).as("score.threshold"),
}

var issueElements = fields{
	text("issue_id", "id of the issue", func(i *Issue) *string { return &i.IssueID }).unique(),
	text("category", "kind of the issue, of low cardinality", func(i *Issue) *string { return &i.Category }).as("category", "issue_type").needed(),
	text("taxonomy", "where the category is defined, such as mlcommons", func(i *Issue) *string { return &i.Taxonomy }),
	text("severity", "how bad it is", func(i *Issue) *string { return &i.SeverityName }).oneOf(severities...),
	text("stage", "where it was found", func(i *Issue) *string { return &i.Stage }).oneOf("input", "output", "tool_input", "tool_output"),
	double("score", "how sure the guardian is", func(i *Issue) *Float { return &i.Score }),
	text("policy_id", "policy that was broken", func(i *Issue) *string { return &i.PolicyID }),
	text("rule_id", "rule of the policy", func(i *Issue) *string { return &i.RuleID }),
	text("message", "what was found; kept only as the receiver's content setting says", func(i *Issue) *string { return &i.Message }).content(),
}

var improvementElements = fields{
	text("improvement_id", "id of the improvement, the same through all its states", func(i *Improvement) *string { return &i.ImprovementID }).unique().needed(),
	text("type", "kind of the improvement, of low cardinality", func(i *Improvement) *string { return &i.Type }).as("improvement_type").path("improvement_type").needed(),
	text("priority", "how much it matters", func(i *Improvement) *string { return &i.Priority }),
	text("status", "what became of it; suggested by default", func(i *Improvement) *string { return &i.Status }).
		oneOf(ImprovementSuggested, ImprovementAccepted, ImprovementRejected, ImprovementImplemented),
	text("description", "what to do; kept only as the receiver's content setting says", func(i *Improvement) *string { return &i.Description }).content(),
}

var evaluationTable = newTable(TypeEvaluation, "", func() Event { return new(Evaluation) }, checkEvaluation, join(
	metaFields(requestIDOptional),
	judgementFields(func(e *Evaluation) *Judgement { return &e.Judgement }),
	verdictFields(func(e *Evaluation) *Verdict { return &e.Verdict }),
	fields{
		list("results", "scores", resultElements, func(e *Evaluation) *[]Result { return &e.Results }),
		list("issues", "faults that were found", issueElements, func(e *Evaluation) *[]Issue { return &e.Issues }),
		list("improvements", "what the guardian suggests", improvementElements, func(e *Evaluation) *[]Improvement { return &e.Improvements }),
	},
), shorthand{"guardian": "guardian_type", "model": "model.name"}).need("guardian_type")

var resultTable = newTable("", NameEvaluationResult, func() Event { return new(Result) }, nil, join(
	metaFields(requestIDOptional),
	judgementFields(func(r *Result) *Judgement { return &r.Judgement }),
	verdictFields(func(r *Result) *Verdict { return &r.Verdict }),
	resultElements,
), nil)

var issueTable = newTable("", NameIssue, func() Event { return new(Issue) }, nil, join(
	metaFields(requestIDOptional),
	judgementFields(func(i *Issue) *Judgement { return &i.Judgement }),
	issueElements,
), nil)

var improvementTable = newTable(TypeImprovement, NameImprovement, func() Event { return new(Improvement) }, nil, join(
	metaFields(requestIDOptional),
	judgementFields(func(i *Improvement) *Judgement { return &i.Judgement }),
	improvementElements,
), shorthand{"guardian": "guardian_type", "model": "model.name"})

func checkEvaluation(event Event) *Problem {
	e := event.(*Evaluation)
	switch {
	case e.Target.none() && e.RequestID == "" && e.TraceID.IsEmpty():
		return &Problem{Code: CodeMissingField, Pointer: "/target", Message: "an evaluation needs the id of what it judged: target, request_id or a traceparent"}
	case len(e.Results) == 0 && len(e.Issues) == 0 && len(e.Improvements) == 0 && e.ErrorType == "" && e.QualityTier == "" && e.Decision == "":
		return &Problem{Code: CodeMissingField, Pointer: "/results", Message: "an evaluation needs results, issues, improvements, a verdict, a quality_tier or an error_type"}
	default:
		return nil
	}
}
