// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/outbox"
	"github.com/llm-guardian/otelcol-guardian/processors/driftprocessor/internal/metadata"
)

// maxWaitingEvents is the number of windows whose events are kept while the next consumer refuses them.
const maxWaitingEvents = 1000

// methodShare is the method of a dataset verdict.
const methodShare = "share"

// eventOutput makes events of verdicts, one batch per window.
type eventOutput struct {
	outbox  *outbox.Outbox[plog.Logs]
	wake    func()
	source  string
	version string
	verdict event.Drift // scratch
}

func newEventOutput(e *engine, next consumer.Logs) *eventOutput {
	o := &eventOutput{source: e.set.ID.String(), version: e.set.BuildInfo.Version, wake: func() { signal(e.work) }}
	o.outbox = outbox.New(outbox.Settings[plog.Logs]{
		Consume: next.ConsumeLogs, Clone: cloneLogs, Limit: maxWaitingEvents, Refused: e.refused, Dropped: e.dropped,
	})
	return o
}

func cloneLogs(logs plog.Logs) plog.Logs {
	clone := plog.NewLogs()
	logs.CopyTo(clone)
	return clone
}

func (o *eventOutput) send(ctx context.Context) { o.outbox.Send(ctx) }

// flush does nothing: events are sent as they come.
func (o *eventOutput) flush(time.Time, bool) {}

// take writes the events of a window.
func (o *eventOutput) take(g *group, r *drift.Report, now time.Time) {
	logs := plog.NewLogs()
	scope := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(o.version)
	records := scope.LogRecords()
	changesOnly := g.monitor.config.Events == eventsChanges
	for i := range r.Features {
		if changesOnly && !r.Features[i].Changed {
			continue
		}
		o.fillFeature(g, r, &r.Features[i])
		o.write(g, describe(&o.verdict, &r.Features[i]), now, records)
	}
	if g.monitor.config.many() {
		o.fillDataset(g, r)
		o.write(g, describeDataset(&o.verdict), now, records)
	}
	if records.Len() > 0 {
		o.outbox.Put(logs)
		o.wake()
	}
}

// write writes the verdict that was filled in.
func (o *eventOutput) write(g *group, text string, now time.Time, records plog.LogRecordSlice) {
	d := &o.verdict
	d.Source = o.source
	d.ID = eventID(o.source, d.Monitor, g.key, d.Kind, d.Feature, d.WindowStart, d.WindowEnd, d.Reference.Hash)
	event.Append(d, pcommon.NewTimestampFromTime(now), records)
	record := records.At(records.Len() - 1)
	record.Body().SetStr(text)
	attributes := record.Attributes()
	for i, key := range g.monitor.config.GroupBy {
		if g.values[i] != "" && key != keyModelName && key != keyModelVersion {
			attributes.PutStr(key, g.values[i])
		}
	}
	for _, a := range g.monitor.attributes {
		attributes.PutStr(a.key, a.value)
	}
}

// eventID is the same for the same verdict, however often it is sent.
func eventID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// begin fills in what all verdicts of a window have.
func (o *eventOutput) begin(g *group, r *drift.Report) *event.Drift {
	o.verdict = event.Drift{
		Monitor: g.monitor.config.Name, Kind: g.monitor.config.Kind,
		Model:       event.Model{Name: g.value(keyModelName), Version: g.value(keyModelVersion)},
		WindowStart: r.Start.Format(time.RFC3339Nano), WindowEnd: r.End.Format(time.RFC3339Nano),
		Bins: o.verdict.Bins[:0], Details: o.verdict.Details[:0],
	}
	o.verdict.Time = r.End
	return &o.verdict
}

func (o *eventOutput) fillDataset(g *group, r *drift.Report) {
	d := o.begin(g, r)
	d.Kind, d.Method = event.DriftDataset, methodShare
	d.Score, d.N = event.Some(r.Share), event.Some(int64(r.Judged))
	d.SeverityName, d.State, d.Changed = r.ShareSeverity.String(), r.ShareState.String(), event.Some(r.ShareChanged)
	if limit := g.monitor.settings.DriftedShare; limit > 0 {
		d.Threshold = event.Some(limit)
	}
	detail(d, "features", float64(len(r.Features)))
	detail(d, "rows", float64(r.Rows))
}

func (o *eventOutput) fillFeature(g *group, r *drift.Report, v *drift.Verdict) {
	d := o.begin(g, r)
	d.Feature, d.Method = v.Feature, string(v.Method)
	d.Score, d.PValue, d.PAdjusted = finite(v.Score), finite(v.P), finite(v.PAdjusted)
	if v.Kind == drift.Aggregated {
		d.ScoreHigh = finite(v.KSBounds.High)
	}
	d.PSI, d.JS = finite(v.PSI.Effect), finite(v.JS.Effect)
	d.SeverityName, d.State, d.Cause, d.Changed = v.Severity.String(), v.State.String(), string(v.Cause), event.Some(v.Changed)
	if v.Severity > drift.None {
		d.Effect = finite(v.Effect)
	}
	if v.Limit > 0 {
		d.Threshold = event.Some(v.Limit)
	}
	d.N, d.NEffective, d.Detectable = event.Some(int64(v.N)), finite(v.NEffective), finite(v.Detectable)
	d.Reference = event.DriftReference{
		ID: v.Reference.ID, Hash: v.Reference.Hash, Age: event.Some(v.Reference.Age.Seconds()), Provisional: event.Some(v.Reference.Provisional),
	}
	fillBins(d, &v.Bins)
	fillDetails(d, r, v)
}

const (
	binsKey    = "guardian.drift.bins."
	detailsKey = "guardian.drift.details."
)

func fillBins(d *event.Drift, b *drift.Bins) {
	put := func(key string, value event.Value) {
		d.Bins = append(d.Bins, event.Attribute{Key: binsKey + key, Value: value})
	}
	if len(b.Reference) == 0 {
		return
	}
	if len(b.Labels) > 0 {
		put("labels", event.Strings(b.Labels))
	} else {
		put("edges", event.Doubles(b.Edges))
	}
	put("reference", event.Doubles(b.Reference))
	put("current", event.Doubles(b.Current))
}

// fillDetails adds what tells people what has changed.
func fillDetails(d *event.Drift, r *drift.Report, v *drift.Verdict) {
	detail(d, "alpha", r.Alpha)
	detail(d, "tests", float64(r.Tests))
	detail(d, "ks", v.KS.Effect)
	detail(d, "ks_p_value", v.KS.P)
	if v.Kind == drift.Categorical {
		detail(d, "chi_square_p_value", v.ChiSquare.P)
	}
	detail(d, "reference_n", float64(v.Reference.N))
	share := func(name string, s drift.Share) {
		if s.Reference != 0 || s.Current != 0 {
			detail(d, name+"_reference", s.Reference)
			detail(d, name+"_current", s.Current)
		}
	}
	share("missing", v.Missing)
	if v.Kind == drift.Categorical {
		share("unseen", v.Unseen)
		if len(v.UnseenExamples) > 0 {
			d.Details = append(d.Details, event.Attribute{Key: detailsKey + "unseen_examples", Value: event.Strings(v.UnseenExamples)})
		}
		return
	}
	share("lower_tail", v.Lower)
	share("upper_tail", v.Upper)
	detail(d, "wasserstein_low", v.Wasserstein.Low)
	detail(d, "wasserstein_high", v.Wasserstein.High)
	detail(d, "furthest_at", v.KSAt)
	d.Details = append(d.Details,
		event.Attribute{Key: detailsKey + "smaller", Value: event.Boolean(v.KSAbove)},
		event.Attribute{Key: detailsKey + "straddles", Value: event.Boolean(v.Straddles)})
}

func detail(d *event.Drift, name string, number float64) {
	if !math.IsNaN(number) && !math.IsInf(number, 0) {
		d.Details = append(d.Details, event.Attribute{Key: detailsKey + name, Value: event.Double(number)})
	}
}

// finite is absent where there is no number.
func finite(v float64) event.Float {
	if v-v != 0 {
		return event.Float{}
	}
	return event.Some(v)
}

// describe says the verdict in a sentence.
func describe(d *event.Drift, v *drift.Verdict) string {
	of := d.Feature
	if d.Model.Name != "" {
		of += " of " + strings.TrimSpace(d.Model.Name+" "+d.Model.Version)
	}
	against := fmt.Sprintf("%s %.3g, p %.2g after correction, %d values against %s", d.Method, v.Score, v.PAdjusted, v.N, d.Reference.ID)
	switch {
	case v.State == drift.InsufficientData:
		return fmt.Sprintf("%s: insufficient data, only a D of %.3g would have been significant (%s)", of, v.Detectable, against)
	case v.Severity == drift.None:
		return fmt.Sprintf("%s: no drift (%s)", of, against)
	default:
		return fmt.Sprintf("%s: drift, %s, by %s (%s)", of, d.SeverityName, d.Cause, against)
	}
}

func describeDataset(d *event.Drift) string {
	return fmt.Sprintf("%s: %.0f %% of %d features have drifted", strings.TrimSpace(d.Model.Name+" "+d.Model.Version), 100*d.Score.Value, d.N.Value)
}

// encode keeps the events that are waiting.
func (o *eventOutput) encode(e *codec.Encoder) {
	waiting := o.outbox.Waiting()
	var blobs [][]byte
	for _, logs := range waiting {
		if blob, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs); err == nil {
			blobs = append(blobs, blob)
		}
	}
	e.Count(len(blobs))
	for _, blob := range blobs {
		e.Bytes(blob)
	}
}

func (o *eventOutput) decode(d *codec.Decoder, _ time.Time) (apply func(), err error) {
	var waiting []plog.Logs
	for range d.Count(1) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(d.Bytes())
		if err != nil {
			return nil, fmt.Errorf("cannot read events that were waiting: %w", err)
		}
		waiting = append(waiting, logs)
	}
	return func() {
		for _, logs := range waiting {
			o.outbox.Put(logs)
		}
		o.wake()
	}, d.Err()
}
