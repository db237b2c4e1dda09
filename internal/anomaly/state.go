// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"errors"
	"fmt"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// ErrSettings means that a state was written with other settings or metrics than there are now.
var ErrSettings = errors.New("settings or metrics are others")

// stateVersion is the first byte of an encoded detector.
const stateVersion = 1

// shape is what a state must have in common with the settings that it is restored with.
func (d *Detector) shape() string {
	s := &d.settings
	return fmt.Sprint(s.Method, d.metrics, s.Features, s.Season, s.Window, s.Reservoir, s.Decision.Calibration, s.MinObservations, s.Seed)
}

// Append appends everything that decides later verdicts. A model that is installed but not yet active is not among it: the
// detector that is restored offers its training again.
func (d *Detector) Append(dst []byte) []byte {
	e := codec.NewEncoder(append(dst, stateVersion))
	e.String(d.shape())
	e.Varint(d.last)
	for _, p := range d.present {
		e.Bool(p)
	}
	e.Count(d.absent)
	e.Uvarint(d.learned)
	e.Count(d.suspicion)
	e.Uvarint(uint64(d.state))
	e.Uvarint(d.recent)
	for _, n := range d.tally.fields() {
		e.Uvarint(*n)
	}
	if d.season != nil {
		d.season.encode(e)
	}
	for i := range d.baselines {
		d.baselines[i].encode(e)
	}
	d.calibration.encode(e)
	e.Float64s(d.doubts)
	if d.online != nil {
		d.online.encode(e)
		return e.Data()
	}
	d.history.encode(e)
	d.reservoir.encode(e)
	e.Float64s(d.suspects)
	e.Uvarint(d.trainAt)
	e.Uvarint(d.trainings)
	e.Bool(d.model != nil)
	if d.model != nil {
		d.model.encode(e)
	}
	e.Bool(d.training != nil)
	if d.training != nil {
		d.training.encode(e)
	}
	return e.Data()
}

func (t *Tally) fields() []*uint64 {
	return []*uint64{
		&t.Rows, &t.Judged, &t.Anomalous, &t.Incomplete, &t.Empty, &t.NonFinite, &t.Backward, &t.Gaps, &t.Models, &t.Overdue,
		&t.Accepted, &t.Relearned, &t.Extrapolated,
	}
}

// Restore replaces everything in the detector by what [Detector.Append] wrote. The error wraps [codec.ErrDamaged], or ErrSettings for a state of
// other metrics, or of other settings than those of decisions and models; then the detector is as it was.
func (d *Detector) Restore(b []byte) error {
	restored, err := NewDetector(d.settings, d.metrics)
	if err == nil {
		err = restored.decode(codec.NewDecoder(b))
	}
	if err != nil {
		return fmt.Errorf("cannot restore the state of an anomaly detector: %w", err)
	}
	*d = *restored
	return nil
}

func (d *Detector) decode(dec *codec.Decoder) error {
	dec.Require(dec.Uvarint() == stateVersion)
	if shape := dec.String(); dec.Err() == nil && shape != d.shape() {
		return ErrSettings
	}
	d.last = dec.Varint()
	for m := range d.present {
		d.present[m] = dec.Bool()
	}
	d.absent = int(dec.Below(1 << 32))
	d.learned = dec.Uvarint()
	d.suspicion = int(dec.Below(1 << 32))
	d.state = State(dec.Below(uint64(AnomalyDetected) + 1))
	d.recent = dec.Uvarint()
	for _, n := range d.tally.fields() {
		*n = dec.Uvarint()
	}
	if d.season != nil {
		d.season.decode(dec)
	}
	for i := range d.baselines {
		d.baselines[i].decode(dec)
	}
	d.calibration.decode(dec)
	d.doubts = dec.Finites()
	if d.online != nil {
		d.online.decode(dec)
		return dec.Finish()
	}
	d.history.decode(dec)
	d.reservoir.decode(dec)
	d.suspects = dec.Finites()
	dec.Require(len(d.suspects)%len(d.columns) == 0)
	d.trainAt = dec.Uvarint()
	d.trainings = dec.Uvarint()
	if dec.Bool() {
		d.model = decodeModel(dec, d.settings.Method, len(d.columns))
	}
	if dec.Bool() {
		d.training = decodeTraining(dec, &d.settings, len(d.columns))
	}
	return dec.Finish()
}

func (m *Model) encode(e *codec.Encoder) {
	e.Uvarint(m.number)
	e.Count(m.rows)
	for j := range m.center {
		e.Float64(m.center[j])
		e.Float64(m.scale[j])
		e.Bool(m.constant[j])
	}
	e.Float64(m.offset)
	if m.components != nil {
		m.components.encode(e)
		return
	}
	for j := range m.low {
		e.Float64(float64(m.low[j]))
		e.Float64(float64(m.high[j]))
		e.Float64(float64(m.middle[j]))
	}
	m.forest.encode(e)
}

func decodeModel(d *codec.Decoder, method Method, columns int) *Model {
	m := newModel(columns)
	m.number, m.rows = d.Uvarint(), int(d.Below(1<<24))
	for j := range columns {
		m.center[j], m.scale[j], m.constant[j] = d.Finite(), d.Finite(), d.Bool()
		d.Require(m.scale[j] > 0)
	}
	m.offset = d.Finite()
	if method == PCA {
		m.components = decodeComponents(d, columns)
	} else {
		m.low, m.high, m.middle = make([]float32, columns), make([]float32, columns), make([]float32, columns)
		for j := range columns {
			m.low[j], m.high[j], m.middle[j] = float32Of(d), float32Of(d), float32Of(d)
		}
		m.forest = decodeForest(d, columns)
	}
	return m
}

// float32Of reads a number that fits into 32 bits.
func float32Of(d *codec.Decoder) float32 {
	v := d.Finite()
	d.Require(float64(float32(v)) == v)
	return float32(v)
}

func (t *Training) encode(e *codec.Encoder) {
	e.Uvarint(t.number)
	e.Float64s(t.values)
	e.Bool(t.calibrates)
	e.Uvarint(t.activeAt)
}

func decodeTraining(d *codec.Decoder, s *Settings, columns int) *Training {
	t := &Training{
		number: d.Uvarint(), method: s.Method, forest: s.Forest, components: s.PCA, share: s.Decision.Contamination,
		floor: s.Floor, seed: s.Seed, columns: columns, values: d.Finites(), calibrates: d.Bool(), activeAt: d.Uvarint(),
	}
	d.Require(len(t.values) >= minRows*columns && len(t.values)%columns == 0)
	return t
}

// encode appends the splits as they are, and how many there are of everything.
func (f *forest) encode(e *codec.Encoder) {
	e.Count(f.depth)
	e.Count(len(f.roots))
	e.Count(f.leaves)
	e.Count(len(f.paths))
	e.Float64(f.norm)
	for _, root := range f.roots {
		e.Uint32(root)
	}
	for _, n := range f.nodes[:f.leaves] {
		e.Uint32(uint32(n.threshold))
		e.Uint32(n.left)
		e.Uint32(n.right)
	}
	for _, path := range f.paths {
		e.Float64(float64(path))
	}
}

func decodeForest(d *codec.Decoder, columns int) *forest {
	f := &forest{depth: int(d.Below(64))}
	roots, splits, paths := d.Count(4), d.Count(12), d.Count(8)
	f.norm, f.leaves = d.Finite(), splits
	d.Require(roots > 0 && splits+paths < childMask && paths > 0 && f.norm <= 0)
	d.Require(roots*4+splits*12+paths*8 <= d.Remaining())
	if d.Err() != nil {
		return nil
	}
	child := func(v uint32) uint32 {
		d.Require(int(v) < splits+paths)
		return v
	}
	for range roots {
		f.roots = append(f.roots, child(d.Uint32()))
	}
	f.nodes = make([]node, 0, splits+paths)
	for range splits {
		n := node{threshold: key(d.Uint32()), left: d.Uint32(), right: d.Uint32()}
		child(n.left & childMask)
		child(n.right)
		d.Require(int(n.left>>childBits) < columns)
		f.nodes = append(f.nodes, n)
	}
	for i := range paths {
		self := uint32(splits + i)
		f.nodes = append(f.nodes, node{left: self, right: self})
		path := float32Of(d)
		d.Require(path >= 0)
		f.paths = append(f.paths, path)
	}
	f.requireTrees(d)
	return f
}

// requireTrees refuses splits that do not lead to a leaf in as many levels as the forest has.
func (f *forest) requireTrees(d *codec.Decoder) {
	if d.Err() != nil {
		return
	}
	levels := make([]int, len(f.nodes)) // From a node to the deepest leaf; a child is behind its parent.
	for i := f.leaves - 1; i >= 0; i-- {
		n := &f.nodes[i]
		left, right := int(n.left&childMask), int(n.right)
		d.Require(left > i && right > i)
		if d.Err() != nil {
			return
		}
		levels[i] = 1 + max(levels[left], levels[right])
	}
	for _, root := range f.roots {
		d.Require(levels[root] <= f.depth)
	}
}
