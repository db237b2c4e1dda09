// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

const (
	itemsPerRequest   = 1000
	attributesPerItem = 4
	requestsInFlight  = 8
)

// route is a way through the collector of collector.yaml.
type route int

const (
	grpcRoute route = iota
	gzipRoute
	httpRoute
)

var routes = [...]struct {
	name     string
	protocol otlpload.Protocol
}{
	grpcRoute: {"gRPC, no compression", otlpload.GRPC},
	gzipRoute: {"gRPC, gzip out", otlpload.GRPC},
	httpRoute: {"HTTP, no compression", otlpload.HTTPProtobuf},
}

// arm is one thing to measure under load.
type arm struct {
	route  route
	signal otlpload.Signal
}

// arms returns every route with every signal, turned by n places.
func arms(n int) []arm {
	var all []arm
	for r := range routes {
		for _, s := range otlpload.Signals {
			all = append(all, arm{route(r), s})
		}
	}
	n %= len(all)
	return append(all[n:], all[:n]...)
}

// bench is a run of the command.
type bench struct {
	binaries []string
	seed     uint64
	reps     int
	duration time.Duration // of load per window
	settle   time.Duration // before idle memory is read
	starting time.Duration // limit for start-up
	draining time.Duration // limit for the last deliveries of a window
	drift    bool          // measure the drift processor instead
}

// life is what one repetition measured of one binary.
type life struct {
	startup window
	idle    memory
	peak    memory
	load    map[arm]window
	ledgers [len(otlpload.Signals)]otlpload.Balance
}

// run measures and reports.
func (b *bench) run(ctx context.Context) (*report, error) {
	facts := make([]binaryFacts, len(b.binaries))
	for i, path := range b.binaries {
		var err error
		if facts[i], err = inspect(path); err != nil {
			return nil, err
		}
	}
	cores, err := pinSelf()
	if err != nil {
		return nil, err
	}
	lives := make([][]life, len(b.binaries))
	for rep := range b.reps {
		for i := range b.binaries {
			binary := (i + rep) % len(b.binaries)
			l, err := b.liveSomewhere(ctx, b.binaries[binary], cores, rep)
			if err != nil {
				return nil, fmt.Errorf("repetition %d of %s: %w", rep+1, b.binaries[binary], err)
			}
			lives[binary] = append(lives[binary], l)
		}
	}
	return newReport(b, cores, facts, lives), nil
}

// liveSomewhere is live, tried again with other ports while those that it chose were taken.
func (b *bench) liveSomewhere(ctx context.Context, binary string, cores cores, rep int) (life, error) {
	l, err := b.live(ctx, binary, cores, rep)
	for tries := 1; errors.Is(err, errPortTaken) && tries < 4; tries++ {
		l, err = b.live(ctx, binary, cores, rep)
	}
	return l, err
}

// live is one repetition: a collector from start to stop.
func (b *bench) live(ctx context.Context, binary string, cores cores, rep int) (l life, err error) {
	load, err := newLoad(b.seed)
	if err != nil {
		return life{}, err
	}
	defer func() { err = errors.Join(err, load.close()) }()

	started, err := begin(cores, nobody)
	if err != nil {
		return life{}, err
	}
	c, err := startCollector(ctx, binary, collectorConfig, cores, load.sink)
	if err != nil {
		return life{}, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := load.connect(c); err != nil {
		return life{}, err
	}
	if err := b.firstItem(c, load); err != nil {
		return life{}, err
	}
	if l.startup, err = started.end(c.pid()); err != nil {
		return life{}, err
	}
	if err := c.rest(b.settle); err != nil {
		return life{}, err
	}
	if l.idle, err = readMemory(c.pid()); err != nil {
		return life{}, err
	}
	l.load = map[arm]window{}
	for _, a := range arms(rep) {
		if l.load[a], err = b.measure(c, load, a, cores); err != nil {
			return life{}, fmt.Errorf("%s of %v: %w", routes[a.route].name, a.signal, err)
		}
	}
	if l.peak, err = readMemory(c.pid()); err != nil {
		return life{}, err
	}
	l.ledgers, err = load.exact()
	return l, err
}

// firstItem sends a log record until the collector accepts it.
func (b *bench) firstItem(c *collector, load *load) error {
	ctx, cancel := context.WithTimeout(c.alive, b.starting)
	defer cancel()
	sender := load.sender(arm{httpRoute, otlpload.Logs}) // HTTP tries to connect at once again, where gRPC backs off.
	sender.Payload, sender.Requests, sender.InFlight, sender.Retry = load.probe, 1, 1, time.Millisecond
	if stats := sender.Run(ctx); stats.Accepted == 0 {
		return fmt.Errorf("the collector accepted nothing: %w", errors.Join(context.Cause(ctx), stats.Err))
	}
	return nil
}

// measure loads one arm, after a warm-up, and waits until everything has come out.
func (b *bench) measure(c *collector, load *load, a arm, cores cores) (window, error) {
	warmUp := load.sender(a)
	warmUp.Retry = 10 * time.Millisecond // The receiver of this route may be the last to start.
	if err := b.push(c, load.sink, warmUp, b.duration/5); err != nil {
		return window{}, err
	}
	before, err := c.allocations()
	if err != nil {
		return window{}, err
	}
	started, err := begin(cores, c.pid())
	if err != nil {
		return window{}, err
	}
	sent := load.ledgers[a.signal].Balance(load.sink.Receipts(a.signal)).Sent
	if err := b.push(c, load.sink, load.sender(a), b.duration); err != nil {
		return window{}, err
	}
	w, err := started.end(c.pid())
	if err != nil {
		return window{}, err
	}
	after, err := c.allocations()
	if err != nil {
		return window{}, err
	}
	w.items = load.ledgers[a.signal].Balance(load.sink.Receipts(a.signal)).Sent - sent
	if w.items == 0 {
		return window{}, fmt.Errorf("nothing could be sent within %v, the machine is too busy", b.duration)
	}
	w.allocs, w.allocBytes = after.count-before.count, after.bytes-before.bytes
	return w, nil
}

// push sends for a while and waits for the last delivery.
func (b *bench) push(c *collector, sink *otlpload.Sink, sender otlpload.Sender, d time.Duration) error {
	ctx, cancel := context.WithTimeout(c.alive, d)
	defer cancel()
	if stats := sender.Run(ctx); stats.Refused > 0 {
		return fmt.Errorf("%d requests refused: %w", stats.Refused, stats.Err)
	}
	settle, cancel := context.WithTimeout(c.alive, b.draining)
	defer cancel()
	signal := sender.Payload.Signal()
	_, err := sender.Ledger.Settle(settle, sink.Receipts(signal))
	return err
}
