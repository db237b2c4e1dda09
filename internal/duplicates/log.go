// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Errors of a [Log].
var (
	// ErrClosed means that the log has been closed.
	ErrClosed = errors.New("the log of event ids is closed")
	// ErrBusy means that more keys wait for the storage than may wait.
	ErrBusy = errors.New("the storage does not keep up with the event ids")
	// ErrTimeout means that the storage did not answer in time. It may still do what it was asked to do.
	ErrTimeout = errors.New("the storage did not answer in time")
)

const (
	// DefaultTimeout is how long a storage may take for what a caller waits for.
	DefaultTimeout = 10 * time.Second
	// maxWaiting is how many keys may wait while the storage is busy, unless a single append has more.
	maxWaiting = 1 << 17
)

// Log keeps committed keys in a storage client. It is safe for concurrent use.
//
// All calls into the storage are made by one goroutine of its own, which lives until Close. If a call hangs, callers wait for no longer than the
// timeout, and when it comes back the log goes on.
type Log struct {
	client   storage.Client
	settings Settings
	timeout  time.Duration

	mu      sync.Mutex
	changed sync.Cond // waiting or closed has changed
	waiting *group
	closed  bool

	// Used by the goroutine alone.
	layout  layout
	rewrite bool // the storage may hold something else than layout says

	end group // done when the goroutine ends
}

// group is records that are written together, or another thing that the goroutine does and callers wait for.
type group struct {
	records []record
	err     error // once done
	done    chan struct{}
}

// Open puts the keys that the client holds and that have not expired into the table, which must hold nothing yet, and returns a
// log with the table's TTL and limit. The warnings say which stored values are damaged or missing; their keys are forgotten. An error means that
// the client does not work at all, and may have left keys in the table; trying again with another client is fine.
//
// The client belongs to the log from now on, even if Open fails. It must not be used for anything else. A timeout that is
// not positive is DefaultTimeout; it bounds Open, each Append and Close, as does their context.
func Open(ctx context.Context, client storage.Client, table *Table, now time.Time, timeout time.Duration) (log *Log, warnings []error, err error) {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	l := &Log{client: client, settings: table.settings, timeout: timeout, end: group{done: make(chan struct{})}}
	l.changed.L = &l.mu
	loaded := group{done: make(chan struct{})}
	var damaged []error
	go l.run(func() {
		damaged, loaded.err = l.load(table, now)
		close(loaded.done)
	})
	if err := l.outcome(ctx, &loaded); err != nil {
		l.stop()
		return nil, nil, fmt.Errorf("cannot read the event ids that were seen before: %w", err)
	}
	return l, damaged, nil
}

// Append returns when the keys are written, or with an error after which they may or may not be. Keys of concurrent calls
// are written together, and fail together. The log does not keep keys.
func (l *Log) Append(ctx context.Context, keys []Key, at time.Time) error {
	if len(keys) == 0 {
		return nil
	}
	g, err := l.join(keys, at)
	if err == nil {
		err = l.outcome(ctx, g)
	}
	if err != nil {
		return fmt.Errorf("cannot store %d event ids: %w", len(keys), err)
	}
	return nil
}

// Close writes what waits and closes the client. It returns the error of doing the latter. A second Close waits for the first.
func (l *Log) Close(ctx context.Context) error {
	l.stop()
	if err := l.outcome(ctx, &l.end); err != nil {
		return fmt.Errorf("cannot close the storage of event ids: %w", err)
	}
	return nil
}

func (l *Log) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.changed.Signal()
}

// join adds keys to the group that is written next.
func (l *Log) join(keys []Key, at time.Time) (*group, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	g := l.waiting
	switch {
	case g == nil:
		g = &group{done: make(chan struct{})}
		l.waiting = g
		l.changed.Signal()
	case len(g.records)+len(keys) > maxWaiting:
		return nil, ErrBusy
	}
	g.records = appendRecords(g.records, keys, at)
	return g, nil
}

// outcome waits for the goroutine to be done with g, within the timeout.
func (l *Log) outcome(ctx context.Context, g *group) error {
	timer := time.NewTimer(l.timeout)
	defer timer.Stop()
	select {
	case <-g.done:
		return g.err
	case <-timer.C:
		return ErrTimeout
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run makes all calls into the storage.
func (l *Log) run(load func()) {
	defer close(l.end.done)
	load()
	for g := l.next(); g != nil; g = l.next() {
		g.err = l.write(g.records)
		close(g.done)
	}
	l.end.err = contain(func() error { return l.client.Close(context.Background()) })
}

// next returns the group to write, nil when the log is closed.
func (l *Log) next() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.waiting == nil && !l.closed {
		l.changed.Wait()
	}
	g := l.waiting
	l.waiting = nil
	return g
}

func (l *Log) load(table *Table, now time.Time) (warnings []error, err error) {
	l.layout, err = read(l.batch,
		func(records []record) { table.restore(records, now) },
		func(err error) { warnings = append(warnings, err) },
	)
	l.rewrite = len(warnings) > 0
	return warnings, err
}

func (l *Log) write(records []record) error {
	next, ops := l.layout.add(records, l.rewrite, l.settings)
	err := l.batch(ops...)
	l.rewrite = err != nil
	if err == nil {
		l.layout = next
	}
	return err
}

func (l *Log) batch(ops ...*storage.Operation) error {
	// A storage that heeds its context gives up by itself.
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	return contain(func() error { return l.client.Batch(ctx, ops...) })
}

// contain turns a panic or a memory fault into an error: a storage that reads its file through a memory map has both when
// the file is damaged or truncated.
func contain(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("the storage panicked: %v", reason)
		}
	}()
	return f()
}
