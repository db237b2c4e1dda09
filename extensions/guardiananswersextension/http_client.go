// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// GetHTTPRoundTripper turns the configured status codes of a backend into 503,
// and adds the configured headers to its answers.
func (a *answers) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		return mended{RoundTripper: next, answers: a}, nil
	}, nil
}

// mended passes requests on and mends the answers.
type mended struct {
	http.RoundTripper
	answers *answers
}

// RoundTrip passes a request on, and the answer back.
func (m mended) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := m.RoundTripper.RoundTrip(request)
	if err != nil {
		return response, err
	}
	m.answers.addHeaders(response)
	if slices.Contains(m.answers.config.RetryStatuses, response.StatusCode) {
		m.answers.makeRetryable(request.Context(), response)
	}
	return response, nil
}

func (a *answers) addHeaders(response *http.Response) {
	for name, value := range a.config.ResponseHeaders {
		if response.Header.Get(name) == "" {
			response.Header.Set(name, value)
		}
	}
}

// makeRetryable makes an answer that an exporter gives up on look like that of a
// server that is unavailable for now.
func (a *answers) makeRetryable(ctx context.Context, response *http.Response) {
	a.telemetry.GuardianAnswersMadeRetryable.Add(ctx, 1, metric.WithAttributes(attribute.String("status", strconv.Itoa(response.StatusCode))))
	response.Status = fmt.Sprintf("%d %s (the backend answered %s)",
		http.StatusServiceUnavailable, http.StatusText(http.StatusServiceUnavailable), response.Status)
	response.StatusCode = http.StatusServiceUnavailable
}
