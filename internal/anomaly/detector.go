// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

const (
	maxMetrics = 64
	// largestValue is one whose square is finite; larger ones are as good as infinite.
	largestValue = 1e150
	// halfScore is the distance, in standard deviations, at which a score is one half, for all methods but the forest.
	halfScore = 3
	// leastDistance is the distance below which a row is never an anomaly, however calm the calm ones are.
	leastDistance = 1
	// suspicious is the number of calm rows that an anomalous one outweighs: what is more than a tenth of the rows is no anomaly.
	suspicious = 9
	// gapSteps is the number of steps without a row after which earlier values are no longer features.
	gapSteps = 4
	// growth is how many times the rows of the model before a model must have so that what its scores are compared with starts anew.
	growth = 1.2
)

// Detector judges the rows of one entity. It is not safe for concurrent use.
//
// Same settings, rows and training give the same verdicts, bit for bit, also across [Detector.Append] and [Detector.Restore].
type Detector struct {
	settings Settings
	alpha    float64
	forget   float64
	metrics  []string
	tally    Tally

	last      int64  // the time of the last row
	present   []bool // the metric has had a value
	absent    int    // rows in a row that lacked a metric that is present
	learned   uint64 // complete calm rows
	season    *seasonal
	history   history
	baselines []baseline
	online    online
	reservoir reservoir
	suspicion int       // anomalous rows, less the calm ones that outweigh them, times suspicious
	suspects  []float64 // the columns of the last of them, for methods that are trained
	doubts    []float64 // their raw scores

	calibration calibration
	model       *Model
	next        *Model    // takes the place of model when its row comes
	training    *Training // of next
	trainAt     uint64    // the number of learned rows at which the next training is due
	trainings   uint64    // that were due
	state       State
	recent      uint64 // a bit per row that was judged: anomalous; the last one lowest

	// Of the row that is judged.
	values   []float64 // NaN where there is none
	adjusted []float64 // by the season
	columns  []float64
	scaled   []float32
	point    *point
	shares   []float64
	causes   []Cause
}

// NewDetector returns a detector that has learned nothing, of 1 to 64 metrics.
func NewDetector(s Settings, metrics []string) (*Detector, error) {
	if err := s.ValidateFor(len(metrics)); err != nil {
		return nil, fmt.Errorf("cannot judge anomalies: %w", err)
	}
	n := len(metrics)
	columns := n * s.Features.perMetric()
	d := &Detector{
		settings: s, alpha: s.Decision.alpha(), forget: forgetting(s.HalfLife), metrics: slices.Clone(metrics),
		last: math.MinInt64, present: make([]bool, n), baselines: make([]baseline, n),
		values: make([]float64, n), adjusted: make([]float64, n), shares: make([]float64, n),
	}
	// With lags, a forest meets an extreme value again and again: few of the largest scores are of values that it has not seen.
	d.calibration = newCalibration(s.Decision.Calibration, d.alpha, s.Method == IsolationForest && s.Features.Lags > 0, s.Features.perMetric())
	if s.Season.on() {
		season := newSeasonal(s.Season, s.Floor, n)
		d.season = &season
	}
	switch s.Method {
	case RobustZ:
		d.online = newRobustZ(s.Window, s.Floor, n)
	case EWMA:
		d.online = newEWMA(s.HalfLife, s.Floor, n)
	default:
		d.history = newHistory(s.Features, n)
		d.columns, d.scaled = make([]float64, columns), make([]float32, columns)
		d.point = &point{}
		d.reservoir = newReservoir(s.Reservoir, s.Horizon, columns, s.Seed)
		d.trainAt = d.firstTraining()
	}
	return d, nil
}

// firstTraining is the number of rows after which the first model is trained, so that it is there when enough have come.
func (d *Detector) firstTraining() uint64 {
	return uint64(d.settings.MinObservations - min(d.settings.Delay, d.settings.MinObservations/2))
}

// Observe judges a row and learns from it: a value per metric, NaN where it is missing, at an event time in Unix nanoseconds. It
// allocates nothing, except for memory of its size at first and for trainings.
func (d *Detector) Observe(at int64, row []float64) Verdict {
	d.tally.Rows++
	d.keepTime(at)
	was := d.state
	v := Verdict{At: at, P: 1}
	complete := d.take(row)
	if !complete && d.empty() {
		d.tally.Empty++
		v.State = d.state
		return v
	}
	known := true
	if d.season != nil {
		if known = d.season.enter(at, d.values); known {
			d.season.adjust(d.values, d.adjusted)
		}
		d.season.learn(d.values)
	}
	if known {
		d.activate()
		accepted := d.tally.Accepted
		raw := d.judge(&v, complete)
		d.learn(&v, raw, complete)
		v.Accepted = d.tally.Accepted > accepted
	}
	v.State, v.Changed = d.state, d.state != was
	return v
}

// keepTime looks at the time since the row before.
func (d *Detector) keepTime(at int64) {
	if d.last != math.MinInt64 {
		if at <= d.last {
			d.tally.Backward++
		}
		if step := int64(d.settings.Decision.Step); step > 0 && (at-d.last > gapSteps*step || at < d.last-gapSteps*step) {
			d.tally.Gaps++
			d.history.restart()
		}
	}
	d.last = at
}

// take copies the row, with NaN for whatever is no number, and says whether it has all metrics that the entity has.
func (d *Detector) take(row []float64) bool {
	complete := true
	for m := range d.adjusted {
		v := math.NaN()
		if m < len(row) {
			v = row[m]
		}
		if math.Abs(v) > largestValue {
			d.tally.NonFinite++
			v = math.NaN()
		}
		d.values[m], d.adjusted[m] = v, v
		if v == v && !d.present[m] {
			d.present[m] = true
			d.relearn() // As the rows so far lacked a metric.
		}
		complete = complete && (v == v || !d.present[m])
	}
	if complete {
		d.absent = 0
		return !d.empty()
	}
	if d.empty() {
		return false
	}
	d.tally.Incomplete++
	d.absent++
	if accept := d.settings.Decision.Accept; accept > 0 && d.absent >= accept {
		for m, v := range d.values {
			d.present[m] = v == v
		}
		d.relearn()
		return true
	}
	return false
}

func (d *Detector) empty() bool {
	for _, v := range d.values {
		if v == v {
			return false
		}
	}
	return true
}

// relearn starts again, but for what is usual for each metric.
func (d *Detector) relearn() {
	d.absent = 0
	if d.learned == 0 {
		return
	}
	d.tally.Relearned++
	d.learned, d.state, d.recent = 0, NotTrained, 0
	d.suspicion, d.suspects, d.doubts = 0, nil, nil
	d.calibration.replace(nil)
	if d.online == nil {
		d.model, d.next, d.training = nil, nil, nil
		d.reservoir.reset()
		d.history.restart()
		d.trainAt = d.firstTraining()
	}
}

// judge scores the row, decides, and returns the raw score.
func (d *Detector) judge(v *Verdict, complete bool) (raw float64) {
	raw, ok := d.raw()
	if !ok {
		return raw
	}
	if d.speaks() {
		d.decide(v, raw)
	}
	if complete {
		d.calibration.add(raw, v.Anomalous)
	}
	return raw
}

// raw is the raw score of the row; of a method that learns with every row once it has seen half of what it must.
func (d *Detector) raw() (float64, bool) {
	if d.online != nil {
		return d.online.distance(d.adjusted), d.learned >= uint64(d.settings.MinObservations/2)
	}
	for m, v := range d.adjusted {
		if v != v {
			d.adjusted[m] = d.baselines[m].mean // Which is 0 for a metric that was never there.
		}
	}
	d.history.columns(d.adjusted, d.columns)
	if d.model == nil {
		return 0, false
	}
	d.model.scaleRow(d.columns, d.scaled)
	return d.model.raw(d.scaled, d.point), true
}

// speaks says whether there is enough to compare a score with.
func (d *Detector) speaks() bool {
	least := d.settings.MinObservations
	return d.learned >= uint64(least) && d.calibration.size() >= max(least/2, tailLeast+1)
}

func (d *Detector) decide(v *Verdict, raw float64) {
	p := d.calibration.p(raw)
	v.Judged, v.Score, v.P, v.Extrapolated = true, d.score(raw), p.p, p.extrapolated
	d.tally.Judged++
	if p.extrapolated {
		d.tally.Extrapolated++
	}
	if v.Anomalous = d.anomalous(raw, p.p); v.Anomalous {
		d.tally.Anomalous++
		v.Causes = d.explain()
	}
	d.update(v.Anomalous)
}

func (d *Detector) score(raw float64) float64 {
	if d.settings.Method == IsolationForest {
		return -math.Expm1(-raw)
	}
	return raw / (raw + halfScore)
}

func (d *Detector) anomalous(raw, p float64) bool {
	if d.settings.Decision.Contamination > 0 && d.model.offset > 0 { // A model of the time before a quota was asked for has none.
		return raw > d.model.offset
	}
	return p <= d.alpha && (d.settings.Method == IsolationForest || raw >= leastDistance)
}

// update moves the state on.
func (d *Detector) update(anomalous bool) {
	d.recent <<= 1
	if anomalous {
		d.recent |= 1
	}
	recent := d.recent << (64 - d.settings.Decision.Of)
	switch {
	case bits.OnesCount64(recent) >= d.settings.Decision.Raise:
		d.state = AnomalyDetected
	case d.state == NotTrained || recent == 0:
		d.state = Normal
	}
}

// learn takes what the row has to teach: a calm one to all, an anomalous one to what a few of them cannot lead astray.
func (d *Detector) learn(v *Verdict, raw float64, complete bool) {
	if d.online != nil {
		d.online.learn(d.adjusted, v.Anomalous)
	}
	switch {
	case !complete:
		return
	case v.Anomalous && d.settings.Decision.Contamination == 0: // A quota is one of all rows.
		d.suspect(raw)
		return
	}
	d.learned++
	for m, value := range d.adjusted {
		if d.present[m] {
			d.baselines[m].learn(value, d.forget, d.settings.Floor)
		}
	}
	if d.suspicion = max(0, d.suspicion-1); d.suspicion == 0 {
		d.suspects, d.doubts = d.suspects[:0], d.doubts[:0]
	}
	if d.online == nil {
		d.reservoir.add(d.columns)
		if d.training == nil && d.learned >= d.trainAt {
			rows := float64(d.reservoir.rows())
			d.plan(d.model == nil || rows > growth*float64(d.model.rows))
		}
	}
}

// suspect counts an anomalous row as one of a change that stays.
func (d *Detector) suspect(raw float64) {
	s := &d.settings
	if s.Decision.Accept == 0 {
		return
	}
	d.suspects = appendLast(d.suspects, min(s.Decision.Accept, s.Reservoir), d.columns...)
	d.doubts = appendLast(d.doubts, s.Decision.Accept, raw)
	if d.suspicion += suspicious; d.suspicion >= suspicious*d.patience() {
		d.accept()
	}
}

// patience is the number of anomalous rows after which a change is accepted: half of the calm rows that speak against it, as who has seen
// little cannot insist for long, but no fewer than anything is said after.
func (d *Detector) patience() int {
	return min(d.settings.Decision.Accept, max(d.settings.MinObservations, int(min(d.learned, maxRows))/2))
}

// appendLast appends values of one row, and drops the first row if there are too many.
func appendLast(list []float64, rows int, row ...float64) []float64 {
	if len(list) >= rows*len(row) {
		list = list[:copy(list, list[len(row):])]
	}
	return append(list, row...)
}

// accept makes what the anomalous rows have in common as normal as what was before: their scores are calm ones, and models learn
// from both. What was before is forgotten as it ages.
func (d *Detector) accept() {
	d.tally.Accepted++
	d.calibration.endRun(false)
	for _, raw := range d.doubts {
		d.calibration.add(raw, false)
	}
	if stays := uint64(1)<<min(d.patience(), 64) - 1; d.recent&stays == stays {
		clear(d.baselines) // A change that stays, rather than one that comes and goes.
	}
	for from := 0; from < len(d.suspects); from += len(d.columns) {
		d.reservoir.put(d.suspects[from : from+len(d.columns)])
	}
	d.suspicion, d.suspects, d.doubts = 0, nil, nil
	if d.online == nil {
		d.plan(true)
	}
}

// plan makes the next training.
func (d *Detector) plan(calibrates bool) {
	s := &d.settings
	d.trainings++
	d.trainAt = d.learned + min(uint64(s.Retrain), d.learned)
	d.next, d.training = nil, &Training{
		number: d.trainings, method: s.Method, forest: s.Forest, components: s.PCA, share: s.Decision.Contamination,
		floor: s.Floor, seed: s.Seed, columns: len(d.columns), values: d.reservoir.ordered(), calibrates: calibrates,
		activeAt: d.tally.Rows + uint64(s.Delay),
	}
}

// Training returns the training that is due, or nil: what to fit the next model to. It is the same until its model is active. Rows
// that come after it was due change nothing about it.
//
//	if t := detector.Training(); t != nil {   // With the lock of the detector,
//		go func() {
//			model := t.Fit()                  // without it,
//			detector.Install(model)           // and with it again.
//		}()
//	}
func (d *Detector) Training() *Training {
	if d.next != nil {
		return nil
	}
	return d.training
}

// Overdue says that the next row needs a model that is not installed. Observe would go on with the one before, so that scores would depend
// on when the model comes; to avoid that, fit and install it now.
func (d *Detector) Overdue() bool { return d.training != nil && d.next == nil && d.due(d.tally.Rows+1) }

// due says whether the model of the training must be active for a row.
func (d *Detector) due(row uint64) bool {
	return row > d.training.activeAt && d.learned >= uint64(d.settings.MinObservations)
}

// Install takes the model of the training that is due; it becomes active when its row comes. It returns false, and changes nothing, for
// any other model.
func (d *Detector) Install(m *Model) bool {
	if d.training == nil || d.next != nil || m.number != d.training.number {
		return false
	}
	d.next = m
	return true
}

// activate makes the next model the active one when its row has come.
func (d *Detector) activate() {
	if d.training == nil || !d.due(d.tally.Rows) {
		return
	}
	if d.next == nil {
		d.tally.Overdue++
		return
	}
	d.model, d.next, d.training = d.next, nil, nil
	d.tally.Models++
	if d.model.calibration != nil {
		d.calibration.replace(d.model.calibration)
	}
}

// State returns what was said last.
func (d *Detector) State() State { return d.state }

// Metrics returns the names of the metrics. The list must not be changed.
func (d *Detector) Metrics() []string { return d.metrics }

// Baseline returns what is usual for a metric, by its index; with a season, in the phase of the last row, and nothing if that is not known
// yet.
func (d *Detector) Baseline(metric int) Baseline {
	b := d.baselines[metric].export()
	if d.season != nil {
		if !d.season.known {
			return Baseline{}
		}
		l := d.season.levels[metric]
		b.Mean, b.Std, b.P95 = l.level+l.scale*b.Mean, l.scale*b.Std, l.level+l.scale*b.P95
	}
	return b
}

// Tally returns what came so far.
func (d *Detector) Tally() Tally { return d.tally }

// Bytes is about how much memory the detector takes, models included.
func (d *Detector) Bytes() int {
	n := len(d.metrics)
	bytes := int(unsafe.Sizeof(*d)) + n*(16+1+24+16+8*4) + d.calibration.bytes() + 8*(cap(d.columns)+len(d.history.last)+cap(d.suspects)+cap(d.doubts)) +
		4*cap(d.scaled) + d.reservoir.bytes() + cap(d.causes)*int(unsafe.Sizeof(Cause{}))
	if d.online != nil {
		bytes += d.online.bytes()
	}
	if d.season != nil {
		bytes += d.season.bytes()
	}
	for _, m := range []*Model{d.model, d.next} {
		if m != nil {
			bytes += m.bytes()
		}
	}
	if d.point != nil {
		bytes += int(unsafe.Sizeof(*d.point))
	}
	if d.training != nil {
		bytes += 8 * cap(d.training.values)
	}
	return bytes
}
