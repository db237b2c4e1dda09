// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/metadata"
)

// errNotBuilt is the state of a receiver in a binary without cgo.
var errNotBuilt = errors.New("this binary was built without GPU support (cgo is off): GPUs are not read; use a build with cgo")

// errHangs is the state while the driver does not come back from being opened.
var errHangs = errors.New("the NVIDIA driver does not answer")

// engine reads the GPUs for all instances of the receiver. Its fields belong to
// the goroutine of run, other than the outputs.
type engine struct {
	config    *Config
	library   driver.Library // nil in a binary without GPU support
	settings  component.TelemetrySettings
	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger
	outputs   outputs
	pods      *pods // nil unless asked for
	joiner    *joiner
	host      component.Host
	stop      context.CancelFunc
	done      chan struct{}

	enabled [metricCount]bool
	plan    plan
	writer  *writer
	events  eventLog

	gpus     []*gpu // in the order of their index
	versions driver.Versions
	open     bool
	opening  detached[opened]
	nextTry  time.Time
	watcher  *watcher
	queue    chan driverEvent
	problem  string // what the status says, "" if all is well, and starting at first
}

// queueSize is how many events of the driver may wait.
const queueSize = 256

// starting is the state before the driver was opened for the first time.
const starting = "starting"

func newEngine(config *Config, library driver.Library, settings component.TelemetrySettings) *engine {
	e := &engine{
		config: config, library: library, settings: settings, logger: settings.Logger,
		problem: starting, enabled: config.enabled(), queue: make(chan driverEvent, queueSize), done: make(chan struct{}),
	}
	e.plan = newPlan(config, &e.enabled)
	e.joiner = newJoiner(config)
	e.writer = newWriter(config, &e.enabled)
	e.events.dropped = func() { e.telemetry.NvmlEventsDropped.Add(context.Background(), 1) }
	if config.Kubernetes.Enabled {
		e.pods = newPods(config.Kubernetes, e.logger)
	}
	return e
}

// Start begins to read. A missing driver is no error: the receiver waits for it.
func (e *engine) Start(_ context.Context, host component.Host) error {
	telemetry, err := metadata.NewTelemetryBuilder(e.settings)
	if err != nil {
		return err
	}
	e.host, e.telemetry = host, telemetry
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	if e.library == nil {
		close(e.done)
		e.logger.Error("Cannot read GPUs", zap.Error(errNotBuilt))
		componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(errNotBuilt))
		return nil
	}
	if e.pods != nil {
		e.pods.start(ctx)
	}
	if e.joiner.table != nil {
		e.joiner.table.start(ctx)
	}
	go e.run(ctx)
	return nil
}

// Shutdown stops reading. A call that hangs is left behind.
func (e *engine) Shutdown(context.Context) error {
	if e.stop == nil {
		return nil
	}
	e.stop()
	<-e.done
	if e.pods != nil {
		e.pods.wait()
	}
	if e.joiner.table != nil {
		e.joiner.table.wait()
	}
	e.telemetry.Shutdown()
	return nil
}

func (e *engine) run(ctx context.Context) {
	defer close(e.done)
	defer e.disconnect()
	first := time.NewTimer(e.config.InitialDelay)
	defer first.Stop()
	select {
	case <-ctx.Done():
		return
	case <-first.C:
	}
	ticker := time.NewTicker(e.config.CollectionInterval)
	defer ticker.Stop()
	e.scrape(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e.scrape(ctx)
		case event := <-e.queue:
			e.take(event)
			e.outputs.sendLogs(ctx, &e.events)
		}
	}
}

// scrape reads all GPUs, judges them, and passes on what there is to say.
func (e *engine) scrape(ctx context.Context) {
	start := time.Now()
	deadline, stop := after(min(e.config.Timeout, e.config.CollectionInterval))
	defer stop()
	e.connect(deadline)
	for _, gpu := range e.gpus {
		gpu.begin(&e.plan)
	}
	for _, gpu := range e.gpus {
		gpu.end(deadline)
	}
	e.judge(start)
	e.measure(ctx)
	e.outputs.sendMetrics(ctx, e)
	e.outputs.sendLogs(ctx, &e.events)
	e.telemetry.NvmlScrapeDuration.Record(ctx, time.Since(start).Seconds())
}

// connect opens the driver where it is not open, and opens it anew to look for lost GPUs.
func (e *engine) connect(deadline <-chan struct{}) {
	if !e.opening.running {
		if time.Now().Before(e.nextTry) || e.open && !e.missing() {
			return
		}
		e.nextTry = time.Now().Add(e.retryInterval())
		reopen := e.open
		e.release()
		e.opening.start(func() opened { return connect(e.library, reopen) })
	}
	result, ok := e.opening.wait(deadline)
	switch {
	case !ok:
		e.report(errHangs)
		for _, gpu := range e.gpus {
			gpu.missed++
		}
	case result.err != nil:
		if e.open {
			e.events.driverUnloaded(time.Now(), result.err)
		}
		e.open = false
		e.report(result.err)
		e.strand(result.err)
	default:
		e.adopt(result)
	}
}

// lostFactor is how many retry intervals pass between two looks for a lost GPU:
// opening the driver anew costs the others one interval of their counters.
const lostFactor = 6

func (e *engine) retryInterval() time.Duration {
	if e.open {
		return lostFactor * e.config.RetryInterval
	}
	return e.config.RetryInterval
}

// missing says whether a GPU is lost that another connection may find. While a
// call hangs the connection stays as it is.
func (e *engine) missing() bool {
	missing := false
	for _, gpu := range e.gpus {
		if gpu.reads.busy() {
			return false
		}
		missing = missing || gpu.lost != nil
	}
	return missing
}

// owner is the container that has a GPU or MIG device to itself, if that is known.
func (e *engine) owner(uuid string) (owner, bool) {
	if e.pods == nil {
		return owner{}, false
	}
	return e.pods.owner(uuid)
}

// release gives up what belongs to the connection, as far as no call hangs in it.
func (e *engine) release() {
	if e.watcher != nil {
		deadline, stop := after(2 * waitTime)
		e.watcher.end(deadline)
		stop()
		e.watcher = nil
	}
	for _, gpu := range e.gpus {
		if gpu.reader != nil && !gpu.reads.busy() {
			gpu.reader.close()
		}
		gpu.reader, gpu.reads = nil, detached[*reading]{}
	}
}

// strand marks all GPUs as gone, without an event for each: the driver is gone.
func (e *engine) strand(err error) {
	for _, gpu := range e.gpus {
		gpu.reader, gpu.lost, gpu.last, gpu.missed = nil, err, nil, 0
	}
}

// adopt takes over a new connection. Known GPUs keep their counters and their history.
func (e *engine) adopt(of opened) {
	e.telemetry.NvmlOpenings.Add(context.Background(), 1)
	reloaded := !e.open
	if reloaded && len(e.gpus) > 0 {
		e.events.driverLoaded(time.Now(), of.versions)
	}
	e.open, e.versions = true, of.versions
	uuids := make([]string, 0, len(of.found))
	for _, found := range of.found {
		uuids = append(uuids, found.UUID)
		gpu := e.remember(found)
		if gpu == nil {
			continue
		}
		if reloaded {
			gpu.lost, gpu.start, gpu.xids.fatal, gpu.health = nil, time.Now(), false, figures{}
		}
		gpu.missed = 0
		gpu.reader = newReader(found.device, driver.ThrottleFieldsOf(of.versions.Driver), &e.plan, gpu.counters)
	}
	e.loseOthers()
	if of.watch != nil {
		e.watcher = watchEvents(of.watch, uuids, e.queue, e.events.dropped)
	}
	e.report(nil)
}

// remember gives the GPU with the UUID, a new one if need be, or nil if there
// are too many.
func (e *engine) remember(of found) *gpu {
	for _, gpu := range e.gpus {
		if gpu.UUID == of.UUID {
			gpu.Identity, gpu.index = of.Identity, of.index
			return gpu
		}
	}
	if len(e.gpus) == maxGPUs {
		e.logger.Warn("Cannot read a GPU: too many have been seen", zap.String("uuid", of.UUID), zap.Int("limit", maxGPUs))
		return nil
	}
	gpu := &gpu{
		Identity: of.Identity, index: of.index, counters: &counters{}, xids: newXIDCounts(), start: time.Now(), since: time.Now(),
		budget: newBudget(e.config.MaxScrapeCost, e.config.CollectionInterval),
	}
	e.gpus = append(e.gpus, gpu)
	return gpu
}

// loseOthers reports the GPUs that a new connection has not found.
func (e *engine) loseOthers() {
	for _, gpu := range e.gpus {
		if gpu.reader != nil {
			continue
		}
		if gpu.lost == nil || isDisconnected(gpu.lost) {
			e.lose(gpu, driver.ErrGPUIsLost, time.Now())
		}
	}
}

// judge decides which GPUs are lost, and sees what has changed.
func (e *engine) judge(now time.Time) {
	for _, gpu := range e.gpus {
		if gpu.last != nil && isDisconnected(gpu.last.err) {
			e.lostDriver(gpu.last.err, now)
			return
		}
	}
	for _, gpu := range e.gpus {
		switch verdict := gpu.verdict(); {
		case verdict != nil && gpu.lost == nil:
			e.lose(gpu, verdict, now)
		case verdict == nil && gpu.lost != nil:
			gpu.lost = nil
			e.events.found(gpu, now)
			e.logger.Info("A lost GPU is back", zap.String("uuid", gpu.UUID))
		}
		e.judgeInstances(gpu, now)
	}
}

func (e *engine) lose(gpu *gpu, why error, now time.Time) {
	gpu.lost = why
	e.nextTry = now.Add(e.retryInterval())
	e.events.lost(gpu, why, now)
	e.logger.Warn("A GPU is lost; the others are still read", zap.String("uuid", gpu.UUID), zap.Int("index", gpu.index), zap.Error(why))
}

// lostDriver is what happens when the driver is unloaded or replaced under us.
func (e *engine) lostDriver(err error, now time.Time) {
	e.events.driverUnloaded(now, err)
	e.release()
	e.strand(err)
	e.open, e.nextTry = false, now.Add(e.config.RetryInterval)
	e.report(fmt.Errorf("cannot read the GPUs: %w", err))
}

func (e *engine) judgeInstances(gpu *gpu, now time.Time) {
	uuids, known := gpu.migUUIDs()
	if !known {
		return
	}
	if gpu.instances != nil && !slices.Equal(gpu.instances, uuids) {
		e.events.migChanged(gpu, gpu.instances, uuids, now)
	}
	gpu.instances = uuids
}

// take counts an event of the driver and makes a log event of it.
func (e *engine) take(event driverEvent) {
	var of *gpu
	for _, gpu := range e.gpus {
		if gpu.UUID == event.uuid {
			of = gpu
		}
	}
	if event.Type == driver.EventXID && of != nil {
		of.xids.add(int(event.Data))
	}
	e.events.driverEvent(of, event)
}

// report tells the collector of a change of the receiver's state.
func (e *engine) report(err error) {
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if problem == e.problem {
		return
	}
	e.problem = problem
	if err == nil {
		e.logger.Info("Reading GPUs", zap.Int("gpus", len(e.gpus)), zap.String("driver", e.versions.Driver))
		componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
		return
	}
	e.logger.Warn("Cannot read GPUs yet; trying again", zap.Error(err), zap.Duration("interval", e.config.RetryInterval))
	componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(err))
}

// measure exports what the calls have cost, and keeps each GPU within its budget.
func (e *engine) measure(ctx context.Context) {
	stuck, rarest := int64(0), [classCount]int{}
	for _, gpu := range e.gpus {
		if gpu.reads.running {
			stuck++
		}
		if gpu.last != nil {
			e.measureReading(ctx, gpu)
		}
		for class, every := range gpu.budget.every {
			rarest[class] = max(rarest[class], every)
		}
	}
	e.telemetry.NvmlStuck.Record(ctx, stuck)
	for class, every := range rarest {
		if e.plan.classes[class] && every > 0 {
			e.telemetry.NvmlCallInterval.Record(ctx, int64(every), callLabel[class])
		}
	}
}

func (e *engine) measureReading(ctx context.Context, gpu *gpu) {
	for class, read := range gpu.last.read {
		if read {
			e.telemetry.NvmlCallDuration.Record(ctx, gpu.last.cost[class].Seconds(), callLabel[class])
		}
	}
	for _, failure := range gpu.last.failures {
		e.telemetry.NvmlCallErrors.Add(ctx, 1, failure.label())
	}
	if dropped := gpu.last.processesDropped; dropped > 0 {
		e.telemetry.NvmlProcessesDropped.Add(ctx, int64(dropped))
	}
	if change, changed := gpu.budget.learn(gpu.last); changed {
		e.logger.Info("The calls to a GPU cost more or less than before: a class is read at another interval",
			zap.String("uuid", gpu.UUID), zap.String("call", classes[change.class].name), zap.Int("every_scrapes", change.every),
			zap.Duration("cost", change.cost), zap.Duration("max_scrape_cost", e.config.MaxScrapeCost))
	}
}

// disconnect closes the connection, unless a call hangs in it.
func (e *engine) disconnect() {
	hangs := e.opening.busy()
	for _, gpu := range e.gpus {
		hangs = hangs || gpu.reads.busy()
	}
	e.release()
	if !e.open || hangs {
		return
	}
	var closing detached[error]
	deadline, stop := after(e.config.Timeout)
	defer stop()
	closing.start(e.library.Close)
	if err, ok := closing.wait(deadline); !ok || err != nil {
		e.logger.Warn("The NVIDIA driver was not closed", zap.Bool("answered", ok), zap.Error(err))
	}
}
