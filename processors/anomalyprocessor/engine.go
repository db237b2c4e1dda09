// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
)

const (
	// tickInterval is how often steps are ended by the clock, and refused verdicts sent again.
	tickInterval = time.Second
	// lookInterval is how often what is idle is looked for, and stock taken of the memory.
	lookInterval = 10 * time.Second
)

// engine judges what passes through one pipeline.
type engine struct {
	set    processor.Settings
	config *Config

	mu        sync.Mutex // guards the detectors, the reader, the trainer's queue and what the output gathers
	detectors []*detector
	reader    *reader
	trainer   trainer
	output    *output
	telemetry *telemetry
	looked    time.Time

	store   *checkpoint.Store
	saver   *checkpoint.Saver
	saved   int           // size of the last snapshot
	work    chan struct{} // verdicts wait to be sent
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newEngine(set processor.Settings, config *Config, next consumer.Metrics) *engine {
	e := &engine{set: set, config: config, work: make(chan struct{}, 1), trainer: trainer{work: make(chan struct{}, 1)}}
	e.output = newOutput(e, next)
	return e
}

// signal wakes who waits for the channel, or will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Start restores what was learned and begins to judge.
func (e *engine) Start(ctx context.Context, host component.Host) (err error) {
	e.reset(time.Now())
	if e.telemetry, err = newTelemetry(e.set.TelemetrySettings, e.detectors); err != nil {
		return err
	}
	e.store, err = checkpoint.Open(ctx, host, component.KindProcessor, e.set.ID, checkpoint.Settings{
		Storage: e.config.Storage, Name: "metrics", Logger: e.set.Logger,
	})
	if err != nil {
		return err
	}
	e.store.LoadAndTell(ctx, checkpoint.Content{Learned: "Models and baselines", One: "entity", Many: "entities"}, e.restore)
	if err := e.telemetry.watch(e); err != nil {
		return errors.Join(err, e.store.Close(ctx))
	}
	ctx, e.cancel = context.WithCancel(context.Background())
	e.running.Go(func() { e.run(ctx) })
	e.running.Go(func() { e.train(ctx) })
	if e.config.Storage != nil {
		e.saver = checkpoint.StartSaver(e.store, stateSchema, e.config.CheckpointInterval, e.snapshot)
	}
	return nil
}

// reset makes detectors that have seen nothing.
func (e *engine) reset(now time.Time) {
	e.detectors, e.looked, e.trainer.queue = nil, now, nil
	for i := range e.config.Detectors {
		e.detectors = append(e.detectors, newDetector(&e.config.Detectors[i], e.output, e.trainer.add))
	}
	e.reader = newReader(e.detectors)
}

// Shutdown waits for what runs, sends and saves once more.
func (e *engine) Shutdown(ctx context.Context) error {
	if e.cancel == nil {
		return nil // Start failed
	}
	e.cancel()
	e.running.Wait()
	e.mu.Lock()
	e.output.cut()
	e.telemetry.report(e.detectors)
	e.mu.Unlock()
	e.output.send(ctx)
	var err error
	if e.saver != nil {
		err = e.saver.Stop(ctx)
	}
	e.telemetry.builder.Shutdown()
	return errors.Join(err, e.store.Close(ctx))
}

// run ends steps by the clock and sends verdicts, until the context is done. While the next consumer refuses, verdicts are gathered for a
// second before they are put with those that wait.
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
			if e.output.outbox.Len() > 0 {
				continue
			}
		}
		e.mu.Lock()
		e.output.cut()
		e.mu.Unlock()
		e.output.send(ctx)
	}
}

func (e *engine) tick(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range e.detectors {
		for _, of := range d.list {
			of.judgeRows(now)
		}
	}
	if now.Sub(e.looked) >= lookInterval {
		e.looked = now
		for _, d := range e.detectors {
			d.forget(now)
			d.look()
		}
	}
	e.telemetry.report(e.detectors)
}

// extract reads what the detectors look at.
func (e *engine) extract(metrics pmetric.Metrics, now time.Time) *batch {
	b := newBatch()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reader.read(metrics, now, b)
	return b
}

// commit judges what was extracted from a batch that was accepted.
func (e *engine) commit(b *batch, now time.Time) {
	if len(b.points) == 0 {
		return
	}
	b.order()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range b.points {
		p := &b.points[i]
		if s := p.detector.series.Get(p.series); s != nil && s.entity != nil && s.kind == p.kind {
			s.entity.commit(s, p, b, now)
		}
	}
	for _, of := range b.touched {
		if of.waiting {
			of.fold(now)
		}
	}
	e.telemetry.report(e.detectors)
}
