// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"encoding/csv"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// thorough makes TestFalseAlarms and TestPower long enough for their tables to be quoted.
var thorough = flag.Bool("thorough", false, "many repetitions in the tests of false alarms and of power")

// dataVariable names the folder that holds llm/azure_code_2023.csv, the Azure LLM inference trace of 2023 (CC-BY 4.0).
const dataVariable = "GUARDIAN_DATA"

// source makes the rows of one stream, and of its reference first.
type source func(rng *rand.Rand) func() []float64

func single(draw func(rng *rand.Rand) func() float64) source {
	return func(rng *rand.Rand) func() []float64 {
		next := draw(rng)
		return func() []float64 { return []float64{next()} }
	}
}

// quietSources are streams without drift.
func quietSources() map[string]source {
	out := map[string]source{
		"normal": single(func(rng *rand.Rand) func() float64 { return rng.NormFloat64 }),
		"log-normal": single(func(rng *rand.Rand) func() float64 {
			return func() float64 { return math.Exp(1.5 * rng.NormFloat64()) }
		}),
		"uniform":  single(func(rng *rand.Rand) func() float64 { return rng.Float64 }),
		"discrete": single(func(rng *rand.Rand) func() float64 { return func() float64 { return math.Floor(rng.ExpFloat64() * 2) } }),
		"20 features, correlated 0.7": func(rng *rand.Rand) func() []float64 {
			return func() []float64 {
				common := math.Sqrt(0.7) * rng.NormFloat64()
				return sample(20, func() float64 { return common + math.Sqrt(0.3)*rng.NormFloat64() })
			}
		},
	}
	for _, rho := range []float64{0.3, 0.6, 0.9} {
		out[fmt.Sprintf("AR(1) %.1f", rho)] = single(func(rng *rand.Rand) func() float64 { return ar1(rho, rng.NormFloat64) })
	}
	return out
}

// alarms are what a run of windows without drift came to.
type alarms struct {
	features               int
	days                   float64
	windows, info, warning int
}

func (a *alarms) perDay(n int) float64 { return float64(n) / a.days }

func (a *alarms) count(reports []Report) {
	for i := range reports {
		r := &reports[i]
		a.windows++
		for j := range r.Features {
			if r.Features[j].Severity >= Info {
				a.info++
			}
			if r.Features[j].Severity >= Warning {
				a.warning++
			}
		}
	}
}

const referenceSize = 2000

// watch runs a source for a day per repetition, a row a second, each against a new reference.
func watch(t *testing.T, next source, repetitions int, s Settings) alarms {
	t.Helper()
	var a alarms
	for i := range repetitions {
		rng := seeded(uint64(i))
		draw := next(rng)
		var reference [][]float64
		for range referenceSize {
			reference = append(reference, draw())
		}
		g := groupOf(t, s, reference)
		rows := int(24 * time.Hour / time.Second)
		a.count(run(g, rows, next(rng)))
		a.days++
		a.features = len(g.features)
	}
	return a
}

// groupOf makes a group of numeric features with the columns of rows as references.
func groupOf(t *testing.T, s Settings, rows [][]float64) *Group {
	t.Helper()
	g, err := NewGroup(s)
	require.NoError(t, err)
	for i := range rows[0] {
		column := make([]float64, len(rows))
		for j, row := range rows {
			column[j] = row[i]
		}
		r, err := NewNumericReference(column, ReferenceSettings{Ordered: true})
		require.NoError(t, err)
		require.NoError(t, g.SetReference(g.Feature(strconv.Itoa(i), Numeric), 0, r))
	}
	return g
}

// run commits rows, one a second.
func run(g *Group, rows int, draw func() []float64) []Report {
	at := day.UnixNano()
	values := make([]Value, len(g.features))
	var reports []Report
	for range rows {
		for i, v := range draw() {
			values[i] = Value{Feature: g.features[i], Number: v}
		}
		g.Observe(at, at, values)
		at += int64(time.Second)
		reports = append(reports, g.Reports()...)
	}
	return reports
}

const falseAlarmBudget = 2.0 // per day

func budgetSettings() Settings {
	s := DefaultSettings()
	s.Budget = falseAlarmBudget
	return s
}

// TestFalseAlarms: on streams without drift, a budget of false alarms is kept to within a half, whatever the values look like.
// It counts every window and feature from Warning up, which are at least as many as alarms that are raised. With thresholds it
// only reports the rates.
func TestFalseAlarms(t *testing.T) {
	repetitions := 12
	if *thorough {
		repetitions = 300
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if *thorough {
		fmt.Fprintf(out, "stream without drift\tfeatures\twindows\tbudget/day\tachieved/day\tthresholds: info/day\twarning/day\n")
	}
	sources := quietSources()
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		n := repetitions
		if name[0] == '2' {
			n = max(4, n/6)
		}
		a := watch(t, sources[name], n, budgetSettings())
		plain := watch(t, sources[name], max(2, n/10), DefaultSettings())
		rate := a.perDay(a.warning)
		// The bound of a short run allows for its chance, three standard deviations of a Poisson count.
		slack := 0.0
		if !*thorough {
			slack = 3 * math.Sqrt(1.5*falseAlarmBudget/a.days)
		}
		assert.LessOrEqual(t, rate, 1.5*falseAlarmBudget+slack, name)
		if *thorough {
			fmt.Fprintf(out, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\n", name, a.features, a.windows, falseAlarmBudget, rate,
				plain.perDay(plain.info), plain.perDay(plain.warning))
		}
	}
	require.NoError(t, out.Flush())
}

// loadTrace returns context and generated tokens of the Azure code trace.
func loadTrace(t *testing.T) [][]float64 {
	t.Helper()
	folder := os.Getenv(dataVariable)
	if folder == "" {
		t.Skipf("%s does not name the folder of the traces", dataVariable)
	}
	file, err := os.Open(filepath.Join(folder, "llm", "azure_code_2023.csv"))
	require.NoError(t, err)
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	var rows [][]float64
	for _, record := range records[1:] {
		row := make([]float64, 2)
		for i := range row {
			row[i], err = strconv.ParseFloat(record[i+1], 64)
			require.NoError(t, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// TestAzureTraceAgainstItself: D and p of the halves of the trace as SciPy has them, for values that are taken as independent.
func TestAzureTraceAgainstItself(t *testing.T) {
	rows := loadTrace(t)
	var halves [2][]float64
	for i, row := range rows {
		half := 0
		if i >= len(rows)/2 {
			half = 1
		}
		halves[half] = append(halves[half], row[0])
	}
	r := numericReference(t, halves[0])
	e := evidenceOf(r, windowOf(r, halves[1]...))
	assert.InDelta(t, 0.0216479, e.KS.Effect, 5e-8+r.Error())
	assert.InDelta(t, 0.0216479, trueD(halves[0], halves[1]), 5e-8)
	assert.LessOrEqual(t, r.Error(), 1.0/1024)
	d := trueD(halves[0], halves[1])
	assert.InDelta(t, 0.2491, KolmogorovSmirnovP(d, float64(len(halves[0])), float64(len(halves[1]))), 5e-5)
	t.Logf("D %v (thinned %v ± %v), p %v, p of dependent values %v", d, e.KS.Effect, r.Error(),
		KolmogorovSmirnovP(d, float64(len(halves[0])), float64(len(halves[1]))), e.KS.P)

	s := DefaultSettings()
	s.Window.Samples = 1000
	for _, report := range run(groupOf(t, s, rows[:len(rows)/2]), len(rows)/2, cycle(rows[len(rows)/2:])) {
		assert.Less(t, report.Features[0].Severity, Warning, "D %v", report.Features[0].Score)
	}
}

func cycle(rows [][]float64) func() []float64 {
	i := -1
	return func() []float64 {
		i++
		return rows[i%len(rows)]
	}
}

// TestAzureTraceShuffled: halves of the trace in random order keep the budget.
func TestAzureTraceShuffled(t *testing.T) {
	rows := loadTrace(t)
	repetitions := 100
	if *thorough {
		repetitions = 2000
	}
	var a alarms
	for i := range repetitions {
		seeded(uint64(i)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		g := groupOf(t, budgetSettings(), rows[:len(rows)/2])
		a.count(run(g, len(rows)/2, cycle(rows[len(rows)/2:])))
		a.days += float64(len(rows)/2) / 86400
	}
	rate := a.perDay(a.warning)
	t.Logf("%d windows of 2 features: budget %.1f per day, achieved %.2f", a.windows, falseAlarmBudget, rate)
	slack := 0.0
	if !*thorough {
		slack = 3 * math.Sqrt(1.5*falseAlarmBudget/a.days)
	}
	assert.LessOrEqual(t, rate, 1.5*falseAlarmBudget+slack)
}

// change is one of a distribution.
type change struct {
	name          string
	before, after func(rng *rand.Rand) float64
	floor         float64 // what share of first windows the budget must find, of the large ones
}

func changes() []change {
	normal := func(rng *rand.Rand) float64 { return rng.NormFloat64() }
	latency := func(rng *rand.Rand) float64 { return math.Exp(rng.NormFloat64()) }
	moved := func(by float64) func(*rand.Rand) float64 {
		return func(rng *rand.Rand) float64 { return rng.NormFloat64() + by }
	}
	scaled := func(by float64) func(*rand.Rand) float64 {
		return func(rng *rand.Rand) float64 { return rng.NormFloat64() * by }
	}
	sometimes := func(share float64, rare, usual func(*rand.Rand) float64) func(*rand.Rand) float64 {
		return func(rng *rand.Rand) float64 {
			if rng.Float64() < share {
				return rare(rng)
			}
			return usual(rng)
		}
	}
	return []change{
		{"none", normal, normal, 0},
		{"none, log-normal", latency, latency, 0},
		{"mean +0.1σ", normal, moved(0.1), 0},
		{"mean +0.2σ", normal, moved(0.2), 0.5},
		{"mean +0.3σ", normal, moved(0.3), 0.95},
		{"mean +0.5σ", normal, moved(0.5), 1},
		{"scale ×1.2", normal, scaled(1.2), 0},
		{"scale ×1.5", normal, scaled(1.5), 0.95},
		{"latency +30 %", latency, func(rng *rand.Rand) float64 { return 1.3 * latency(rng) }, 0.9},
		{"tail: 3 % ×20", latency, sometimes(0.03, func(rng *rand.Rand) float64 { return 20 * latency(rng) }, latency), 0},
		{"mode: 10 % at 3σ", normal, sometimes(0.1, moved(3), normal), 0.5},
		{"mode: 20 % at 3σ", normal, sometimes(0.2, moved(3), normal), 1},
	}
}

// found counts the first windows that a rule calls drift, and the windows until it does.
type found struct{ repetitions, first, ever, delay int }

func (f *found) add(windows []bool) {
	f.repetitions++
	if len(windows) > 0 && windows[0] {
		f.first++
	}
	if i := slices.Index(windows, true); i >= 0 {
		f.ever++
		f.delay += i + 1
	}
}

func (f *found) String() string {
	switch {
	case f.repetitions == 0:
		return "–\t–"
	case f.ever == 0:
		return "0 %\t–"
	}
	return fmt.Sprintf("%d %%\t%.1f", 100*f.first/f.repetitions, float64(f.delay)/float64(f.ever))
}

func powerRepetitions() int {
	if *thorough {
		return 400
	}
	return 20
}

// powerWindows is how many windows a change lasts.
func powerWindows() int {
	if *thorough {
		return 10
	}
	return 1
}

// powerWindow is the number of values of a window.
const powerWindow = 1000

// TestPower shows which share of known changes is found in the first window, and after how many windows on average: by
// thresholds and by a budget, and beside them, on the same windows, by SciPy's ks_2samp at 0.05 and by Evidently as it comes, where
// they are installed.
func TestPower(t *testing.T) {
	samples := map[string][]powerSample{}
	thresholds, budget := map[string]*found{}, map[string]*found{}
	for _, c := range changes() {
		thresholds[c.name], budget[c.name] = &found{}, &found{}
		for i := range powerRepetitions() {
			rng := seeded(uint64(i))
			s := powerSample{reference: sample(referenceSize, func() float64 { return c.before(rng) }), windows: make([][]float64, powerWindows())}
			for w := range s.windows {
				s.windows[w] = sample(powerWindow, func() float64 { return c.after(rng) })
			}
			budget[c.name].add(judged(t, budgetSettings(), Warning, s.reference, s.windows))
			if *thorough {
				thresholds[c.name].add(judged(t, DefaultSettings(), Info, s.reference, s.windows))
			}
			if i < peerRepetitions {
				samples[c.name] = append(samples[c.name], s)
			}
		}
		share := float64(budget[c.name].first) / float64(powerRepetitions())
		assert.GreaterOrEqual(t, share, c.floor-0.1, c.name)
	}
	if *thorough {
		printPower(t, samples, thresholds, budget)
	}
}

func printPower(t *testing.T, samples map[string][]powerSample, thresholds, budget map[string]*found) {
	t.Helper()
	peers, err := askPeers(t, changes(), samples)
	if err != nil {
		fmt.Printf("SciPy and Evidently did not run, so the table is without them: %v\n", err)
		peers = &peerVerdicts{}
	} else {
		fmt.Printf("ks_2samp of SciPy %s, and Evidently %s (%s), on the first %d of %d repetitions\n",
			peers.SciPyVersion, peers.EvidentlyVersion, strings.Join(peers.EvidentlyMethods, ", "), peerRepetitions, powerRepetitions())
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "change\tthresholds\tdelay\tbudget\tdelay\tks_2samp\tdelay\tEvidently\tdelay\n")
	for _, c := range changes() {
		var scipy, evidently found
		for _, windows := range peers.SciPy[c.name] {
			scipy.add(windows)
		}
		for _, windows := range peers.Evidently[c.name] {
			evidently.add(windows)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", c.name, thresholds[c.name], budget[c.name], &scipy, &evidently)
	}
	require.NoError(t, out.Flush())
}

func judged(t *testing.T, s Settings, from Severity, reference []float64, windows [][]float64) []bool {
	t.Helper()
	rows := make([][]float64, len(reference))
	for i, v := range reference {
		rows[i] = []float64{v}
	}
	all := slices.Concat(windows...)
	i := -1
	reports := run(groupOf(t, s, rows), len(all), func() []float64 { i++; return all[i : i+1] })
	out := make([]bool, len(reports))
	for i, r := range reports {
		out[i] = r.Features[0].Severity >= from
	}
	return out
}
