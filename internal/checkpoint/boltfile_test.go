// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// boltFileOf returns the content of a file of the real storage with n values.
func boltFileOf(tb testing.TB, n, valueBytes int) []byte {
	tb.Helper()
	dir := tb.TempDir()
	client, err := requireFileStorage(tb, dir).GetClient(tb.Context(), testKind, testID, "x")
	require.NoError(tb, err)
	var ops []*storage.Operation
	for i := range n {
		ops = append(ops, storage.SetOperation(chunkKey(i), make([]byte, valueBytes)))
	}
	require.NoError(tb, client.Batch(tb.Context(), ops...))
	require.NoError(tb, client.Close(tb.Context()))
	entries, err := os.ReadDir(dir)
	require.NoError(tb, err)
	content, err := os.ReadFile(filepath.Join(dir, entries[0].Name()))
	require.NoError(tb, err)
	return content
}

// TestCheckBoltAcceptsHealthyFiles holds the check against what bbolt writes under random loads: a false alarm would set a
// good state aside.
func TestCheckBoltAcceptsHealthyFiles(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 1))
		ext := requireFileStorage(t, t.TempDir())
		file := findStorageFile(ext, testKind, testID, "x")
		client, err := ext.GetClient(t.Context(), testKind, testID, "x")
		require.NoError(t, err)
		require.NoError(t, file.check(), "empty")
		maxValue := 1 << (4 + seed)
		for step := range 60 {
			var ops []*storage.Operation
			for range 1 + rng.IntN(60) {
				key := fmt.Sprintf("%0*d", 1+rng.IntN(40), rng.IntN(400))
				switch rng.IntN(5) {
				case 0, 1:
					ops = append(ops, storage.DeleteOperation(key))
				default:
					ops = append(ops, storage.SetOperation(key, make([]byte, rng.IntN(maxValue))))
				}
			}
			if step%20 == 19 {
				for i := range 400 {
					for width := range 40 {
						ops = append(ops, storage.DeleteOperation(fmt.Sprintf("%0*d", width+1, i)))
					}
				}
			}
			require.NoError(t, client.Batch(t.Context(), ops...))
			require.NoError(t, file.check(), "seed %d, step %d", seed, step)
		}
		require.NoError(t, client.Close(t.Context()))
		require.NoError(t, file.checkAlone())
	}
}

func TestCheckBoltRefuses(t *testing.T) {
	small, large := boltFileOf(t, 2, 10), boltFileOf(t, 3000, 100)
	pageSize := os.Getpagesize()
	// pageWith returns the offset of the first page of a type that is its own number and in use.
	pageWith := func(b []byte, flags uint16) int {
		meta, err := readBoltMeta(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		for at := 2 * pageSize; at < int(meta.pages)*pageSize; at += pageSize {
			c := boltCheck{file: bytes.NewReader(b), pageSize: int64(pageSize), seen: make([]bool, meta.pages)}
			if p, err := c.page(uint64(at / pageSize)); err == nil && p.flags == flags && p.count > 1 {
				return at
			}
		}
		require.Fail(t, "no such page")
		return 0
	}
	branch := pageWith(large, boltBranchPage)
	leaf := int(native.Uint64(large[branch+boltPageHeader+8:])) * pageSize // the first child
	meta, err := readBoltMeta(bytes.NewReader(small), int64(len(small)))
	require.NoError(t, err)
	root := int(meta.root) * pageSize
	inline := root + bytes.Index(small[root:], []byte("default")) + len("default") + boltBucketHeader

	f := func(name string, content []byte, change func(b []byte) []byte) {
		t.Helper()
		require.NoError(t, checkBolt(bytes.NewReader(content), int64(len(content))), name)
		b := change(bytes.Clone(content))
		require.ErrorIs(t, checkBolt(bytes.NewReader(b), int64(len(b))), errDamaged, name)
	}
	set16 := func(at int, v uint16) func([]byte) []byte {
		return func(b []byte) []byte { native.PutUint16(b[at:], v); return b }
	}
	set32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { native.PutUint32(b[at:], v); return b }
	}
	set64 := func(at int, v uint64) func([]byte) []byte {
		return func(b []byte) []byte { native.PutUint64(b[at:], v); return b }
	}
	f("truncated", large, func(b []byte) []byte { return b[:leaf] })
	f("truncated in the meta page", large, func(b []byte) []byte { return b[:50] })
	f("both meta pages", large, func(b []byte) []byte { b[40]++; b[pageSize+40]++; return b })
	f("first meta page", large, func(b []byte) []byte { b[40]++; return b })
	f("second meta page", large, func(b []byte) []byte { b[pageSize+40]++; return b })
	f("page number", large, set64(leaf, 3))
	f("page type", large, set16(leaf+8, boltFreelistPage))
	f("empty leaf", large, set16(leaf+10, 0))
	f("empty branch", large, set16(branch+10, 0))
	f("page count that needs more than the page", large, set16(leaf+10, math.MaxUint16))
	f("absurd overflow", large, set32(leaf+12, math.MaxUint32))
	f("overflow into other pages", large, set32(leaf+12, 3))
	f("value past the page", large, set32(leaf+boltPageHeader+12, uint32(pageSize)))
	f("key past the page", large, set32(leaf+boltPageHeader+4, uint32(pageSize)))
	f("absurd key", large, set32(leaf+boltPageHeader+8, 1<<31))
	f("empty key", large, set32(leaf+boltPageHeader+8, 0))
	f("nested bucket", large, set32(leaf+boltPageHeader, boltBucketElement))
	f("child is the page itself", large, set64(branch+boltPageHeader+8, uint64(branch/pageSize)))
	f("child outside the file", large, set64(branch+boltPageHeader+8, 1<<40))
	f("child is a meta page", large, set64(branch+boltPageHeader+8, 1))
	f("child referenced twice", large, set64(branch+boltPageHeader+8, native.Uint64(large[branch+boltPageHeader+boltElement+8:])))
	f("key order in a leaf", large, func(b []byte) []byte {
		key := leaf + boltPageHeader + boltElement + int(native.Uint32(b[leaf+boltPageHeader+boltElement+4:]))
		b[key] = 'a'
		return b
	})
	f("first key is not the parent's", large, func(b []byte) []byte {
		key := leaf + boltPageHeader + int(native.Uint32(b[leaf+boltPageHeader+4:]))
		b[key] = 'a'
		return b
	})
	f("inline number", small, set64(inline, 9))
	f("inline type", small, set16(inline+8, boltBranchPage))
	f("inline count", small, set16(inline+10, math.MaxUint16))
	f("bucket name", small, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("default"), []byte("dafault")) })
}

// FuzzCheckBolt shows that the check itself survives any file.
func FuzzCheckBolt(f *testing.F) {
	seeds := [][]byte{boltFileOf(f, 1, 10), boltFileOf(f, 200, 100)}
	f.Add(0, uint32(4096*3+10), uint64(5), uint32(0))
	f.Add(1, uint32(4096*4+12), uint64(math.MaxUint32), uint32(20000))
	f.Fuzz(func(t *testing.T, which int, at uint32, value uint64, cut uint32) {
		b := bytes.Clone(seeds[uint(which)%2])
		native.PutUint64(b[int(at)%(len(b)-8):], value)
		b = b[:len(b)-int(cut)%len(b)]
		if err := checkBolt(bytes.NewReader(b), int64(len(b))); err != nil {
			require.ErrorIs(t, err, errDamaged, "reading from memory has no other errors")
		}
	})
}

func BenchmarkCheckBolt(b *testing.B) {
	for _, n := range []int{1, 20} {
		content := boltFileOf(b, n, maxChunkBytes)
		b.Run(fmt.Sprintf("MiB=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, checkBolt(bytes.NewReader(content), int64(len(content))))
			}
		})
	}
}
