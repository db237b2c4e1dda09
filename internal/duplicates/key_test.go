// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeyOf holds keys against what sha256sum says: they are stored, and must never change.
func TestKeyOf(t *testing.T) {
	f := func(want string, parts ...string) {
		t.Helper()
		key := KeyOf(parts...)
		require.Equal(t, want, hex.EncodeToString(key[:]))
	}
	f("e3b0c44298fc1c149afbf4c8996fb924")                                // printf ''
	f("c150b536a0d7450f5d040d8dac8f6924", "ab", "c")                     // printf '\002ab\001c'
	f("d5d2543585f441168043435dd92e147e", "/cluster/a", "r1")            // printf '\012/cluster/a\002r1'
	f("467904652146cb6f5fca17759507d287", strings.Repeat("x", 1000), "") // printf '\350\007'; 1000 times x; printf '\000'
}

func TestKeyOfTellsPartsApart(t *testing.T) {
	seen := map[Key][]string{}
	for _, parts := range [][]string{
		nil, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"\x01a"}, {"a", "\x01b"}, {"a\x01b"},
	} {
		key := KeyOf(parts...)
		require.NotContains(t, seen, key, parts)
		seen[key] = parts
	}
}

func TestKeyOfDoesNotAllocate(t *testing.T) {
	source, id := strings.Repeat("s", 200), strings.Repeat("i", 200)
	require.Zero(t, testing.AllocsPerRun(100, func() { KeyOf(source, id) }))
}

func BenchmarkKeyOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		KeyOf("/cluster/a/gateway", "0b2d9c3e-7f0a-4e53-9d3c-6f1f4f3d2b1a")
	}
}
