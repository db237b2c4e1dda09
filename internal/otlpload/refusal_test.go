// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestRetryable(t *testing.T) {
	f := func(want bool, err error) {
		t.Helper()
		assert.Equal(t, want, Retryable(err), err)
	}
	f(true, grpcRefusal(status.Error(codes.Unavailable, "")))
	f(true, grpcRefusal(TooManyRequests.grpcError()))
	f(false, grpcRefusal(status.Error(codes.ResourceExhausted, "no word about when")))
	f(false, grpcRefusal(status.Error(codes.InvalidArgument, "")))
	f(true, httpRefusal(http.StatusTooManyRequests, nil))
	f(true, httpRefusal(http.StatusServiceUnavailable, nil))
	f(false, httpRefusal(http.StatusInternalServerError, nil))
	f(false, httpRefusal(http.StatusBadRequest, nil))
	f(false, errors.New("something else"))
}

func TestPartialSuccessIsARefusal(t *testing.T) {
	answer := plogotlp.NewExportResponse()
	whole, err := answer.MarshalJSON()
	require.NoError(t, err)
	require.NoError(t, partialRefusal(Logs, JSON, whole))

	answer.PartialSuccess().SetRejectedLogRecords(3)
	answer.PartialSuccess().SetErrorMessage("too old")
	part, err := answer.MarshalProto()
	require.NoError(t, err)
	err = partialRefusal(Logs, Protobuf, part)
	require.ErrorContains(t, err, "3 log records rejected: too old")
	assert.False(t, Retryable(err))
	require.ErrorContains(t, partialRefusal(Traces, JSON, []byte("{")), "cannot read the answer")
}
