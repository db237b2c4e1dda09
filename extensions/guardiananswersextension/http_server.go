// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

// GetHTTPHandler counts a server's answers of 400, and sees to it that JSON which
// is not UTF-8 gets one: the OTLP receiver quotes what it could not decode, fails
// to encode that, and answers 500.
func (a *answers) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := &statusWriter{ResponseWriter: w}
			if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
				r.Body = &utf8Body{ReadCloser: r.Body}
			}
			next.ServeHTTP(answer, r)
			if answer.status == http.StatusBadRequest {
				a.countMalformed(r.Context(), "http")
			}
		}), nil
	}, nil
}

// statusWriter remembers the status code of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader keeps the first status code, which is the one that is sent.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
