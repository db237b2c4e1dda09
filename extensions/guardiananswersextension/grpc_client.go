// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// GetGRPCClientOptions turns RESOURCE_EXHAUSTED into UNAVAILABLE where the server
// does not say when to try again. OTLP takes that for an answer that will never
// change (https://opentelemetry.io/docs/specs/otlp/#failures); servers and
// proxies give it when they are asked too much for a moment. A message that is
// too large gets the same code, and would be tried again for ever: it is left.
func (a *answers) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			err := invoke(ctx, method, request, reply, conn, options...)
			answer, isStatus := status.FromError(err)
			if !isStatus || answer.Code() != codes.ResourceExhausted || saysWhen(answer) || tooLarge(answer) {
				return err
			}
			a.telemetry.GuardianAnswersMadeRetryable.Add(ctx, 1,
				metric.WithAttributes(attribute.String("status", answer.Code().String())))
			return status.Errorf(codes.Unavailable, "the backend answered %s: %s", answer.Code(), answer.Message())
		},
	)}, nil
}

// saysWhen tells whether an answer has the time after which to try again.
func saysWhen(answer *status.Status) bool {
	for _, detail := range answer.Details() {
		if _, found := detail.(*errdetails.RetryInfo); found {
			return true
		}
	}
	return false
}

// tooLarge tells whether an answer is about the size of the message, which no code
// or detail of gRPC says. Its libraries for Go and C++, Java, and .NET say it in
// these words.
func tooLarge(answer *status.Status) bool {
	text := strings.ToLower(answer.Message())
	return strings.Contains(text, "message") && (strings.Contains(text, "larger than max") ||
		strings.Contains(text, "exceeds maximum") || strings.Contains(text, "exceeds the maximum"))
}
