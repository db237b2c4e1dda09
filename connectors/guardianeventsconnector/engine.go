// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/outbox"
)

const (
	// tickInterval is how often episodes are looked through for silent ones, and refused events sent again.
	tickInterval = time.Second
	// maxWaiting is the number of batches of events that are kept while the next consumer refuses them.
	maxWaiting = 1000
)

// engine keeps the episodes of a connector ID.
type engine struct {
	set    connector.Settings
	config *Config

	mu        sync.Mutex // guards the reader, the episodes and the tallies
	reader    *reader
	episodes  *episodes
	telemetry *telemetry

	outbox  *outbox.Outbox[plog.Logs]
	store   *checkpoint.Store
	saver   *checkpoint.Saver
	work    chan struct{} // events wait to be sent
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newEngine(set connector.Settings, config *Config, next consumer.Logs) *engine {
	e := &engine{set: set, config: config, work: make(chan struct{}, 1)}
	e.reader = newReader(config, func(k kind, why reason) { e.telemetry.rejected[k][why].n++ })
	e.episodes = newEpisodes(config)
	e.outbox = outbox.New(outbox.Settings[plog.Logs]{
		Consume: next.ConsumeLogs, Clone: cloneLogs, Limit: maxWaiting,
		Refused: func() { e.telemetry.builder.GuardianEventsBatchesRefused.Add(context.Background(), 1) },
		Dropped: func() { e.telemetry.builder.GuardianEventsBatchesDropped.Add(context.Background(), 1) },
	})
	return e
}

func cloneLogs(logs plog.Logs) plog.Logs {
	clone := plog.NewLogs()
	logs.CopyTo(clone)
	return clone
}

// Start restores the episodes and begins to watch.
func (e *engine) Start(ctx context.Context, host component.Host) (err error) {
	if e.telemetry, err = newTelemetry(e.set.TelemetrySettings); err != nil {
		return err
	}
	e.store, err = checkpoint.Open(ctx, host, component.KindConnector, e.set.ID, checkpoint.Settings{
		Storage: e.config.Storage, Name: "episodes", Logger: e.set.Logger,
	})
	if err != nil {
		return err
	}
	if restored, ok := e.store.Load(ctx, e.restore); ok {
		e.set.Logger.Info("Episodes of the last run restored.", zap.Int("episodes", len(e.episodes.byKey)), zap.Time("saved", restored.SavedAt))
	}
	if err := e.telemetry.watch(e); err != nil {
		return errors.Join(err, e.store.Close(ctx))
	}
	ctx, e.cancel = context.WithCancel(context.Background())
	e.running.Go(func() { e.run(ctx) })
	if e.config.Storage != nil {
		e.saver = checkpoint.StartSaver(e.store, stateSchema, e.config.CheckpointInterval, e.snapshot)
	}
	return nil
}

// Shutdown sends and saves once more. Episodes that are open stay open where there is a storage.
func (e *engine) Shutdown(ctx context.Context) error {
	if e.cancel == nil {
		return nil // Start failed
	}
	e.cancel()
	e.running.Wait()
	e.outbox.Send(ctx)
	var err error
	if e.saver != nil {
		err = e.saver.Stop(ctx)
	}
	e.telemetry.builder.Shutdown()
	return errors.Join(err, e.store.Close(ctx))
}

// run sends events and ends silent episodes, until the context is done.
func (e *engine) run(ctx context.Context) {
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e.tick(time.Now())
		case <-e.work:
		}
		e.outbox.Send(ctx)
	}
}

func (e *engine) tick(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.say(e.episodes.expire(now, e.config.IdleAfter), now)
}

// consume looks at the verdicts of a batch.
func (e *engine) consume(metrics pmetric.Metrics, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var changes []change
	for _, f := range e.reader.read(metrics) {
		e.telemetry.points[f.subject.kind].n++
		changed, why := e.episodes.observe(f.key, &f.subject, f.sighting, now)
		switch {
		case why == outOfOrder:
			e.telemetry.rejected[f.subject.kind][reasonOutOfOrder].n++
		case why == noRoom:
			e.telemetry.limited[f.subject.kind].n++
		case changed.episode != nil:
			changes = append(changes, changed)
		}
	}
	e.say(changes, now)
}

// say makes events of changes.
func (e *engine) say(changes []change, now time.Time) {
	if len(changes) > 0 {
		e.outbox.Put(e.logs(changes, now))
		select {
		case e.work <- struct{}{}:
		default:
		}
	}
	e.telemetry.report()
}
