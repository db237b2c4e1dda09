// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"strings"
)

// MaxLabels is the number of attributes that a metric may have.
const MaxLabels = 6

// Labels are the values of a series' attributes, in the order of [Definition.Attributes]: valid UTF-8, as short as the
// caller cares to keep them; "" means that the attribute is absent. Labels past the attributes are ignored.
type Labels [MaxLabels]string

// overflowAttribute is the only attribute of the series that takes what found no room, as OpenTelemetry names it.
const overflowAttribute = "otel.metric.overflow"

// lengthBytes is the room for the length in front of each packed label.
const lengthBytes = 4

// pack returns the labels in one string, each behind its length. A series keeps this copy, so that it keeps nothing
// alive that the labels were cut from, and a search reads one place in memory instead of one per label.
func pack(labels []string) string {
	size := 0
	for _, label := range labels {
		size += lengthBytes + len(label)
	}
	var packed strings.Builder
	packed.Grow(size)
	var length [lengthBytes]byte
	for _, label := range labels {
		binary.LittleEndian.PutUint32(length[:], uint32(len(label)))
		packed.Write(length[:])
		packed.WriteString(label)
	}
	return packed.String()
}

// cutLabel splits the first label from the rest; ok is false where pack has not written it.
func cutLabel(packed string) (label, rest string, ok bool) {
	if len(packed) < lengthBytes {
		return "", "", false
	}
	length := uint32(packed[0]) | uint32(packed[1])<<8 | uint32(packed[2])<<16 | uint32(packed[3])<<24
	packed = packed[lengthBytes:]
	if uint64(length) > uint64(len(packed)) {
		return "", "", false
	}
	return packed[:length], packed[length:], true
}

// unpack returns the n labels of a packed string; ok is false if there are more or fewer.
func unpack(packed string, n int) (labels Labels, ok bool) {
	for i := range n {
		if labels[i], packed, ok = cutLabel(packed); !ok {
			return labels, false
		}
	}
	return labels, packed == ""
}

// key identifies a series of a metric within this process. Its halves are computed with independent seeds that nobody
// outside knows, so that nobody can engineer a collision, and by chance there is none.
type key struct{ hi, lo uint64 }

// seeds are the secrets behind the keys of a Meter.
type seeds struct{ hi, lo maphash.Seed }

func newSeeds() seeds { return seeds{maphash.MakeSeed(), maphash.MakeSeed()} }

func (s *seeds) keyOf(labels []string) key {
	var k key
	for _, label := range labels {
		k.hi = bits.RotateLeft64(k.hi*odd, 32) ^ maphash.String(s.hi, label)
		k.lo = bits.RotateLeft64(k.lo*odd, 32) ^ maphash.String(s.lo, label)
	}
	return k
}

// odd spreads the bits, so that the order of the labels counts.
const odd = 0x9e3779b97f4a7c15
