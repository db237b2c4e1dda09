// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"text/tabwriter"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

// report is the outcome of a run.
type report struct {
	Machine  machineFacts    `json:"machine"`
	Settings settings        `json:"settings"`
	Binaries []binaryOutcome `json:"binaries"`
}

type machineFacts struct {
	CPU           string `json:"cpu"`
	Cores         int    `json:"cores"`
	CollectorCore int    `json:"collector_core"`
	LoadCore      int    `json:"load_core"`
	OS            string `json:"os"`
	Arch          string `json:"arch"`
	GoVersion     string `json:"go_version"` // that built this command
}

type settings struct {
	Seed        uint64  `json:"seed"`
	Repetitions int     `json:"repetitions"`
	Seconds     float64 `json:"seconds"` // of load per repetition, route and signal
	GoMemLimit  string  `json:"gomemlimit"`
}

type binaryOutcome struct {
	Binary        binaryFacts                 `json:"binary"`
	StartupMS     summary                     `json:"startup_ms"` // from exec to the first accepted item
	IdleRSS       summary                     `json:"idle_rss_bytes"`
	IdleAnonymous summary                     `json:"idle_anonymous_bytes"`
	IdlePSS       summary                     `json:"idle_pss_bytes"`
	PeakRSS       summary                     `json:"peak_rss_bytes"`
	Load          []loadOutcome               `json:"load"`
	Ledger        map[string]otlpload.Balance `json:"ledger"` // by signal, over all repetitions
}

// loadOutcome is what one route did to one signal. Figures other than the rate are per million items.
type loadOutcome struct {
	Route       string  `json:"route"`
	Items       string  `json:"items"`
	CPUSeconds  summary `json:"cpu_seconds"`
	Allocs      summary `json:"allocs"`
	AllocBytes  summary `json:"alloc_bytes"`
	ItemsPerSec summary `json:"items_per_second"`
	Busy        summary `json:"busy"`  // share of its core that the collector used
	Noisy       int     `json:"noisy"` // repetitions disturbed by other processes
}

func newReport(b *bench, c cores, facts []binaryFacts, lives [][]life) *report {
	r := &report{
		Machine:  newMachineFacts(c),
		Settings: settings{Seed: b.seed, Repetitions: b.reps, Seconds: b.duration.Seconds(), GoMemLimit: goMemLimit},
	}
	for i := range facts {
		r.Binaries = append(r.Binaries, newOutcome(facts[i], lives[i]))
	}
	return r
}

func newMachineFacts(c cores) machineFacts {
	return machineFacts{
		CPU: cpuModel(), Cores: runtime.NumCPU(), CollectorCore: c.collector, LoadCore: c.load,
		OS: runtime.GOOS, Arch: runtime.GOARCH, GoVersion: runtime.Version(),
	}
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	if match := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); match != nil {
		return string(match[1])
	}
	return "unknown CPU"
}

func newOutcome(facts binaryFacts, lives []life) binaryOutcome {
	o := binaryOutcome{
		Binary:        facts,
		StartupMS:     summarizeTimes(startups(lives), func(w window) float64 { return w.wall.Seconds() * 1000 }),
		IdleRSS:       summarizeLives(lives, func(l life) int64 { return l.idle.resident }),
		IdleAnonymous: summarizeLives(lives, func(l life) int64 { return l.idle.anonymous }),
		IdlePSS:       summarizeLives(lives, func(l life) int64 { return l.idle.share }),
		PeakRSS:       summarizeLives(lives, func(l life) int64 { return l.peak.peak }),
		Ledger:        map[string]otlpload.Balance{},
	}
	for _, a := range arms(0) {
		var windows []window
		for _, l := range lives {
			windows = append(windows, l.load[a])
		}
		o.Load = append(o.Load, newLoadOutcome(a, windows))
	}
	for _, signal := range otlpload.Signals {
		var total otlpload.Balance
		for _, l := range lives {
			total = total.Plus(l.ledgers[signal])
		}
		o.Ledger[signal.String()] = total
	}
	return o
}

func startups(lives []life) []window {
	var windows []window
	for _, l := range lives {
		windows = append(windows, l.startup)
	}
	return windows
}

func newLoadOutcome(a arm, windows []window) loadOutcome {
	perMillion := func(amount float64, w window) float64 { return amount / float64(w.items) * 1e6 }
	o := loadOutcome{
		Route:       routes[a.route].name,
		Items:       a.signal.Items(),
		CPUSeconds:  summarizeTimes(windows, func(w window) float64 { return perMillion(w.cpu.Seconds(), w) }),
		ItemsPerSec: summarizeTimes(windows, func(w window) float64 { return float64(w.items) / w.wall.Seconds() }),
		Busy:        summarizeTimes(windows, func(w window) float64 { return w.cpu.Seconds() / w.wall.Seconds() }),
		Allocs:      summarizeAll(windows, func(w window) float64 { return perMillion(float64(w.allocs), w) }),
		AllocBytes:  summarizeAll(windows, func(w window) float64 { return perMillion(float64(w.allocBytes), w) }),
	}
	for _, w := range windows {
		if w.foreign > noisy {
			o.Noisy++
		}
	}
	return o
}

// summarizeTimes leaves out noisy windows, unless all are.
func summarizeTimes(windows []window, value func(window) float64) summary {
	var quiet []window
	for _, w := range windows {
		if w.foreign <= noisy {
			quiet = append(quiet, w)
		}
	}
	if len(quiet) == 0 {
		quiet = windows
	}
	return summarizeAll(quiet, value)
}

func summarizeAll(windows []window, value func(window) float64) summary {
	var values []float64
	for _, w := range windows {
		values = append(values, value(w))
	}
	return summarize(values)
}

func summarizeLives(lives []life, value func(life) int64) summary {
	var values []float64
	for _, l := range lives {
		values = append(values, float64(value(l)))
	}
	return summarize(values)
}

// print writes the report as a table.
func (r *report) print(to io.Writer) error {
	out := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	m, s := r.Machine, r.Settings
	fmt.Fprintf(out, "%d cores (%s, collector on %d, load on %d), %s/%s, %s, seed %d, %d repetitions of %gs, GOMAXPROCS=1, GOMEMLIMIT=%s, %d items per request, %d requests in flight, %d attributes per item\n",
		m.Cores, m.CPU, m.CollectorCore, m.LoadCore, m.OS, m.Arch, m.GoVersion, s.Seed, s.Repetitions, s.Seconds, s.GoMemLimit,
		itemsPerRequest, requestsInFlight, attributesPerItem)
	for _, b := range r.Binaries {
		b.print(out)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot print the report: %w", err)
	}
	return nil
}

func (o *binaryOutcome) print(out *tabwriter.Writer) {
	const mebi, milli, million, giga = 1.0 / (1 << 20), 1e-3, 1e-6, 1e-9
	fmt.Fprintf(out, "\n%s (%s)\n", o.Binary.Path, o.Binary.GoVersion)
	fmt.Fprintf(out, "process\tmedian\tmin … max\t\n")
	fmt.Fprintf(out, "stripped binary, MiB\t%.1f\t\t\n", float64(o.Binary.StrippedBytes)*mebi)
	fmt.Fprintf(out, "start-up (exec to first accepted item), ms\t%s\t\n", o.StartupMS.text(1, 0))
	fmt.Fprintf(out, "idle RSS, MiB\t%s\t\n", o.IdleRSS.text(mebi, 1))
	fmt.Fprintf(out, "idle RSS without file pages, MiB\t%s\t\n", o.IdleAnonymous.text(mebi, 1))
	if o.IdlePSS.Median > 0 {
		fmt.Fprintf(out, "idle PSS, MiB\t%s\t\n", o.IdlePSS.text(mebi, 1))
	}
	fmt.Fprintf(out, "peak RSS under load, MiB\t%s\t\n", o.PeakRSS.text(mebi, 1))

	fmt.Fprintf(out, "\nper million items\tCPU s\tmin … max\tallocs, M\tmin … max\tGB\tmin … max\titems/s, k\tmin … max\tcore busy\tnoisy\t\n")
	for _, l := range o.Load {
		fmt.Fprintf(out, "%s, %s\t%s\t%s\t%s\t%s\t%.0f%%\t%d/%d\t\n", l.Route, l.Items, l.CPUSeconds.text(1, 2), l.Allocs.text(million, 2),
			l.AllocBytes.text(giga, 2), l.ItemsPerSec.text(milli, 0), l.Busy.Median*100, l.Noisy, l.Allocs.N)
	}
	fmt.Fprintf(out, "noisy: repetitions in which other processes used more than %.0f%% of the cores; times are without them unless all are\n", noisy*100)
	fmt.Fprintf(out, "\nledger\tsent\taccepted\tdelivered\tduplicates\tmissing\t\n")
	for _, signal := range otlpload.Signals {
		b := o.Ledger[signal.String()]
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t\n", signal.Items(), b.Sent, b.Accepted, b.Delivered, b.Duplicates, b.Missing)
	}
}

// text returns the median and the spread as two cells, scaled, with the given number of decimals.
func (s summary) text(scale float64, decimals int) string {
	return fmt.Sprintf("%.*f\t%.*f … %.*f", decimals, s.Median*scale, decimals, s.Min*scale, decimals, s.Max*scale)
}
