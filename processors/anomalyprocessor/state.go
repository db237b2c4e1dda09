// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/grouping"
	"github.com/llm-guardian/otelcol-guardian/internal/histogram"
	"github.com/llm-guardian/otelcol-guardian/internal/series"
)

// stateSchema is the version of what snapshot writes.
const stateSchema = 3

// snapshot writes everything that decides later verdicts, and the verdicts that were not taken yet. It takes the lock for one entity after the other,
// as the pipeline waits meanwhile; verdicts come last, so that none is lost of an entity that goes on.
func (e *engine) snapshot() []byte {
	to := codec.NewEncoder(make([]byte, 0, e.saved+e.saved/8)) // to grow bit by bit would take several times as much
	defer func() { e.saved = len(to.Data()) }()
	to.Count(len(e.detectors))
	for _, d := range e.detectors {
		d.encode(to, &e.mu)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.output.cut()
	waiting := e.output.outbox.Waiting()
	to.Count(len(waiting))
	for _, metrics := range waiting {
		blob, _ := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics) // it never fails
		to.Bytes(blob)
	}
	return to.Data()
}

// signature is what must be as it was for a state to mean the same.
func (d *detector) signature() string {
	c := d.config
	parts := []string{strings.Join(c.GroupBy, ","), strings.Join(d.columns, ","), c.Step.String()}
	for i := range c.Metrics {
		parts = append(parts, c.Metrics[i].Name, c.Metrics[i].Combine)
	}
	return strings.Join(parts, "\x00")
}

// encode writes a detector: each entity in a blob that can be skipped, until there is none.
func (d *detector) encode(to *codec.Encoder, mu sync.Locker) {
	to.String(d.config.Name)
	to.String(d.signature())
	mu.Lock()
	list := slices.Clone(d.list)
	mu.Unlock()
	var scratch []byte
	blob := codec.NewEncoder(nil)
	for _, e := range list {
		mu.Lock()
		if !e.gone {
			blob = codec.NewEncoder(blob.Data()[:0])
			scratch = e.encode(blob, scratch)
			to.Bool(true)
			to.Bytes(blob.Data())
		}
		mu.Unlock()
	}
	to.Bool(false)
}

// encode writes an entity. It gives the scratch memory back.
func (e *entity) encode(to *codec.Encoder, scratch []byte) []byte {
	to.String(e.key)
	scratch = e.judge.Append(scratch[:0])
	to.Bytes(scratch)
	scratch = e.aligner.Append(scratch[:0])
	to.Bytes(scratch)
	for _, v := range []int64{e.step, e.emitted, e.accepted, int64(e.lively)} {
		to.Varint(v)
	}
	to.Uvarint(e.shown)
	for i := range e.metrics {
		m := &e.metrics[i]
		to.Uvarint(uint64(m.kind))
		to.Count(len(m.series))
		for _, s := range m.series {
			scratch = e.detector.series.AppendLabels(scratch[:0], s.ref)
			to.Bytes(scratch)
			s.encode(to)
		}
	}
	return scratch
}

func (s *seriesState) encode(to *codec.Encoder) {
	to.Bool(s.known)
	to.Bool(s.stale)
	to.Uvarint(uint64(s.older))
	for _, v := range []int64{s.turnAt, s.at, s.start} {
		to.Varint(v)
	}
	to.Float64(s.value)
	for _, in := range []*share{&s.now, &s.before} {
		to.Varint(in.step)
		for _, v := range []float64{in.level, in.added, in.over} {
			to.Float64(v)
		}
	}
	if c := s.counts; c != nil {
		for _, h := range []*histogram.Histogram{&c.last, &c.now, &c.before} {
			encodeHistogram(to, h)
		}
	}
}

func encodeHistogram(to *codec.Encoder, h *histogram.Histogram) {
	to.Uvarint(h.Count)
	to.Float64(h.Sum)
	to.Float64s(h.Bounds)
	to.Uvarints(h.Counts)
	to.Bool(h.Exponential)
	to.Varint(int64(h.Scale))
	to.Float64(h.ZeroThreshold)
	to.Uvarint(h.Zeros)
	for _, side := range []*histogram.Side{&h.Negative, &h.Positive} {
		to.Varint(int64(side.Offset))
		to.Uvarints(side.Counts)
	}
}

// saved is the state of a detector as it was saved.
type saved struct {
	name, signature string
	count           int
	entities        []savedEntity // none where nobody wants them
}

type savedEntity struct {
	key                             string
	judge, aligner                  []byte
	step, emitted, accepted, lively int64
	shown                           uint64
	metrics                         []savedMetric
}

type savedMetric struct {
	kind   kind
	series []savedSeries
}

type savedSeries struct {
	labels []byte
	state  seriesState
}

// decodeDetector reads a detector. It gives none where the detector of that name is configured otherwise now, or is gone.
func (e *engine) decodeDetector(d *codec.Decoder) (s saved, of *detector, err error) {
	s.name, s.signature = d.String(), d.String()
	for _, candidate := range e.detectors {
		if candidate.config.Name == s.name && candidate.signature() == s.signature {
			of = candidate
		}
	}
	for d.Bool() {
		blob := codec.NewDecoder(d.Bytes())
		s.count++
		if of == nil {
			continue
		}
		s.entities = append(s.entities, decodeEntity(blob, len(of.plans)))
		if err := blob.Finish(); err != nil {
			return s, of, err
		}
	}
	return s, of, d.Err()
}

func decodeEntity(d *codec.Decoder, metrics int) savedEntity {
	e := savedEntity{
		key: d.String(), judge: d.Bytes(), aligner: d.Bytes(),
		step: d.Varint(), emitted: d.Varint(), accepted: d.Varint(), lively: d.Varint(), shown: d.Uvarint(),
	}
	for range metrics {
		m := savedMetric{kind: kind(min(d.Uvarint(), uint64(kinds-1)))}
		for range d.Count(32) {
			m.series = append(m.series, savedSeries{d.Bytes(), decodeSeries(d, m.kind)})
		}
		e.metrics = append(e.metrics, m)
	}
	return e
}

func decodeSeries(d *codec.Decoder, k kind) seriesState {
	s := seriesState{
		kind: k, known: d.Bool(), stale: d.Bool(), older: uint8(min(d.Uvarint(), turnAfter)),
		turnAt: d.Varint(), at: d.Varint(), start: d.Varint(), value: d.Float64(),
		now: decodeShare(d), before: decodeShare(d),
	}
	if k == kindHistogram || k == kindDeltaHistogram {
		s.counts = &counts{last: decodeHistogram(d), now: decodeHistogram(d), before: decodeHistogram(d)}
	}
	return s
}

func decodeShare(d *codec.Decoder) share {
	return share{step: d.Varint(), level: d.Float64(), added: d.Float64(), over: d.Float64()}
}

func decodeHistogram(d *codec.Decoder) histogram.Histogram {
	h := histogram.Histogram{Count: d.Uvarint(), Sum: d.Float64()}
	for range d.Count(8) {
		h.Bounds = append(h.Bounds, d.Float64())
	}
	h.Counts = d.Uvarints()
	h.Exponential, h.Scale, h.ZeroThreshold, h.Zeros = d.Bool(), int32(d.Varint()), d.Float64(), d.Uvarint()
	h.Negative = histogram.Side{Offset: int32(d.Varint()), Counts: d.Uvarints()}
	h.Positive = histogram.Side{Offset: int32(d.Varint()), Counts: d.Uvarints()}
	return h
}

// restore reads what snapshot wrote. Detectors that are configured otherwise than they were begin again.
func (e *engine) restore(schema uint32, blob []byte) (r checkpoint.Outcome, err error) {
	if schema != stateSchema {
		return r, fmt.Errorf("the state has schema %d; this version reads %d", schema, stateSchema)
	}
	d := codec.NewDecoder(blob)
	type pair struct {
		saved
		of *detector
	}
	var all []pair
	for range d.Count(3) {
		s, of, err := e.decodeDetector(d)
		if err != nil {
			return r, err
		}
		all = append(all, pair{s, of})
	}
	var waiting []pmetric.Metrics
	for range d.Count(1) {
		metrics, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(d.Bytes())
		if err != nil {
			return r, fmt.Errorf("cannot read verdicts that were waiting: %w", err)
		}
		waiting = append(waiting, metrics)
	}
	if err := d.Finish(); err != nil {
		return r, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for _, s := range all {
		logger := e.set.Logger.With(zap.String("detector", s.name))
		if s.of == nil {
			logger.Warn("Detector looks at something else than it did, or is gone: what it has learned is dropped.", zap.Int("entities", s.count))
			r.Dropped += s.count
			continue
		}
		s.of.restore(&s.saved, now, logger, &r)
	}
	for _, metrics := range waiting {
		e.output.outbox.Put(metrics)
	}
	return r, nil
}

func (d *detector) restore(s *saved, now time.Time, logger *zap.Logger, r *checkpoint.Outcome) {
	var refused, noRoom int
	var why error
	for i := range s.entities {
		if _, full := d.full(); full {
			noRoom++
		} else if err := d.restoreEntity(&s.entities[i], now); err != nil {
			refused, why = refused+1, err
		}
	}
	for ref, state := range d.series.All() {
		state.ref = ref
	}
	if refused > 0 {
		logger.Warn("Entities begin again with their next point: what they have learned cannot be used.", zap.Int("entities", refused), zap.Error(why))
	}
	if noRoom > 0 {
		logger.Warn("Entities of the last run found no room: see limits.", zap.Int("entities", noRoom))
	}
	r.Add(checkpoint.Outcome{Restored: len(s.entities) - refused - noRoom, Refused: refused, NoRoom: noRoom})
}

var errKey = errors.New("its key is damaged, or there twice")

// restoreEntity puts an entity back, or leaves everything as it was.
func (d *detector) restoreEntity(from *savedEntity, now time.Time) error {
	if _, ok := grouping.Values(from.key, len(d.config.GroupBy)); !ok || d.entities[from.key] != nil {
		return errKey
	}
	e := d.newEntity(from.key, now)
	if err := errors.Join(e.judge.Restore(from.judge), e.aligner.Restore(from.aligner)); err != nil {
		return err
	}
	d.add(e)
	e.step, e.emitted, e.accepted, e.shown = from.step, from.emitted, from.accepted, from.shown
	e.lively = int(min(max(from.lively, 0), livelyRows))
	for i := range from.metrics {
		e.restoreMetric(i, &from.metrics[i])
	}
	if e.judge.Training() != nil {
		e.queued = true
		d.train(e)
	}
	return nil
}

// restoreMetric puts the series of a metric back. One for which there is no room begins again with its next point.
func (e *entity) restoreMetric(metric int, from *savedMetric) {
	e.setKind(metric, from.kind)
	for i := range from.series {
		s, err := e.detector.series.Restore(from.series[i].labels)
		if err != nil || s.entity != nil {
			continue
		}
		if e.attach(s, series.Ref{}, metric, from.kind, from.series[i].state.at) {
			state := from.series[i].state
			state.entity, state.metric = e, uint16(metric)
			*s = state
		}
	}
}
