// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
)

// openTime is how long a request may be in progress before it is given up: its end
// was lost, or will not be believed.
const openTime = time.Hour

// openRequests are the requests that have started and not ended.
type openRequests struct {
	limit   int
	byID    map[string]openRequest
	byCall  map[duplicates.Key]string // ids of requests whose start said of which call it is
	byModel map[string]int            // models that were seen stay, at 0
	order   fifo[openOrder]
}

type openRequest struct {
	model string
	since time.Time
	call  callKeys
}

type openOrder struct {
	id    string
	since time.Time
}

func newOpenRequests(limit int) *openRequests {
	return &openRequests{limit: limit, byID: map[string]openRequest{}, byCall: map[duplicates.Key]string{}, byModel: map[string]int{}}
}

// start opens a request and reports whether another one had to be given up for it.
func (o *openRequests) start(id, model string, call callKeys, now time.Time) (full bool) {
	if _, ok := o.byID[id]; ok || id == "" {
		return false
	}
	for full = len(o.byID) >= o.limit; len(o.byID) >= o.limit; {
		oldest, ok := o.order.pop()
		if !ok {
			break
		}
		o.close(oldest)
	}
	o.byID[id] = openRequest{model: model, since: now, call: call}
	for _, key := range call {
		if _, taken := o.byCall[key]; !taken && key != noKey {
			o.byCall[key] = id
		}
	}
	o.byModel[model]++
	o.order.push(openOrder{id: id, since: now})
	return full
}

// end closes a request, if it is open.
func (o *openRequests) end(id string) {
	if len(o.byID) == 0 {
		return
	}
	request, ok := o.byID[id]
	if !ok {
		return
	}
	delete(o.byID, id)
	for _, key := range request.call {
		if o.byCall[key] == id {
			delete(o.byCall, key)
		}
	}
	o.byModel[request.model]--
}

// endCall closes the request that a call belongs to, if it is open.
func (o *openRequests) endCall(call callKeys) {
	for _, key := range call {
		if id, ok := o.byCall[key]; ok {
			o.end(id)
		}
	}
}

// close gives up a request, unless it has ended, and perhaps started anew.
func (o *openRequests) close(order openOrder) {
	if request, ok := o.byID[order.id]; ok && request.since.Equal(order.since) {
		o.end(order.id)
	}
}

// expire gives up the requests that have been open for too long.
func (o *openRequests) expire(now time.Time) {
	for {
		oldest, ok := o.order.peek()
		if !ok || now.Sub(oldest.since) < openTime {
			return
		}
		o.order.pop()
		o.close(oldest)
	}
}

// show gives the number of open requests per model. A model is shown once at 0 and
// then forgotten.
func (o *openRequests) show(set func(model string, requests int)) {
	for model, requests := range o.byModel {
		set(model, requests)
	}
}
