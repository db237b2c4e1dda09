// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package outbox keeps what a component says of its own until the next consumer has taken it: nobody upstream could send it again.
package outbox

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
)

// Settings say how an Outbox sends.
type Settings[T any] struct {
	// Consume hands a batch to the next consumer, which owns it from then on, even if it refuses.
	Consume func(context.Context, T) error
	// Clone copies a batch.
	Clone func(T) T
	// Limit is the number of batches that are kept, and MaxSize what they may measure together by Size: the newest is kept whatever it
	// measures. Without Size only their number is limited.
	Limit   int
	Size    func(T) int
	MaxSize int
	// Refused is called when the next consumer has refused a batch that is kept, Dropped when one is given up: it was refused for
	// good, or too many were waiting.
	Refused, Dropped func()
}

// Outbox keeps batches in order. Put may be called while Send runs; Send must not be called concurrently with itself.
type Outbox[T any] struct {
	settings Settings[T]

	mu    sync.Mutex
	queue []T
	size  int    // of all in the queue
	first uint64 // number of queue[0]; every batch that was put in has one
}

// New returns an empty Outbox.
func New[T any](settings Settings[T]) *Outbox[T] { return &Outbox[T]{settings: settings} }

// Put adds a batch. The oldest make room for it if need be.
func (o *Outbox[T]) Put(batch T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	size := o.sizeOf(batch)
	for len(o.queue) > 0 && (len(o.queue) >= o.settings.Limit || o.size+size > o.settings.MaxSize) {
		o.pop()
		o.settings.Dropped()
	}
	o.queue, o.size = append(o.queue, batch), o.size+size
}

func (o *Outbox[T]) sizeOf(batch T) int {
	if o.settings.Size == nil {
		return 0
	}
	return o.settings.Size(batch)
}

func (o *Outbox[T]) pop() {
	var none T
	o.size -= o.sizeOf(o.queue[0])
	o.queue[0] = none
	o.queue = o.queue[1:]
	o.first++
}

// Send hands on what is waiting, oldest first, until the consumer refuses.
func (o *Outbox[T]) Send(ctx context.Context) {
	for {
		batch, number, ok := o.peek()
		if !ok {
			return
		}
		err := o.settings.Consume(ctx, o.settings.Clone(batch))
		if err != nil && !consumererror.IsPermanent(err) {
			o.settings.Refused()
			return
		}
		if err != nil {
			o.settings.Dropped()
		}
		o.done(number)
	}
}

func (o *Outbox[T]) peek() (batch T, number uint64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return batch, 0, false
	}
	return o.queue[0], o.first, true
}

// done removes a batch, unless it has made room meanwhile.
func (o *Outbox[T]) done(number uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) > 0 && o.first == number {
		o.pop()
	}
}

// Waiting gives what is waiting. The batches must not be changed.
func (o *Outbox[T]) Waiting() []T {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]T(nil), o.queue...)
}

// Len gives the number of batches that are waiting.
func (o *Outbox[T]) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue)
}
