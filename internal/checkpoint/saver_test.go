// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

func TestSaver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := openTest(t, newFakeStorage(), Settings{})
		calls := 0
		saver := StartSaver(s, 3, time.Minute, func() []byte {
			calls++
			if calls == 2 {
				return nil // nothing to save
			}
			return []byte{byte(calls)}
		})
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		require.Equal(t, 3, calls)
		require.EqualValues(t, 2, s.Stats().Saves)
		requireLoaded(t, s, 2, []byte{3})

		require.NoError(t, saver.Stop(t.Context()))
		requireLoaded(t, s, 3, []byte{4})
		time.Sleep(10 * time.Minute)
		require.Equal(t, 4, calls, "stopped")
	})
}

func TestSaverReportsChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ext := newFakeStorage()
		s, logs := openTest(t, ext, Settings{})
		var failing atomic.Bool
		for _, client := range ext.clients {
			client.before = func(*storage.Operation) error {
				if failing.Load() {
					return errTest
				}
				return nil
			}
		}
		saver := StartSaver(s, 1, time.Minute, func() []byte { return []byte("x") })
		wait := func(n int) {
			time.Sleep(time.Duration(n) * time.Minute)
			synctest.Wait()
		}
		wait(1)
		require.Zero(t, logs.Len())
		failing.Store(true)
		wait(5)
		require.Equal(t, 1, logs.Len())
		require.Equal(t, 1, logs.FilterMessageSnippet("cannot be saved").Len())
		failing.Store(false)
		wait(5)
		require.Equal(t, 2, logs.Len())
		require.Equal(t, 1, logs.FilterMessageSnippet("saved again").Len())

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, saver.Stop(ctx), context.Canceled)
	})
}
