// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// correlationHeader ties a request to what is done because of it.
const correlationHeader = "X-Correlation-Id"

// maxCorrelationBytes bounds a correlation id that is taken.
const maxCorrelationBytes = 128

// surface is the outermost handler: it sees every request and every answer, also those
// of authenticators, decompression, middlewares and unknown paths.
type surface struct {
	next     http.Handler
	receiver *guardianReceiver
}

// ServeHTTP gives the request a correlation id, and its answer one form of errors.
func (s *surface) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	id := req.Header.Get(correlationHeader)
	if !isCorrelationID(id) {
		id = rand.Text()
		req.Header.Set(correlationHeader, id)
	}
	w.Header().Set(correlationHeader, id)
	answer := &answerWriter{ResponseWriter: w, receiver: s.receiver}
	s.next.ServeHTTP(answer, req)
	answer.finish()
	s.receiver.telemetry.GuardianReceiverRequests.Add(req.Context(), 1, with(attribute.Int("status", answer.status)))
}

// isCorrelationID reports whether the id can be taken: printable ASCII, not too long.
func isCorrelationID(id string) bool {
	if id == "" || len(id) > maxCorrelationBytes {
		return false
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// answerWriter turns errors that are not problems yet into such.
type answerWriter struct {
	http.ResponseWriter
	receiver *guardianReceiver
	status   int
	foreign  bool   // an error that others wrote
	text     []byte // of it
}

// Unwrap serves http.ResponseController.
func (a *answerWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader writes the status, unless it is one of an error that is no problem yet.
func (a *answerWriter) WriteHeader(status int) {
	if a.status != 0 || status < http.StatusOK {
		return
	}
	a.status = status
	if timeout := a.receiver.cfg.WriteTimeout; timeout > 0 {
		// It began to run when the request came; reading the body and handing on must
		// not use it up.
		_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(timeout))
	}
	if a.foreign = status >= http.StatusBadRequest && a.Header().Get("Content-Type") != problemType[0]; !a.foreign {
		a.ResponseWriter.WriteHeader(status)
	}
}

// Write writes the body, or notes what an error says.
func (a *answerWriter) Write(body []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if !a.foreign {
		return a.ResponseWriter.Write(body)
	}
	a.text = append(a.text, body[:min(len(body), maxDetail-len(a.text))]...)
	return len(body), nil
}

// finish writes the problem that stands for an error of others.
func (a *answerWriter) finish() {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if !a.foreign {
		return
	}
	a.Header().Del("Content-Encoding")
	body := append(appendProblem(nil, a.status, a.detail()), '}')
	a.receiver.writeProblem(a.ResponseWriter, a.status, body)
}

// detail says what the client should know.
func (a *answerWriter) detail() string {
	switch a.status {
	case http.StatusNotFound:
		return "there is nothing at this path; events go to /v1/events, their schema is at /v1/schema"
	case http.StatusMethodNotAllowed:
		return "this path takes " + a.Header().Get("Allow")
	default:
		return strings.TrimSpace(string(a.text))
	}
}
