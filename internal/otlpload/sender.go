// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"context"
	"sync"
	"time"
)

// requestTimeout bounds one export, so that a sender ends even if its server hangs.
const requestTimeout = 30 * time.Second

// Source makes the bodies of requests.
type Source interface {
	Signal() Signal
	// Items is the number of ledger ids in a request.
	Items() int
	// Append appends a request whose ledger ids begin at first. It may be called by several goroutines at once.
	Append(dst []byte, encoding Encoding, first int64) []byte
}

// Sender sends requests made from a payload. Without a rate it is a closed loop: InFlight requests are under way, and each answer lets the
// next one go.
type Sender struct {
	Client   Client
	Payload  Source // mostly a *Payload
	Ledger   *Ledger
	InFlight int           // requests under way at the same time; 0 means 1
	Requests int           // requests to send; 0 means until the context ends
	Rate     float64       // items per second that the sender may not exceed; 0 means no limit
	Retry    time.Duration // pause before a retryable request is sent again, without end; 0 means that nothing is sent again
}

// Stats counts what became of the requests of one run.
type Stats struct {
	Accepted int   // requests
	Refused  int   // requests given up
	Retries  int   // repeated attempts
	Err      error // the first refusal, also if a retry mended it
}

// Run sends until Requests are sent or ctx ends. Requests that are under way when ctx ends are not cut off, so the ledger is never in doubt
// about them; they are not sent again either.
func (s Sender) Run(ctx context.Context) Stats {
	tickets := make(chan struct{})
	var stats statsCollector
	var workers sync.WaitGroup
	for range max(1, s.InFlight) {
		workers.Go(func() { s.work(ctx, tickets, &stats) })
	}
	s.issue(ctx, tickets)
	close(tickets)
	workers.Wait()
	return stats.Stats
}

// issue hands out one ticket per request, at the rate.
func (s Sender) issue(ctx context.Context, tickets chan<- struct{}) {
	start := time.Now()
	for i := 0; s.Requests == 0 || i < s.Requests; i++ {
		if s.Rate > 0 {
			due := time.Duration(float64(i*s.Payload.Items()) / s.Rate * float64(time.Second))
			if !pause(ctx, due-time.Since(start)) {
				return
			}
		}
		select {
		case tickets <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

func (s Sender) work(ctx context.Context, tickets <-chan struct{}, stats *statsCollector) {
	var body []byte
	for range tickets {
		first := s.Ledger.Reserve(s.Payload.Items())
		body = s.Payload.Append(body[:0], s.Client.Encoding(), first)
		if err := s.export(ctx, body, stats); err != nil {
			body = nil // The transport may still read it.
			continue
		}
		s.Ledger.Accept(first, s.Payload.Items())
	}
}

// export sends one request, again and again if it may.
func (s Sender) export(ctx context.Context, body []byte, stats *statsCollector) error {
	for {
		err := s.attempt(ctx, body)
		again := err != nil && s.Retry > 0 && Retryable(err) && pause(ctx, s.Retry)
		stats.count(err, again)
		if !again {
			return err
		}
	}
}

func (s Sender) attempt(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	return s.Client.Export(ctx, s.Payload.Signal(), body)
}

// pause waits for d and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

type statsCollector struct {
	mu sync.Mutex
	Stats
}

func (c *statsCollector) count(err error, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Err == nil {
		c.Err = err
	}
	switch {
	case err == nil:
		c.Accepted++
	case again:
		c.Retries++
	default:
		c.Refused++
	}
}
