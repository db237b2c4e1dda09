// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/cluster/sender"
)

// options are the flags of the command.
type options struct {
	endpoint, format, token, tlsCA string
	gzip                           bool
	otlp                           string
	otlpShare                      float64
	spans                          bool

	rate, speed float64
	duration    time.Duration
	events      int
	start       time.Time
	seed        uint64
	late        [2]time.Duration
	drifts      []cluster.Drift
	troubles    []cluster.Trouble
	bursts      []cluster.Burst

	batch, workers int
	retryFor       time.Duration
	ledger         string
}

// flagSet binds the flags to the options. The README has a table of them.
func (o *options) flagSet() *flag.FlagSet {
	f := flag.NewFlagSet("guardianload", flag.ContinueOnError)
	f.StringVar(&o.endpoint, "endpoint", "http://localhost:4319", "`URL` of the guardian receiver")
	f.StringVar(&o.format, "format", string(sender.JSON), "how events are written: json, ndjson, cloudevents")
	f.BoolVar(&o.gzip, "gzip", false, "compress what goes to the guardian receiver")
	f.StringVar(&o.token, "token", "", "bearer `token` for the guardian receiver; @file reads it from a file")
	f.StringVar(&o.tlsCA, "tls-ca", "", "PEM `file` of the authorities that the guardian receiver's certificate is checked against")
	f.StringVar(&o.otlp, "otlp", "", "send over OTLP instead: `host:port` (gRPC) or http://host:port, without TLS")
	f.Float64Var(&o.otlpShare, "otlp-share", 1, "share of the events that goes over OTLP, the others go to -endpoint")
	f.BoolVar(&o.spans, "spans", false, "also send the spans of traced requests, over OTLP")

	f.Float64Var(&o.rate, "rate", 100, "mean events per second; 0 means as fast as they are taken, beginning with those of yesterday")
	f.DurationVar(&o.duration, "duration", 0, "how long to send; 0 means until interrupted")
	f.IntVar(&o.events, "events", 0, "how many events to send; 0 means no limit")
	f.Uint64Var(&o.seed, "seed", 1, "decides everything that is left to chance")
	f.Float64Var(&o.speed, "speed", 1, "virtual seconds per second: above 1 the events are those of a longer time that ends with the run")
	f.Func("start", "virtual `time` of the first event, RFC 3339; the same seed and start give the same events", func(text string) (err error) {
		o.start, err = time.Parse(time.RFC3339Nano, text)
		return err
	})
	o.late = [2]time.Duration{cluster.DefaultLateAfter, cluster.DefaultLateWithin}
	f.Func("late", "`least:most` delay of labels and of what becomes of improvements, in virtual time (default 1m:48h)", o.addLate)
	f.Func("drift", "`model:feature:after:shift[:until]`, in virtual time and standard deviations (or, for a category, the share that moves); may be repeated", o.addDrift)
	f.Func("trouble", "`specialist:from:to[:latency-factor[:error-share]]`, in virtual time; may be repeated (factor 5, share 0.3)", o.addTrouble)
	f.Func("burst", "`from:to[:error-share]` of errors of all specialists, in virtual time; may be repeated (share 0.3)", o.addBurst)

	f.IntVar(&o.batch, "batch", sender.DefaultBatch, "events in a request, at most")
	f.IntVar(&o.workers, "workers", 1, "requests under way at the same time; more than one may change the order of events")
	f.DurationVar(&o.retryFor, "retry-for", sender.DefaultRetryFor, "how long a request is repeated that was refused for now")
	f.StringVar(&o.ledger, "ledger", "", "also write the ledger as JSON to this `file`")
	return f
}

// parse reads the flags. It writes their list to usage if they are wrong or -help is among them.
func parse(args []string, usage io.Writer) (*options, error) {
	o := &options{}
	f := o.flagSet()
	f.SetOutput(usage)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	var faults []error
	fault := func(wrong bool, format string, values ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, values...))
		}
	}
	fault(f.NArg() > 0, "%q is no flag", f.Arg(0))
	fault(!(o.rate >= 0), "-rate is %v: it must be 0 or more", o.rate)
	fault(!(o.speed > 0), "-speed is %v: it must be more than 0", o.speed)
	fault(!(o.otlpShare >= 0 && o.otlpShare <= 1), "-otlp-share is %v: it must be from 0 to 1", o.otlpShare)
	fault(o.duration < 0 || o.events < 0, "-duration is %s and -events is %d: they must be 0 or more", o.duration, o.events)
	fault(o.batch < 1 || o.workers < 1 || o.retryFor <= 0, "-batch, -workers and -retry-for must be more than 0")
	fault(o.spans && o.otlp == "", "-spans needs -otlp: spans go over OTLP")
	return o, errors.Join(faults...)
}

func (o *options) addLate(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) != 2 {
		return errors.New("it must be least:most, such as 1m:48h")
	}
	return parseDurations(parts, &o.late[0], &o.late[1])
}

func (o *options) addDrift(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) < 4 || len(parts) > 5 {
		return errors.New("it must be model:feature:after:shift[:until], such as churn:age:5m:1 or churn:age:5m:1:10m")
	}
	d := cluster.Drift{Model: parts[0], Feature: parts[1]}
	if err := errors.Join(parseDurations(parts[2:3], &d.At), parseNumbers(parts[3:4], &d.Shift), parseDurations(parts[4:], &d.Until)); err != nil {
		return err
	}
	o.drifts = append(o.drifts, d)
	return nil
}

func (o *options) addTrouble(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) < 3 || len(parts) > 5 {
		return errors.New("it must be specialist:from:to[:latency-factor[:error-share]], such as chat-1:5m:7m:4:0.5")
	}
	t := cluster.Trouble{Specialist: parts[0]}
	if err := errors.Join(parseDurations(parts[1:3], &t.From, &t.To), parseNumbers(parts[3:], &t.LatencyFactor, &t.ErrorShare)); err != nil {
		return err
	}
	o.troubles = append(o.troubles, t)
	return nil
}

func (o *options) addBurst(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return errors.New("it must be from:to[:error-share], such as 5m:6m:0.5")
	}
	var b cluster.Burst
	if err := errors.Join(parseDurations(parts[:2], &b.From, &b.To), parseNumbers(parts[2:], &b.ErrorShare)); err != nil {
		return err
	}
	o.bursts = append(o.bursts, b)
	return nil
}

func parseDurations(texts []string, into ...*time.Duration) (err error) {
	for i, text := range texts {
		if *into[i], err = time.ParseDuration(text); err != nil {
			return err
		}
	}
	return nil
}

func parseNumbers(texts []string, into ...*float64) (err error) {
	for i, text := range texts {
		if *into[i], err = strconv.ParseFloat(text, 64); err != nil {
			return err
		}
	}
	return nil
}
