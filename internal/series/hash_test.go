// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func mapOf(t testing.TB, raw map[string]any) pcommon.Map {
	t.Helper()
	m := pcommon.NewMap()
	require.NoError(t, m.FromRaw(raw))
	return m
}

// twice returns a map that holds the key "v" twice, as only data from the wire can.
func twice(t *testing.T, first, second int64) pcommon.Map {
	t.Helper()
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().Resource().Attributes()
	m.PutInt("v", first)
	m.PutInt("w", second)
	payload, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	md, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(bytes.ReplaceAll(payload, []byte("w"), []byte("v")))
	require.NoError(t, err)
	m = md.ResourceMetrics().At(0).Resource().Attributes()
	require.Equal(t, 2, m.Len())
	return m
}

func TestOccurrencesOfAKeyCount(t *testing.T) {
	assert.Equal(t, hashMap(twice(t, 1, 2), 0), hashMap(twice(t, 2, 1), 0))

	id := ID{}.Attributes(twice(t, 1, 1))
	restored, err := rekey(id.AppendLabels(nil))
	require.NoError(t, err)
	assert.Equal(t, id.key, restored.key)
}

func TestKeyTellsMapsApart(t *testing.T) {
	maps := map[string]pcommon.Map{
		"one of two":     mapOf(t, map[string]any{"a": "b"}),
		"name and value": mapOf(t, map[string]any{"b": "a"}),
		"two":            mapOf(t, map[string]any{"a": "b", "c": "d"}),
		"values swapped": mapOf(t, map[string]any{"a": "d", "c": "b"}),
		"boundary early": mapOf(t, map[string]any{"a": "bc"}),
		"boundary late":  mapOf(t, map[string]any{"ab": "c"}),
		"no attribute":   pcommon.NewMap(),
		"empty name":     mapOf(t, map[string]any{"": "a"}),
		"once":           mapOf(t, map[string]any{"v": 7}),
		"twice":          twice(t, 7, 7),
		"other twice":    twice(t, 8, 8),
	}
	for name, value := range map[string]any{
		"nil": nil, "empty string": "", "string 1": "1", "int 1": 1, "double 1": 1.0, "true": true, "false": false,
		"int 0": 0, "double 0": 0.0, "double -0": math.Copysign(0, -1), "NaN": math.NaN(), "string true": "true",
		"bytes 1": []byte("1"), "no bytes": []byte{}, "bytes 11": []byte("11"), "byte 0": []byte{0}, "bytes 00": []byte{0, 0},
		"no map": map[string]any{}, "map": map[string]any{"a": 1}, "map in map": map[string]any{"a": map[string]any{"a": 1}},
		"no slice": []any{}, "slice": []any{1}, "slice of string": []any{"1"}, "slice twice": []any{1, 1},
		"slice in slice": []any{[]any{1}}, "slice of nil": []any{nil}, "order": []any{1, 2}, "other order": []any{2, 1},
		"slice of map": []any{map[string]any{"a": 1}},
	} {
		maps["value "+name] = mapOf(t, map[string]any{"v": value})
	}
	// Zero bytes must count although the last words of a string are padded.
	for n := 1; n <= 40; n++ {
		maps[fmt.Sprintf("%d zeros", n)] = mapOf(t, map[string]any{"v": strings.Repeat("\x00", n)})
	}

	seen := map[Key]string{}
	for name, m := range maps {
		key := hashMap(m, 0)
		assert.NotContains(t, seen, key, "%s has the key of %s", name, seen[key])
		seen[key] = name
	}
	assert.Len(t, seen, len(maps))
}

// TestStringHashSpreadsEveryBit flips each bit of strings of all lengths that the hash treats differently: either half
// must change in about half of its bits, or table and collisions would suffer.
func TestStringHashSpreadsEveryBit(t *testing.T) {
	var flippedHi, flippedLo, flips int
	for length := 1; length <= 50; length++ {
		text := []byte(strings.Repeat("k8s.pod.name/", 4)[:length])
		before := hashString(text)
		require.Equal(t, before, hashString(string(text)), "bytes and string of the same content")
		for bit := range 8 * length {
			text[bit/8] ^= 1 << (bit % 8)
			after := hashString(text)
			text[bit/8] ^= 1 << (bit % 8)
			require.NotEqual(t, before.hi, after.hi)
			require.NotEqual(t, before.lo, after.lo)
			flippedHi += bits.OnesCount64(before.hi ^ after.hi)
			flippedLo += bits.OnesCount64(before.lo ^ after.lo)
			flips++
		}
	}
	assert.InDelta(t, 32, float64(flippedHi)/float64(flips), 1)
	assert.InDelta(t, 32, float64(flippedLo)/float64(flips), 1)
}

// TestKeysAreUniform counts collisions of 32 bits taken from keys of similar series against what chance would give.
func TestKeysAreUniform(t *testing.T) {
	const n = 200_000
	expected := float64(n) * float64(n) / 2 / (1 << 32)
	collisions := map[string]func(Key) uint32{
		"upper half, upper bits": func(k Key) uint32 { return uint32(k.hi >> 32) },
		"upper half, lower bits": func(k Key) uint32 { return uint32(k.hi) },
		"lower half, upper bits": func(k Key) uint32 { return uint32(k.lo >> 32) },
		"lower half, lower bits": func(k Key) uint32 { return uint32(k.lo) },
	}
	keys := make([]Key, n)
	m := pcommon.NewMap()
	m.PutStr("service.name", "model-server")
	for i := range keys {
		m.PutInt("shard", int64(i%400))
		m.PutStr("instance", fmt.Sprint(i/400))
		keys[i] = hashMap(m, 0)
	}
	for name, part := range collisions {
		seen := make(map[uint32]struct{}, n)
		for _, key := range keys {
			seen[part(key)] = struct{}{}
		}
		assert.Less(t, float64(n-len(seen)), 8*expected+8, name)
	}
}

func TestValuesNestedTooDeepCountAsEmpty(t *testing.T) {
	deep := func(levels int, innermost string) Key {
		m := pcommon.NewMap()
		v := m.PutEmpty("v")
		for range levels {
			v = v.SetEmptySlice().AppendEmpty()
		}
		v.SetStr(innermost)
		return hashMap(m, 0)
	}
	assert.NotEqual(t, deep(maxDepth, "a"), deep(maxDepth, "b"))
	assert.Equal(t, deep(maxDepth+1, "a"), deep(maxDepth+1, "b"))
	assert.Equal(t, deep(maxDepth+1, "a"), deep(100_000, "a"))
}

func TestSecretsDifferBetweenProcesses(t *testing.T) {
	m := mapOf(t, map[string]any{"a": "b"})
	before := hashMap(m, 0)
	reseed(t)
	assert.NotEqual(t, before, hashMap(m, 0))
}
