// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// recipe builds values from the bytes of a fuzzer.
type recipe struct{ rest []byte }

func (r *recipe) byte() byte {
	if len(r.rest) == 0 {
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *recipe) take() []byte {
	n := min(int(r.byte()%24), len(r.rest))
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *recipe) value(v pcommon.Value, depth int) {
	switch pcommon.ValueType(r.byte() % 8) {
	case pcommon.ValueTypeStr:
		v.SetStr(string(r.take()))
	case pcommon.ValueTypeInt:
		v.SetInt(int64(int8(r.byte())))
	case pcommon.ValueTypeDouble:
		v.SetDouble(float64(int8(r.byte())))
	case pcommon.ValueTypeBool:
		v.SetBool(r.byte()%2 == 1)
	case pcommon.ValueTypeBytes:
		v.SetEmptyBytes().FromRaw(r.take())
	case pcommon.ValueTypeMap:
		m := v.SetEmptyMap()
		for n := r.byte() % 4; n > 0 && depth < maxDepth; n-- {
			r.value(m.PutEmpty(string(r.take())), depth+1)
		}
	case pcommon.ValueTypeSlice:
		s := v.SetEmptySlice()
		for n := r.byte() % 4; n > 0 && depth < maxDepth; n-- {
			r.value(s.AppendEmpty(), depth+1)
		}
	}
}

func (r *recipe) attributes() pcommon.Map {
	m := pcommon.NewMap()
	for len(r.rest) > 0 && m.Len() < 20 {
		r.value(m.PutEmpty(string(r.take())), 0)
	}
	return m
}

// canonical writes a map so that equal sets of attributes give equal bytes: the definition that keys are held to.
func canonical(m pcommon.Map) []byte {
	var items [][]byte
	for name, v := range m.All() {
		items = append(items, appendCanonicalValue(appendString(nil, name), v))
	}
	slices.SortFunc(items, bytes.Compare)
	out := binary.AppendUvarint(nil, uint64(len(items)))
	for _, item := range items {
		out = append(binary.AppendUvarint(out, uint64(len(item))), item...)
	}
	return out
}

func appendCanonicalValue(out []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		return append(append(out, byte(v.Type())), canonical(v.Map())...)
	case pcommon.ValueTypeSlice:
		out = binary.AppendUvarint(append(out, byte(v.Type())), uint64(v.Slice().Len()))
		for _, item := range v.Slice().All() {
			out = appendCanonicalValue(out, item)
		}
		return out
	default:
		return appendValue(out, v, 0)
	}
}

// reversed returns the same attributes in the opposite order, at every depth.
func reversed(m pcommon.Map) pcommon.Map {
	var names []string
	for name := range m.All() {
		names = append(names, name)
	}
	out := pcommon.NewMap()
	for _, name := range slices.Backward(names) {
		v, _ := m.Get(name)
		if v.Type() == pcommon.ValueTypeMap {
			reversed(v.Map()).CopyTo(out.PutEmptyMap(name))
			continue
		}
		v.CopyTo(out.PutEmpty(name))
	}
	return out
}

// FuzzKey: two maps have the same key if and only if they are equal as sets of attributes.
func FuzzKey(f *testing.F) {
	f.Add([]byte("\x04name\x01\x05value\x03num\x02\x07"), []byte{1, 0})
	f.Add([]byte("\x01a\x05\x02\x01b\x02\x01\x01c\x06\x02\x01\x011\x02\x01"), []byte{8, 3})
	f.Add([]byte("\x01a\x00\x01b\x07\x021\x00\x01c\x03\x01\x01d\x04\x01"), []byte{3, 255})
	f.Fuzz(func(t *testing.T, data, change []byte) {
		m := (&recipe{data}).attributes()
		key := hashMap(m, 0)
		require.Equal(t, key, hashMap(reversed(m), 0), "the order of attributes must not matter")

		changed := bytes.Clone(data)
		if len(change) == 2 && len(changed) > 0 {
			changed[int(change[0])%len(changed)] ^= change[1]
		}
		other := (&recipe{changed}).attributes()
		require.Equal(t, bytes.Equal(canonical(m), canonical(other)), key == hashMap(other, 0))
	})
}

// FuzzRoundTrip: labels give back the identity that they were made of.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("\x01a\x01\x01b"), []byte("\x01a\x02\x01"), []byte("\x01c\x05\x01\x01d\x03\x01"), "m", byte(2))
	f.Add([]byte{}, []byte{}, []byte("\x00\x06\x02\x01\x00\x07\x02xy"), "", byte(0))
	f.Fuzz(func(t *testing.T, resource, scope, attributes []byte, name string, metricType byte) {
		r, s, m := pcommon.NewResource(), pcommon.NewInstrumentationScope(), pmetric.NewMetric()
		(&recipe{resource}).attributes().CopyTo(r.Attributes())
		(&recipe{scope}).attributes().CopyTo(s.Attributes())
		s.SetName(name)
		m.SetName(name)
		setKind(m, kind{pmetric.MetricType(metricType % 6), pmetric.AggregationTemporality(metricType % 3), metricType > 9})
		id := ID{}.Resource(r).Scope(s).Metric(m).Attributes((&recipe{attributes}).attributes())
		encoded := id.AppendLabels(nil)

		restored, err := rekey(encoded)
		require.NoError(t, err)
		require.Equal(t, identity{id.key, id.group, len(id.appendGroup(nil))}, restored)

		labels, err := decodeLabels(encoded)
		require.NoError(t, err)
		decoded := ID{}.Resource(labels.Resource).Scope(labels.Scope).Metric(labels.Metric).Attributes(labels.Attributes)
		require.Equal(t, id.key, decoded.key)
		require.Equal(t, encoded, decoded.AppendLabels(nil))
	})
}

// FuzzLabels: bytes that nobody encoded are refused or read, by both readers alike, and never cause a panic.
func FuzzLabels(f *testing.F) {
	id := ID{}.Resource(resourceOf(f, map[string]any{"a": []any{1, math.Pi, []byte("x")}})).
		Metric(metricOf("m", "s", func(m pmetric.Metric) { m.SetEmptySum() })).
		Attributes(mapOf(f, map[string]any{"b": map[string]any{"c": true}, "d": nil}))
	f.Add(id.AppendLabels(nil))
	f.Add([]byte(overflowLabels))
	f.Add([]byte("a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add(append([]byte("a\x01\x00"), bytes.Repeat([]byte{byte(pcommon.ValueTypeSlice), 1}, 1000)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := rekey(data)
		_, decodeErr := decodeLabels(data)
		assert.Equal(t, err == nil, decodeErr == nil)
		if err != nil {
			require.ErrorIs(t, err, ErrLabels)
			require.ErrorIs(t, decodeErr, ErrLabels)
			return
		}
		store := NewStore[int](Config{})
		_, err = store.Restore(data)
		require.NoError(t, err)
		for ref := range store.All() {
			require.Equal(t, data, store.AppendLabels([]byte{}, ref))
		}
	})
}
