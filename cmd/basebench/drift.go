// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

//go:embed drift.yaml
var driftConfig string

// driftProcessors are those of the pipelines, without the processor and with it.
var driftProcessors = [2]string{"[memory_limiter]", "[memory_limiter, drift]"}

// driftRounds is how often every series reports before anything is measured: the series are known then, and the references learned.
const driftRounds = 30

// driftWindows are what one repetition measured, by kind, without the processor and with it.
type driftWindows [len(driftKinds)][2]window

// driftReport is the outcome of a run.
type driftReport struct {
	machine machineFacts
	bench   *bench
	reps    []driftWindows
}

// runDrift measures pipelines with the processor and without it, in processes of their own that take turns.
func (b *bench) runDrift(ctx context.Context) (*driftReport, error) {
	if len(b.binaries) != 1 {
		return nil, errors.New("-drift measures one -binary")
	}
	cores, err := pinSelf()
	if err != nil {
		return nil, err
	}
	r := &driftReport{machine: newMachineFacts(cores), bench: b}
	for rep := range b.reps {
		var windows driftWindows
		for turn := range driftProcessors {
			with := (turn + rep) % len(driftProcessors)
			if err := b.driftSomewhere(ctx, cores, with, &windows); err != nil {
				return nil, fmt.Errorf("repetition %d with %s: %w", rep+1, driftProcessors[with], err)
			}
		}
		r.reps = append(r.reps, windows)
	}
	return r, nil
}

// driftSomewhere is driftLife, tried again with other ports while those that it chose were taken.
func (b *bench) driftSomewhere(ctx context.Context, cores cores, with int, windows *driftWindows) error {
	err := b.driftLife(ctx, cores, with, windows)
	for tries := 1; errors.Is(err, errPortTaken) && tries < 4; tries++ {
		err = b.driftLife(ctx, cores, with, windows)
	}
	return err
}

// driftLife measures every kind in one process.
func (b *bench) driftLife(ctx context.Context, cores cores, with int, windows *driftWindows) (err error) {
	sink, err := otlpload.NewSink()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	c, err := startCollector(ctx, b.binaries[0], driftConfig, cores, sink, "BASEBENCH_PROCESSORS="+driftProcessors[with])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	client, err := otlpload.NewClient(otlpload.GRPC, c.endpoints[grpcRoute])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	ledgers := [len(otlpload.Signals)]*otlpload.Ledger{}
	for signal := range ledgers {
		ledgers[signal] = otlpload.NewLedger()
	}
	for kind := range driftKinds {
		source, err := newDriftSource(driftKind(kind), b.seed)
		if err != nil {
			return err
		}
		sender := otlpload.Sender{Client: client, Payload: source, Ledger: ledgers[source.Signal()], InFlight: requestsInFlight}
		if windows[kind][with], err = b.measureDrift(c, sink, sender, cores); err != nil {
			return fmt.Errorf("%s: %w", driftKinds[kind], err)
		}
	}
	return nil
}

// measureDrift loads one kind, after a warm-up.
func (b *bench) measureDrift(c *collector, sink *otlpload.Sink, sender otlpload.Sender, cores cores) (window, error) {
	warmUp := sender
	warmUp.Requests, warmUp.Retry = driftRounds*driftBodies, 10*time.Millisecond
	if err := b.push(c, sink, warmUp, b.starting); err != nil {
		return window{}, err
	}
	receipts := sink.Receipts(sender.Payload.Signal())
	sent := sender.Ledger.Balance(receipts).Sent
	started, err := begin(cores, c.pid())
	if err != nil {
		return window{}, err
	}
	if err := b.push(c, sink, sender, b.duration); err != nil {
		return window{}, err
	}
	w, err := started.end(c.pid())
	if err != nil {
		return window{}, err
	}
	balance := sender.Ledger.Balance(receipts)
	w.items = (balance.Sent - sent) * itemsPerRequest
	if w.items == 0 {
		return window{}, fmt.Errorf("nothing could be sent within %v, the machine is too busy", b.duration)
	}
	return w, balance.Exact()
}

// print writes the report as a table. A repetition gives one ratio: it compares processes that ran one after the other.
func (r *driftReport) print(to io.Writer) error {
	out := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	m := r.machine
	fmt.Fprintf(out, "%d cores (%s, collector on %d, load on %d), %s/%s, %s, seed %d, %d repetitions of %v, GOMAXPROCS=1, GOMEMLIMIT=%s, gRPC in and out, no compression, %d items per request, %d requests in flight, %d attributes per item, %d series, %d models\n\n",
		m.Cores, m.CPU, m.CollectorCore, m.LoadCore, m.OS, m.Arch, m.GoVersion, r.bench.seed, len(r.reps), r.bench.duration, goMemLimit,
		itemsPerRequest, requestsInFlight, attributesPerItem, driftSeries, driftModels)
	fmt.Fprintf(out, "CPU-seconds per million\twithout drift\tmin … max\twith\tmin … max\tadded, ns per item\tthroughput kept\tmin … max\tnoisy\t\n")
	for kind, name := range driftKinds {
		var cpu [2][]float64
		var kept []float64
		noisyOnes := 0
		for _, windows := range r.reps {
			var seconds [2]float64
			for with, w := range windows[kind] {
				seconds[with] = w.cpu.Seconds() / float64(w.items) * 1e6
				cpu[with] = append(cpu[with], seconds[with])
			}
			kept = append(kept, seconds[0]/seconds[1])
			if max(windows[kind][0].foreign, windows[kind][1].foreign) > noisy {
				noisyOnes++
			}
		}
		without, with, ratio := summarize(cpu[0]), summarize(cpu[1]), summarize(kept)
		fmt.Fprintf(out, "%s\t%s\t%s\t%.0f\t%s\t%d/%d\t\n", name, without.text(1, 3), with.text(1, 3),
			1e3*(with.Median-without.Median), ratio.text(1, 3), noisyOnes, len(r.reps))
	}
	fmt.Fprintf(out, "noisy: repetitions in which other processes used more than %.0f%% of the cores\n", noisy*100)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot print the report: %w", err)
	}
	return nil
}
