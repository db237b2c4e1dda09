// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/receivers/guardianreceiver/internal/metadata"
)

const (
	// bufferBytes is read from a body at once.
	bufferBytes = 32 << 10
	// keptBytes is how much memory an intake may hold between two requests.
	keptBytes = 1 << 20
	// recordsPerEvent bounds the log records of a body that is handed on as a whole,
	// as a multiple of its events: an evaluation becomes several.
	recordsPerEvent = 8
)

// intake takes the events of one request.
type intake struct {
	receiver *guardianReceiver
	decoder  event.Decoder
	body     bytes.Buffer
	lines    lineReader

	form        form
	correlation string
	arrived     time.Time
	control     *http.ResponseController

	part    part
	claimed []duplicates.Key
	own     map[duplicates.Key]struct{} // claimed, as far as it was needed to know

	tally  tally
	answer []byte
}

func newIntake(r *guardianReceiver) *intake {
	in := &intake{
		receiver: r,
		lines:    lineReader{reader: bufio.NewReaderSize(nil, bufferBytes), limit: r.cfg.Limits.EventBytes},
		part:     part{version: r.set.BuildInfo.Version, sources: map[string]plog.LogRecordSlice{}},
		own:      map[duplicates.Key]struct{}{},
	}
	limits := &r.cfg.Limits
	in.decoder.Limits = event.Limits{
		Bytes: limits.EventBytes, Attributes: limits.Attributes, Text: limits.StringBytes, Content: limits.ContentBytes, Depth: limits.Depth,
	}
	in.decoder.Filter = event.Filter{Content: r.policy.Apply, Message: r.policy.Message}
	return in
}

// begin prepares for a request.
func (in *intake) begin(w http.ResponseWriter, req *http.Request, f form) {
	in.form, in.correlation, in.arrived = f, req.Header.Get(correlationHeader), in.receiver.now()
	in.control = http.NewResponseController(w)
	in.decoder.CloudEvents = f.cloudEvents
	in.part.reset()
	in.tally.reset()
}

// end gives up what is still claimed, counts, and reports whether the intake is small
// enough to be kept.
func (in *intake) end(ctx context.Context) bool {
	in.release()
	in.tally.count(ctx, in.receiver.telemetry)
	if in.decoder.Unknown > 0 {
		in.receiver.telemetry.GuardianReceiverUnknownFields.Add(ctx, in.decoder.Unknown)
		in.decoder.Unknown = 0
	}
	in.decoder.Reset(nil)
	in.lines.reader.Reset(nil)
	in.part.reset()
	in.control = nil
	return in.body.Cap() <= keptBytes
}

// take takes the events of a body. The error, a *refusal, says why not; the tally
// then tells of those that were taken before.
func (in *intake) take(req *http.Request) error {
	var err error
	if in.form.lines {
		err = in.takeLines(req.Context(), req.Body)
	} else {
		err = in.takeJSON(req)
	}
	if err != nil {
		return err
	}
	return in.finish(req.Context())
}

// finish hands on the last part, which is the only one of most requests.
func (in *intake) finish(ctx context.Context) error {
	t := &in.tally
	switch {
	case in.form.strict && t.rejected > 0:
		in.release()
		t.forget()
		return refuse(http.StatusBadRequest, fmt.Sprintf("%d of %d events were rejected, and strict=true asks for all or none", t.rejected, t.events))
	case t.rejected > 0 && t.rejected == t.events:
		return refuse(http.StatusBadRequest, "no event of the request can be taken")
	default:
		return in.handOn(ctx)
	}
}

// takeJSON takes a body that is an object or an array of objects. It is decoded wholly
// before anything is handed on.
func (in *intake) takeJSON(req *http.Request) error {
	if err := in.read(req); err != nil {
		return err
	}
	body := bytes.TrimLeft(in.body.Bytes(), jsonSpace)
	in.decoder.Parent = event.Parent{}
	if single := len(body) > 0 && body[0] == '{'; single {
		in.decoder.Parent = in.form.parent
	} else if in.form.binary {
		return refuse(http.StatusBadRequest, "the data of a CloudEvent in binary mode must be one JSON object")
	}
	in.decoder.Reset(body)
	for {
		e, err := in.decoder.Next(in.form.bare)
		problem, err := separate(err)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return refuse(http.StatusBadRequest, "the body is refused: "+err.Error())
		case in.tally.events >= in.receiver.cfg.Limits.Events:
			return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d events", in.receiver.cfg.Limits.Events))
		}
		if err := in.one(e, problem); err != nil {
			return err
		}
	}
}

// read reads the body into memory.
func (in *intake) read(req *http.Request) error {
	in.body.Reset()
	in.body.Grow(int(min(max(req.ContentLength+bytes.MinRead, 0), bufferBytes)))
	if _, err := in.body.ReadFrom(req.Body); err != nil {
		return unread(err)
	}
	return nil
}

// takeLines takes a body with an event in each line, and hands on part by part.
func (in *intake) takeLines(ctx context.Context, body io.Reader) error {
	in.decoder.Parent = event.Parent{}
	in.lines.reader.Reset(body)
	limits := &in.receiver.cfg.Limits
	for {
		line, err := in.lines.next()
		switch {
		case errors.Is(err, io.EOF) && in.tally.events == 0:
			return refuse(http.StatusBadRequest, "the body is empty")
		case errors.Is(err, io.EOF):
			return nil
		case in.tally.events >= limits.Events && (err == nil || errors.Is(err, errLineTooLong)):
			in.reject(nil, &event.Problem{Code: event.CodeTooManyEvents, Message: fmt.Sprintf("a request may have %d events", limits.Events)})
			continue
		case errors.Is(err, errLineTooLong):
			in.reject(nil, &event.Problem{Code: event.CodeTooLarge, Message: fmt.Sprintf("the line has more than %d bytes", limits.EventBytes)})
			continue
		case err != nil:
			return in.broken(ctx, err)
		}
		if err := in.one(in.decodeLine(line)); err != nil {
			return err
		}
		if in.part.records < in.receiver.cfg.Batch.Events || in.form.strict {
			continue
		}
		if err := in.handOn(ctx); err != nil {
			return err
		}
	}
}

// broken refuses the rest of a body that ended too early, too late or too large. The
// lines that came whole are taken, unless it is all or none.
func (in *intake) broken(ctx context.Context, err error) error {
	if !in.form.strict {
		if untaken := in.handOn(ctx); untaken != nil {
			return untaken
		}
	}
	return unread(err)
}

// decodeLine decodes the event of a line.
func (in *intake) decodeLine(line []byte) (event.Event, *event.Problem) {
	if line[0] != '{' {
		return nil, notAnObject(line)
	}
	in.decoder.Reset(line)
	e, err := in.decoder.Next(in.form.bare)
	problem, err := separate(err)
	if err == nil {
		if after := in.decoder.End(); !errors.Is(after, io.EOF) {
			err = after
		}
	}
	if err == nil {
		return e, problem
	}
	problem = &event.Problem{Code: event.CodeSyntax, Message: err.Error()}
	if !utf8.Valid(line) {
		problem.Code = event.CodeNotUTF8
	}
	return nil, problem
}

func notAnObject(line []byte) *event.Problem {
	code := event.CodeSyntax
	if jsontext.Value(line).IsValid() {
		code = event.CodeWrongType
	}
	return &event.Problem{Code: code, Message: "a line must be a JSON object"}
}

// separate tells a problem of one event from one of the whole body.
func separate(err error) (*event.Problem, error) {
	if err == nil {
		return nil, nil
	}
	var problem *event.Problem
	if errors.As(err, &problem) {
		return problem, nil
	}
	return nil, err
}

// one takes one event, or rejects it.
func (in *intake) one(e event.Event, problem *event.Problem) error {
	if problem == nil {
		problem = in.complete(e)
	}
	if problem != nil {
		in.reject(e, problem)
		return nil
	}
	in.tally.events++
	known, err := in.claim(e.Common())
	if err != nil {
		return err
	}
	if known {
		in.tally.duplicates[kindOf(e)]++
		return nil
	}
	in.part.add(e, pcommon.NewTimestampFromTime(in.arrived))
	if !in.inParts() && in.part.records > recordsPerEvent*in.receiver.cfg.Limits.Events {
		return refuse(http.StatusRequestEntityTooLarge, "the events become too many log records; send fewer, or NDJSON without strict=true")
	}
	return nil
}

// inParts reports whether events are handed on before the last one is decoded.
func (in *intake) inParts() bool { return in.form.lines && !in.form.strict }

// complete gives an event what the request's headers say, and an id.
func (in *intake) complete(e event.Event) *event.Problem {
	meta := e.Common()
	if in.form.binary {
		meta.ID, meta.Subject, meta.Time = in.form.envelope.ID, in.form.envelope.Subject, in.form.envelope.Time
	}
	if meta.Source == "" {
		meta.Source = in.form.envelope.Source
	}
	if meta.CorrelationID == "" {
		meta.CorrelationID = in.correlation
	}
	if meta.ID == "" {
		meta.ID = event.NaturalID(e)
	}
	return in.timely(meta.Time)
}

// timely says what is wrong with the time of an event, if anything.
func (in *intake) timely(at time.Time) *event.Problem {
	limits := &in.receiver.cfg.Limits
	var reason string
	switch age := in.arrived.Sub(at); {
	case at.IsZero():
		return nil
	case age < -limits.Future:
		reason = fmt.Sprintf("is more than %s ahead of the receiver's clock", limits.Future)
	case age > limits.Past:
		reason = fmt.Sprintf("is more than %s behind the receiver's clock", limits.Past)
	default:
		return nil
	}
	return &event.Problem{Code: event.CodeTimeOutOfRange, Pointer: "/time", Message: reason}
}

func (in *intake) reject(e event.Event, problem *event.Problem) {
	id := ""
	if e != nil {
		id = e.Common().ID
	}
	in.tally.reject(id, problem)
}

// claim reports whether the event has come before; if not, it is ours until it is
// taken or refused. An event without an id is always new.
func (in *intake) claim(meta *event.Meta) (known bool, err error) {
	if meta.ID == "" {
		return false, nil
	}
	key := duplicates.KeyOf(meta.Source, meta.ID)
	switch in.receiver.seen.table.Claim(key, in.arrived) {
	case duplicates.New:
		in.claimed = append(in.claimed, key)
		return false, nil
	case duplicates.Done:
		return true, nil
	case duplicates.Pending:
		if in.owns(key) {
			return true, nil
		}
		return false, refuse(http.StatusTooManyRequests, "another request that has one of the events is under way")
	default:
		return false, refuse(http.StatusTooManyRequests, "too many events are under way")
	}
}

// owns reports whether this request has claimed the key.
func (in *intake) owns(key duplicates.Key) bool {
	for _, claimed := range in.claimed[len(in.own):] {
		in.own[claimed] = struct{}{}
	}
	_, ok := in.own[key]
	return ok
}

// release gives up what is claimed.
func (in *intake) release() {
	in.receiver.seen.table.Release(in.claimed...)
	in.disown()
}

func (in *intake) disown() {
	in.claimed = in.claimed[:0]
	clear(in.own)
}

// handOn gives the part to the next consumer.
func (in *intake) handOn(ctx context.Context) error {
	if in.part.records == 0 {
		return nil
	}
	in.waitFor(0)
	r := in.receiver
	records := in.part.records
	ctx = r.report.StartLogsOp(ctx)
	err := r.next.ConsumeLogs(ctx, in.part.logs)
	r.report.EndLogsOp(ctx, metadata.Type.String(), records, err)
	if err != nil {
		return untaken(err)
	}
	r.seen.commit(ctx, in.claimed)
	in.disown()
	in.tally.accepted.add(&in.part.events)
	in.part.reset()
	if in.inParts() {
		in.waitFor(r.cfg.ReadTimeout)
	}
	return nil
}

// waitFor sets how long the rest of the body may take, 0 for ever: what the next
// consumer takes is not the client's fault.
func (in *intake) waitFor(d time.Duration) {
	deadline := time.Time{}
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	_ = in.control.SetReadDeadline(deadline) // A test's ResponseWriter has none.
}
