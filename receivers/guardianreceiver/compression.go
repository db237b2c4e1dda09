// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/config/confighttp"
)

// maxWindow bounds what a zstd body may make the receiver allocate: RFC 8878 asks
// decoders for 8 MiB. Without it a header of a few bytes may ask for 512 MiB.
const maxWindow = 8 << 20

// decoders gives the server a zstd decoder with a bounded window, if zstd is among
// the algorithms.
func decoders(algorithms []string) []confighttp.ToServerOption {
	if !slices.Contains(algorithms, "zstd") {
		return nil
	}
	return []confighttp.ToServerOption{confighttp.WithDecoder("zstd", newZstd)}
}

var zstdPool sync.Pool

// zstdBody is the decompressed body. Closing it keeps the decoder for another one.
type zstdBody struct{ decoder *zstd.Decoder }

func newZstd(body io.ReadCloser) (io.ReadCloser, error) {
	if decoder, ok := zstdPool.Get().(*zstd.Decoder); ok {
		return &zstdBody{decoder}, decoder.Reset(body)
	}
	decoder, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return &zstdBody{decoder}, nil
}

// Read reads decompressed bytes.
func (b *zstdBody) Read(p []byte) (int, error) {
	if b.decoder == nil {
		return 0, zstd.ErrDecoderClosed
	}
	return b.decoder.Read(p)
}

// Close ends the body.
func (b *zstdBody) Close() error {
	if b.decoder == nil {
		return nil
	}
	err := b.decoder.Reset(nil)
	if err == nil {
		zstdPool.Put(b.decoder)
	}
	b.decoder = nil
	return err
}
