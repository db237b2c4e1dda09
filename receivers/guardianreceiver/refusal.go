// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"go.opentelemetry.io/collector/consumer/consumererror"
)

// refusal is why a request is answered with another status than 200.
type refusal struct {
	status int
	detail string
	cause  error
}

// Error implements error.
func (r *refusal) Error() string { return r.detail }

// Unwrap gives what lies behind it, if anything.
func (r *refusal) Unwrap() error { return r.cause }

func refuse(status int, detail string) error { return &refusal{status: status, detail: detail} }

// unread refuses a body that could not be read to its end.
func unread(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "the body did not arrive in time")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(http.StatusBadRequest, "the body ends too early")
	default:
		return refuse(http.StatusBadRequest, "the body cannot be read: "+err.Error())
	}
}

// untaken refuses events that the next consumer did not take. As in the OTLP receiver,
// an error that says nothing of itself may pass.
func untaken(err error) error {
	if consumererror.IsPermanent(err) {
		return &refusal{http.StatusInternalServerError, "the events cannot be processed behind this receiver; its log says why", err}
	}
	return &refusal{http.StatusServiceUnavailable, "the events cannot be taken now: send them again after Retry-After", err}
}

// unavailable reports whether a client should try again after a while.
func unavailable(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}
