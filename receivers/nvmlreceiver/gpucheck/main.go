// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Gpucheck runs the nvml receiver on the machine's GPUs beside a load, compares
// what it says with nvidia-smi, and writes a report with what it costs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// nobody is the user that usually may do nothing.
const nobody = 65534

type options struct {
	library, out  string
	phase, settle time.Duration
	intervals     []time.Duration // of the scrapes
	probe         bool
}

func main() {
	o := options{intervals: []time.Duration{time.Second, 10 * time.Second}}
	flag.StringVar(&o.library, "library", "", "path of the driver's library; by default where the dynamic linker finds it")
	flag.StringVar(&o.out, "out", "gpu-check.md", "file for the report")
	flag.DurationVar(&o.phase, "phase", 20*time.Second, "length of each measurement")
	flag.DurationVar(&o.settle, "settle", 3*time.Second, "time for a load to get going")
	flag.BoolVar(&o.probe, "probe", false, "only say whether this user may read the profiling counters")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gpucheck:", err)
		os.Exit(1) //nolint:gocritic // Nothing is left to be done.
	}
}

func (o options) run(ctx context.Context) error {
	if o.probe {
		return o.printProbe(ctx, os.Stdout)
	}
	if _, err := exec.LookPath("nvidia-smi"); err != nil {
		return errors.New("cannot compare: nvidia-smi is not installed, so there is probably no GPU; run this on a machine with one")
	}
	report, err := o.measure(ctx)
	if err != nil {
		return err
	}
	file, err := os.Create(o.out)
	if err != nil {
		return err
	}
	if err := errors.Join(report.write(file), file.Close()); err != nil {
		return err
	}
	fmt.Println("wrote", o.out)
	return report.verdict()
}

// measure runs the receiver beside each load, and each load without it.
func (o options) measure(ctx context.Context) (*report, error) {
	r := &report{at: time.Now()}
	for _, load := range loads {
		for _, interval := range o.intervals {
			phase, err := o.phaseOf(ctx, load, interval)
			if err != nil {
				return nil, fmt.Errorf("cannot measure beside %s: %w", load.name, err)
			}
			r.phases = append(r.phases, phase)
		}
	}
	r.root = o.probeAs(ctx, 0)
	r.nobody = o.probeAs(ctx, nobody)
	return r, nil
}

// phaseOf measures the load alone, then with the receiver.
func (o options) phaseOf(ctx context.Context, load load, interval time.Duration) (phase, error) {
	p := phase{load: load.name, interval: interval}
	var err error
	if p.alone, err = o.speedOf(ctx, load, func() error { return sleep(ctx, o.phase) }); err != nil {
		return p, err
	}
	p.beside, err = o.speedOf(ctx, load, func() error {
		p.run, err = observe(ctx, o.library, interval, max(o.phase, 3*interval), true)
		return err
	})
	return p, err
}

// speedOf runs a load while something else happens, and gives its rounds per
// second, or 0 for a load that cannot run here.
func (o options) speedOf(ctx context.Context, load load, during func() error) (float64, error) {
	running, err := load.start(ctx)
	if err != nil {
		return 0, err
	}
	if running != nil {
		if err := sleep(ctx, o.settle); err != nil {
			return 0, err
		}
	}
	first := running.rounds()
	begin := time.Now()
	err = during()
	speed := float64(running.rounds()-first) / time.Since(begin).Seconds()
	running.stop()
	return speed, err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// printProbe says whether the profiling counters have values.
func (o options) printProbe(ctx context.Context, out io.Writer) error {
	const interval = 200 * time.Millisecond
	run, err := observe(ctx, o.library, interval, 10*interval, false)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(out, run.profiled)
	return err
}

// probeAs asks as another user; only root may do so.
func (o options) probeAs(ctx context.Context, user uint32) string {
	program, err := os.Executable()
	if err != nil {
		return err.Error()
	}
	command := exec.CommandContext(ctx, program, "-probe", "-library", o.library)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("not known: %v: %s", err, output)
	}
	return map[string]string{"true": "yes", "false": "no"}[string(output)]
}
