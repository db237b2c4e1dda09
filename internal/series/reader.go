// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// ErrLabels is wrapped by errors about labels that were not written by AppendLabels.
var ErrLabels = errors.New("malformed series labels")

// reader takes encoded labels apart. After the first malformed item it has failed, every further read returns a zero
// value, and what was read is not to be used.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) fail() {
	r.failed = true
	r.rest = nil
}

// take returns the next n bytes, nil if there are fewer.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) word() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) bool() bool {
	b := r.byte()
	if b > 1 {
		r.fail()
	}
	return b == 1
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bytes() []byte { return r.take(r.uvarint()) }

// count reads a number of items of at least one byte each.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

// valueType reads the type of a value, which must be one that may stand at this depth.
func (r *reader) valueType(depth int) pcommon.ValueType {
	t := pcommon.ValueType(r.byte())
	nested := t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice
	if t > pcommon.ValueTypeBytes || nested && depth >= maxDepth {
		r.fail()
		return pcommon.ValueTypeEmpty
	}
	return t
}

func (r *reader) kind() kind {
	t, temporality := r.uvarint(), r.uvarint()
	// A temporality that is not in the enumeration is kept: data on the wire may hold any.
	if t > uint64(pmetric.MetricTypeSummary) || temporality > 1<<32-1 {
		r.fail()
		return kind{}
	}
	return kind{pmetric.MetricType(t), pmetric.AggregationTemporality(int32(uint32(temporality))), r.bool()}
}

// level reads the tag of the next level, which must be one below previous.
func (r *reader) level(previous int) level {
	l := strings.IndexByte(levelTags, r.byte())
	if l <= previous {
		r.fail()
		return 0
	}
	return level(l)
}

func (r *reader) err(labels []byte) error {
	if !r.failed {
		return nil
	}
	return fmt.Errorf("cannot read %d bytes of labels: %w", len(labels), ErrLabels)
}
