// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
)

// sweepInterval is how often alerts are looked for that are over.
const sweepInterval = 15 * time.Second

// stateSchema is the version of what snapshot writes.
const stateSchema = 1

// alertExporter holds the alerts in force, and tells every Alertmanager of them.
type alertExporter struct {
	set        exporter.Settings
	config     *Config
	host       component.Host
	translator *translator
	targets    []*target
	telemetry  *telemetry

	mu    sync.Mutex // guards the table
	table *alerting.Table

	statusMu sync.Mutex // guards what follows
	failing  map[string]error

	unsaved uint64 // failures to save when the table was last written down
	store   *checkpoint.Store
	saver   *checkpoint.Saver
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newExporter(ctx context.Context, set exporter.Settings, config *Config) (*alertExporter, error) {
	e := &alertExporter{set: set, config: config, translator: newTranslator(config), failing: map[string]error{}}
	e.table = alerting.NewTable(config.Limits.Alerts, config.ExpireAfter, config.ForgetAfter)
	for _, endpoint := range config.targets() {
		t, err := newTarget(ctx, e, endpoint)
		if err != nil {
			return nil, fmt.Errorf("endpoint %s: %w", endpoint, err)
		}
		e.targets = append(e.targets, t)
	}
	return e, nil
}

// Capabilities says that batches are not changed: what is told is copied from them.
func (*alertExporter) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start restores the alerts in force, and begins to tell them.
func (e *alertExporter) Start(ctx context.Context, host component.Host) (err error) {
	e.host = host
	if e.telemetry, err = newTelemetry(e.set.TelemetrySettings); err != nil {
		return err
	}
	e.store, err = checkpoint.Open(ctx, host, component.KindExporter, e.set.ID, checkpoint.Settings{
		Storage: e.config.Storage, Name: "alerts", Logger: e.set.Logger,
	})
	if err != nil {
		return err
	}
	e.load(ctx)
	if err := e.telemetry.watch(e); err != nil {
		return errors.Join(err, e.store.Close(ctx))
	}
	background, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	for _, t := range e.targets {
		if err := t.Start(ctx, host); err != nil {
			return errors.Join(fmt.Errorf("endpoint %s: %w", t.name, err), e.Shutdown(ctx))
		}
	}
	for _, t := range e.targets {
		e.running.Go(func() { every(background, e.config.ResendInterval, true, func() { t.resend(background) }) })
	}
	e.running.Go(func() { every(background, sweepInterval, false, e.sweep) })
	if e.config.Storage != nil {
		e.saver = checkpoint.StartSaver(e.store, stateSchema, e.config.CheckpointInterval, e.snapshot)
	}
	return nil
}

// load restores the alerts of the last run, if there are any.
func (e *alertExporter) load(ctx context.Context) {
	leftOut := 0
	state, ok := e.store.Load(ctx, func(schema uint32, body []byte) (err error) {
		leftOut, err = e.restore(schema, body)
		return err
	})
	log, fields := e.set.Logger, []zap.Field{zap.Time("saved", state.SavedAt), zap.Int("alerts", e.table.Len()), zap.Int("without_room", leftOut)}
	switch {
	case ok && leftOut > 0:
		log.Warn("Alerts of the last run restored, but for some that find no room: see limits::alerts.", fields...)
	case ok && e.table.Len() > 0:
		log.Info("Alerts of the last run restored.", fields...)
	case ok:
		log.Info("Nothing to restore: the last run knew no alert.", fields...)
	case e.store.Stats().Rejected > 0:
		log.Warn("Nothing restored: the state of the last run was refused, and every alert begins again with its next event.")
	case e.config.Storage != nil:
		log.Info("Nothing to restore: there is no state of a last run.")
	}
}

// every calls do once per interval, and at once if asked to, until the context is done.
func every(ctx context.Context, interval time.Duration, atOnce bool, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	if atOnce {
		do()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// Shutdown tells what it can of what waits in the queues. Alerts in force stay so: the next run goes on telling them, or the
// Alertmanagers end them when they hear no more.
func (e *alertExporter) Shutdown(ctx context.Context) error {
	if e.cancel == nil {
		return nil // Start failed
	}
	e.cancel()
	e.running.Wait()
	var errs []error
	for _, t := range e.targets {
		errs = append(errs, t.Shutdown(ctx))
	}
	if e.saver != nil {
		errs = append(errs, e.saver.Stop(ctx))
	}
	e.telemetry.builder.Shutdown()
	errs = append(errs, e.store.Close(ctx))
	e.cancel = nil
	return errors.Join(errs...)
}

// ConsumeLogs enters what the batch says of alerts into the table, and hands on what the Alertmanagers have to hear.
func (e *alertExporter) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	if !concerns(logs) {
		return nil
	}
	selected := e.take(logs)
	switch {
	case selected.ResourceLogs().Len() == 0:
		return nil
	case len(e.targets) == 1:
		return e.targets[0].ConsumeLogs(ctx, selected)
	}
	// Beside one another: a queue that is full must not keep alerts from the others.
	errs := make([]error, len(e.targets))
	var waiting sync.WaitGroup
	for i, t := range e.targets {
		own := plog.NewLogs()
		selected.CopyTo(own)
		waiting.Go(func() { errs[i] = t.ConsumeLogs(ctx, own) })
	}
	waiting.Wait()
	return errors.Join(errs...)
}

// take applies the notices of a batch, and copies the records that have something to tell.
func (e *alertExporter) take(logs plog.Logs) plog.Logs {
	selected := newSelection()
	var counts tally
	now := time.Now()
	records(logs, func(resource pcommon.Resource, number int, record plog.LogRecord) {
		n, ok, err := e.translator.notice(resource, record, now, &counts.cuts)
		if err != nil {
			counts.invalid++
			e.set.Logger.Debug("An event cannot be read.", zap.String("event", record.EventName()), zap.Error(err))
			return
		}
		if !ok {
			return
		}
		e.mu.Lock()
		outcome := e.table.Apply(&n, now)
		e.mu.Unlock()
		counts.outcomes[outcome]++
		if outcome.Tells() {
			selected.add(resource, number, record)
		}
	})
	e.telemetry.count(&counts)
	return selected.logs
}

// lookup gives what there is to tell of what notices speak of. Those that a crash made the table forget are taken again.
func (e *alertExporter) lookup(notices []alerting.Notice, now time.Time) (alerts []alerting.Alert) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range notices {
		if n := &notices[i]; n.Lasts == 0 {
			e.table.Apply(n, now)
		}
	}
	seen := map[string]bool{}
	for i := range notices {
		n := &notices[i]
		if key := n.Key(); !seen[key] || n.Lasts > 0 {
			seen[key] = true
			alerts = e.table.Lookup(alerts, n, now)
		}
	}
	return alerts
}

// alerts gives all there is to tell.
func (e *alertExporter) alerts(now time.Time) []alerting.Alert {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.table.Alerts(nil, now)
}

func (e *alertExporter) sweep() {
	e.mu.Lock()
	forgotten := e.table.Sweep(time.Now())
	e.mu.Unlock()
	add(e.telemetry.builder.AlertmanagerForgotten, int64(forgotten))
}

// snapshot writes the table down, if it has changed or could not be saved the last time.
func (e *alertExporter) snapshot() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	failures := e.store.Stats().SaveFailures
	if !e.table.Changed() && failures == e.unsaved {
		return nil
	}
	e.unsaved = failures
	body, err := e.table.Encode()
	if err != nil {
		e.set.Logger.Error("Alerts cannot be written down.", zap.Error(err))
		return nil
	}
	return body
}

func (e *alertExporter) restore(schema uint32, body []byte) (leftOut int, err error) {
	if schema != stateSchema {
		return 0, fmt.Errorf("schema version %d is not known", schema)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.table.Decode(body)
}

// reportStatus says that the exporter can, or cannot, tell an Alertmanager.
func (e *alertExporter) reportStatus(name string, err error) {
	e.statusMu.Lock()
	defer e.statusMu.Unlock()
	if err == nil {
		delete(e.failing, name)
	} else {
		e.failing[name] = err
	}
	for _, err := range e.failing {
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
}
