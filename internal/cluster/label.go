// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const labelSource = "/annotation"

// promise is the truth about a prediction that somebody is going to tell.
type promise struct {
	number   uint64 // of the prediction
	model    int
	drifted  float64 // how far the model's input had drifted
	actual   event.Outcome
	revision int64 // how often it was told
	retract  bool
}

func (p promise) happen(c *Cluster, at time.Time) event.Event {
	m, l := &models[p.model], &c.events.label
	said := p.actual
	if p.revision == 0 {
		said = c.firstWord(at, p)
	}
	*l = event.Label{Meta: c.about(p.number, labelSource)}
	l.Target = event.Target{PredictionID: c.id("prediction", p.number)}
	l.Model = event.Model{Name: m.name, Version: m.version}
	c.complete(l, p.number, p.revision+1, at)
	if p.retract {
		l.Operation = event.LabelRetract
		return l
	}
	l.Actual = said
	return l
}

// firstWord gives what a label says at first: mostly the truth. Some labels are
// wrong and corrected later, some are taken back.
func (c *Cluster) firstWord(at time.Time, p promise) event.Outcome {
	random := c.sources.models[p.model]
	later := p
	later.revision = 1
	switch draw := random.Float64(); {
	case draw < wrongLabelShare && p.actual.Class != "":
		c.addLate(at, random, later)
		return event.Outcome{Class: models[p.model].other(p.actual.Class)}
	case draw >= 1-retractedShare:
		later.retract = true
		c.addLate(at, random, later)
	}
	return p.actual
}

// complete fills in what every label has.
func (c *Cluster) complete(l *event.Label, number uint64, revision int64, at time.Time) {
	l.LabelID = c.id("label", number)
	l.Annotator = event.Annotator{Kind: "HUMAN", Name: "annotators"}
	l.ObservedAt = at.UTC().Format(time.RFC3339)
	l.Revision = event.Some(revision)
	l.Operation = event.LabelUpsert
}

// judgementTruth is what somebody is going to say about an evaluation: whether the
// answer was at fault.
type judgementTruth struct {
	judgement
	wrong bool
}

func (t judgementTruth) happen(c *Cluster, at time.Time) event.Event {
	l := &c.events.label
	*l = event.Label{Meta: c.about(t.request, labelSource)}
	l.Target = event.Target{EvaluationID: c.id("evaluation", t.request)}
	l.Specialist = specialists[t.specialist].who()
	c.complete(l, t.request, 1, at)
	l.Actual.Class = "ok"
	if t.wrong {
		l.Actual.Class = "issue"
	}
	return l
}
