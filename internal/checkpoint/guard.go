// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// ErrAbandoned is returned by [Store.Save] when a storage call did not come back in time. The call may still be running and
// reading the blob, which must not be modified any more.
var ErrAbandoned = errors.New("the storage call did not return in time and was abandoned")

// faultError is a panic or a memory fault inside a call, as an error.
type faultError struct{ reason any }

func (e *faultError) Error() string { return fmt.Sprintf("the call panicked: %v", e.reason) }

// guard runs calls into code that may panic, fault or hang.
type guard struct {
	timeout   time.Duration
	abandoned atomic.Uint64
}

// call runs f on a goroutine of its own and waits for it until ctx is done or the timeout has passed. Then f is abandoned:
// nothing it was given may be used again, except by f itself.
func (g *guard) call(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- contain(f) }()
	timer := time.NewTimer(g.timeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	case <-ctx.Done():
	}
	g.abandoned.Add(1)
	return ErrAbandoned
}

// contain runs f and turns a panic or a memory fault into a *faultError. Faults happen where a storage reads a file through
// a memory map: past the end of a truncated file, or through a damaged offset.
func contain(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			err = &faultError{reason: reason}
		}
	}()
	return f()
}
