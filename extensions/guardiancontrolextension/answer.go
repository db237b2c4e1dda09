// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"encoding/json"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// serveSurface keeps a panic of the surface's handler from ending anything but
// the request.
func (s *adminServer) serveSurface(w http.ResponseWriter, req *http.Request, m *mount, below string) {
	answer := &answer{ResponseWriter: w}
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if fault == http.ErrAbortHandler { //nolint:errorlint // It is compared as net/http compares it.
			panic(fault)
		}
		s.telemetry.GuardianControlAdminPanics.Add(req.Context(), 1, metric.WithAttributes(attribute.String("component", m.owner)))
		s.logger.Error("A surface panicked.", zap.String("path", m.path), zap.Any("panic", fault), zap.Stack("stack"))
		if answer.begun {
			// A half answer must not look like a whole one: cut the connection.
			panic(http.ErrAbortHandler)
		}
		writeError(w, http.StatusInternalServerError, "the surface failed; the log says why")
	}()
	m.serve(answer, req, below)
}

// answer remembers whether any of it was sent.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(status int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(body []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(body)
}

// FlushError is what http.ResponseController calls.
func (a *answer) FlushError() error {
	a.begun = true
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

func writeJSON(w http.ResponseWriter, status int, content any) {
	body, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		http.Error(w, "cannot encode the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // The client has gone if this fails.
}
