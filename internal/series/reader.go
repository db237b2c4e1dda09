// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// ErrLabels is wrapped by errors about labels that were not written by AppendLabels.
var ErrLabels = errors.New("malformed series labels")

// reader takes encoded labels apart. After the first malformed item every further read returns a zero value, and what was read is not to
// be used.
type reader struct{ codec.Decoder }

func newReader(labels []byte) *reader { return &reader{*codec.NewDecoder(labels)} }

// valueType reads the type of a value, which must be one that may stand at this depth.
func (r *reader) valueType(depth int) pcommon.ValueType {
	t := pcommon.ValueType(r.Byte())
	nested := t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice
	if t > pcommon.ValueTypeBytes || nested && depth >= maxDepth {
		r.Require(false)
		return pcommon.ValueTypeEmpty
	}
	return t
}

func (r *reader) kind() kind {
	// A temporality that is not in the enumeration is kept: data on the wire may hold any.
	t, temporality := r.Below(uint64(pmetric.MetricTypeSummary)+1), r.Below(1<<32)
	return kind{pmetric.MetricType(t), pmetric.AggregationTemporality(int32(uint32(temporality))), r.Bool()}
}

// level reads the tag of the next level, which must be one below previous.
func (r *reader) level(previous int) level {
	l := strings.IndexByte(levelTags, r.Byte())
	if l <= previous {
		r.Require(false)
		return 0
	}
	return level(l)
}

func (r *reader) err(labels []byte) error {
	if r.Err() == nil {
		return nil
	}
	return fmt.Errorf("cannot read %d bytes of labels: %w", len(labels), ErrLabels)
}
