// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"errors"
	"fmt"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RefusalError says that a server did not accept a request.
type RefusalError struct {
	Retryable bool // whether OTLP lets the client send the same request again
	Err       error
}

// Error returns the reason.
func (e *RefusalError) Error() string { return "request refused: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *RefusalError) Unwrap() error { return e.Err }

// Retryable reports whether OTLP lets a client that got err send the same request again.
func Retryable(err error) bool {
	var refusal *RefusalError
	return errors.As(err, &refusal) && refusal.Retryable
}

func grpcRefusal(err error) error {
	return &RefusalError{Retryable: retryableStatus(status.Convert(err)), Err: err}
}

// retryableStatus follows the OTLP specification: an exhausted resource is worth a retry only if the server says when.
func retryableStatus(s *status.Status) bool {
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return true
	case codes.ResourceExhausted:
		for _, detail := range s.Details() {
			if _, ok := detail.(*errdetails.RetryInfo); ok {
				return true
			}
		}
	}
	return false
}

func httpRefusal(status int, body []byte) error {
	retryable := false
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		retryable = true
	}
	return &RefusalError{Retryable: retryable, Err: fmt.Errorf("status %d %s: %q", status, http.StatusText(status), body)}
}
