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

// driftSlice is how long one of the two processes is loaded before it is the other's turn: what disturbs the machine for longer
// disturbs both.
const driftSlice = 200 * time.Millisecond

// runDrift measures pipelines with the processor and without it, in two processes that take turns.
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
		windows, err := b.driftSomewhere(ctx, cores)
		if err != nil {
			return nil, fmt.Errorf("repetition %d: %w", rep+1, err)
		}
		r.reps = append(r.reps, windows)
	}
	return r, nil
}

// driftSomewhere is driftLife, tried again with other ports while those that it chose were taken.
func (b *bench) driftSomewhere(ctx context.Context, cores cores) (driftWindows, error) {
	windows, err := b.driftLife(ctx, cores)
	for tries := 1; errors.Is(err, errPortTaken) && tries < 4; tries++ {
		windows, err = b.driftLife(ctx, cores)
	}
	return windows, err
}

// driftLife measures every kind in two processes, from start to stop.
func (b *bench) driftLife(ctx context.Context, cores cores) (windows driftWindows, err error) {
	var arms [2]*driftArm
	for with := range arms {
		a, err := startDrift(ctx, b.binaries[0], with, cores)
		if err != nil {
			return windows, err
		}
		defer func() { err = errors.Join(err, a.stop()) }()
		arms[with] = a
	}
	for kind := range driftKinds {
		if windows[kind], err = b.measureDrift(arms, driftKind(kind), cores); err != nil {
			return windows, fmt.Errorf("%s: %w", driftKinds[kind], err)
		}
	}
	return windows, nil
}

// driftArm is a collector, with what it is fed by and what it sends to.
type driftArm struct {
	name    string
	c       *collector
	sink    *otlpload.Sink
	client  otlpload.Client
	ledgers [len(otlpload.Signals)]*otlpload.Ledger
}

func startDrift(ctx context.Context, binary string, with int, cores cores) (a *driftArm, err error) {
	a = &driftArm{name: driftProcessors[with]}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.stop())
		}
	}()
	for signal := range a.ledgers {
		a.ledgers[signal] = otlpload.NewLedger()
	}
	if a.sink, err = otlpload.NewSink(); err != nil {
		return a, err
	}
	if a.c, err = startCollector(ctx, binary, driftConfig, cores, a.sink, "BASEBENCH_PROCESSORS="+a.name); err != nil {
		return a, err
	}
	a.client, err = otlpload.NewClient(otlpload.GRPC, a.c.endpoints[grpcRoute])
	return a, err
}

func (a *driftArm) stop() (err error) {
	if a.client != nil {
		err = errors.Join(err, a.client.Close())
	}
	if a.c != nil {
		err = errors.Join(err, a.c.stop())
	}
	if a.sink != nil {
		err = errors.Join(err, a.sink.Close())
	}
	return err
}

// measureDrift loads both in turn, after a warm-up, and adds up what each used.
func (b *bench) measureDrift(arms [2]*driftArm, kind driftKind, cores cores) (sums [2]window, err error) {
	var senders [2]otlpload.Sender
	for i, a := range arms {
		source, err := newDriftSource(kind, b.seed)
		if err != nil {
			return sums, err
		}
		senders[i] = otlpload.Sender{Client: a.client, Payload: source, Ledger: a.ledgers[source.Signal()], InFlight: requestsInFlight}
		warmUp := senders[i]
		warmUp.Requests, warmUp.Retry = driftRounds*driftBodies, 10*time.Millisecond
		if err := b.push(a.c, a.sink, warmUp, b.starting); err != nil {
			return sums, fmt.Errorf("%s: %w", a.name, err)
		}
	}
	for slice := range max(1, int(b.duration/driftSlice)) {
		for turn := range arms {
			i := (slice + turn) % len(arms)
			w, err := b.driftSlice(arms[i], senders[i], cores)
			if err != nil {
				return sums, fmt.Errorf("%s: %w", arms[i].name, err)
			}
			sums[i].add(w)
		}
	}
	if sums[0].items == 0 || sums[1].items == 0 {
		return sums, fmt.Errorf("nothing could be sent within %v, the machine is too busy", b.duration)
	}
	return sums, nil
}

// driftSlice loads one of them for a moment.
func (b *bench) driftSlice(a *driftArm, sender otlpload.Sender, cores cores) (window, error) {
	receipts := a.sink.Receipts(sender.Payload.Signal())
	sent := sender.Ledger.Balance(receipts).Sent
	started, err := begin(cores, a.c.pid())
	if err != nil {
		return window{}, err
	}
	if err := b.push(a.c, a.sink, sender, min(driftSlice, b.duration)); err != nil {
		return window{}, err
	}
	w, err := started.end(a.c.pid())
	if err != nil {
		return window{}, err
	}
	balance := sender.Ledger.Balance(receipts)
	w.items = (balance.Sent - sent) * itemsPerRequest
	return w, balance.Exact()
}

// add adds a window that came later. The share of other processes is that of the time of both.
func (w *window) add(later window) {
	wall := w.wall + later.wall
	w.foreign = (w.foreign*w.wall.Seconds() + later.foreign*later.wall.Seconds()) / wall.Seconds()
	w.wall, w.cpu, w.items = wall, w.cpu+later.cpu, w.items+later.items
}

// print writes the report as a table. A repetition gives one ratio.
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
