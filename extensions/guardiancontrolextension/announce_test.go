// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/llm-guardian/otelcol-guardian/extensions/guardiancontrolextension/internal/metadata"
	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
)

// writes records each write apart.
type writes struct {
	mu    sync.Mutex
	texts []string
	err   error
}

func (w *writes) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.texts)
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, string(p))
	return len(p), w.err
}

func settings() extension.Settings {
	set := extensiontest.NewNopSettings(metadata.Type)
	set.BuildInfo = component.BuildInfo{Command: "otelcol-guardian", Version: "0.1.0"}
	return set
}

func zipkinSnapshot() extensioncapabilities.ConfigSnapshot {
	return extensioncapabilities.NewConfigSnapshot(confmap.NewFromStringMap(map[string]any{
		"receivers": map[string]any{"zipkin": map[string]any{"endpoint": "localhost:9411"}},
		"service":   map[string]any{"pipelines": map[string]any{"traces": map[string]any{"receivers": []any{"zipkin"}}}},
	}), nil)
}

// startZipkin brings a control to where the pipelines are ready, with a socket
// that opens after a while.
func startZipkin(t *testing.T, out *writes, opensAfter time.Duration) *control {
	t.Helper()
	c := newControl(settings(), createDefaultConfig().(*Config), out)
	begin := time.Now()
	c.sockets = func() ([]sockets.Socket, error) {
		if time.Since(begin) < opensAfter {
			return nil, nil
		}
		return []sockets.Socket{parseSocket(t, "tcp 127.0.0.1:9411")}, nil
	}
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, c.NotifyConfigSnapshot(t.Context(), zipkinSnapshot()))
	require.NoError(t, c.Ready())
	return c
}

const (
	zipkinLines = "otelcol-guardian 0.1.0 is ready.\n" +
		"  Send to  Zipkin  http://localhost:9411/api/v2/spans\n"
	closedZipkinLines = "otelcol-guardian 0.1.0 is ready.\n" +
		"  Send to  Zipkin  http://localhost:9411/api/v2/spans (configured, not listening)\n"
)

func TestAnnounceWaitsForLateSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &writes{}
		c := startZipkin(t, out, 700*time.Millisecond)
		time.Sleep(690 * time.Millisecond)
		synctest.Wait()
		assert.Empty(t, out.all())
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, []string{zipkinLines}, out.all())
		require.NoError(t, c.Shutdown(t.Context()))
	})
}

func TestAnnounceSaysWhatIsStillClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &writes{}
		c := startZipkin(t, out, time.Hour)
		time.Sleep(bindTimeout + bindInterval)
		synctest.Wait()
		assert.Equal(t, []string{closedZipkinLines}, out.all())
		require.NoError(t, c.Shutdown(t.Context()))
	})
}

func TestShutdownSilencesAWaitingAnnouncement(t *testing.T) {
	for name, end := range map[string]func(*control) error{
		"not ready": (*control).NotReady,
		"shutdown":  func(c *control) error { return c.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &writes{}
				c := startZipkin(t, out, time.Hour)
				begin := time.Now()
				require.NoError(t, end(c))
				assert.Zero(t, time.Since(begin), "it must not wait for the announcement's end")
				assert.Empty(t, out.all())
			})
		})
	}
}

func TestAnnounceOff(t *testing.T) {
	out := &writes{}
	c := newControl(settings(), &Config{Announce: false}, out)
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, c.NotifyConfigSnapshot(t.Context(), zipkinSnapshot()))
	require.NoError(t, c.Ready())
	require.NoError(t, c.Shutdown(t.Context()))
	assert.Empty(t, out.all())
}

func TestAnnounceThatCannotBeWrittenIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.WarnLevel)
		out := &writes{err: errors.New("stderr is closed")}
		set := settings()
		set.Logger = zap.New(core)
		c := newControl(set, createDefaultConfig().(*Config), out)
		c.sockets = func() ([]sockets.Socket, error) { return nil, nil }
		require.NoError(t, c.Ready())
		time.Sleep(bindInterval)
		synctest.Wait()
		require.NoError(t, c.Shutdown(t.Context()))
		require.Equal(t, 1, logs.Len())
		assert.Contains(t, logs.All()[0].ContextMap()["error"], "stderr is closed")
	})
}

func TestSettled(t *testing.T) {
	f := func(want bool, entries ...entry) {
		t.Helper()
		assert.Equal(t, want, report{Verified: true, Entries: entries}.settled())
	}
	f(true)
	f(true, entry{State: stateListening}, entry{State: stateTarget}, entry{State: stateUnverified})
	f(false, entry{State: stateListening}, entry{State: stateNotListening})
	f(false, entry{State: stateUnresolved})
	f(false, entry{State: stateUnresolved}, entry{State: stateUnresolved}, entry{Role: roleOther})
	f(true, entry{State: stateUnresolved}, entry{Role: roleOther})
}

func TestLongListsAreCut(t *testing.T) {
	var entries []entry
	for _, address := range []string{"a:1", "b:1", "b:1", "c:1", "d:1", "e:1", "f:1"} {
		entries = append(entries, entry{Role: roleDeliver, Label: "kafka", Address: address})
	}
	assert.Contains(t, lines(component.BuildInfo{}, report{Verified: true, Entries: entries}), "a:1, b:1, c:1, d:1, and 2 more\n")
}
