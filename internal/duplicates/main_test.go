// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDirectory); dir != "" {
		appendUntilKilled(dir)
		return
	}
	testutil.VerifyNoLeaks(m)
}

var (
	errTest = errors.New("test error")
	start   = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
)

// numbered returns the keys of the numbers from first to before next. They are not hashes, but as good.
func numbered(first, next int) []Key {
	keys := make([]Key, 0, next-first)
	for i := first; i < next; i++ {
		var key Key
		binary.LittleEndian.PutUint64(key[:], uint64(i))
		keys = append(keys, key)
	}
	return keys
}

// known says which of the keys are done, without a claim that lasts.
func known(table *Table, keys []Key, now time.Time) (n int) {
	for _, key := range keys {
		switch table.Claim(key, now) {
		case Done:
			n++
		case New:
			table.Release(key)
		}
	}
	return n
}

// requireFileStorage returns a client of the real storage extension.
func requireFileStorage(tb testing.TB, dir string, fsync bool) storage.Client {
	tb.Helper()
	client, err := newFileStorage(dir, fsync)
	require.NoError(tb, err)
	return client
}

func newFileStorage(dir string, fsync bool) (storage.Client, error) {
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory, cfg.FSync = dir, fsync
	ext, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		return nil, err
	}
	id := component.MustNewID("guardian")
	return ext.(storage.Extension).GetClient(context.Background(), component.KindReceiver, id, "duplicates")
}

// requireOpen opens a log at start and closes it with the test.
func requireOpen(tb testing.TB, client storage.Client, table *Table) *Log {
	tb.Helper()
	log, warnings := requireDamaged(tb, client, table)
	require.Empty(tb, warnings)
	return log
}

func requireDamaged(tb testing.TB, client storage.Client, table *Table) (*Log, []error) {
	tb.Helper()
	log, warnings, err := Open(tb.Context(), client, table, start, time.Minute)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, log.Close(context.Background())) })
	return log, warnings
}

// memory is a storage client without transactions. Values outlive Close.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	before func(op *storage.Operation) error // may be nil
	writes int                               // batches that were not only reads
	bytes  int                               // written
	closed int
}

func newMemory() *memory { return &memory{values: map[string][]byte{}} }

func (m *memory) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := m.Batch(ctx, op)
	return op.Value, err
}

func (m *memory) Set(ctx context.Context, key string, value []byte) error {
	return m.Batch(ctx, storage.SetOperation(key, value))
}

func (m *memory) Delete(ctx context.Context, key string) error {
	return m.Batch(ctx, storage.DeleteOperation(key))
}

func (m *memory) Batch(_ context.Context, ops ...*storage.Operation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ops[0].Type != storage.Get {
		m.writes++
	}
	for _, op := range ops {
		if m.before != nil {
			if err := m.before(op); err != nil {
				return err
			}
		}
		switch op.Type {
		case storage.Get:
			op.Value = bytes.Clone(m.values[op.Key])
		case storage.Set:
			m.values[op.Key] = bytes.Clone(op.Value)
			m.bytes += len(op.Value)
		case storage.Delete:
			delete(m.values, op.Key)
		}
	}
	return nil
}

func (m *memory) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	return nil
}
