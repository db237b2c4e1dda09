// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

func TestContain(t *testing.T) {
	require.NoError(t, contain(func() error { return nil }))
	require.ErrorIs(t, contain(func() error { return errTest }), errTest)
	var fault *faultError
	require.ErrorAs(t, contain(func() error { panic("broken page") }), &fault)
	require.EqualError(t, fault, "the call panicked: broken page")
}

// TestContainMemoryFault reads a memory-mapped file past its end, which is fatal to the process without SetPanicOnFault.
func TestContainMemoryFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, make([]byte, 4*os.Getpagesize()), 0o600))
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	mapped, err := syscall.Mmap(int(file.Fd()), 0, 4*os.Getpagesize(), syscall.PROT_READ, syscall.MAP_SHARED)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, 0))
	var fault *faultError
	require.ErrorAs(t, contain(func() error {
		copy(make([]byte, len(mapped)), mapped)
		return nil
	}), &fault)
	require.NoError(t, syscall.Munmap(mapped))
}

// TestPanickingStorage shows that a generation that panics is given up, once, and that the other one carries on alone.
func TestPanickingStorage(t *testing.T) {
	ext := newFakeStorage()
	s, logs := openTest(t, ext, Settings{})
	require.NoError(t, s.Save(t.Context(), 1, []byte("one")))
	ext.clients["state.b"].before = func(*storage.Operation) error { panic("broken page") }
	var fault *faultError
	require.ErrorAs(t, s.Save(t.Context(), 1, []byte("two")), &fault)
	require.Equal(t, 1, s.Stats().Broken)
	require.Equal(t, 1, logs.FilterMessageSnippet("not used any more").Len())
	requireLoaded(t, s, 1, []byte("one"))

	for range 2 {
		require.NoError(t, s.Save(t.Context(), 1, []byte("three")))
	}
	requireLoaded(t, s, 3, []byte("three"))

	ext.clients["state.a"].before = ext.clients["state.b"].before
	require.ErrorAs(t, s.Save(t.Context(), 1, []byte("four")), &fault)
	require.ErrorIs(t, s.Save(t.Context(), 1, []byte("five")), errUnusable)
	require.False(t, load(s).ok)
	stats := s.Stats()
	require.Equal(t, 2, stats.Broken)
	require.EqualValues(t, 3, stats.SaveFailures, "two, four and five")
	require.Equal(t, 2, logs.FilterMessageSnippet("not used any more").Len())
}

func TestPanickingOpenAndClose(t *testing.T) {
	ext := newFakeStorage()
	ext.getClient = func(name string) error {
		if name == "state.a" {
			panic("broken page")
		}
		return nil
	}
	s, _ := openTest(t, ext, Settings{})
	require.Equal(t, 1, s.Stats().Broken)
	require.NoError(t, s.Save(t.Context(), 1, []byte("one")))
	ext.clients["state.b"].close = func() error { panic("broken page") }
	require.ErrorContains(t, s.Close(t.Context()), `cannot close checkpoint "state.b"`)
}

// TestHangingStorage shows the bound on a call that never returns, and on the goroutines that such calls cost.
func TestHangingStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ext := newFakeStorage()
		s, logs := openTest(t, ext, Settings{Timeout: 5 * time.Second})
		require.NoError(t, s.Save(t.Context(), 1, []byte("one")))
		release := make(chan struct{})
		ext.clients["state.b"].before = func(*storage.Operation) error {
			<-release
			return errTest
		}
		ext.clients["state.b"].close = func() error { panic("a client that hangs must not be closed") }
		start := time.Now()
		require.ErrorIs(t, s.Save(t.Context(), 1, []byte("two")), ErrAbandoned)
		require.Equal(t, 5*time.Second, time.Since(start))
		for range 10 {
			require.NoError(t, s.Save(t.Context(), 1, []byte("three")))
		}
		requireLoaded(t, s, 11, []byte("three"))
		require.Equal(t, 5*time.Second, time.Since(start), "one call waited")
		stats := s.Stats()
		require.EqualValues(t, 1, stats.AbandonedCalls)
		require.Equal(t, 1, stats.Broken)
		require.Equal(t, 1, logs.FilterMessageSnippet("not used any more").Len())
		close(release)
	})
}

// TestHangingStorageUnderContext shows that a caller's deadline, such as that of a shutdown, bounds a call too.
func TestHangingStorageUnderContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ext := newFakeStorage()
		s, _ := openTest(t, ext, Settings{})
		release := make(chan struct{})
		ext.clients["state.a"].before = func(*storage.Operation) error {
			<-release
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, s.Save(ctx, 1, []byte("one")), ErrAbandoned)
		require.Equal(t, time.Second, time.Since(start))
		close(release)
	})
}
