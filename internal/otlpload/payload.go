// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// PayloadOptions says what a payload contains.
type PayloadOptions struct {
	Seed       uint64    // decides the content; the same seed gives the same bytes
	Items      int       // spans, log records or data points in one request, at least 1
	Attributes int       // attributes per item, the ledger id included, at least 1
	Time       time.Time // of the first item; the zero value means 2026-01-01 UTC, which keeps the bytes free of the clock
}

// Payload is an OTLP export request of one signal, marshalled once. Requests made from it differ in the ledger ids, and in
// the trace and span ids, which follow from the ledger ids. A payload is safe for concurrent use.
type Payload struct {
	signal    Signal
	options   PayloadOptions
	templates [2]template // by Encoding
}

// template is a marshalled request and the places in it that change.
type template struct {
	body    []byte
	patches []patch
}

// patch says that the value of field, for the item whose id is the first id plus item, stands at offset.
type patch struct {
	offset, item int
	field        field
}

type field uint8

const (
	ledgerField field = iota
	traceField
	spanField
)

// NewPayload writes and marshals a request of the signal.
func NewPayload(signal Signal, options PayloadOptions) (*Payload, error) {
	if options.Items < 1 || options.Attributes < 1 {
		return nil, errors.New("a payload needs at least one item, and one attribute per item for the ledger id")
	}
	if options.Time.IsZero() {
		options.Time = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	p := &Payload{signal: signal, options: options}
	request := newRequest(signal, newAuthor(options))
	for encoding, marshal := range [...]func() ([]byte, error){Protobuf: request.MarshalProto, JSON: request.MarshalJSON} {
		body, err := marshal()
		if err != nil {
			return nil, fmt.Errorf("cannot marshal a payload of %v: %w", signal, err)
		}
		p.templates[encoding] = template{body: body, patches: p.findPatches(body, Encoding(encoding))}
	}
	return p, nil
}

type request interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

func newRequest(signal Signal, a *author) request {
	switch signal {
	case Traces:
		return ptraceotlp.NewExportRequestFromTraces(a.traces())
	case Logs:
		return plogotlp.NewExportRequestFromLogs(a.logs())
	default:
		return pmetricotlp.NewExportRequestFromMetrics(a.metrics())
	}
}

// Signal returns the signal of the payload.
func (p *Payload) Signal() Signal { return p.signal }

// Items returns the number of items in one request.
func (p *Payload) Items() int { return p.options.Items }

// Append appends a request to dst whose items have the ids first, first+1, and so on.
func (p *Payload) Append(dst []byte, encoding Encoding, first int64) []byte {
	t := p.templates[encoding]
	start := len(dst)
	dst = append(dst, t.body...)
	body := dst[start:]
	for _, patch := range t.patches {
		p.appendValue(body[patch.offset:patch.offset], encoding, patch.field, first+int64(patch.item))
	}
	return dst
}

// appendValue appends the value of a field of the item with the given id; its length depends on encoding and field only.
func (p *Payload) appendValue(dst []byte, encoding Encoding, f field, id int64) []byte {
	switch f {
	case traceField:
		trace := traceID(p.options.Seed, id)
		return appendBytes(dst, encoding, trace[:])
	case spanField:
		span := spanID(p.options.Seed, id)
		return appendBytes(dst, encoding, span[:])
	default:
		if encoding == JSON {
			return strconv.AppendInt(dst, id, 10)
		}
		return binary.AppendUvarint(dst, uint64(id))
	}
}

func appendBytes(dst []byte, encoding Encoding, value []byte) []byte {
	if encoding == JSON {
		return hex.AppendEncode(dst, value)
	}
	return append(dst, value...)
}

// findPatches looks up the values that change. Items stand one after the other in the body, so each item's values are
// searched behind those of the item before it. A value that cannot be found is a fault of this package, hence the panic.
func (p *Payload) findPatches(body []byte, encoding Encoding) []patch {
	var patches []patch
	from := 0
	for item := range p.options.Items {
		end := from
		for _, v := range p.values(item) {
			value := p.appendValue(nil, encoding, v.field, FirstID+int64(v.item))
			at := bytes.Index(body[from:], value)
			if at < 0 {
				panic(fmt.Sprintf("otlpload: no value %x of item %d in the marshalled %v", value, item, p.signal))
			}
			v.offset = from + at
			end = max(end, v.offset+len(value))
			patches = append(patches, v)
		}
		from = end
	}
	return patches
}

// values lists the values of an item that depend on its id, or on that of the first span in its trace.
func (p *Payload) values(item int) []patch {
	ledger := patch{item: item, field: ledgerField}
	own := patch{item: item, field: spanField}
	switch p.signal {
	case Traces:
		root := item - item%spansPerTrace
		values := []patch{ledger, {item: root, field: traceField}, own}
		if root != item {
			values = append(values, patch{item: root, field: spanField})
		}
		return values
	case Logs:
		return []patch{ledger, {item: item, field: traceField}, own}
	default:
		return []patch{ledger}
	}
}

// traceID derives the id of the trace whose first span has the given ledger id.
func traceID(seed uint64, root int64) pcommon.TraceID {
	var id pcommon.TraceID
	high := mix(seed ^ uint64(root))
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], mix(high+1))
	return id
}

// spanID derives the id of the span with the given ledger id.
func spanID(seed uint64, id int64) pcommon.SpanID {
	var span pcommon.SpanID
	binary.BigEndian.PutUint64(span[:], mix(^seed^uint64(id)))
	return span
}

// mix is a bijection that scatters neighbouring numbers (the finaliser of splitmix64), so derived ids never clash.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
