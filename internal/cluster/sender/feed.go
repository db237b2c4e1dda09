// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"context"
	"time"
)

// feed takes events from the cluster as they are due, until everything is sent or ctx ends. It leaves
// no event behind in a batch.
func (s *Sender) feed(ctx context.Context) {
	if s.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Duration)
		defer cancel()
	}
	due := s.schedule()
	for sent := 0; s.Events <= 0 || sent < s.Events; sent++ {
		at := s.Cluster.NextTime()
		if !s.Until.IsZero() && !at.Before(s.Until) {
			break
		}
		if !s.await(ctx, due(at)) {
			break
		}
		s.dispatch(s.Cluster.Next())
	}
	for r := s.oldest(); r != nil; r = s.oldest() {
		s.handOver(r)
	}
}

// schedule gives the real time at which an event of a virtual time is due: not before it has happened.
func (s *Sender) schedule() func(time.Time) time.Time {
	if s.Speed <= 0 {
		return func(at time.Time) time.Time { return at }
	}
	begin, first := time.Now(), s.Cluster.NextTime()
	return func(at time.Time) time.Time {
		if due := begin.Add(time.Duration(float64(at.Sub(first)) / s.Speed)); due.After(at) {
			return due
		}
		return at
	}
}

// await waits until an event is due and reports whether ctx has not ended. A batch that has waited long
// enough goes out meanwhile; while no worker is free it is filled further.
func (s *Sender) await(ctx context.Context, due time.Time) bool {
	for ctx.Err() == nil {
		now := time.Now()
		if !due.After(now) {
			if s.Speed > 0 {
				s.lag.Store(int64(now.Sub(due)))
			}
			return true
		}
		s.idle(ctx, now, due.Sub(now))
	}
	return false
}

// idle waits for some time, or until the batch that has waited longest is long enough there or
// taken by a worker.
func (s *Sender) idle(ctx context.Context, now time.Time, wait time.Duration) {
	var ready chan<- *batch // Nobody can be given anything through nil.
	var waiting *batch
	r := s.oldest()
	if r != nil {
		waiting = r.open
		patience := waiting.opened.Add(s.Linger).Sub(now)
		if patience <= 0 {
			ready = s.ready
		} else {
			wait = min(wait, patience)
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case ready <- waiting:
		r.open = nil
	case <-timer.C:
	case <-ctx.Done():
	}
}
