// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// result counts one result and, with the first of an evaluation, the evaluation.
func (c *counts) result(r *event.Result, at *occasion) {
	if r.Part == 0 && !c.seen.evaluationAgain(ofEvaluationSpan, r, at.now) {
		c.seen.evaluated(ofEvaluationEvent, r, at.now)
		c.evaluation(r, at)
	}
	score, ok := normalised(r)
	if !ok {
		if r.Score.Set && (c.qualityNames[r.Name] || c.confidenceNames[r.Name]) {
			c.telemetry.rejected(event.NameEvaluationResult, string(event.CodeOutOfRange))
		}
		return
	}
	if c.qualityNames[r.Name] {
		c.tiers.judged(r, c.tierOf(score), at.now)
		if r.Specialist.Type != "" {
			c.to.specialistQuality.Record(at.now, &metering.Labels{r.Specialist.Type}, score, &at.exemplar)
		}
	}
	if c.confidenceNames[r.Name] && r.Specialist.Type != "" {
		c.to.specialistConfidence.Record(at.now, &metering.Labels{r.Specialist.Type}, score, &at.exemplar)
	}
}

func (c *counts) evaluation(r *event.Result, at *occasion) {
	if r.Duration.Set && r.Duration.Value > absurdSeconds {
		c.telemetry.rejected(event.NameEvaluationResult, "absurd")
		r.Duration = event.Float{}
	}
	guardian, evaluationType := orUnknown(r.GuardianType), r.EvaluationType
	if evaluationType == "" {
		evaluationType = r.Name
	}
	evaluationType = orUnknown(evaluationType)
	c.to.evaluations.Add(at.now, &metering.Labels{guardian, r.Specialist.ID, evaluationType}, 1, &at.exemplar)
	if r.Duration.Set {
		c.to.evaluationDuration.Record(at.now, &metering.Labels{guardian, evaluationType}, r.Duration.Value, &at.exemplar)
	}
	if r.ErrorType != "" && !c.seen.failureAgain(r.RequestID, guardian, at.now) {
		c.to.guardianErrors.Add(at.now, &metering.Labels{guardian, r.ErrorType}, 1, &at.exemplar)
	}
	if r.QualityTier != "" {
		c.tiers.judged(r, r.QualityTier, at.now)
	}
}

// normalised gives the score from 0 to 1, 1 being good. Scores without a scale are
// taken to have that one already.
func normalised(r *event.Result) (float64, bool) {
	low, high := r.Min.Or(0), r.Max.Or(1)
	if !r.Score.Set || high <= low || r.Score.Value < low || r.Score.Value > high {
		return 0, false
	}
	score := (r.Score.Value - low) / (high - low)
	if r.Direction == event.LowerIsBetter {
		score = 1 - score
	}
	return score, true
}

func (c *counts) issue(i *event.Issue, at *occasion) {
	c.to.issues.Add(at.now, &metering.Labels{
		orUnknown(i.GuardianType), i.Specialist.ID, orUnknown(i.Category), orUnknown(i.SeverityName),
	}, 1, &at.exemplar)
}

// improvement counts an improvement's suggestion and its implementation once each,
// and remembers what has become of it.
func (c *counts) improvement(i *event.Improvement, at *occasion) {
	status := i.Status
	if status == "" {
		status = event.ImprovementSuggested
	}
	before, isNew, full := c.improvements.become(i.ImprovementID, status, at.now)
	c.limited("improvements", full)
	guardian, kind := orUnknown(i.GuardianType), orUnknown(i.Type)
	if isNew && status == event.ImprovementSuggested {
		c.to.improvementsSuggested.Add(at.now, &metering.Labels{guardian, kind, orUnknown(i.Priority)}, 1, &at.exemplar)
	}
	if before != event.ImprovementImplemented && status == event.ImprovementImplemented {
		c.to.improvementsImplemented.Add(at.now, &metering.Labels{guardian, kind}, 1, &at.exemplar)
	}
}

// failure counts an error of a specialist or a guardian.
func (c *counts) failure(f *event.Failure, at *occasion) {
	if f.Specialist.Type != "" && !c.seen.errorAgain(f.RequestID, f.Specialist.Type, f.ErrorType, at.now) {
		c.specialistError(f.Specialist.Type, f.ErrorType, f.SeverityName, at)
	}
	if f.GuardianType != "" && !c.seen.errorAgain(f.RequestID, f.GuardianType, f.ErrorType, at.now) {
		c.to.guardianErrors.Add(at.now, &metering.Labels{f.GuardianType, orUnknown(f.ErrorType)}, 1, &at.exemplar)
	}
}
