// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
)

// outbox keeps verdicts until the next consumer has taken them, in order. put may be called while send runs.
type outbox[T any] struct {
	consume func(context.Context, T) error
	clone   func(T) T
	limit   int
	wake    func()
	refused func()
	dropped func()

	mu    sync.Mutex
	queue []T
	first uint64 // number of queue[0]; every batch that was put in has one
}

// put adds a batch. The oldest makes room for it if need be.
func (o *outbox[T]) put(batch T) {
	o.mu.Lock()
	if len(o.queue) >= o.limit {
		o.pop()
		o.dropped()
	}
	o.queue = append(o.queue, batch)
	o.mu.Unlock()
	o.wake()
}

func (o *outbox[T]) pop() {
	var none T
	o.queue[0] = none
	o.queue = o.queue[1:]
	o.first++
}

// send hands on what is waiting, oldest first, until the consumer refuses.
func (o *outbox[T]) send(ctx context.Context) {
	for {
		batch, number, ok := o.peek()
		if !ok {
			return
		}
		// The consumer owns what it is given, even when it refuses.
		err := o.consume(ctx, o.clone(batch))
		if err != nil && !consumererror.IsPermanent(err) {
			o.refused()
			return
		}
		if err != nil {
			o.dropped()
		}
		o.done(number)
	}
}

func (o *outbox[T]) peek() (batch T, number uint64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return batch, 0, false
	}
	return o.queue[0], o.first, true
}

// done removes a batch, unless it has made room meanwhile.
func (o *outbox[T]) done(number uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) > 0 && o.first == number {
		o.pop()
	}
}

// waiting gives what is waiting. The batches must not be changed.
func (o *outbox[T]) waiting() []T {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]T(nil), o.queue...)
}
