// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// happening is something that is going to happen; it makes one event. It may put
// further happenings into the cluster's queue.
type happening interface {
	happen(c *Cluster, at time.Time) event.Event
}

// queue is a heap of what is going to happen, the next one first. Happenings of the same
// moment come in the order in which they were added.
type queue struct {
	items []queued
	added uint64
}

type queued struct {
	at    time.Time
	order uint64
	what  happening
}

func (q *queued) before(other *queued) bool {
	if order := q.at.Compare(other.at); order != 0 {
		return order < 0
	}
	return q.order < other.order
}

func (q *queue) add(at time.Time, what happening) {
	q.added++
	q.items = append(q.items, queued{at: at, order: q.added, what: what})
	for child := len(q.items) - 1; child > 0; {
		parent := (child - 1) / 2
		if !q.items[child].before(&q.items[parent]) {
			return
		}
		q.items[child], q.items[parent] = q.items[parent], q.items[child]
		child = parent
	}
}

// next removes and returns the next happening. The queue must not be empty.
func (q *queue) next() queued {
	first, last := q.items[0], len(q.items)-1
	q.items[0], q.items[last] = q.items[last], queued{}
	q.items = q.items[:last]
	for parent := 0; ; {
		child := 2*parent + 1
		if child >= last {
			return first
		}
		if right := child + 1; right < last && q.items[right].before(&q.items[child]) {
			child = right
		}
		if !q.items[child].before(&q.items[parent]) {
			return first
		}
		q.items[child], q.items[parent] = q.items[parent], q.items[child]
		parent = child
	}
}
