// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"container/list"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// improvementTime is how long the state of an improvement is remembered after its
// last change.
const improvementTime = 30 * 24 * time.Hour

// improvements remembers what has become of each improvement.
type improvements struct {
	limit    int
	byID     map[string]*list.Element // of improvementState
	order    *list.List               // by last change, the oldest first
	byStatus map[string]int
}

type improvementState struct {
	id, status string
	suggested  bool // its suggestion has come
	changed    time.Time
}

func newImprovements(limit int) *improvements {
	return &improvements{
		limit: limit, byID: map[string]*list.Element{}, order: list.New(),
		// The states that dashboards show, so that each is there at 0.
		byStatus: map[string]int{statusPending: 0, event.ImprovementAccepted: 0, event.ImprovementRejected: 0, event.ImprovementImplemented: 0},
	}
}

// statusPending is what the metric calls an improvement that is only suggested.
const statusPending = "pending"

func shownStatus(status string) string {
	if status == event.ImprovementSuggested {
		return statusPending
	}
	return status
}

// become changes the state of an improvement and gives the one before, "" if it was
// not known; whether a suggestion is its first; and whether another improvement had to be
// forgotten for it. A suggestion that comes after a decision does not change the state.
func (i *improvements) become(id, status string, now time.Time) (before string, isNew, full bool) {
	suggestion := status == event.ImprovementSuggested
	if id == "" {
		return "", suggestion, false
	}
	if element, ok := i.byID[id]; ok {
		state := element.Value.(*improvementState)
		before, isNew = state.status, suggestion && !state.suggested
		state.suggested = state.suggested || suggestion
		if status != event.ImprovementSuggested {
			i.byStatus[shownStatus(before)]--
			i.byStatus[shownStatus(status)]++
			state.status, state.changed = status, now
			i.order.MoveToBack(element)
		}
		return before, isNew, false
	}
	if full = len(i.byID) >= i.limit; full {
		i.forget(i.order.Front())
	}
	i.put(improvementState{id: id, status: status, suggested: suggestion, changed: now})
	return "", suggestion, full
}

func (i *improvements) put(state improvementState) {
	i.byID[state.id] = i.order.PushBack(&state)
	i.byStatus[shownStatus(state.status)]++
}

func (i *improvements) forget(element *list.Element) {
	state := element.Value.(*improvementState)
	i.order.Remove(element)
	delete(i.byID, state.id)
	i.byStatus[shownStatus(state.status)]--
}

func (i *improvements) expire(now time.Time) {
	for oldest := i.order.Front(); oldest != nil && now.Sub(oldest.Value.(*improvementState).changed) > improvementTime; oldest = i.order.Front() {
		i.forget(oldest)
	}
}

// show gives the number of improvements in each state, once there was one.
func (i *improvements) show(set func(status string, n int)) {
	if i.order.Len() == 0 {
		return
	}
	for status, n := range i.byStatus {
		set(status, n)
	}
}
