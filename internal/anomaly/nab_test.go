// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nabSeries is a series of the Numenta Anomaly Benchmark.
type nabSeries struct {
	name    string
	times   []time.Time
	values  []float64
	windows [][2]int // first and last row of each anomaly window
}

// probation is the number of rows at the start that are not scored: 15 %, of at most 5,000 rows.
func (s *nabSeries) probation() int { return int(0.15 * math.Min(float64(len(s.values)), 5000)) }

// nabProfile is what errors cost.
type nabProfile struct {
	name                                       string
	truePositive, falsePositive, falseNegative float64
}

var nabProfiles = []nabProfile{
	{"standard", 1, 0.11, 1},
	{"low FP", 1, 0.22, 1},
	{"low FN", 1, 0.11, 2},
}

// position is NAB's value of a detection by its place: -1 at the left edge of a window, 0 at its right edge, more beyond.
func nabSigmoid(position float64) float64 {
	if position > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*position)) - 1
}

// nabRow is a row that is scored.
type nabRow struct {
	score  float64
	window int     // -1 outside of windows
	value  float64 // what a detection here is worth, before weights
}

// rows are the rows after probation. As described by Lavin and Ahmad (2015): of the detections in a window the earliest counts, by the
// sigmoid of its distance to the window's end; a detection outside costs more the further it lies behind the window
// before, and all where there is none.
func (s *nabSeries) rows(scores []float64) []nabRow {
	var rows []nabRow
	before := -1
	next := 0
	best := nabSigmoid(-1)
	for i := range s.values {
		for next < len(s.windows) && i > s.windows[next][1] {
			before = next
			next++
		}
		row := nabRow{score: scores[i], window: -1, value: -1}
		switch {
		case next < len(s.windows) && i >= s.windows[next][0]:
			w := s.windows[next]
			row.window = next
			row.value = nabSigmoid(-float64(w[1]-i+1)/float64(w[1]-w[0]+1)) / best
		case before >= 0:
			w := s.windows[before]
			row.value = nabSigmoid(float64(i-w[1]) / float64(w[1]-w[0]))
		}
		if i >= s.probation() {
			rows = append(rows, row)
		}
	}
	return rows
}

// nabScore is the score of a series at a threshold, not normalised.
func nabScore(rows []nabRow, threshold float64, p nabProfile) float64 {
	found := map[int]float64{}
	total := 0.0
	for _, r := range rows {
		if r.window >= 0 {
			if _, ok := found[r.window]; !ok {
				found[r.window] = -p.falseNegative
			}
		}
		if r.score < threshold {
			continue
		}
		if r.window < 0 {
			total += r.value * p.falsePositive
		} else {
			found[r.window] = max(found[r.window], r.value*p.truePositive)
		}
	}
	for _, v := range found {
		total += v
	}
	return total
}

// nabNormalised is 0 for a detector that says nothing and 100 for a perfect one.
func nabNormalised(score float64, windows int, p nabProfile) float64 {
	null := -p.falseNegative * float64(windows)
	return 100 * (score - null) / (p.truePositive*float64(windows) - null)
}

func loadNAB(t testing.TB) []*nabSeries {
	t.Helper()
	folder := filepath.Join(dataFolder(t), "nab")
	raw, err := os.ReadFile(filepath.Join(folder, "windows.json"))
	require.NoError(t, err)
	var windows map[string][][2]string
	require.NoError(t, json.Unmarshal(raw, &windows))
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.csv"))
	require.NoError(t, err)
	var all []*nabSeries
	for _, file := range files {
		name := strings.TrimPrefix(file, folder+"/")
		f, err := os.Open(file)
		require.NoError(t, err)
		records, err := csv.NewReader(f).ReadAll()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		s := &nabSeries{name: name}
		for _, r := range records[1:] {
			at, err := time.Parse("2006-01-02 15:04:05", r[0])
			require.NoError(t, err)
			v, err := strconv.ParseFloat(r[1], 64)
			require.NoError(t, err)
			s.times, s.values = append(s.times, at), append(s.values, v)
		}
		for _, w := range windows[name] {
			from, err := time.Parse("2006-01-02 15:04:05.000000", w[0])
			require.NoError(t, err)
			to, err := time.Parse("2006-01-02 15:04:05.000000", w[1])
			require.NoError(t, err)
			first := slices.IndexFunc(s.times, func(at time.Time) bool { return !at.Before(from) })
			last := len(s.times) - 1
			for s.times[last].After(to) {
				last--
			}
			s.windows = append(s.windows, [2]int{first, last})
		}
		all = append(all, s)
	}
	require.NotEmpty(t, all)
	return all
}
