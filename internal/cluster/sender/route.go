// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"context"
	"sync"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// route is a way for events to go, with the batch that is being filled.
type route struct {
	newWriter func() writer
	send      sendFunc
	open      *batch // nil if nothing waits
	spare     *batch // taken for the next one if nothing was there to add
	unused    sync.Pool
}

// sendFunc sends the body of a batch of n events. The error is a *refusal.
type sendFunc func(ctx context.Context, body []byte, n int) (answer, error)

// add puts an event into the open batch, if there is anything of it that goes this way.
func (r *route) add(e event.Event, t event.Type) {
	b := r.open
	if b == nil {
		b = r.next()
	}
	if !b.writer.add(e) {
		r.spare = b
		return
	}
	if len(b.types) == 0 {
		b.opened = time.Now()
	}
	b.types = append(b.types, t)
	r.open, r.spare = b, nil
}

// next gives an empty batch.
func (r *route) next() *batch {
	if r.spare != nil {
		return r.spare
	}
	if b, ok := r.unused.Get().(*batch); ok {
		return b
	}
	return &batch{route: r, writer: r.newWriter()}
}

// recycle takes back a batch that nobody reads any more.
func (r *route) recycle(b *batch) {
	b.types = b.types[:0]
	b.writer.reset()
	r.unused.Put(b)
}

// dispatch writes an event for the ways that it goes, and hands over what is full.
func (s *Sender) dispatch(e event.Event) {
	for _, o := range s.Observers {
		o.Observe(e)
	}
	if r := s.routeOf(); r != nil {
		r.add(e, cluster.TypeOf(e))
		s.handOverFull(r)
	}
	if s.spans != nil {
		s.spans.add(e, TypeSpan)
		s.handOverFull(s.spans)
	}
}

// routeOf chooses the way of the next event, so that the shares are kept at any time.
func (s *Sender) routeOf() *route {
	switch {
	case s.logs == nil:
		return s.guardian
	case s.guardian == nil:
		return s.logs
	}
	s.owed += s.OTLPShare
	if s.owed < 1 {
		return s.guardian
	}
	s.owed--
	return s.logs
}

func (s *Sender) handOverFull(r *route) {
	if r.open != nil && len(r.open.types) >= s.Batch {
		s.handOver(r)
	}
}

// handOver gives the open batch of a route to a worker, and waits for one.
func (s *Sender) handOver(r *route) {
	b := r.open
	r.open = nil
	s.ready <- b
}

// oldest gives the route whose open batch has waited longest, nil if none waits.
func (s *Sender) oldest() *route {
	var oldest *route
	for _, r := range [...]*route{s.guardian, s.logs, s.spans} {
		if r != nil && r.open != nil && (oldest == nil || r.open.opened.Before(oldest.open.opened)) {
			oldest = r
		}
	}
	return oldest
}
