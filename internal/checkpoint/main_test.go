// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) {
	if os.Getenv(corruptionSeedVariable) != "" {
		corruptionChild()
		return
	}
	goleak.VerifyTestMain(m)
}

var (
	testKind = component.KindProcessor
	testID   = component.MustNewIDWithName("drift", "eu/west")
	errTest  = errors.New("test error")
)

// newFileStorage returns the real extension of the product.
func newFileStorage(dir string, change ...func(*filestorage.Config)) (storage.Extension, error) {
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = dir
	for _, f := range change {
		f(cfg)
	}
	ext, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		return nil, err
	}
	return ext.(storage.Extension), nil
}

func requireFileStorage(tb testing.TB, dir string, change ...func(*filestorage.Config)) storage.Extension {
	tb.Helper()
	ext, err := newFileStorage(dir, change...)
	require.NoError(tb, err)
	return ext
}

// openTest opens a store and closes it with the test.
func openTest(tb testing.TB, ext storage.Extension, set Settings) (*Store, *observer.ObservedLogs) {
	tb.Helper()
	core, logs := observer.New(zap.InfoLevel)
	set.Logger = zap.New(core)
	if set.Name == "" {
		set.Name = "state"
	}
	s := open(tb.Context(), ext, testKind, testID, set, maxChunkBytes)
	tb.Cleanup(func() { require.NoError(tb, s.Close(context.Background())) })
	return s, logs
}

// loaded is what a test decoder received.
type loaded struct {
	Restored
	ok   bool
	blob []byte
}

func load(s *Store) loaded {
	var l loaded
	l.Restored, l.ok = s.Load(context.Background(), func(_ uint32, blob []byte) error {
		l.blob = blob
		return nil
	})
	return l
}

func requireLoaded(tb testing.TB, s *Store, generation uint64, want []byte) {
	tb.Helper()
	l := load(s)
	require.True(tb, l.ok)
	require.Equal(tb, generation, l.Generation)
	require.True(tb, bytes.Equal(want, l.blob))
}

// blobOf returns n bytes that differ for each seed.
func blobOf(seed, n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%08d.", seed), n/9+1)[:n]
}

var _ component.Host = host(nil)

// host has the given extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// fakeStorage stands for faults that the real one cannot be made to show. Nil functions succeed.
type fakeStorage struct {
	extension.Extension
	clients   map[string]*fakeClient
	getClient func(name string) error
}

func newFakeStorage() *fakeStorage { return &fakeStorage{clients: map[string]*fakeClient{}} }

func (f *fakeStorage) GetClient(_ context.Context, _ component.Kind, _ component.ID, name string) (storage.Client, error) {
	if f.getClient != nil {
		if err := f.getClient(name); err != nil {
			return nil, err
		}
	}
	if f.clients[name] == nil {
		f.clients[name] = &fakeClient{values: map[string][]byte{}}
	}
	return f.clients[name], nil
}

// fakeClient is a storage without transactions.
type fakeClient struct {
	storage.Client
	values map[string][]byte
	before func(op *storage.Operation) error
	close  func() error
}

func (f *fakeClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := f.Batch(ctx, op)
	return op.Value, err
}

func (f *fakeClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if f.before != nil {
			if err := f.before(op); err != nil {
				return err
			}
		}
		switch op.Type {
		case storage.Get:
			op.Value = bytes.Clone(f.values[op.Key])
		case storage.Set:
			f.values[op.Key] = bytes.Clone(op.Value)
		case storage.Delete:
			delete(f.values, op.Key)
		}
	}
	return nil
}

func (f *fakeClient) Close(context.Context) error {
	if f.close != nil {
		return f.close()
	}
	return nil
}
