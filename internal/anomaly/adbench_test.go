// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// loadADBench reads a set of ADBench as CSV, whose last column is the label.
func loadADBench(t *testing.T, file string) (data *table, labels []bool) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	data = &table{columns: len(records[0]) - 1}
	for _, record := range records[1:] {
		for _, field := range record[:data.columns] {
			v, err := strconv.ParseFloat(field, 64)
			require.NoError(t, err)
			data.values = append(data.values, float32(v))
		}
		labels = append(labels, record[data.columns] == "1")
	}
	return data, labels
}

// rocAUC is the probability that an anomaly has a higher score than another row, ties counting half (Mann–Whitney).
func rocAUC(scores []float64, labels []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return 0
	})
	ranks, anomalies := 0.0, 0
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && scores[order[j]] == scores[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			if labels[k] {
				ranks += float64(i+j+1) / 2
				anomalies++
			}
		}
		i = j
	}
	m := float64(anomalies)
	return (ranks - m*(m+1)/2) / (m * (float64(len(scores)) - m))
}

func TestROCAUC(t *testing.T) {
	assert.InDelta(t, 1, rocAUC([]float64{1, 2, 3}, []bool{false, false, true}), 0)
	assert.InDelta(t, 0.5, rocAUC([]float64{1, 1, 1}, []bool{false, true, false}), 0)
	assert.InDelta(t, 0.75, rocAUC([]float64{1, 2, 3, 4}, []bool{false, true, false, true}), 0)
}

// TestADBench compares the mean ROC-AUC over seeds with that of scikit-learn on the same sets, which testdata/sklearn_auc.py wrote: within 0.02 on
// every set and within 0.01 on average.
func TestADBench(t *testing.T) {
	folder := filepath.Join(dataFolder(t), "adbench")
	raw, err := os.ReadFile("testdata/sklearn_auc.json")
	require.NoError(t, err)
	var expected struct {
		Sklearn string
		Seeds   int
		Sets    map[string]struct{ Mean, Std float64 }
	}
	require.NoError(t, json.Unmarshal(raw, &expected))
	files, err := filepath.Glob(filepath.Join(folder, "*.csv"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seeds := 3
	if *thorough {
		seeds = expected.Seeds
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "ROC-AUC, %d seeds\tours\tscikit-learn %s\tdifference\t\n", seeds, expected.Sklearn)
	var ours, theirs float64
	sets := 0.0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		want, ok := expected.Sets[name]
		if !ok {
			continue // A set that scikit-learn was not run on.
		}
		data, labels := loadADBench(t, file)
		mean := 0.0
		scores := make([]float64, data.rows())
		for seed := range seeds {
			f := newForest(data, Forest{Trees: 100, SubSample: 256}, rand.New(rand.NewPCG(uint64(seed), 3)))
			var p point
			for i := range scores {
				p.set(data.row(i))
				scores[i] = f.score(&p)
			}
			mean += rocAUC(scores, labels) / float64(seeds)
		}
		fmt.Fprintf(w, "%s\t%.4f\t%.4f\t%+.4f\t\n", name, mean, want.Mean, mean-want.Mean)
		if *thorough {
			assert.InDelta(t, want.Mean, mean, 0.02, name)
		}
		ours, theirs, sets = ours+mean, theirs+want.Mean, sets+1
	}
	require.Positive(t, sets)
	fmt.Fprintf(w, "mean\t%.4f\t%.4f\t%+.4f\t\n", ours/sets, theirs/sets, (ours-theirs)/sets)
	require.NoError(t, w.Flush())
	assert.InDelta(t, theirs/sets, ours/sets, 0.01, "mean over the sets")
}
