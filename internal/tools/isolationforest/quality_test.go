// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package isolationforest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly/anomalytest"
)

// dataVariable names the folder that holds adbench/ and nab/.
const dataVariable = "GUARDIAN_DATA"

// dataFolder returns the folder of public data, and skips the test where there is none.
func dataFolder(t testing.TB) string {
	t.Helper()
	folder := os.Getenv(dataVariable)
	if folder == "" {
		t.Skipf("%s does not say where the data is", dataVariable)
	}
	return folder
}

// compared are the subjects of the tables of quality: the peer as it comes, and as its scores are best on NAB and ADBench, of windows of 64, 256 and
// 512, with and without the rate of change, whose place beside the value changes from point to point.
func compared() []subject {
	return []subject{ours("isolation_forest"), peer("defaults", peerDefaults), peer("window 64", peerBest)}
}

// Both have a model per series and are asked for the rate of alarms that ours has.
var (
	peerBest = options{window: 64, features: []string{"value"}, contamination: 0.001, perSeries: true}
	peerWide = options{window: 1000, features: []string{"value"}, contamination: 0.001, perSeries: true}
)

// newTable begins a table with a column for every subject; without any the line goes on.
func newTable(title string, subjects []subject) *tabwriter.Writer {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s", title)
	for _, s := range subjects {
		fmt.Fprintf(w, "\t%s", s.name)
	}
	if len(subjects) > 0 {
		fmt.Fprintf(w, "\t\n")
	}
	return w
}

// TestCalm prints the share of calm rows, or points, that are called anomalies, and that of those after the first 1,000 of a stream. Asked for are 0.1 %,
// and 10 % by the peer's defaults.
func TestCalm(t *testing.T) {
	const streams, rows = 2, 6000
	subjects := append(compared(), peer("window 1,000", peerWide))
	w := newTable("calm points called anomalous, %, and after the first 1,000", subjects)
	line := func(name string, data [][][]float64) {
		fmt.Fprintf(w, "%s", name)
		for _, s := range subjects {
			var all, late judgement
			for seed, rows := range data {
				for i, j := range s.judge(t, rows, uint64(seed)) {
					all.points, all.anomalous = all.points+j.points, all.anomalous+j.anomalous
					if i >= 1000 {
						late.points, late.anomalous = late.points+j.points, late.anomalous+j.anomalous
					}
				}
			}
			require.Positive(t, late.points, s.name)
			fmt.Fprintf(w, "\t%.2f, %.2f", all.percent(), late.percent())
		}
		fmt.Fprintf(w, "\t\n")
	}
	for _, source := range anomalytest.CalmStreams() {
		var data [][][]float64
		for seed := range streams {
			next := source.Rows(rand.New(rand.NewPCG(uint64(seed), 99)))
			stream := make([][]float64, rows)
			for i := range stream {
				stream[i] = make([]float64, source.Metrics)
				next(stream[i])
			}
			data = append(data, stream)
		}
		line(source.Name, data)
	}
	if folder := os.Getenv(dataVariable); folder != "" {
		all, err := anomalytest.LoadNAB(filepath.Join(folder, "nab"))
		require.NoError(t, err)
		var calm [][][]float64
		for _, s := range all {
			if len(s.Windows) == 0 {
				calm = append(calm, column(s.Values))
			}
		}
		line(fmt.Sprintf("NAB's %d without anomalies", len(calm)), calm)
	}
	require.NoError(t, w.Flush())
}

func column(values []float64) [][]float64 {
	rows := make([][]float64, len(values))
	for i, v := range values {
		rows[i] = []float64{v}
	}
	return rows
}

// TestADBench prints the ROC-AUC of the scores of a second pass over the rows of each set, at most 1,000, in random order. The peer scores single
// metrics: a row's score is the mean of theirs.
func TestADBench(t *testing.T) {
	const seeds, most = 3, 1000
	files, err := filepath.Glob(filepath.Join(dataFolder(t), "adbench", "*.csv"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	w := newTable(fmt.Sprintf("ROC-AUC, mean of %d orders", seeds), compared())
	total := make([]float64, len(compared()))
	for _, file := range files {
		rows, labels, err := anomalytest.LoadADBench(file)
		require.NoError(t, err)
		fmt.Fprintf(w, "%s", strings.TrimSuffix(filepath.Base(file), ".csv"))
		for i, s := range compared() {
			auc := 0.0
			for seed := range seeds {
				auc += secondPass(t, s, rows, labels, most, uint64(seed)) / seeds
			}
			total[i] += auc
			fmt.Fprintf(w, "\t%.3f", auc)
		}
		fmt.Fprintf(w, "\t\n")
	}
	fmt.Fprintf(w, "mean")
	for _, sum := range total {
		fmt.Fprintf(w, "\t%.3f", sum/float64(len(files)))
	}
	fmt.Fprintf(w, "\t\n")
	require.NoError(t, w.Flush())
}

// secondPass lets a subject see the rows, at least 1,000 times one, and then scores them.
func secondPass(t *testing.T, s subject, rows [][]float64, labels []bool, most int, seed uint64) float64 {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	order := rng.Perm(len(rows))
	order = order[:min(most, len(order))]
	var stream [][]float64
	for len(stream) < 1000 {
		for _, i := range order {
			stream = append(stream, rows[i])
		}
	}
	var last []bool
	for _, i := range order {
		stream, last = append(stream, rows[i]), append(last, labels[i])
	}
	judged := s.judge(t, stream, seed)
	return anomalytest.ROCAUC(scores(judged[len(judged)-len(order):]), last)
}

// TestNAB scores both on NAB's series: by every row, as NAB does, and by the first row of each episode, with a threshold that is tuned on these
// series and as the processors themselves decide. The scores are means over seeds, with the least and the largest.
func TestNAB(t *testing.T) {
	const (
		seeds  = 3
		memory = 64 // rows after an anomalous one that are of the same episode
	)
	all, err := anomalytest.LoadNAB(filepath.Join(dataFolder(t), "nab"))
	require.NoError(t, err)
	windows := 0
	for _, s := range all {
		windows += len(s.Windows)
	}
	w := newTable(fmt.Sprintf("NAB, %d series, %d windows, mean of %d seeds", len(all), windows, seeds), nil)
	for _, p := range anomalytest.Profiles {
		fmt.Fprintf(w, "\t%s", p.Name)
	}
	fmt.Fprintf(w, "\t\n")
	for _, s := range append(compared(), peer("window 1,000", peerWide)) {
		var tuned, decided [seeds][][]anomalytest.Row
		for seed := range seeds {
			for _, series := range all {
				judged := s.judge(t, column(series.Values), uint64(seed))
				own := make([]float64, len(judged))
				for i := range judged {
					own[i] = float64(judged[i].anomalous)
				}
				tuned[seed] = append(tuned[seed], series.Rows(scores(judged)))
				decided[seed] = append(decided[seed], series.Rows(own))
			}
		}
		line := func(how string, score func(p anomalytest.Profile, seed int) float64) {
			fmt.Fprintf(w, "%s: %s", s.name, how)
			for _, p := range anomalytest.Profiles {
				mean, least, most := 0.0, math.Inf(1), math.Inf(-1)
				for seed := range seeds {
					score := anomalytest.Normalised(score(p, seed), windows, p)
					mean, least, most = mean+score/seeds, min(least, score), max(most, score)
				}
				fmt.Fprintf(w, "\t%.1f (%.1f to %.1f)", mean, least, most)
			}
			fmt.Fprintf(w, "\t\n")
		}
		line("its own decisions, every row", func(p anomalytest.Profile, seed int) (sum float64) {
			for _, rows := range decided[seed] {
				sum += anomalytest.Score(rows, 0.5, p)
			}
			return sum
		})
		line("its own decisions, once per episode", func(p anomalytest.Profile, seed int) (sum float64) {
			for _, rows := range decided[seed] {
				sum += anomalytest.Score(anomalytest.Onsets(rows, 0.5, memory), 0.5, p)
			}
			return sum
		})
		line("tuned threshold, every row", func(p anomalytest.Profile, seed int) float64 {
			return anomalytest.Tune(tuned[seed], p, 0)
		})
		line("tuned threshold, once per episode", func(p anomalytest.Profile, seed int) float64 {
			return anomalytest.Tune(tuned[seed], p, memory)
		})
	}
	require.NoError(t, w.Flush())
}
