// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

// Observer sees the events that are sent, once each and in their order, before they are. It must not
// keep an event: what it points to changes with the next one.
type Observer interface {
	Observe(e event.Event)
}

// Sender sends the events of a cluster. Cluster and one of Guardian and OTLP must be set;
// other fields that are not positive stand for their defaults. A Sender runs once.
type Sender struct {
	Cluster  *cluster.Cluster
	Guardian *Guardian
	OTLP     *OTLP
	// OTLPShare is the share of the events that goes over OTLP if both are set, 0 to 1.
	OTLPShare float64
	// Spans also sends the spans of traced requests, over OTLP.
	Spans bool

	// Events is how many to send; 0 means no limit.
	Events int
	// Until is the virtual time at which to stop; the zero time means never.
	Until time.Time
	// Duration is the real time after which to stop; 0 means never. What is under way then is
	// finished.
	Duration time.Duration
	// Speed is how fast virtual time goes in real time, counted from the first event, until it has reached
	// the present. 0 means as fast as the collector answers.
	Speed float64

	Workers int           // batches under way at the same time; 1. More than one may change the order of events.
	Batch   int           // events in a batch, at most; 100
	Linger  time.Duration // how long an event may wait for its batch to fill; 100 ms

	RetryFirst time.Duration // pause before the first retry, about; 100 ms
	RetryMost  time.Duration // longest pause, unless the receiver asks for more; 10 s
	RetryFor   time.Duration // how long a batch is sent again before it is given up; 1 minute

	Observers []Observer
	// Progress gets a line each second; nil means none.
	Progress io.Writer

	ledger   Ledger
	guardian *route // nil if there is no such way
	logs     *route
	spans    *route
	ready    chan *batch
	owed     float64      // share of an event that OTLP has still to get
	lag      atomic.Int64 // nanoseconds by which the last event was late
}

// Defaults of [Sender].
const (
	DefaultBatch      = 100
	DefaultLinger     = 100 * time.Millisecond
	DefaultRetryFirst = 100 * time.Millisecond
	DefaultRetryMost  = 10 * time.Second
	DefaultRetryFor   = time.Minute
)

// attemptTimeout bounds one attempt to send a batch.
const attemptTimeout = 30 * time.Second

// Run sends until everything is sent or ctx ends, and closes the clients. Attempts that are under way when ctx ends
// are finished and not repeated. The error says why nothing can ever be taken; what became of single events is in
// the report only.
func (s *Sender) Run(ctx context.Context) (Report, error) {
	if s.Cluster == nil || (s.Guardian == nil && s.OTLP == nil) {
		return Report{}, errors.New("there is nothing to send, or nowhere to send it: Cluster, and Guardian or OTLP, must be set")
	}
	s.setDefaults()
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	stopProgress := s.showProgress()
	var workers sync.WaitGroup
	for range s.Workers {
		workers.Go(func() {
			for b := range s.ready {
				s.deliver(ctx, abort, b)
			}
		})
	}
	s.feed(ctx)
	close(s.ready)
	workers.Wait()
	stopProgress()
	err := s.closeClients()
	if useless := (*refusal)(nil); errors.As(context.Cause(ctx), &useless) {
		err = errors.Join(useless, err)
	}
	return s.ledger.Report(), err
}

func (s *Sender) setDefaults() {
	s.Workers = max(s.Workers, 1)
	setDefault(&s.Batch, DefaultBatch)
	setDefault(&s.Linger, DefaultLinger)
	setDefault(&s.RetryFirst, DefaultRetryFirst)
	setDefault(&s.RetryMost, DefaultRetryMost)
	setDefault(&s.RetryFor, DefaultRetryFor)
	s.ready = make(chan *batch)
	if s.Guardian != nil {
		s.guardian = &route{newWriter: s.Guardian.newWriter, send: s.Guardian.send}
	}
	if s.OTLP != nil {
		s.logs = &route{newWriter: newLogWriter, send: s.OTLP.send(otlpload.Logs)}
		if s.Spans {
			s.spans = &route{newWriter: newSpanWriter, send: s.OTLP.send(otlpload.Traces)}
		}
	}
}

func setDefault[T int | time.Duration](value *T, byDefault T) {
	if *value <= 0 {
		*value = byDefault
	}
}

func (s *Sender) closeClients() error {
	if s.Guardian != nil {
		s.Guardian.close()
	}
	if s.OTLP != nil {
		return s.OTLP.close()
	}
	return nil
}

// deliver sends a batch, again and again if it may, and enters into the ledger what became of it.
func (s *Sender) deliver(ctx context.Context, abort context.CancelCauseFunc, b *batch) {
	body, err := b.writer.body()
	if err != nil {
		s.ledger.attempt(b.types, false)
		s.ledger.giveUp(b.types, &refusal{err: err, atFault: true}, false)
		return
	}
	began, inDoubt := time.Now(), false
	for retries := 0; ; retries++ {
		s.ledger.attempt(b.types, retries > 0)
		answered, why := b.attempt(ctx, body)
		if why == nil {
			s.ledger.settle(b.types, answered)
			if retries == 0 { // Else a connection that broke may still read the body.
				b.route.recycle(b)
			}
			return
		}
		inDoubt = inDoubt || why.inDoubt
		if why.useless {
			abort(why)
		}
		pause := s.pause(retries, why.after)
		if !why.retry || time.Since(began)+pause > s.RetryFor || !sleep(ctx, pause) {
			s.ledger.giveUp(b.types, why, inDoubt)
			return
		}
	}
}

// attempt sends the batch once. The end of ctx does not cut it off.
func (b *batch) attempt(ctx context.Context, body []byte) (answer, *refusal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptTimeout)
	defer cancel()
	answered, err := b.route.send(ctx, body, len(b.types))
	if err == nil {
		return answered, nil
	}
	why := (*refusal)(nil)
	if !errors.As(err, &why) {
		why = unanswered(err)
	}
	return answered, why
}

// sleep waits and reports whether ctx has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
