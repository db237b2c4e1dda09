// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"
	"math/rand/v2"
)

const (
	maxSubSample = 4096
	// maxColumns is what fits into the feature of a node.
	maxColumns = 256
	childBits  = 24
	childMask  = 1<<childBits - 1
	// sameValue is scikit-learn's: a feature whose values differ by less within a node is constant there.
	sameValue = 1e-7
)

// key is a float32 as an integer of the same order, so that a comparison needs no branch, which the processor would mispredict
// half of the time. Minus zero is zero.
type key int32

func keyOf(v float32) key {
	bits := int32(math.Float32bits(v + 0))
	return key(bits ^ int32(uint32(bits>>31)>>1))
}

// point is a row to score: keys of its values. It has the size that a feature of a node can index.
type point [maxColumns]key

// set makes the point of a row.
func (p *point) set(row []float32) {
	for i, v := range row {
		p[i] = keyOf(v)
	}
}

// node is a split of a tree: a value that is at most the threshold goes left. The feature is in the highest bits of left. A leaf has
// itself for both children, so that all trees can be walked the same number of levels; leaves of equal path length are one node.
type node struct {
	threshold   key
	left, right uint32
}

// forest is an isolation forest (Liu, Ting and Zhou 2008) as scikit-learn makes it: every tree is made of a sub-sample drawn without
// replacement, down to ⌈log₂ ψ⌉ levels; a node splits uniformly between the least and the largest of its own values of a feature that
// is drawn from those that are not constant there. Values are float32, as scikit-learn's.
type forest struct {
	nodes  []node   // the splits, then the leaves
	roots  []uint32 // of the trees
	leaves int      // where the leaves start
	paths  []float32
	depth  int     // the deepest level
	norm   float64 // -1 / (c(ψ) · trees)
}

// averagePath is c(n), the mean path length of an unsuccessful search in a binary search tree of n values.
func averagePath(n int) float64 {
	const eulerGamma = 0.577215664901532860606512090082402431
	switch {
	case n <= 1:
		return 0
	case n == 2:
		return 1
	}
	return 2*(math.Log(float64(n-1))+eulerGamma) - 2*float64(n-1)/float64(n)
}

// grower makes a forest.
type grower struct {
	*forest
	data    *table
	rng     *rand.Rand
	rows    []int32
	columns []int32
	values  []float32         // of the drawn feature, of the rows of the node
	codes   map[[2]int]uint32 // of leaves, by depth and number of rows, counted down from childMask until it is known where they start
}

func newForest(data *table, s Forest, rng *rand.Rand) *forest {
	n := data.rows()
	sub := min(s.SubSample, n)
	g := &grower{
		forest: &forest{depth: int(math.Ceil(math.Log2(float64(max(sub, 2)))))}, data: data, rng: rng,
		rows: make([]int32, n), columns: make([]int32, data.columns), values: make([]float32, sub),
		codes: map[[2]int]uint32{},
	}
	for range s.Trees {
		for i := range g.rows {
			g.rows[i] = int32(i)
		}
		for i := range sub { // The first steps of a shuffle draw without replacement.
			j := i + rng.IntN(n-i)
			g.rows[i], g.rows[j] = g.rows[j], g.rows[i]
		}
		g.roots = append(g.roots, g.grow(g.rows[:sub], 0))
	}
	if c := averagePath(sub); c > 0 {
		g.norm = -1 / (c * float64(s.Trees))
	}
	g.placeLeaves()
	return g.forest
}

// placeLeaves puts the leaves behind the splits.
func (g *grower) placeLeaves() {
	g.leaves = len(g.nodes)
	place := func(child uint32) uint32 {
		if child <= childMask-uint32(len(g.paths)) {
			return child
		}
		return uint32(g.leaves) + childMask - child
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		n.left, n.right = n.left&^childMask|place(n.left&childMask), place(n.right)
	}
	for i := range g.roots {
		g.roots[i] = place(g.roots[i])
	}
	nodes := make([]node, 0, g.leaves+len(g.paths))
	nodes = append(nodes, g.nodes...)
	for i := range g.paths {
		self := uint32(g.leaves + i)
		nodes = append(nodes, node{left: self, right: self})
	}
	g.nodes = nodes
}

// grow makes the subtree of some rows and returns where it is.
func (g *grower) grow(rows []int32, depth int) uint32 {
	if depth >= g.depth || len(rows) < 2 {
		return g.leaf(depth, len(rows))
	}
	feature, low, high, ok := g.drawFeature(rows)
	if !ok {
		return g.leaf(depth, len(rows))
	}
	threshold := float32(g.rng.Float64()*(float64(high)-float64(low)) + float64(low))
	if threshold >= high {
		threshold = low
	}
	middle := partition(rows, g.values[:len(rows)], threshold)
	at := len(g.nodes)
	g.nodes = append(g.nodes, node{threshold: keyOf(threshold)})
	left := g.grow(rows[:middle], depth+1)
	right := g.grow(rows[middle:], depth+1)
	g.nodes[at].left, g.nodes[at].right = uint32(feature)<<childBits|left, right
	return uint32(at)
}

// drawFeature draws a feature that is not constant in the rows, and copies its values.
func (g *grower) drawFeature(rows []int32) (feature int, low, high float32, ok bool) {
	for i := range g.columns {
		g.columns[i] = int32(i)
	}
	for left := len(g.columns); left > 0; left-- {
		i := g.rng.IntN(left)
		feature = int(g.columns[i])
		g.columns[i] = g.columns[left-1]
		low, high = float32(math.Inf(1)), float32(math.Inf(-1))
		for k, row := range rows {
			v := g.data.at(int(row), feature)
			g.values[k] = v
			low, high = min(low, v), max(high, v)
		}
		if float64(high) > float64(low)+sameValue {
			return feature, low, high, true
		}
	}
	return 0, 0, 0, false
}

// partition moves rows whose values are at most the threshold to the front and returns how many they are.
func partition(rows []int32, values []float32, threshold float32) int {
	i, j := 0, len(rows)
	for i < j {
		if values[i] <= threshold {
			i++
			continue
		}
		j--
		rows[i], rows[j] = rows[j], rows[i]
		values[i], values[j] = values[j], values[i]
	}
	return i
}

func (g *grower) leaf(depth, rows int) uint32 {
	at := [2]int{depth, rows}
	code, ok := g.codes[at]
	if !ok {
		code = childMask - uint32(len(g.paths))
		g.codes[at] = code
		g.paths = append(g.paths, float32(float64(depth)+averagePath(rows)))
	}
	return code
}

// score is 2 to the minus mean path length over c(ψ): scikit-learn's score_samples without its minus.
func (f *forest) score(x *point) float64 {
	if f.norm == 0 {
		return 0.5
	}
	return math.Exp2(f.pathSum(x) * f.norm)
}

// pathSum walks eight trees at a time, so that the processor waits for the nodes of all of them at once.
func (f *forest) pathSum(x *point) float64 {
	sum := 0.0
	roots, nodes := f.roots, f.nodes
	for ; len(roots) >= 8; roots = roots[8:] {
		i, j, k, l := roots[0], roots[1], roots[2], roots[3]
		m, n, o, p := roots[4], roots[5], roots[6], roots[7]
		for range f.depth {
			i, j, k, l = nodes[i].next(x), nodes[j].next(x), nodes[k].next(x), nodes[l].next(x)
			m, n, o, p = nodes[m].next(x), nodes[n].next(x), nodes[o].next(x), nodes[p].next(x)
		}
		sum += f.path(i) + f.path(j) + f.path(k) + f.path(l) + f.path(m) + f.path(n) + f.path(o) + f.path(p)
	}
	for _, i := range roots {
		for range f.depth {
			i = nodes[i].next(x)
		}
		sum += f.path(i)
	}
	return sum
}

// path is the path length of a leaf: edges, and c(rows in the leaf).
func (f *forest) path(leaf uint32) float64 { return float64(f.paths[int(leaf)-f.leaves]) }

// next is the child that a point goes to.
func (n *node) next(x *point) uint32 {
	right := uint32((int64(n.threshold) - int64(x[uint8(n.left>>childBits)])) >> 63) // All ones, or none.
	return (n.left ^ (n.left^n.right)&right) & childMask
}

func (f *forest) bytes() int { return len(f.nodes)*12 + len(f.roots)*4 + len(f.paths)*4 + 120 }
