// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly/anomalytest"
)

// loadADBench reads a set as a table.
func loadADBench(t *testing.T, file string) (data *table, labels []bool) {
	t.Helper()
	rows, labels, err := anomalytest.LoadADBench(file)
	require.NoError(t, err)
	data = &table{columns: len(rows[0])}
	for _, row := range rows {
		for _, v := range row {
			data.values = append(data.values, float32(v))
		}
	}
	return data, labels
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
			mean += anomalytest.ROCAUC(scores, labels) / float64(seeds)
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
