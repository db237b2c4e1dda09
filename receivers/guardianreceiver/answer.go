// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/otel/attribute"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const (
	// listedRejects is how many rejected events an answer lists.
	listedRejects = 100
	// listedIDBytes is how much of an id the list shows.
	listedIDBytes = 128
)

// tally is what became of the events of a request.
type tally struct {
	events     int // that were decoded or rejected
	accepted   byKind
	duplicates byKind
	rejected   int
	list       []rejected // the first of them
	codes      map[event.Code]int64
}

// rejected is an event that cannot be taken.
type rejected struct {
	index int // in the request, from 0
	id    string
	event.Problem
}

func (t *tally) reset() {
	clear(t.codes)
	clear(t.list)
	*t = tally{list: t.list[:0], codes: t.codes}
}

// forget says that nothing was consumed after all.
func (t *tally) forget() { t.accepted, t.duplicates = byKind{}, byKind{} }

func (t *tally) reject(id string, problem *event.Problem) {
	if len(t.list) < listedRejects {
		t.list = append(t.list, rejected{t.events, shortened(id), *problem})
	}
	if t.codes == nil {
		t.codes = map[event.Code]int64{}
	}
	t.codes[problem.Code]++
	t.rejected++
	t.events++
}

// shortened cuts an id at a rune.
func shortened(id string) string {
	if len(id) <= listedIDBytes {
		return id
	}
	end := listedIDBytes
	for !utf8.RuneStart(id[end]) {
		end--
	}
	return id[:end]
}

func (t *tally) count(ctx context.Context, telemetry *telemetry) {
	telemetry.count(ctx, telemetry.GuardianReceiverAcceptedEvents, &t.accepted)
	telemetry.count(ctx, telemetry.GuardianReceiverDuplicateEvents, &t.duplicates)
	for code, n := range t.codes {
		telemetry.GuardianReceiverRejectedEvents.Add(ctx, n, with(attribute.String("code", string(code))))
	}
}

func (b *byKind) sum() (sum int64) {
	for _, n := range b {
		sum += n
	}
	return sum
}

// append appends the members of an answer that tell what became of the events.
func (t *tally) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `"accepted":`...), t.accepted.sum(), 10)
	dst = strconv.AppendInt(append(dst, `,"duplicates":`...), t.duplicates.sum(), 10)
	dst = append(dst, `,"rejected":[`...)
	for i := range t.list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = t.list[i].append(dst)
	}
	return strconv.AppendInt(append(dst, `],"rejected_total":`...), int64(t.rejected), 10)
}

func (r *rejected) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"index":`...), int64(r.index), 10)
	dst = appendText(append(dst, `,"id":`...), r.id)
	dst = appendText(append(dst, `,"code":`...), string(r.Code))
	dst = appendText(append(dst, `,"pointer":`...), r.Pointer)
	dst = appendText(append(dst, `,"message":`...), r.Message)
	return append(dst, '}')
}

func appendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // What is not UTF-8 becomes U+FFFD.
	return dst
}

// reply answers the request.
func (in *intake) reply(w http.ResponseWriter, err error) {
	if err != nil {
		status, detail := statusOf(err)
		in.answer = appendProblem(in.answer[:0], status, detail)
		in.answer = append(in.tally.append(append(in.answer, ',')), '}')
		in.receiver.writeProblem(w, status, in.answer)
		return
	}
	in.answer = append(in.tally.append(append(in.answer[:0], '{')), '}')
	header := w.Header()
	header["Content-Type"] = jsonType
	header["Content-Length"] = []string{strconv.Itoa(len(in.answer))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(in.answer) // A client that has gone will ask again.
}

var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
)

func statusOf(err error) (status int, detail string) {
	var r *refusal
	if errors.As(err, &r) {
		return r.status, r.detail
	}
	return http.StatusInternalServerError, err.Error()
}

// maxDetail bounds the detail of a problem: it may quote the next consumer.
const maxDetail = 1 << 10

// appendProblem appends a problem as RFC 9457 has it, without the bracket that ends it.
func appendProblem(dst []byte, status int, detail string) []byte {
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	dst = appendText(append(dst, `{"type":"about:blank","title":`...), http.StatusText(status))
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(status), 10)
	return appendText(append(dst, `,"detail":`...), detail)
}

// writeProblem answers with a problem, and says when to try again where that helps.
func (r *guardianReceiver) writeProblem(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Content-Type"] = problemType
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	if unavailable(status) && header.Get("Retry-After") == "" {
		header.Set("Retry-After", retryAfter(r.cfg.RetryAfter))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // A client that has gone does not read it.
}
