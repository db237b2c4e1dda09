// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

const (
	slots   = 6
	configs = 2
)

// FuzzOrder starts and stops six instances over two configs in any order. Each
// byte is one step: the instance is byte%6, what is done with it (byte/6)%3.
func FuzzOrder(f *testing.F) {
	f.Fuzz(func(t *testing.T, steps []byte) {
		m := newModel()
		for _, step := range steps {
			slot := int(step) % slots
			switch int(step) / slots % 3 {
			case 0:
				m.start(t, slot, nil)
			case 1:
				m.shutdown(t, slot)
			case 2:
				m.start(t, slot, errors.New("no store"))
			}
			m.check(t)
		}
		for slot := range slots {
			m.shutdown(t, slot)
			m.check(t)
		}
		require.Empty(t, m.engines.engines)
	})
}

// model says what Engines should have done.
type model struct {
	engines Engines[*judge]
	configs [configs]*config
	users   [configs]int
	open    [configs]*judge // the engine that is or was open last
	slots   [slots]*Instance[*judge]
	states  [slots]state
	// startError is what the next engine says when it starts.
	startError error
	made       int
}

type state int

const (
	created state = iota
	running
	stopped
)

func newModel() *model {
	m := &model{}
	for i := range m.configs {
		m.configs[i] = &config{}
	}
	for slot := range m.slots {
		m.renew(slot)
	}
	return m
}

// renew puts a new instance in a slot: one that has stopped never starts again.
func (m *model) renew(slot int) {
	m.states[slot] = created
	m.slots[slot] = m.engines.Instance(id, m.configs[slot%configs], func() *judge {
		m.made++
		return &judge{startError: m.startError}
	})
}

func (m *model) start(t *testing.T, slot int, startError error) {
	t.Helper()
	m.startError = startError
	made, cfg, instance := m.made, slot%configs, m.slots[slot]
	err := instance.Start(t.Context(), componenttest.NewNopHost())
	switch {
	case m.states[slot] == stopped:
		require.ErrorIs(t, err, errClosing)
		m.renew(slot)
	case m.states[slot] == running:
		require.ErrorIs(t, err, errStarted)
	case m.users[cfg] > 0:
		require.NoError(t, err)
		require.Same(t, m.open[cfg], instance.Engine(), "all users of a config share one engine")
		m.states[slot] = running
		m.users[cfg]++
	case startError != nil:
		require.ErrorIs(t, err, startError)
		made++
	default:
		require.NoError(t, err)
		require.NotSame(t, m.open[cfg], instance.Engine(), "each open period has its own engine")
		m.open[cfg] = instance.Engine()
		m.states[slot] = running
		m.users[cfg]++
		made++
	}
	require.Equal(t, made, m.made, "an engine is made for the first user only")
}

func (m *model) shutdown(t *testing.T, slot int) {
	t.Helper()
	require.NoError(t, m.slots[slot].Shutdown(t.Context()))
	if m.states[slot] == running {
		m.users[slot%configs]--
	}
	m.states[slot] = stopped
}

func (m *model) check(t *testing.T) {
	t.Helper()
	open := 0
	for cfg, engine := range m.open {
		if engine == nil {
			continue
		}
		require.Equal(t, 1, engine.starts, "an engine starts once")
		if m.users[cfg] > 0 {
			open++
			require.Zero(t, engine.shutdowns, "an engine stays open while it has a user")
		} else {
			require.Equal(t, 1, engine.shutdowns, "the last user closes the engine, once")
		}
	}
	require.Len(t, m.engines.engines, open)
	for slot, instance := range m.slots {
		if m.states[slot] == created {
			require.Nil(t, instance.Engine(), "no instance has the engine before its start")
		}
	}
}

// BenchmarkStartShutdown starts and stops two instances: with the engine that
// they share, and, to compare, with an engine each.
func BenchmarkStartShutdown(b *testing.B) {
	cfg, host := &config{}, componenttest.NewNopHost()
	create := func() *judge { return &judge{} }
	b.Run("shared", func(b *testing.B) {
		var engines Engines[*judge]
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			first, second := engines.Instance(id, cfg, create), engines.Instance(id, cfg, create)
			require.NoError(b, errors.Join(first.Start(ctx, host), second.Start(ctx, host)))
			require.NoError(b, errors.Join(first.Shutdown(ctx), second.Shutdown(ctx)))
		}
	})
	b.Run("one_each", func(b *testing.B) {
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			first, second := create(), create()
			require.NoError(b, errors.Join(first.Start(ctx, host), second.Start(ctx, host)))
			require.NoError(b, errors.Join(first.Shutdown(ctx), second.Shutdown(ctx)))
		}
	})
}
