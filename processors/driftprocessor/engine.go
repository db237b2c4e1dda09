// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

const (
	// tickInterval is how often windows are ended by the clock, and refused verdicts sent again.
	tickInterval = time.Second
	// forgetInterval is how often groups that are idle are looked for.
	forgetInterval = time.Minute
)

// engine judges what passes through one pipeline.
type engine struct {
	set    processor.Settings
	config *Config
	name   string // of the state
	host   component.Host

	mu        sync.Mutex // guards the monitors, the readers and what the output gathers
	monitors  []*monitor
	logs      *logReader
	points    *pointReader
	output    output
	telemetry *telemetry
	reporting sync.Mutex // guards degraded, and the order of what is reported
	degraded  bool
	forgotten time.Time
	flushed   time.Time

	store   *checkpoint.Store
	saver   *checkpoint.Saver
	work    chan struct{} // verdicts wait to be sent
	wanted  chan struct{} // a reference file waits to be read
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// output makes verdicts of reports and sends them. Its methods but send are called under the engine's lock.
type output interface {
	// take gathers the verdicts of a window.
	take(g *group, r *drift.Report, now time.Time)
	// flush shows what was gathered, the last time if last is set and nothing will be restored.
	flush(now time.Time, last bool)
	// send hands on what is waiting.
	send(ctx context.Context)
	encode(e *codec.Encoder)
	// decode reads what encode wrote, and gives what puts it in force.
	decode(d *codec.Decoder, now time.Time) (apply func(), err error)
}

func newEngine(set processor.Settings, config *Config, name string) *engine {
	return &engine{set: set, config: config, name: name, work: make(chan struct{}, 1), wanted: make(chan struct{}, 1)}
}

func newLogsEngine(set processor.Settings, config *Config, next consumer.Logs) *engine {
	e := newEngine(set, config, "logs")
	e.output = newEventOutput(e, next)
	return e
}

func newMetricsEngine(set processor.Settings, config *Config, next consumer.Metrics) *engine {
	e := newEngine(set, config, "metrics")
	e.output = newMetricOutput(e, next)
	return e
}

// refused counts verdicts that the next consumer did not take, and dropped those that are given up.
func (e *engine) refused() { e.telemetry.builder.DriftVerdictsRefused.Add(context.Background(), 1) }
func (e *engine) dropped() { e.telemetry.builder.DriftVerdictsDropped.Add(context.Background(), 1) }

// own says whether a monitor works in the pipelines of this engine's signal.
func (e *engine) own(m *MonitorConfig) bool { return (m.Input.Metric != "") == (e.name == "metrics") }

// Start restores the state and begins to judge.
func (e *engine) Start(ctx context.Context, host component.Host) (err error) {
	e.host = host
	e.reset()
	if len(e.monitors) == 0 {
		e.set.Logger.Warn("No monitor looks at the " + e.name + " of this pipeline: they pass unseen.")
	}
	if e.telemetry, err = newTelemetry(e.set.TelemetrySettings, e.monitors); err != nil {
		return err
	}
	e.store, err = checkpoint.Open(ctx, host, component.KindProcessor, e.set.ID, checkpoint.Settings{
		Storage: e.config.Storage, Name: e.name, Logger: e.set.Logger,
	})
	if err != nil {
		return err
	}
	e.store.LoadAndTell(ctx, checkpoint.Content{Learned: "Windows and references", One: "group", Many: "groups"}, e.restore)
	if err := e.telemetry.watch(e); err != nil {
		return errors.Join(err, e.store.Close(ctx))
	}
	ctx, e.cancel = context.WithCancel(context.Background())
	e.running.Go(func() { e.run(ctx) })
	for range referenceReaders {
		e.running.Go(func() { e.readReferences(ctx) })
	}
	if e.config.Storage != nil {
		e.saver = checkpoint.StartSaver(e.store, stateSchema, e.config.CheckpointInterval, e.snapshot)
	}
	return nil
}

// reset makes monitors that have seen nothing.
func (e *engine) reset() {
	now := time.Now()
	e.monitors, e.forgotten, e.flushed = nil, now, now
	for i := range e.config.Monitors {
		if config := &e.config.Monitors[i]; e.own(config) {
			m := newMonitor(config)
			if m.references != nil {
				m.references.wake, m.references.logger = func() { signal(e.wanted) }, e.set.Logger.With(zap.String("monitor", config.Name))
			}
			e.monitors = append(e.monitors, m)
		}
	}
	e.logs, e.points = newLogReader(nil), newPointReader(nil)
	if e.name == "metrics" {
		e.points = newPointReader(e.monitors)
	} else {
		e.logs = newLogReader(e.monitors)
	}
}

// signal wakes who waits for the channel, or will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Shutdown sends and saves once more.
func (e *engine) Shutdown(ctx context.Context) error {
	if e.cancel == nil {
		return nil // Start failed
	}
	e.cancel()
	e.running.Wait()
	e.output.send(ctx)
	var err error
	if e.saver != nil {
		err = e.saver.Stop(ctx) // before the last flush: what that marks as shown is not shown yet
	}
	e.mu.Lock()
	e.output.flush(time.Now(), e.config.Storage == nil)
	e.telemetry.report(e.monitors)
	e.mu.Unlock()
	e.output.send(ctx)
	e.telemetry.builder.Shutdown()
	return errors.Join(err, e.store.Close(ctx))
}

// run ends windows by the clock and sends verdicts, until the context is done.
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
		e.output.send(ctx)
	}
}

func (e *engine) tick(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.monitors {
		if m.settings.Window.MaxAge == 0 && m.settings.Window.Season.Phases == 0 {
			continue
		}
		for _, g := range m.inOrder() {
			g.tick(now)
			e.collect(g, now)
		}
	}
	if now.Sub(e.forgotten) >= forgetInterval {
		e.forgotten = now
		for _, m := range e.monitors {
			m.forget(now)
		}
	}
	if now.Sub(e.flushed) >= e.config.FlushInterval {
		e.flushed = now
		e.output.flush(now, false)
	}
	e.telemetry.report(e.monitors)
}

// extractLogs reads what the monitors look at.
func (e *engine) extractLogs(logs plog.Logs, now time.Time) *batch {
	b := newBatch()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.logs.read(logs, now, b)
	return b
}

// extractMetrics reads what the monitors look at.
func (e *engine) extractMetrics(metrics pmetric.Metrics, now time.Time) *batch {
	b := newBatch()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.points.read(metrics, now, b)
	return b
}

// commit judges what was extracted from a batch that was accepted.
func (e *engine) commit(b *batch, now time.Time) {
	if len(b.rows)+len(b.points) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.commitRows(b, now)
	first := 0
	for i := range b.runs {
		r := &b.runs[i]
		e.commitRun(b, r, b.points[first:r.end], now)
		first = r.end
	}
	for _, g := range b.touched {
		e.commitGathered(g, now)
	}
	e.telemetry.report(e.monitors)
}

// maxRows is the number of rows after which reports are collected at the latest: each can end two windows.
const maxRows = 256

// commitRows commits rows, run by run.
func (e *engine) commitRows(b *batch, now time.Time) {
	rows, values, first := b.rows, b.values, 0
	for _, run := range b.rowRuns {
		for first < run.end {
			n := run.group.together(min(run.end-first, maxRows))
			used := run.group.observeRows(rows[first:first+n], values, now)
			values = values[used:]
			first += n
			e.collect(run.group, now)
		}
	}
}

// collect gives the reports of a group to the output.
func (e *engine) collect(g *group, now time.Time) {
	reports := g.drift.Reports()
	for i := range reports {
		g.monitor.count(&reports[i])
		if !g.monitor.config.Muted {
			e.output.take(g, &reports[i], now)
		}
	}
}

// count counts the verdicts of a window.
func (m *monitor) count(r *drift.Report) {
	m.tally.windows++
	m.tally.tests += int64(r.Tests)
	for i := range r.Features {
		if v := &r.Features[i]; v.State == drift.InsufficientData {
			m.tally.verdicts[severityInsufficient]++
		} else {
			m.tally.verdicts[v.Severity]++
		}
	}
}
