// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import "fmt"

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
	e := &encoder{buf: append(dst, stateVersion)}
	e.string(d.shape())
	e.varint(d.last)
	for _, p := range d.present {
		e.bool(p)
	}
	e.count(d.absent)
	e.uvarint(d.learned)
	e.count(d.suspicion)
	e.uvarint(uint64(d.state))
	e.uvarint(d.recent)
	for _, n := range d.tally.fields() {
		e.uvarint(*n)
	}
	if d.season != nil {
		d.season.encode(e)
	}
	for i := range d.baselines {
		d.baselines[i].encode(e)
	}
	d.calibration.encode(e)
	e.floats(d.doubts)
	if d.online != nil {
		d.online.encode(e)
		return e.buf
	}
	d.history.encode(e)
	d.reservoir.encode(e)
	e.floats(d.suspects)
	e.uvarint(d.trainAt)
	e.uvarint(d.trainings)
	e.bool(d.model != nil)
	if d.model != nil {
		d.model.encode(e)
	}
	e.bool(d.training != nil)
	if d.training != nil {
		d.training.encode(e)
	}
	return e.buf
}

func (t *Tally) fields() []*uint64 {
	return []*uint64{
		&t.Rows, &t.Judged, &t.Anomalous, &t.Incomplete, &t.Empty, &t.NonFinite, &t.Backward, &t.Gaps, &t.Models, &t.Overdue,
		&t.Accepted, &t.Relearned, &t.Extrapolated,
	}
}

// Restore replaces everything in the detector by what [Detector.Append] wrote. The error wraps ErrDamaged, or ErrSettings for a state of
// other metrics, or of other settings than those of decisions and models; then the detector is as it was.
func (d *Detector) Restore(b []byte) error {
	restored, err := NewDetector(d.settings, d.metrics)
	if err == nil {
		err = restored.decode(&decoder{rest: b})
	}
	if err != nil {
		return fmt.Errorf("cannot restore the state of an anomaly detector: %w", err)
	}
	*d = *restored
	return nil
}

func (d *Detector) decode(dec *decoder) error {
	version := dec.take(1)
	dec.require(len(version) == 1 && version[0] == stateVersion)
	if shape := dec.string(); dec.err == nil && shape != d.shape() {
		return ErrSettings
	}
	d.last = dec.varint()
	for m := range d.present {
		d.present[m] = dec.bool()
	}
	d.absent = int(dec.below(1 << 32))
	d.learned = dec.uvarint()
	d.suspicion = int(dec.below(1 << 32))
	d.state = State(dec.below(uint64(AnomalyDetected) + 1))
	d.recent = dec.uvarint()
	for _, n := range d.tally.fields() {
		*n = dec.uvarint()
	}
	if d.season != nil {
		d.season.decode(dec)
	}
	for i := range d.baselines {
		d.baselines[i].decode(dec)
	}
	d.calibration.decode(dec)
	d.doubts = dec.floats()
	if d.online != nil {
		d.online.decode(dec)
		return dec.finish()
	}
	d.history.decode(dec)
	d.reservoir.decode(dec)
	d.suspects = dec.floats()
	dec.require(len(d.suspects)%len(d.columns) == 0)
	d.trainAt = dec.uvarint()
	d.trainings = dec.uvarint()
	if dec.bool() {
		d.model = decodeModel(dec, d.settings.Method, len(d.columns))
	}
	if dec.bool() {
		d.training = decodeTraining(dec, &d.settings, len(d.columns))
	}
	return dec.finish()
}

func (m *Model) encode(e *encoder) {
	e.uvarint(m.number)
	e.count(m.rows)
	for j := range m.center {
		e.float(m.center[j])
		e.float(m.scale[j])
		e.bool(m.constant[j])
	}
	e.float(m.offset)
	if m.components != nil {
		m.components.encode(e)
		return
	}
	for j := range m.low {
		e.float(float64(m.low[j]))
		e.float(float64(m.high[j]))
		e.float(float64(m.middle[j]))
	}
	m.forest.encode(e)
}

func decodeModel(d *decoder, method Method, columns int) *Model {
	m := newModel(columns)
	m.number, m.rows = d.uvarint(), int(d.below(1<<24))
	for j := range columns {
		m.center[j], m.scale[j], m.constant[j] = d.finite(), d.finite(), d.bool()
		d.require(m.scale[j] > 0)
	}
	m.offset = d.finite()
	if method == PCA {
		m.components = decodeComponents(d, columns)
	} else {
		m.low, m.high, m.middle = make([]float32, columns), make([]float32, columns), make([]float32, columns)
		for j := range columns {
			m.low[j], m.high[j], m.middle[j] = d.float32(), d.float32(), d.float32()
		}
		m.forest = decodeForest(d, columns)
	}
	return m
}

func (t *Training) encode(e *encoder) {
	e.uvarint(t.number)
	e.floats(t.values)
	e.bool(t.calibrates)
	e.uvarint(t.activeAt)
}

func decodeTraining(d *decoder, s *Settings, columns int) *Training {
	t := &Training{
		number: d.uvarint(), method: s.Method, forest: s.Forest, components: s.PCA, share: s.Decision.Contamination,
		floor: s.Floor, seed: s.Seed, columns: columns, values: d.floats(), calibrates: d.bool(), activeAt: d.uvarint(),
	}
	d.require(len(t.values) >= minRows*columns && len(t.values)%columns == 0)
	return t
}

// encode appends the splits as they are, and how many there are of everything.
func (f *forest) encode(e *encoder) {
	e.count(f.depth)
	e.count(len(f.roots))
	e.count(f.leaves)
	e.count(len(f.paths))
	e.float(f.norm)
	for _, root := range f.roots {
		e.uint32(root)
	}
	for _, n := range f.nodes[:f.leaves] {
		e.uint32(uint32(n.threshold))
		e.uint32(n.left)
		e.uint32(n.right)
	}
	for _, path := range f.paths {
		e.float(float64(path))
	}
}

func decodeForest(d *decoder, columns int) *forest {
	f := &forest{depth: int(d.below(64))}
	roots, splits, paths := d.count(4), d.count(12), d.count(8)
	f.norm, f.leaves = d.finite(), splits
	d.require(roots > 0 && splits+paths < childMask && paths > 0 && f.norm <= 0)
	d.require(roots*4+splits*12+paths*8 <= len(d.rest))
	if d.err != nil {
		return nil
	}
	child := func(v uint32) uint32 {
		d.require(int(v) < splits+paths)
		return v
	}
	for range roots {
		f.roots = append(f.roots, child(d.uint32()))
	}
	f.nodes = make([]node, 0, splits+paths)
	for range splits {
		n := node{threshold: key(d.uint32()), left: d.uint32(), right: d.uint32()}
		child(n.left & childMask)
		child(n.right)
		d.require(int(n.left>>childBits) < columns)
		f.nodes = append(f.nodes, n)
	}
	for i := range paths {
		self := uint32(splits + i)
		f.nodes = append(f.nodes, node{left: self, right: self})
		path := d.float32()
		d.require(path >= 0)
		f.paths = append(f.paths, path)
	}
	f.requireTrees(d)
	return f
}

// requireTrees refuses splits that do not lead to a leaf in as many levels as the forest has.
func (f *forest) requireTrees(d *decoder) {
	if d.err != nil {
		return
	}
	levels := make([]int, len(f.nodes)) // From a node to the deepest leaf; a child is behind its parent.
	for i := f.leaves - 1; i >= 0; i-- {
		n := &f.nodes[i]
		left, right := int(n.left&childMask), int(n.right)
		d.require(left > i && right > i)
		if d.err != nil {
			return
		}
		levels[i] = 1 + max(levels[left], levels[right])
	}
	for _, root := range f.roots {
		d.require(levels[root] <= f.depth)
	}
}
