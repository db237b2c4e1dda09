// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// GetGRPCServerOptions makes a server answer InvalidArgument to a message that
// cannot be decoded. A gRPC server answers Internal to that, and no interceptor
// can change it, since none is called. So the codec here does not fail; it
// leaves its error to the stats handler, which is called next, on the same
// goroutine, with the context of the call; and the interceptors look there.
func (a *answers) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	undecoded := &sync.Map{}
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{CodecV2: encoding.GetCodecV2("proto"), undecoded: undecoded}),
		grpc.StatsHandler(decodeErrors{undecoded: undecoded}),
		grpc.ChainUnaryInterceptor(a.interceptUnary),
		grpc.ChainStreamInterceptor(a.interceptStream),
	}, nil
}

// codec decodes what it can and leaves the error of what it cannot in undecoded,
// by message, for the instant until the stats handler takes it.
type codec struct {
	encoding.CodecV2
	undecoded *sync.Map
}

// Unmarshal never fails.
func (c codec) Unmarshal(data mem.BufferSlice, message any) error {
	if err := c.CodecV2.Unmarshal(data, message); err != nil {
		c.undecoded.Store(message, err)
	}
	return nil
}

// decodeErrors moves the error of a message to the call that brought it.
type decodeErrors struct{ undecoded *sync.Map }

// callKey is the key of a call's *call in its context.
type callKey struct{}

// call holds the decoding error of the last message of a call.
type call struct{ err error }

// TagRPC gives each call a place for its error.
func (decodeErrors) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, callKey{}, &call{})
}

// HandleRPC takes the error of a message that has just been decoded.
func (d decodeErrors) HandleRPC(ctx context.Context, event stats.RPCStats) {
	payload, ok := event.(*stats.InPayload)
	if !ok {
		return
	}
	if err, found := d.undecoded.LoadAndDelete(payload.Payload); found {
		ctx.Value(callKey{}).(*call).err = err.(error)
	}
}

// TagConn is part of stats.Handler.
func (decodeErrors) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn is part of stats.Handler.
func (decodeErrors) HandleConn(context.Context, stats.ConnStats) {}

func (a *answers) interceptUnary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := a.malformed(ctx); err != nil {
		return nil, err
	}
	return handler(ctx, request)
}

func (a *answers) interceptStream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(server, checkedStream{ServerStream: stream, answers: a})
}

// checkedStream fails where a message of a stream could not be decoded.
type checkedStream struct {
	grpc.ServerStream
	answers *answers
}

// RecvMsg receives a message of the stream.
func (s checkedStream) RecvMsg(message any) error {
	if err := s.ServerStream.RecvMsg(message); err != nil {
		return err
	}
	return s.answers.malformed(s.Context())
}

// malformed gives the answer to a call whose message could not be decoded, or nil.
func (a *answers) malformed(ctx context.Context) error {
	call, found := ctx.Value(callKey{}).(*call)
	if !found || call.err == nil {
		return nil
	}
	a.countMalformed(ctx, "grpc")
	return status.Errorf(codes.InvalidArgument, "cannot decode the request: %v", call.err)
}
