// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalytest

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Series is a series of the Numenta Anomaly Benchmark.
type Series struct {
	Name    string
	Times   []time.Time
	Values  []float64
	Windows [][2]int // first and last row of each anomaly window
}

// Probation is the number of rows at the start that are not scored: 15 %, of at most 5,000 rows.
func (s *Series) Probation() int { return int(0.15 * math.Min(float64(len(s.Values)), 5000)) }

// Profile is what errors cost.
type Profile struct {
	Name                                       string
	TruePositive, FalsePositive, FalseNegative float64
}

// Profiles are those of NAB.
var Profiles = []Profile{
	{"standard", 1, 0.11, 1},
	{"low FP", 1, 0.22, 1},
	{"low FN", 1, 0.11, 2},
}

// sigmoid is NAB's value of a detection by its place: -1 at the left edge of a window, 0 at its right edge, more beyond.
func sigmoid(position float64) float64 {
	if position > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*position)) - 1
}

// Row is a row that is scored.
type Row struct {
	Score  float64
	window int     // -1 outside of windows
	value  float64 // what a detection here is worth, before weights
}

// Rows are the rows after probation. As described by Lavin and Ahmad (2015): of the detections in a window the earliest counts, by the
// sigmoid of its distance to the window's end; a detection outside costs more the further it lies behind the window
// before, and all where there is none.
func (s *Series) Rows(scores []float64) []Row {
	var rows []Row
	before := -1
	next := 0
	best := sigmoid(-1)
	for i := range s.Values {
		for next < len(s.Windows) && i > s.Windows[next][1] {
			before = next
			next++
		}
		row := Row{Score: scores[i], window: -1, value: -1}
		switch {
		case next < len(s.Windows) && i >= s.Windows[next][0]:
			w := s.Windows[next]
			row.window = next
			row.value = sigmoid(-float64(w[1]-i+1)/float64(w[1]-w[0]+1)) / best
		case before >= 0:
			w := s.Windows[before]
			row.value = sigmoid(float64(i-w[1]) / float64(w[1]-w[0]))
		}
		if i >= s.Probation() {
			rows = append(rows, row)
		}
	}
	return rows
}

// Score is the score of a series at a threshold, not normalised.
func Score(rows []Row, threshold float64, p Profile) float64 {
	found := map[int]float64{}
	total := 0.0
	for _, r := range rows {
		if r.window >= 0 {
			if _, ok := found[r.window]; !ok {
				found[r.window] = -p.FalseNegative
			}
		}
		if r.Score < threshold {
			continue
		}
		if r.window < 0 {
			total += r.value * p.FalsePositive
		} else {
			found[r.window] = max(found[r.window], r.value*p.TruePositive)
		}
	}
	for _, v := range found {
		total += v
	}
	return total
}

// Normalised is 0 for a detector that says nothing and 100 for a perfect one, of the sum of the scores of all series.
func Normalised(score float64, windows int, p Profile) float64 {
	null := -p.FalseNegative * float64(windows)
	return 100 * (score - null) / (p.TruePositive*float64(windows) - null)
}

// Tune is the score by the best of a thousand thresholds for all series together, as NAB does it: every row at or above counts, as NAB has it, or,
// if memory is above 0, the first of each episode, see [Onsets].
func Tune(rows [][]Row, p Profile, memory int) float64 {
	const thresholds = 1000
	var scores []float64
	for _, series := range rows {
		for _, r := range series {
			scores = append(scores, r.Score)
		}
	}
	slices.Sort(scores)
	scores = slices.Compact(scores)
	best := sum(rows, math.Inf(1), p, memory)
	for i := range thresholds {
		share := math.Pow(float64(i)/thresholds, 4) // The largest scores one by one, smaller ones less densely.
		at := len(scores) - 1 - int(share*float64(len(scores)))
		best = max(best, sum(rows, scores[at], p, memory))
	}
	return best
}

func sum(rows [][]Row, threshold float64, p Profile, memory int) (sum float64) {
	for _, series := range rows {
		if memory > 0 {
			series = Onsets(series, threshold, memory)
		}
		sum += Score(series, threshold, p)
	}
	return sum
}

// Onsets keeps the scores at or above the threshold that no other was in the rows of the memory before: the first of each episode.
func Onsets(rows []Row, threshold float64, memory int) []Row {
	out := slices.Clone(rows)
	last := -memory - 1
	for i := range rows {
		if rows[i].Score < threshold {
			continue
		}
		if i-last <= memory {
			out[i].Score = math.Inf(-1)
		}
		last = i
	}
	return out
}

// LoadNAB reads the series under folder, laid out as NAB's data, and their windows.json.
func LoadNAB(folder string) ([]*Series, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "windows.json"))
	if err != nil {
		return nil, err
	}
	var windows map[string][][2]string
	if err := json.Unmarshal(raw, &windows); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.csv"))
	if err != nil {
		return nil, err
	}
	var all []*Series
	for _, file := range files {
		s, err := loadSeries(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		s.Name = strings.TrimPrefix(file, folder+"/")
		for _, w := range windows[s.Name] {
			if err := s.addWindow(w); err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no series in %s", folder)
	}
	return all, nil
}

func loadSeries(path string) (*Series, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	s := &Series{}
	for _, r := range records[1:] {
		at, err := time.Parse("2006-01-02 15:04:05", r[0])
		if err != nil {
			return nil, err
		}
		v, err := strconv.ParseFloat(r[1], 64)
		if err != nil {
			return nil, err
		}
		s.Times, s.Values = append(s.Times, at), append(s.Values, v)
	}
	return s, nil
}

func (s *Series) addWindow(window [2]string) error {
	var edges [2]time.Time
	for i, text := range window {
		var err error
		if edges[i], err = time.Parse("2006-01-02 15:04:05.000000", text); err != nil {
			return err
		}
	}
	first := slices.IndexFunc(s.Times, func(at time.Time) bool { return !at.Before(edges[0]) })
	last := len(s.Times) - 1
	for s.Times[last].After(edges[1]) {
		last--
	}
	s.Windows = append(s.Windows, [2]int{first, last})
	return nil
}
