// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/axiomhq/hyperloglog"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// encodeState writes everything that a restart must know.
func (c *counts) encodeState(now time.Time) []byte {
	c.showRequests()
	var e codec.Encoder
	c.meter.AppendState(&e)
	e.Bytes(c.keys.secret[:])
	e.Bytes(c.seen.table.AppendSnapshot(nil, now))
	c.tiers.encode(&e)
	c.open.encode(&e)
	c.throughput.encode(&e)
	c.tokens.made.encode(&e)
	encodeReports(&e, c.tokens.reports)
	encodeReports(&e, c.reported.reports)
	c.tenants.encode(&e)
	c.mappings.encode(&e)
	c.improvements.encode(&e)
	c.features.encode(&e)
	c.tenantNames.encode(&e)
	c.classNames.encode(&e)
	return e.Data()
}

// restoreState reads it. Counts of which it fails are of no use afterwards.
func (c *counts) restoreState(schema uint32, blob []byte, now time.Time) error {
	if schema != stateSchema {
		return fmt.Errorf("the state has schema %d; this version reads %d", schema, stateSchema)
	}
	d := codec.NewDecoder(blob)
	if err := c.meter.RestoreState(d, now); err != nil {
		return err
	}
	if n := copy(c.keys.secret[:], d.Bytes()); d.Err() == nil && n != len(c.keys.secret) {
		return fmt.Errorf("the secret of the keys has %d bytes: %w", n, codec.ErrInvalid)
	}
	if err := c.seen.table.Restore(d.Bytes(), now); err != nil {
		return err
	}
	c.tiers.decode(d)
	c.open.decode(d)
	c.throughput.decode(d)
	c.tokens.made.decode(d)
	decodeReports(d, c.tokens.reports)
	decodeReports(d, c.reported.reports)
	c.tenants.decode(d)
	c.mappings.decode(d)
	c.improvements.decode(d)
	c.features.decode(d)
	c.tenantNames.decode(d)
	c.classNames.decode(d)
	return d.Finish()
}

func encodeTime(e *codec.Encoder, t time.Time) { e.Varint(t.UnixNano()) }

func decodeTime(d *codec.Decoder) time.Time { return time.Unix(0, d.Varint()) }

func encodeKey(e *codec.Encoder, key duplicates.Key) { e.Bytes(key[:]) }

func decodeKey(d *codec.Decoder) (key duplicates.Key) {
	copy(key[:], d.Bytes())
	return key
}

// sortedKeys makes the order of what is written the same every time.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (j *tierJoin) encode(e *codec.Encoder) {
	waiting := 0
	for _, held := range j.waiting.all() {
		if !held.counted {
			waiting++
		}
	}
	e.Count(waiting)
	for _, held := range j.waiting.all() {
		if held.counted {
			continue
		}
		e.String(held.specialist)
		e.String(held.status)
		e.Bytes(held.exemplar.TraceID[:])
		e.Bytes(held.exemplar.SpanID[:])
		encodeTime(e, held.exemplar.Time)
		for _, key := range held.keys {
			encodeKey(e, key)
		}
		encodeTime(e, held.since)
	}
	live := 0
	for _, tier := range j.tiers.all() {
		if _, ok := j.early[tier.key]; ok {
			live++
		}
	}
	e.Count(live)
	for _, tier := range j.tiers.all() {
		if _, ok := j.early[tier.key]; ok {
			encodeKey(e, tier.key)
			e.String(tier.tier)
			encodeTime(e, tier.since)
		}
	}
}

func (j *tierJoin) decode(d *codec.Decoder) {
	for range d.Count(8) {
		held := &heldRequest{specialist: d.String(), status: d.String()}
		var trace pcommon.TraceID
		var span pcommon.SpanID
		copy(trace[:], d.Bytes())
		copy(span[:], d.Bytes())
		held.exemplar.TraceID, held.exemplar.SpanID, held.exemplar.Time = trace, span, decodeTime(d)
		for i := range held.keys {
			held.keys[i] = decodeKey(d)
		}
		held.since = decodeTime(d)
		if d.Err() != nil {
			return
		}
		j.hold(held)
	}
	for range d.Count(3) {
		tier := earlyTier{key: decodeKey(d), tier: d.String(), since: decodeTime(d)}
		if d.Err() != nil {
			return
		}
		j.early[tier.key] = tier.tier
		j.tiers.push(tier)
	}
}

func (o *openRequests) encode(e *codec.Encoder) {
	e.Count(len(o.byModel))
	for _, model := range sortedKeys(o.byModel) {
		e.String(model)
	}
	e.Count(len(o.byID))
	for _, order := range o.order.all() {
		if request, ok := o.byID[order.id]; ok && request.since.Equal(order.since) {
			e.String(order.id)
			e.String(request.model)
			encodeTime(e, request.since)
			for _, key := range request.call {
				encodeKey(e, key)
			}
		}
	}
}

func (o *openRequests) decode(d *codec.Decoder) {
	for range d.Count(1) {
		o.byModel[d.String()] = 0
	}
	for range d.Count(5) {
		id, model, since, call := d.String(), d.String(), decodeTime(d), callKeys{}
		for i := range call {
			call[i] = decodeKey(d)
		}
		if d.Err() != nil {
			return
		}
		o.start(id, model, call, since)
	}
}

func (r *rates) encode(e *codec.Encoder) {
	e.Count(len(r.windows))
	for _, key := range sortedKeys(r.windows) {
		window := r.windows[key]
		e.String(key)
		e.Varint(window.last)
		for _, n := range window.slots {
			e.Float64(n)
		}
	}
}

func (r *rates) decode(d *codec.Decoder) {
	for range d.Count(2 + 8*rateSeconds) {
		key, window := d.String(), &rateWindow{last: d.Varint()}
		for i := range window.slots {
			window.slots[i] = d.Float64()
		}
		if d.Err() != nil {
			return
		}
		r.windows[key] = window
	}
}

func encodeReports(e *codec.Encoder, reports map[string]map[string]report) {
	e.Count(len(reports))
	for _, key := range sortedKeys(reports) {
		e.String(key)
		e.Count(len(reports[key]))
		for _, id := range sortedKeys(reports[key]) {
			e.String(id)
			e.Float64(reports[key][id].value)
			encodeTime(e, reports[key][id].at)
		}
	}
}

func decodeReports(d *codec.Decoder, reports map[string]map[string]report) {
	for range d.Count(2) {
		key := d.String()
		for range d.Count(10) {
			id, value, at := d.String(), d.Float64(), decodeTime(d)
			if d.Err() != nil {
				return
			}
			putReport(reports, key, id, value, at)
		}
	}
}

func (w *tenantWindow) encode(e *codec.Encoder) {
	for i, sketch := range w.slots {
		var blob []byte
		if sketch != nil {
			blob, _ = sketch.MarshalBinary() // it returns no error
		}
		e.Varint(w.numbers[i])
		e.Bytes(blob)
	}
}

func (w *tenantWindow) decode(d *codec.Decoder) {
	for i := range w.slots {
		w.numbers[i] = d.Varint()
		blob := d.Bytes()
		if len(blob) == 0 {
			continue
		}
		sketch := hyperloglog.New14()
		if err := unmarshalSketch(sketch, blob); err == nil {
			w.slots[i] = sketch
		}
	}
	w.changed = true
}

// unmarshalSketch guards against a damaged sketch, which makes the library panic.
func unmarshalSketch(sketch *hyperloglog.Sketch, blob []byte) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("damaged sketch: %v", fault)
		}
	}()
	return sketch.UnmarshalBinary(blob)
}

func (w *mappingWindow) encode(e *codec.Encoder) {
	used := 0
	for i := range w.slots {
		if w.slots[i].n > 0 {
			used++
		}
	}
	e.Count(used)
	for i := range w.slots {
		if counts := &w.slots[i]; counts.n > 0 {
			e.Varint(counts.slot)
			e.Float64(counts.n)
			e.Float64(counts.high)
			e.Float64(counts.sum)
		}
	}
}

func (w *mappingWindow) decode(d *codec.Decoder) {
	for range d.Count(25) {
		counts := mappingCounts{slot: d.Varint(), n: d.Float64(), high: d.Float64(), sum: d.Float64()}
		if d.Err() != nil || counts.slot < 0 {
			return
		}
		w.slots[counts.slot%mappingSlots] = counts
	}
}

func (i *improvements) encode(e *codec.Encoder) {
	e.Count(i.order.Len())
	for element := i.order.Front(); element != nil; element = element.Next() {
		state := element.Value.(*improvementState)
		e.String(state.id)
		e.String(state.status)
		e.Bool(state.suggested)
		encodeTime(e, state.changed)
	}
}

func (i *improvements) decode(d *codec.Decoder) {
	for range d.Count(4) {
		state := improvementState{id: d.String(), status: d.String(), suggested: d.Bool(), changed: decodeTime(d)}
		if d.Err() != nil {
			return
		}
		if _, twice := i.byID[state.id]; !twice && isImprovementStatus(state.status) {
			i.put(state)
		}
	}
}

func isImprovementStatus(status string) bool {
	switch status {
	case event.ImprovementSuggested, event.ImprovementAccepted, event.ImprovementRejected, event.ImprovementImplemented:
		return true
	default:
		return false
	}
}

func (w *featureWindows) encode(e *codec.Encoder) {
	e.Count(len(w.byModel))
	for _, model := range sortedKeys(w.byModel) {
		e.String(model)
		e.Count(len(w.byModel[model]))
		for _, key := range sortedKeys(w.byModel[model]) {
			e.String(key)
			for _, m := range w.byModel[model][key] {
				e.Varint(m.slot)
				for _, v := range []float64{m.n, m.mean, m.m2, m.least, m.greatest} {
					e.Float64(v)
				}
			}
		}
	}
}

func (w *featureWindows) decode(d *codec.Decoder) {
	for range d.Count(2) {
		model, features := d.String(), map[string]*featureWindow{}
		for range d.Count(featureSlots * 41) {
			key, window := d.String(), &featureWindow{}
			for i := range window {
				window[i] = moments{slot: d.Varint(), n: d.Float64(), mean: d.Float64(), m2: d.Float64(), least: d.Float64(), greatest: d.Float64()}
			}
			features[key] = window
		}
		if d.Err() != nil {
			return
		}
		w.byModel[model] = features
	}
}

func (l *labelLimit) encode(e *codec.Encoder) {
	e.Count(len(l.groups))
	for _, group := range sortedKeys(l.groups) {
		e.String(group)
		e.Count(len(l.groups[group]))
		for _, value := range sortedKeys(l.groups[group]) {
			e.String(value)
		}
	}
}

func (l *labelLimit) decode(d *codec.Decoder) {
	for range d.Count(2) {
		group := d.String()
		for range d.Count(1) {
			l.admit(group, d.String())
		}
	}
}
