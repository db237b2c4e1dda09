// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
)

const (
	// stateSchema is the version of what encodeState writes.
	stateSchema = 3
	// keptFlushes is how many emissions are kept while the metrics pipeline refuses.
	keptFlushes = 20
)

// engine counts for all instances of a connector ID, and emits through one of them.
type engine struct {
	set    connector.Settings
	config *Config
	next   consumer.Metrics

	mu        sync.Mutex
	counts    *counts
	telemetry *telemetry
	mappings  []*spanMapping

	store    *checkpoint.Store
	host     component.Host
	lastSave time.Time
	failing  bool              // the last save
	unsent   []pmetric.Metrics // in the order in which they were made
	cancel   context.CancelFunc
	flushing sync.WaitGroup
}

func newEngine(set connector.Settings, config *Config, next consumer.Metrics) *engine {
	return &engine{set: set, config: config, next: next}
}

// Start restores the counts and begins to flush.
func (e *engine) Start(ctx context.Context, host component.Host) (err error) {
	e.host = host
	if e.mappings, err = compileMappings(e.config.Spans, e.set.TelemetrySettings); err != nil {
		return err
	}
	if e.telemetry, err = newTelemetry(e.set.TelemetrySettings); err != nil {
		return err
	}
	e.store, err = checkpoint.Open(ctx, host, component.KindConnector, e.set.ID, checkpoint.Settings{
		Storage: e.config.Storage, Name: "counts", Logger: e.set.Logger,
	})
	if err != nil {
		return err
	}
	if err := e.restore(ctx); err != nil {
		return errors.Join(err, e.store.Close(ctx))
	}
	if err := e.telemetry.watch(e.stats); err != nil {
		return errors.Join(err, e.store.Close(ctx))
	}
	ctx, e.cancel = context.WithCancel(context.Background())
	e.flushing.Go(func() { e.flushEvery(ctx) })
	return nil
}

// restore makes the counts, those of the last run if there are any.
func (e *engine) restore(ctx context.Context) error {
	now := time.Now()
	var err error
	if e.counts, err = newCounts(e.config, e.telemetry); err != nil {
		return err
	}
	state, ok := e.store.Load(ctx, func(schema uint32, blob []byte) error {
		fresh, err := newCounts(e.config, e.telemetry)
		if err != nil {
			return err
		}
		if err := fresh.restoreState(schema, blob, now); err != nil {
			return err
		}
		e.counts = fresh
		return nil
	})
	switch {
	case ok:
		e.logRestored(state.SavedAt)
	case e.store.Stats().Rejected > 0:
		e.set.Logger.Warn("Nothing restored: the state of the last run was refused, and every count begins again at 0.")
	case e.config.Storage != nil:
		e.set.Logger.Info("Nothing to restore: there is no state of a last run.")
	}
	return nil
}

// logRestored says what the counts of the last run are, which were saved at a time.
func (e *engine) logRestored(at time.Time) {
	now := e.stats()
	series := 0
	for _, n := range now.series {
		series += n
	}
	fields := []zap.Field{zap.Time("saved", at), zap.Int("series", series), zap.Int("known_ids", now.entries["duplicates"])}
	if series == 0 {
		e.set.Logger.Info("Nothing to restore: the last run had no series.", fields...)
		return
	}
	e.set.Logger.Info("Counts of the last run restored.", fields...)
}

// Shutdown emits and saves once more.
func (e *engine) Shutdown(ctx context.Context) error {
	if e.cancel == nil {
		return nil // Start failed
	}
	e.cancel()
	e.flushing.Wait()
	err := e.flush(ctx, true)
	e.telemetry.shutdown()
	return errors.Join(err, e.store.Close(ctx))
}

// flushEvery flushes until the context is done.
func (e *engine) flushEvery(ctx context.Context) {
	ticker := time.NewTicker(e.config.FlushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := e.flush(ctx, false); err != nil && ctx.Err() == nil {
				e.set.Logger.Warn("Cannot save the counts; they go on in memory.", zap.Error(err))
			}
		}
	}
}

// flush takes a picture of the counts, saves it, and emits it. It is saved first:
// what Prometheus has seen is then never more than what a restart begins with.
func (e *engine) flush(ctx context.Context, last bool) error {
	now := time.Now()
	pictures, state := e.picture(now, last)
	var err error
	if state != nil {
		err = e.store.Save(ctx, stateSchema, state)
		e.saved(ctx, err, now)
	}
	e.emit(ctx, pictures)
	return err
}

// saved takes note of how a save went.
func (e *engine) saved(ctx context.Context, err error, now time.Time) {
	if err != nil {
		e.telemetry.checkpointFailure(ctx)
	} else {
		e.lastSave = now
	}
	if failing := err != nil; failing != e.failing {
		e.failing = failing
		status := componentstatus.NewEvent(componentstatus.StatusOK)
		if failing {
			status = componentstatus.NewRecoverableErrorEvent(err)
		}
		componentstatus.ReportStatus(e.host, status)
	}
}

// picture gives the metrics to emit and, if it is time to save, the state.
func (e *engine) picture(now time.Time, last bool) (pictures []pmetric.Metrics, state []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.counts.telemetry.report()
	e.counts.settle(now, last)
	if e.config.Storage != nil && (last || now.Sub(e.lastSave) >= e.config.CheckpointInterval) {
		// Before the flush: what it marks as shown is not shown yet.
		state = e.counts.encodeState(now)
	}
	pictures = e.counts.flush(now, last, e.set.BuildInfo.Version)
	return pictures, state
}

// emit sends what is unsent, oldest first, and keeps what is refused.
func (e *engine) emit(ctx context.Context, pictures []pmetric.Metrics) {
	e.unsent = append(e.unsent, pictures...)
	if excess := len(e.unsent) - keptFlushes; excess > 0 {
		e.unsent = slices.Delete(e.unsent, 0, excess)
	}
	for len(e.unsent) > 0 {
		// The consumer owns what it is given, even when it refuses: keep the original.
		attempt := e.unsent[0]
		kept := pmetric.NewMetrics()
		attempt.CopyTo(kept)
		if err := e.next.ConsumeMetrics(ctx, attempt); err != nil {
			e.telemetry.flushFailures(ctx)
			e.unsent[0] = kept
			return
		}
		e.unsent = slices.Delete(e.unsent, 0, 1)
	}
}
