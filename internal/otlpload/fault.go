// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Fault is a way in which a sink fails.
type Fault int32

// The faults of a sink. All of them invite the client to try again.
const (
	Healthy           Fault = iota // no fault
	RefuseConnections              // nothing listens; open connections are cut
	Unavailable                    // HTTP 503, gRPC UNAVAILABLE
	TooManyRequests                // HTTP 429 with Retry-After, gRPC RESOURCE_EXHAUSTED with RetryInfo
)

// throttleDelay is how long a throttled client is asked to wait, the least that a Retry-After header can say.
const throttleDelay = time.Second

// grpcError returns the status that requests get, nil if they are accepted.
func (f Fault) grpcError() error {
	switch f {
	case Unavailable:
		return status.Error(codes.Unavailable, "the sink was told to be unavailable")
	case TooManyRequests:
		throttled := status.New(codes.ResourceExhausted, "the sink was told to throttle")
		detailed, err := throttled.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(throttleDelay)})
		if err != nil {
			return throttled.Err()
		}
		return detailed.Err()
	default:
		return nil
	}
}

// refuseHTTP answers a request that is to fail and reports whether it did.
func (f Fault) refuseHTTP(w http.ResponseWriter) bool {
	switch f {
	case Unavailable:
		http.Error(w, "the sink was told to be unavailable", http.StatusServiceUnavailable)
	case TooManyRequests:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the sink was told to throttle", http.StatusTooManyRequests)
	default:
		return false
	}
	return true
}
