// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"errors"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap/zaptest/observer"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// stored is a storage extension with its id.
type stored struct{ storage.Extension }

func (stored) id() component.ID { return component.MustNewID("file_storage") }

func fileStorage(t *testing.T, directory string) stored {
	t.Helper()
	f := filestorage.NewFactory()
	cfg := f.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = directory
	cfg.FSync = true
	ext, err := f.Create(t.Context(), extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(context.Background())) })
	return stored{ext.(storage.Extension)}
}

// What was answered 200 is known after a restart, and what was refused is not.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, "storage: file_storage", fileStorage(t, dir))
	require.Equal(t, 2, first.post(t, "/v1/events", "["+detection("a")+","+detection("b")+"]").Accepted)
	require.Equal(t, 1, first.lines(t, "/v1/events", detection("c")).Accepted)
	first.stop()

	second := start(t, "storage: file_storage", fileStorage(t, dir))
	a := second.lines(t, "/v1/events", detection("a"), detection("b"), detection("c"), detection("d"))
	assert.Equal(t, 1, a.Accepted)
	assert.Equal(t, 3, a.Duplicates)
	assert.Equal(t, []string{"d"}, second.next.ids())
	assert.Equal(t, []string{"info Events of earlier runs are recognised if they are sent again. events=0"}, restored(first.logs))
	assert.Equal(t, []string{"info Events of earlier runs are recognised if they are sent again. events=3"}, restored(second.logs))
}

// restored gives what was logged of earlier runs.
func restored(logs *observer.ObservedLogs) []string {
	return testutil.Said(logs.FilterMessageSnippet("earlier runs"), "events")
}

// failing is a storage that can be told to fail.
type failing struct {
	component.StartFunc
	component.ShutdownFunc
	storage.Client
	err error
}

func (*failing) id() component.ID { return component.MustNewID("failing") }

func (f *failing) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return f, nil
}
func (f *failing) Batch(context.Context, ...*storage.Operation) error { return f.err }
func (f *failing) Close(context.Context) error                        { return nil }

// Events that were accepted stay so though their ids cannot be stored.
func TestStorageFails(t *testing.T) {
	disk := &failing{}
	r := start(t, "storage: failing", disk)
	disk.err = errors.New("the disk is full")
	a := r.post(t, "/v1/events", detection("a"))
	assert.Equal(t, 200, a.status)
	assert.Equal(t, 1, r.post(t, "/v1/events", detection("a")).Duplicates, "known until the restart")
	metric, err := r.telemetry.GetMetric("otelcol_guardian_receiver_storage_failures")
	require.NoError(t, err)
	assert.EqualValues(t, 1, metric.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, r.host.reported)

	disk.err = nil
	assert.Equal(t, 1, r.post(t, "/v1/events", detection("b")).Accepted)
	assert.Equal(t, componentstatus.StatusOK, r.host.reported[1])
}

func TestStorageIsNotThere(t *testing.T) {
	cfg, err := load(t, "endpoint: localhost:0\nstorage: file_storage")
	require.NoError(t, err)
	r, err := newReceiver(receivertest.NewNopSettings(NewFactory().Type()), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), "file_storage")
	require.NoError(t, r.Shutdown(t.Context()))
}
