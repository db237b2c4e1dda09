// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

func TestSaveLoadRestart(t *testing.T) {
	dir := t.TempDir()
	// Growing, shrinking and empty blobs, with sizes at the borders of chunks.
	sizes := []int{0, 1, maxChunkBytes - 1, maxChunkBytes, maxChunkBytes + 1, 3*maxChunkBytes + 7, 10, 0, 2 * maxChunkBytes}
	for i, size := range sizes {
		ext := requireFileStorage(t, dir)
		s := open(t.Context(), ext, testKind, testID, Settings{Name: "state", Logger: zap.NewNop()}, maxChunkBytes)
		if i > 0 {
			requireLoaded(t, s, uint64(i), blobOf(i-1, sizes[i-1]))
		}
		before := time.Now()
		require.NoError(t, s.Save(t.Context(), 7, blobOf(i, size)))
		l := load(s)
		require.True(t, l.ok)
		require.EqualValues(t, 7, l.Schema)
		require.WithinRange(t, l.SavedAt, before.Add(-time.Second), time.Now())

		stats := s.Stats()
		require.EqualValues(t, 1, stats.Saves)
		require.Equal(t, size, stats.Bytes)
		require.EqualValues(t, i+1, stats.Generation)
		require.Positive(t, stats.Duration)
		require.Zero(t, stats.Rejected+stats.SaveFailures+stats.AbandonedCalls)
		require.NoError(t, s.Close(t.Context()))
	}
}

func TestStaleChunksAreDeleted(t *testing.T) {
	ext := newFakeStorage()
	s, _ := openTest(t, ext, Settings{})
	for _, size := range []int{3 * maxChunkBytes, 3 * maxChunkBytes, 10, 0} {
		require.NoError(t, s.Save(t.Context(), 1, blobOf(1, size)))
	}
	assert.Len(t, ext.clients["state.a"].values, 2, "header and one chunk")
	assert.Len(t, ext.clients["state.b"].values, 1, "header")
}

func TestNewStateIsClean(t *testing.T) {
	s, logs := openTest(t, requireFileStorage(t, t.TempDir()), Settings{})
	require.False(t, load(s).ok)
	require.Zero(t, logs.Len())
}

func TestWithoutStorage(t *testing.T) {
	s, err := Open(t.Context(), host{}, testKind, testID, Settings{Name: "state", Logger: zap.NewNop()})
	require.NoError(t, err)
	require.NoError(t, s.Save(t.Context(), 1, []byte("x")))
	require.False(t, load(s).ok)
	require.Zero(t, s.Stats())
	require.NoError(t, s.Close(t.Context()))
}

func TestOpenFindsStorage(t *testing.T) {
	storageID := component.MustNewID("file_storage")
	hosts := host{storageID: requireFileStorage(t, t.TempDir()), component.MustNewID("zpages"): nil}
	s, err := Open(t.Context(), hosts, testKind, testID, Settings{Storage: &storageID, Name: "state", Logger: zap.NewNop()})
	require.NoError(t, err)
	require.NoError(t, s.Save(t.Context(), 1, []byte("x")))
	require.NoError(t, s.Close(t.Context()))
	require.ErrorIs(t, s.Save(t.Context(), 1, nil), errUnusable)
	require.NoError(t, s.Close(t.Context()), "twice")

	f := func(hosts host, id, want string) {
		t.Helper()
		wanted := component.MustNewID(id)
		_, err := Open(t.Context(), hosts, testKind, testID, Settings{Storage: &wanted, Name: "state", Logger: zap.NewNop()})
		require.EqualError(t, err, want)
	}
	f(hosts, "redis", `storage: extension "redis" is not listed under service::extensions (configured storage extensions: "file_storage")`)
	f(hosts, "zpages", `storage: extension "zpages" is not a storage extension (configured storage extensions: "file_storage")`)
	f(nil, "redis", `storage: extension "redis" is not listed under service::extensions (no storage extension is configured; file_storage is one)`)
}

func TestDecoderRefusesNewest(t *testing.T) {
	ext := requireFileStorage(t, t.TempDir())
	s, logs := openTest(t, ext, Settings{})
	require.NoError(t, s.Save(t.Context(), 1, []byte("one")))
	require.NoError(t, s.Save(t.Context(), 2, []byte("two")))

	var seen []uint32
	refuse := func(refused error) func(uint32, []byte) error {
		seen = nil
		return func(schema uint32, _ []byte) error {
			seen = append(seen, schema)
			if schema == 2 {
				if refused == nil {
					panic("decoder bug")
				}
				return refused
			}
			return nil
		}
	}
	for _, refused := range []error{errTest, nil} {
		restored, ok := s.Load(t.Context(), refuse(refused))
		require.True(t, ok)
		require.EqualValues(t, 1, restored.Generation)
		require.EqualValues(t, 1, restored.Schema)
		require.Equal(t, []uint32{2, 1}, seen)
	}
	require.EqualValues(t, 2, s.Stats().Rejected)
	require.Equal(t, 2, logs.FilterMessageSnippet("does not verify").Len())

	// What was refused is overwritten, what was accepted stays, and the numbers go on.
	require.NoError(t, s.Save(t.Context(), 1, []byte("three")))
	requireLoaded(t, s, 3, []byte("three"))
	restored, _ := s.Load(t.Context(), func(_ uint32, blob []byte) error {
		if string(blob) == "three" {
			return errTest
		}
		return nil
	})
	require.EqualValues(t, 1, restored.Generation)

	_, ok := s.Load(t.Context(), func(uint32, []byte) error { return errTest })
	require.False(t, ok, "clean start")
}

func TestTornWrite(t *testing.T) {
	ext := newFakeStorage()
	s, _ := openTest(t, ext, Settings{})
	require.NoError(t, s.Save(t.Context(), 1, blobOf(1, 3*maxChunkBytes)))
	require.NoError(t, s.Save(t.Context(), 1, blobOf(2, 3*maxChunkBytes)))
	left := 2
	ext.clients["state.a"].before = func(*storage.Operation) error {
		if left--; left < 0 {
			return errTest
		}
		return nil
	}
	for range 3 {
		require.ErrorIs(t, s.Save(t.Context(), 1, blobOf(3, 4*maxChunkBytes)), errTest)
	}
	require.EqualValues(t, 3, s.Stats().SaveFailures)
	ext.clients["state.a"].before = nil

	// As a restart finds it, the newest good state is there, and the torn one is noticed once it would be needed.
	again, logs := openTest(t, ext, Settings{})
	requireLoaded(t, again, 2, blobOf(2, 3*maxChunkBytes))
	require.Zero(t, logs.Len())
	_, ok := again.Load(t.Context(), func(_ uint32, _ []byte) error { return errTest })
	require.False(t, ok)
	require.EqualValues(t, 2, again.Stats().Rejected)
}

func TestStorageFull(t *testing.T) {
	ext := requireFileStorage(t, t.TempDir(), func(cfg *filestorage.Config) { cfg.MaxSize = 4 << 20 })
	s, _ := openTest(t, ext, Settings{})
	small := blobOf(1, maxChunkBytes)
	require.NoError(t, s.Save(t.Context(), 1, small))
	for range 3 {
		require.ErrorIs(t, s.Save(t.Context(), 1, blobOf(2, 8<<20)), storage.ErrStorageFull)
		requireLoaded(t, s, 1, small)
	}
	require.NoError(t, s.Save(t.Context(), 1, []byte("small again")))
	requireLoaded(t, s, 2, []byte("small again"))
	stats := s.Stats()
	require.EqualValues(t, 3, stats.SaveFailures)
	require.Zero(t, stats.Broken)
}

func TestClosedStorage(t *testing.T) {
	ext := newFakeStorage()
	s, _ := openTest(t, ext, Settings{})
	require.NoError(t, s.Save(t.Context(), 1, []byte("one")))
	closed := func(*storage.Operation) error { return errTest }
	ext.clients["state.b"].before = closed
	require.ErrorIs(t, s.Save(t.Context(), 1, []byte("two")), errTest)
	ext.clients["state.b"].before = nil
	require.NoError(t, s.Save(t.Context(), 1, []byte("two")))
	requireLoaded(t, s, 2, []byte("two"))
}

func TestCancelledSave(t *testing.T) {
	s, _ := openTest(t, requireFileStorage(t, t.TempDir()), Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Save(ctx, 1, []byte("one")), context.Canceled)
	require.Zero(t, s.Stats().Broken, "nothing was started, so nothing is broken")
	require.NoError(t, s.Save(t.Context(), 1, []byte("one")))

	// A Load that did not get to read anything does not release the state for overwriting.
	_, ok := s.Load(ctx, func(uint32, []byte) error { return nil })
	require.False(t, ok)
	require.Equal(t, "state.b", s.target().name)
	requireLoaded(t, s, 1, []byte("one"))
}

func TestTooLarge(t *testing.T) {
	s, _ := openTest(t, newFakeStorage(), Settings{})
	require.ErrorContains(t, s.Save(t.Context(), 1, make([]byte, maxBlobBytes+1)), "the limit is")
}

func TestComponentsDoNotCollide(t *testing.T) {
	dir := t.TempDir()
	ext := requireFileStorage(t, dir)
	type place struct {
		kind component.Kind
		id   component.ID
		name string
	}
	places := []place{
		{component.KindProcessor, component.MustNewID("drift"), "state"},
		{component.KindProcessor, component.MustNewID("drift"), "other"},
		{component.KindProcessor, component.MustNewIDWithName("drift", "a"), "state"},
		{component.KindConnector, component.MustNewID("drift"), "state"},
	}
	for i, p := range places {
		s := open(t.Context(), ext, p.kind, p.id, Settings{Name: p.name, Logger: zap.NewNop()}, maxChunkBytes)
		require.NoError(t, s.Save(t.Context(), 1, blobOf(i, 100)))
		defer func() { require.NoError(t, s.Close(t.Context())) }()
		defer requireLoaded(t, s, 1, blobOf(i, 100))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2*len(places))
}

// TestForeignState shows that two components whose names add up to the same file name do not take each other's state.
func TestForeignState(t *testing.T) {
	ext := requireFileStorage(t, t.TempDir())
	save := func(id component.ID) loaded {
		s := open(t.Context(), ext, testKind, id, Settings{Name: "state", Logger: zap.NewNop()}, maxChunkBytes)
		defer func() { require.NoError(t, s.Close(t.Context())) }()
		l := load(s)
		require.NoError(t, s.Save(t.Context(), 1, []byte(id.String())))
		return l
	}
	save(component.MustNewIDWithName("drift", "a_b"))
	require.False(t, save(component.MustNewIDWithName("drift_a", "b")).ok)
}

func TestFileInUse(t *testing.T) {
	dir := t.TempDir()
	first, _ := openTest(t, requireFileStorage(t, dir), Settings{})
	require.NoError(t, first.Save(t.Context(), 1, []byte("one")))
	second, logs := openTest(t, requireFileStorage(t, dir), Settings{})
	require.Equal(t, 2, logs.FilterMessageSnippet("cannot be opened").Len())
	require.False(t, load(second).ok)
	require.ErrorIs(t, second.Save(t.Context(), 1, nil), errInUse)

	// As soon as the first lets go, the second works, and does not write an older number over a newer one.
	require.NoError(t, first.Close(t.Context()))
	require.NoError(t, second.Save(t.Context(), 1, []byte("two")))
	requireLoaded(t, second, 2, []byte("two"))
}

func TestDamagedFileIsKeptAside(t *testing.T) {
	dir := t.TempDir()
	ext := requireFileStorage(t, dir)
	s, logs := openTest(t, ext, Settings{})
	require.NoError(t, s.Save(t.Context(), 1, []byte("one")))
	require.NoError(t, s.Save(t.Context(), 1, []byte("two")))
	file := findStorageFile(ext, testKind, testID, "state.b").path
	require.NoError(t, os.Truncate(file, 5000))

	requireLoaded(t, s, 1, []byte("one"))
	require.FileExists(t, file+".damaged")
	require.Equal(t, 1, logs.FilterMessageSnippet("does not verify any more").Len())
	require.NoError(t, s.Save(t.Context(), 1, []byte("three")))
	require.NoError(t, s.Save(t.Context(), 1, []byte("four")))
	requireLoaded(t, s, 4, []byte("four"))
	require.Zero(t, s.Stats().Broken)
}

// TestFileStoragePaths holds findStorageFile against the pinned version of file_storage.
func TestFileStoragePaths(t *testing.T) {
	for _, name := range []string{"", "eu", "eu/west ~1", "größe", strings.Repeat("long", 60)} {
		for _, kind := range []component.Kind{component.KindReceiver, component.KindProcessor, component.KindExporter, component.KindExtension, component.KindConnector} {
			dir := t.TempDir()
			ext := requireFileStorage(t, dir)
			id := component.MustNewIDWithName("drift", name)
			client, err := ext.GetClient(t.Context(), kind, id, "state.a")
			require.NoError(t, err)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 1)
			file := findStorageFile(ext, kind, id, "state.a")
			require.NotNil(t, file)
			require.Equal(t, filepath.Join(dir, entries[0].Name()), file.path)
			require.NoError(t, client.Close(t.Context()))
		}
	}
	require.Nil(t, findStorageFile(newFakeStorage(), testKind, testID, "state.a"), "no file to check")
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	s, _ := openTest(t, requireFileStorage(t, t.TempDir()), Settings{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 20 {
				assert.NoError(t, s.Save(t.Context(), 1, blobOf(i, 1000)))
				assert.Len(t, load(s).blob, 1000)
				s.Stats()
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 80, s.Stats().Saves)
	require.EqualValues(t, 80, s.Stats().Generation)
}

func TestErrorsNameTheCheckpoint(t *testing.T) {
	ext := newFakeStorage()
	ext.getClient = func(string) error { return errTest }
	s, _ := openTest(t, ext, Settings{})
	err := s.Save(t.Context(), 1, nil)
	require.EqualError(t, err, `cannot open checkpoint "state.a": test error`)
	require.ErrorIs(t, err, errTest)
}
