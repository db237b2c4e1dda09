// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// stateSchema is the version of what snapshot writes.
const stateSchema = 2

// snapshot writes the episodes, and the events that were not taken yet.
func (e *engine) snapshot() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	var to codec.Encoder
	to.Count(len(e.episodes.byKey))
	for _, key := range slices.Sorted(maps.Keys(e.episodes.byKey)) {
		to.String(key)
		e.episodes.byKey[key].encode(&to)
	}
	waiting := e.outbox.Waiting()
	to.Count(len(waiting))
	for _, logs := range waiting {
		blob, _ := (&plog.ProtoMarshaler{}).MarshalLogs(logs) // it never fails
		to.Bytes(blob)
	}
	return to.Data()
}

// restore reads what snapshot wrote.
func (e *engine) restore(schema uint32, blob []byte) error {
	if schema != stateSchema {
		return fmt.Errorf("the state has schema %d; this version reads %d", schema, stateSchema)
	}
	d := codec.NewDecoder(blob)
	restored := newEpisodes(e.config)
	now, left := time.Now(), 0
	for range d.Count(8) {
		key := d.String()
		episode := decodeEpisode(d)
		episode.seen = now
		switch {
		case d.Err() != nil || episode.kind >= kinds || restored.byKey[key] != nil:
		case len(restored.byKey) >= e.config.Limits.Episodes:
			left++
		default:
			restored.add(key, episode)
		}
	}
	var waiting []plog.Logs
	for range d.Count(1) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(d.Bytes())
		if err != nil {
			return fmt.Errorf("cannot read events that were waiting: %w", err)
		}
		waiting = append(waiting, logs)
	}
	if err := d.Finish(); err != nil {
		return err
	}
	if left > 0 {
		e.set.Logger.Warn("Episodes of the last run found no room, and will not be ended: see limits::episodes.", zap.Int("episodes", left))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.episodes = restored
	for _, logs := range waiting {
		e.outbox.Put(logs)
	}
	return nil
}

func (e *episode) encode(to *codec.Encoder) {
	to.Uvarint(uint64(e.kind))
	to.String(e.of)
	to.Count(len(e.labels))
	for _, l := range e.labels {
		to.String(l.key)
		to.String(l.value)
	}
	to.Varint(e.last)
	to.Bool(e.raised)
	to.Uvarint(uint64(e.calm))
	to.Count(len(e.recent))
	for i := range e.recent {
		e.recent[i].encode(to)
	}
	for _, t := range []int64{e.start, e.end, e.peakAt} {
		to.Varint(t)
	}
	to.Float64(e.peak)
	to.Uvarint(uint64(e.severity))
	encodeCauses(to, e.causes)
	e.evidence.encode(to)
	to.Bool(e.accepted)
}

func decodeEpisode(d *codec.Decoder) *episode {
	e := &episode{subject: subject{kind: kind(min(d.Uvarint(), uint64(kinds))), of: d.String()}}
	for range d.Count(2) {
		e.labels = append(e.labels, label{d.String(), d.String()})
	}
	e.last, e.raised, e.calm = d.Varint(), d.Bool(), int(min(d.Uvarint(), maxPoints))
	for range d.Count(46) {
		e.recent = append(e.recent, decodeSighting(d))
	}
	e.start, e.end, e.peakAt = d.Varint(), d.Varint(), d.Varint()
	e.peak, e.severity = d.Float64(), decodeSeverity(d)
	e.causes, e.evidence, e.accepted = decodeCauses(d), decodeEvidence(d), d.Bool()
	return e
}

func (s *sighting) encode(to *codec.Encoder) {
	to.Varint(s.at)
	to.Uvarint(uint64(s.opinion))
	to.Float64(s.score)
	to.Uvarint(uint64(s.severity))
	encodeCauses(to, s.causes)
	s.evidence.encode(to)
	to.Varint(s.acceptedAt)
}

func decodeSighting(d *codec.Decoder) sighting {
	return sighting{
		at: d.Varint(), opinion: opinion(min(d.Uvarint(), uint64(opinions-1))), score: d.Float64(), severity: decodeSeverity(d),
		causes: decodeCauses(d), evidence: decodeEvidence(d), acceptedAt: d.Varint(),
	}
}

func decodeSeverity(d *codec.Decoder) severity {
	return severity(min(d.Uvarint(), uint64(severities-1)))
}

func encodeCauses(to *codec.Encoder, causes []cause) {
	to.Count(len(causes))
	for _, c := range causes {
		to.String(c.metric)
		for _, v := range []float64{c.value, c.mean, c.std, c.p95, c.z, c.contribution} {
			to.Float64(v)
		}
	}
}

func decodeCauses(d *codec.Decoder) (causes []cause) {
	for range d.Count(49) {
		causes = append(causes, cause{d.String(), d.Float64(), d.Float64(), d.Float64(), d.Float64(), d.Float64(), d.Float64()})
	}
	return causes
}

func (v *evidence) encode(to *codec.Encoder) {
	for _, number := range []float64{v.p, v.js, v.n, v.nEffective} {
		to.Float64(number)
	}
}

func decodeEvidence(d *codec.Decoder) evidence {
	return evidence{d.Float64(), d.Float64(), d.Float64(), d.Float64()}
}
