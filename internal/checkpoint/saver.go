// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Saver saves a state at a fixed interval, on a goroutine of its own, until it is stopped.
type Saver struct {
	store    *Store
	schema   uint32
	snapshot func() []byte
	failing  bool
	stop     chan context.Context
	stopped  chan error
}

// StartSaver starts to save what snapshot returns, once per interval, which must be positive. The snapshot function is never called concurrently with
// itself; it takes the caller's locks, and it may return nil if there is nothing to save. The blob belongs to the Saver.
func StartSaver(store *Store, schema uint32, interval time.Duration, snapshot func() []byte) *Saver {
	s := &Saver{store: store, schema: schema, snapshot: snapshot, stop: make(chan context.Context), stopped: make(chan error)}
	go s.run(interval)
	return s
}

// Stop saves once more, within ctx, waits for the goroutine, and returns the error of that last save. It must be called once,
// before the Store is closed.
func (s *Saver) Stop(ctx context.Context) error {
	s.stop <- ctx
	return <-s.stopped
}

func (s *Saver) run(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.report(s.save(context.Background()))
		case ctx := <-s.stop:
			s.stopped <- s.save(ctx)
			return
		}
	}
}

func (s *Saver) save(ctx context.Context) error {
	blob := s.snapshot()
	if blob == nil {
		return nil
	}
	return s.store.Save(ctx, s.schema, blob)
}

// report logs when saving starts to fail and when it works again, not each time.
func (s *Saver) report(err error) {
	if failing := err != nil; failing != s.failing {
		s.failing = failing
		if failing {
			s.store.logger.Warn("Checkpoint cannot be saved; the older one is kept.", zap.Error(err))
		} else {
			s.store.logger.Info("Checkpoint is saved again.")
		}
	}
}
