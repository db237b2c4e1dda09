// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"fmt"

	_ "google.golang.org/grpc/encoding/gzip" // lets the sink read what a collector compressed
	"google.golang.org/grpc/mem"
)

// rawCodec hands messages through as bytes: a []byte on the way out, a *mem.Buffer, which the receiver must free, on the way in.
// It calls itself proto because that is what the bytes are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(message any) (mem.BufferSlice, error) {
	body, ok := message.([]byte)
	if !ok {
		return nil, fmt.Errorf("cannot send a %T as raw bytes", message)
	}
	return mem.BufferSlice{mem.SliceBuffer(body)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, message any) error {
	buffer, ok := message.(*mem.Buffer)
	if !ok {
		return fmt.Errorf("cannot receive raw bytes into a %T", message)
	}
	*buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}
