// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Command guardianload sends the events of a simulated cluster of language models to a collector,
// at a chosen rate, and says at the end what became of each of them.
//
//	go run ./cmd/guardianload -rate 500 -duration 1m
//
// README.md in this folder has the flags, the cast of the cluster, and how to read the ledger.
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

	"github.com/llm-guardian/otelcol-guardian/internal/cluster/sender"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "guardianload:", err)
		os.Exit(1)
	}
}

// run is the command with its arguments and outputs as parameters.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	p, err := o.plan(time.Now())
	if err != nil {
		return err
	}
	s, err := o.sender(p)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stderr, p); err != nil {
		return err
	}
	s.Progress = stderr
	report, err := s.Run(ctx)
	return errors.Join(err, report.WriteTable(stdout), o.writeLedger(p, &report), report.Err())
}

// ledger is the account of a run as it is written to a file.
type ledger struct {
	Seed  uint64    `json:"seed"`
	Start time.Time `json:"start"` // virtual time of the first event; scenarios count from here
	sender.Report
}

func (o *options) writeLedger(p plan, report *sender.Report) error {
	if o.ledger == "" {
		return nil
	}
	text, err := json.MarshalIndent(ledger{Seed: p.cluster.Seed, Start: p.cluster.Start, Report: *report}, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot marshal the ledger: %w", err)
	}
	if err := os.WriteFile(o.ledger, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write the ledger: %w", err)
	}
	return nil
}
