// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// routes serves the paths of the receiver.
func (r *guardianReceiver) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/events", r.takes(""))
	for _, t := range event.Types {
		mux.Handle("POST /v1/"+string(t)+"s", r.takes(t))
	}
	mux.Handle("GET /v1/schema", schema())
	return mux
}

// takes takes the events that are sent to a path.
func (r *guardianReceiver) takes(bare event.Type) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if !r.flight.enter() {
			r.problem(w, refuse(http.StatusTooManyRequests, "too many requests are in flight"))
			return
		}
		defer r.flight.leave()
		form, err := r.formOf(req, bare)
		if err != nil {
			r.problem(w, err)
			return
		}
		r.receive(w, req, form)
	}
}

func (r *guardianReceiver) receive(w http.ResponseWriter, req *http.Request, f form) {
	in := r.intakes.Get().(*intake)
	in.begin(w, req, f)
	defer func() {
		if in.end(req.Context()) {
			r.intakes.Put(in)
		}
	}()
	in.reply(w, in.take(req))
}

// problem answers a request whose body was not looked at.
func (r *guardianReceiver) problem(w http.ResponseWriter, err error) {
	status, detail := statusOf(err)
	r.writeProblem(w, status, append(appendProblem(nil, status, detail), '}'))
}

// schema serves the JSON Schema of the events.
func schema() http.HandlerFunc {
	content := event.Schema()
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/schema+json")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(content))
	}
}
