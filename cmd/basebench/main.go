// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "basebench:", err)
		os.Exit(1)
	}
}

// run is the command with its arguments and output as parameters.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	b, jsonPath, err := parseFlags(args)
	if err != nil {
		return err
	}
	if b.drift {
		report, err := b.runDrift(ctx)
		if err != nil {
			return err
		}
		return report.print(stdout)
	}
	report, err := b.run(ctx)
	if err != nil {
		return err
	}
	if jsonPath != "" {
		if err := writeJSON(jsonPath, report); err != nil {
			return err
		}
	}
	return report.print(stdout)
}

func parseFlags(args []string) (b *bench, jsonPath string, err error) {
	b = &bench{starting: time.Minute, draining: 30 * time.Second}
	flags := flag.NewFlagSet("basebench", flag.ContinueOnError)
	flags.Func("binary", "collector `file` to measure; may be given several times to compare", func(path string) error {
		b.binaries = append(b.binaries, path)
		return nil
	})
	flags.Uint64Var(&b.seed, "seed", 1, "decides the content of the telemetry")
	flags.IntVar(&b.reps, "reps", 5, "repetitions")
	flags.DurationVar(&b.duration, "duration", 2*time.Second, "load per repetition, route and signal")
	flags.DurationVar(&b.settle, "settle", 2*time.Second, "wait after start-up before the idle memory is read")
	flags.BoolVar(&b.drift, "drift", false, "measure pipelines with the drift processor and without it instead; -settle and -json do not apply")
	quick := flags.Bool("quick", false, "short run for CI: as -reps 2 -duration 250ms -settle 300ms")
	flags.StringVar(&jsonPath, "json", "", "also write the report as JSON to this `file`")
	if err := flags.Parse(args); err != nil {
		return nil, "", err
	}
	if *quick {
		b.reps, b.duration, b.settle = 2, 250*time.Millisecond, 300*time.Millisecond
	}
	switch {
	case len(b.binaries) == 0:
		return nil, "", errors.New("-binary is missing: which collector is to be measured?")
	case b.reps < 1 || b.duration <= 0:
		return nil, "", errors.New("-reps and -duration must be positive")
	}
	return b, jsonPath, nil
}

func writeJSON(path string, report *report) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot marshal the report: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}
