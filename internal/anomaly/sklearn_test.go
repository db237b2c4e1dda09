// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vectors are what testdata/vectors.py got from scikit-learn.
type vectors struct {
	AveragePath [][2]float64 `json:"average_path"`
	Walked      struct {
		SubSample     int `json:"sub_sample"`
		Trees         []sklearnTree
		Points        [][]float64
		Scores        []float64
		Training      []float64 `json:"training_scores"`
		Offset        float64
		Outliers      int
		Contamination float64
	}
	Compared []struct {
		Name      string
		Rows      [][]float64
		Points    [][]float64
		Mean, Std []float64
		Seeds     int
		Nodes     float64
		NodesStd  float64 `json:"nodes_std"`
	}
	Components struct {
		Rows       []float64
		Columns    int
		Variance   float64
		Components int
		Variances  []float64
		Points     [][]float64
		T2, Q      []float64
	}
}

type sklearnTree struct {
	Feature     []int
	Threshold   []float64
	Left, Right []int
	Rows        []int
}

func loadVectors(t *testing.T) *vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	v := &vectors{}
	require.NoError(t, json.Unmarshal(raw, v))
	return v
}

func TestAveragePath(t *testing.T) {
	for _, c := range loadVectors(t).AveragePath {
		assert.InDelta(t, c[1], averagePath(int(c[0])), 1e-12)
	}
}

func TestScoreOfMeanPath(t *testing.T) {
	c := averagePath(256)
	for path, want := range map[float64]float64{
		1: 0.9345794551089974, 2: 0.8734387579118306, 4: 0.7628952638225615, 8: 0.5820091835628957, c: 0.5,
		3 + averagePath(5): 0.6973841399151385,
	} {
		assert.InDelta(t, want, math.Exp2(-path/c), 1e-12)
	}
}

// TestForestWalksAsScikitLearn takes whole forests of scikit-learn and scores points in them.
func TestForestWalksAsScikitLearn(t *testing.T) {
	v := loadVectors(t).Walked
	g := &grower{forest: &forest{depth: 5}, codes: map[[2]int]uint32{}}
	for _, tree := range v.Trees {
		g.roots = append(g.roots, g.copyTree(tree, 0, 0))
	}
	g.norm = -1 / (averagePath(v.SubSample) * float64(len(v.Trees)))
	g.placeLeaves()
	for i, want := range v.Scores {
		assert.InDelta(t, want, g.score(pointOf(v.Points[i])), 1e-7, "point %v", v.Points[i])
	}
}

// copyTree makes the subtree of a node of scikit-learn's tree.
func (g *grower) copyTree(tree sklearnTree, at, depth int) uint32 {
	if tree.Left[at] < 0 {
		return g.leaf(depth, tree.Rows[at])
	}
	self := len(g.nodes)
	g.nodes = append(g.nodes, node{threshold: keyOf(float32(tree.Threshold[at]))})
	left := g.copyTree(tree, tree.Left[at], depth+1)
	right := g.copyTree(tree, tree.Right[at], depth+1)
	g.nodes[self].left, g.nodes[self].right = uint32(tree.Feature[at])<<childBits|left, right
	return uint32(self)
}

func pointOf(values []float64) *point {
	row := make([]float32, len(values))
	for i, v := range values {
		row[i] = float32(v)
	}
	p := &point{}
	p.set(row)
	return p
}

func tableOf(rows [][]float64) *table {
	data := &table{columns: len(rows[0])}
	for _, row := range rows {
		for _, v := range row {
			data.values = append(data.values, float32(v))
		}
	}
	return data
}

func TestContamination(t *testing.T) {
	v := loadVectors(t).Walked
	sorted := slices.Sorted(slices.Values(v.Training))
	offset := percentile(sorted, 1-v.Contamination)
	assert.InDelta(t, v.Offset, offset, 1e-12)
	outliers := 0
	for _, s := range v.Training {
		if s > offset {
			outliers++
		}
	}
	assert.Equal(t, v.Outliers, outliers)

	scores := []float64{.42, .43, .44, .45, .46, .47, .48, .50, .55, .62}
	assert.InDelta(t, 0.557, percentile(scores, 0.9), 1e-12)
}

// TestForestScoresAsScikitLearn compares mean scores over seeds: forests differ by chance only, so the means may differ by four
// standard errors of their difference.
func TestForestScoresAsScikitLearn(t *testing.T) {
	for _, c := range loadVectors(t).Compared {
		t.Run(c.Name, func(t *testing.T) {
			data := tableOf(c.Rows)
			scores := make([][]float64, len(c.Points))
			nodes := []float64{}
			for seed := range uint64(c.Seeds) {
				f := newForest(data, Forest{Trees: 100, SubSample: 256}, rand.New(rand.NewPCG(seed, 5)))
				for i, p := range c.Points {
					scores[i] = append(scores[i], f.score(pointOf(p)))
				}
				nodes = append(nodes, float64(2*f.leaves+len(f.roots))/float64(len(f.roots)))
			}
			for i := range c.Points {
				requireAlike(t, c.Mean[i], c.Std[i], scores[i])
			}
			requireAlike(t, c.Nodes, c.NodesStd, nodes)
		})
	}
}

func requireAlike(t *testing.T, mean, std float64, values []float64) {
	t.Helper()
	ours, deviation := meanStd(values)
	n := float64(len(values))
	assert.InDelta(t, mean, ours, 4*math.Sqrt((std*std+deviation*deviation)/n)+1e-6)
}

func meanStd(values []float64) (mean, std float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		std += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, math.Sqrt(std)
}

// A gap between a point in the middle and one far off must survive constant columns: a peer that took them for leaves had none.
func TestConstantColumnsAreSkipped(t *testing.T) {
	data := &table{columns: 10, values: make([]float32, 20_000)}
	rng := seeded(1)
	for i := range data.rows() {
		data.row(i)[0] = float32(rng.NormFloat64())
	}
	f := newForest(data, Forest{Trees: 100, SubSample: 256}, seeded(2))
	assert.InDelta(t, 0.430, f.score(pointOf(make([]float64, 10))), 0.02)
	assert.InDelta(t, 0.759, f.score(pointOf([]float64{8, 0, 0, 0, 0, 0, 0, 0, 0, 0})), 0.03)
}

func TestComponentsAsScikitLearn(t *testing.T) {
	v := loadVectors(t).Components
	data := &table{columns: v.Columns}
	for _, x := range v.Rows {
		data.values = append(data.values, float32(x))
	}
	p := newComponents(data, Components{Variance: v.Variance})
	require.Len(t, p.variances, v.Components)
	for k, variance := range p.variances {
		assert.InEpsilon(t, v.Variances[k], variance, 1e-5)
	}
	residual := 0.0
	for _, variance := range v.Variances[v.Components:] {
		residual += variance
	}
	for i, row := range v.Points {
		want := math.Sqrt((v.T2[i]/float64(v.Components) + v.Q[i]/residual) / 2)
		got := p.distance(tableOf([][]float64{row}).row(0))
		assert.InEpsilon(t, want, got, 1e-3)
		total := 0.0
		p.contributions(tableOf([][]float64{row}).row(0), func(_ int, share float64) { total += share })
		assert.GreaterOrEqual(t, total, 2*got*got*(1-1e-6), "contributions that are cut at 0 add up to no less than the square of the distance")
	}
}
