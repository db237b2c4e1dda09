// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// phase is a load with the receiver beside it.
type phase struct {
	load          string
	interval      time.Duration
	alone, beside float64 // rounds of the load per second
	run           observation
}

// report is everything that was measured.
type report struct {
	at           time.Time
	phases       []phase
	root, nobody string
}

func (r *report) write(to io.Writer) error {
	out := bufio.NewWriter(to)
	line := func(format string, values ...any) { fmt.Fprintf(out, format+"\n", values...) } //nolint:errcheck // Flush says it.
	line("# GPU check, %s\n", r.at.UTC().Format(time.RFC3339))
	line("Profiling counters as root: %s; as nobody: %s.\n", r.root, r.nobody)
	line("| load | interval | scrape ms p50 / p95 / max | CPU, %% of a core | RSS added, MiB | load alone, rounds/s | beside the receiver | slowdown |")
	line("|---|---|---|---|---|---|---|---|")
	for _, p := range r.phases {
		slowdown := "not measured"
		if p.alone > 0 {
			slowdown = fmt.Sprintf("%.2f %%", 100*(1-p.beside/p.alone))
		}
		line("| %s | %s | %s | %.3f | %.1f | %.3f | %.3f | %s |", p.load, p.interval, p.run.scrape, 100*p.run.cpu, float64(p.run.rss)/mebibyte, p.alone, p.beside, slowdown)
	}
	for _, p := range r.phases {
		line("\n## %s, every %s\n", p.load, p.interval)
		line("| calls | readings | ms p50 / p95 / max |\n|---|---|---|")
		for _, class := range slices.Sorted(maps.Keys(p.run.calls)) {
			line("| %s | %d | %s |", class, p.run.calls[class].count, p.run.calls[class])
		}
		line("\n| GPU | metric | receiver | nvidia-smi before | after | agrees |\n|---|---|---|---|---|---|")
		for _, c := range p.run.comparisons {
			line("| %s | %s | %g | %g | %g | %v |", c.uuid, c.metric, c.ours, c.before, c.later, c.agrees)
		}
	}
	return out.Flush()
}

// verdict is an error if the receiver and nvidia-smi disagree.
func (r *report) verdict() error {
	compared, disagree := 0, 0
	for _, p := range r.phases {
		for _, c := range p.run.comparisons {
			compared++
			if !c.agrees {
				disagree++
			}
		}
	}
	switch {
	case compared == 0:
		return fmt.Errorf("nothing could be compared with nvidia-smi")
	case disagree > 0:
		return fmt.Errorf("%d of %d values disagree with nvidia-smi: see the report", disagree, compared)
	default:
		return nil
	}
}
