// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzScanIDs compares the scan with a full decode on payloads of any shape.
func FuzzScanIDs(f *testing.F) {
	f.Add(uint64(1), uint16(100), uint8(4), uint32(0))
	f.Add(uint64(0), uint16(1), uint8(1), uint32(1<<30-1))
	f.Add(uint64(99), uint16(41), uint8(15), uint32(12345))
	f.Fuzz(func(t *testing.T, seed uint64, items uint16, attributes uint8, offset uint32) {
		options := PayloadOptions{Seed: seed, Items: 1 + int(items%300), Attributes: 1 + int(attributes%20)}
		first := min(FirstID+int64(offset), LastID-int64(options.Items))
		for _, signal := range Signals {
			p, err := NewPayload(signal, options)
			require.NoError(t, err)
			for _, encoding := range encodings {
				body := p.Append(nil, encoding, first)
				var want []int64
				for _, attrs := range decodeAttributes(t, signal, encoding, body) {
					id, _ := attrs.Get(IDKey)
					want = append(want, id.Int())
				}
				assert.Equal(t, want, slices.Collect(ScanIDs(body, encoding, signal)))
			}
		}
	})
}

// FuzzScanIDsOfAnyBytes holds the scan of damaged bytes to its bounds: no more ids than fit, and the ids of a truncated request are
// the first ids of the whole one.
func FuzzScanIDsOfAnyBytes(f *testing.F) {
	for _, signal := range Signals {
		p := newTestPayload(f, signal, 3, 2)
		body := p.Append(p.Append(nil, Protobuf, FirstID), Protobuf, FirstID+3)
		f.Add(uint8(signal), body, uint16(len(body)/2))
		f.Add(uint8(signal), body, uint16(len(body)-1))
	}
	f.Fuzz(func(t *testing.T, number uint8, body []byte, length uint16) {
		signal := Signals[int(number)%len(Signals)]
		whole := slices.Collect(ScanIDs(body, Protobuf, signal))
		require.LessOrEqual(t, len(whole), len(body)/len(IDKey))
		truncated := slices.Collect(ScanIDs(body[:min(len(body), int(length))], Protobuf, signal))
		require.LessOrEqual(t, len(truncated), len(whole))
		assert.True(t, slices.Equal(whole[:len(truncated)], truncated), "%v is no prefix of %v", truncated, whole)
	})
}

func TestScanJSONIgnoresWhatIsNoID(t *testing.T) {
	f := func(body string, want ...int64) {
		t.Helper()
		assert.Equal(t, want, slices.Collect(ScanIDs([]byte(body), JSON, Logs)))
	}
	f("")
	f(jsonMark)
	f(jsonMark + "12")
	f(jsonMark + `x"`)
	f(jsonMark+`12"`+jsonMark+`-3"`, 12, -3)
}

// BenchmarkScanIDs compares the scan with the decode that a usual server does first.
func BenchmarkScanIDs(b *testing.B) {
	for _, signal := range Signals {
		body := newTestPayload(b, signal, 1000, 4).Append(nil, Protobuf, FirstID)
		b.Run(signal.String()+"/scan", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for range ScanIDs(body, Protobuf, signal) {
					n++
				}
			}
			require.Equal(b, b.N*1000, n)
		})
		b.Run(signal.String()+"/decode", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				require.Len(b, decodeAttributes(b, signal, Protobuf, body), 1000)
			}
		})
	}
}
