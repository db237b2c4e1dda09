// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// decision is the next state of an improvement that was suggested.
type decision struct {
	judgement
	kind, priority, status string
}

// suggest adds an improvement to an evaluation; what becomes of it comes late.
func (c *Cluster) suggest(at time.Time, j *judgement, e *event.Evaluation) {
	g, random := &guardians[j.guardian], c.sources.specialists[j.specialist]
	next := decision{judgement: *j, kind: pick(random, g.improvements), priority: pick(random, priorities), status: event.ImprovementRejected}
	if chance(random, acceptedShare) {
		next.status = event.ImprovementAccepted
	}
	e.Improvements = append(e.Improvements, event.Improvement{
		ImprovementID: c.id("improvement", j.request), Type: next.kind, Priority: next.priority, Status: event.ImprovementSuggested,
	})
	c.addLate(at, random, next)
}

func (d decision) happen(c *Cluster, at time.Time) event.Event {
	random := c.sources.specialists[d.specialist]
	if d.status == event.ImprovementAccepted && chance(random, implementedShare) {
		next := d
		next.status = event.ImprovementImplemented
		c.addLate(at, random, next)
	}
	i := &c.events.improvement
	*i = event.Improvement{
		Meta: c.about(d.request, guardians[d.guardian].source), Judgement: c.judged(&d.judgement),
		ImprovementID: c.id("improvement", d.request), Type: d.kind, Priority: d.priority, Status: d.status,
	}
	return i
}
