// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

var id = component.MustNewID("judge")

type config struct{ _ int }

// judge counts what happens to it.
type judge struct {
	starts, shutdowns int
	startError        error
	host              component.Host
}

func (j *judge) Start(_ context.Context, host component.Host) error {
	j.starts++
	j.host = host
	return j.startError
}

func (j *judge) Shutdown(context.Context) error {
	j.shutdowns++
	return nil
}

func TestOneEngineForAllInstances(t *testing.T) {
	var engines Engines[*judge]
	var made []*judge
	create := func() *judge {
		made = append(made, &judge{})
		return made[len(made)-1]
	}
	cfg, host, ctx := &config{}, componenttest.NewNopHost(), t.Context()
	logs := engines.Instance(id, cfg, create)
	traces := engines.Instance(id, cfg, create)
	other := engines.Instance(id, &config{}, create)
	require.Empty(t, made, "creating an instance has no side effect")

	require.NoError(t, logs.Start(ctx, host))
	require.NoError(t, traces.Start(ctx, host))
	require.NoError(t, other.Start(ctx, host))
	require.Len(t, made, 2, "one engine per config")
	assert.Same(t, logs.Engine(), traces.Engine())
	assert.NotSame(t, logs.Engine(), other.Engine())
	assert.Equal(t, 1, logs.Engine().starts)

	require.NoError(t, logs.Shutdown(ctx))
	require.NoError(t, logs.Shutdown(ctx), "a second shutdown does nothing")
	assert.Zero(t, traces.Engine().shutdowns, "another instance still uses the engine")
	require.NoError(t, traces.Shutdown(ctx))
	assert.Equal(t, 1, traces.Engine().shutdowns)
	assert.Zero(t, other.Engine().shutdowns)
	require.NoError(t, other.Shutdown(ctx))
	assert.Empty(t, engines.engines)
}

func TestANewEngineAfterTheLastShutdown(t *testing.T) {
	var engines Engines[*judge]
	cfg, host, ctx := &config{}, componenttest.NewNopHost(), t.Context()
	create := func() *judge { return &judge{} }
	first := engines.Instance(id, cfg, create)
	require.NoError(t, first.Start(ctx, host))
	require.NoError(t, first.Shutdown(ctx))
	second := engines.Instance(id, cfg, create)
	require.NoError(t, second.Start(ctx, host))
	assert.NotSame(t, first.Engine(), second.Engine())
	require.NoError(t, second.Shutdown(ctx))
}

func TestWrongOrder(t *testing.T) {
	var engines Engines[*judge]
	host, ctx := componenttest.NewNopHost(), t.Context()
	create := func() *judge { return &judge{} }

	never := engines.Instance(id, &config{}, create)
	require.NoError(t, never.Shutdown(ctx), "shutdown without start")
	require.ErrorIs(t, never.Start(ctx, host), errClosing)

	twice := engines.Instance(id, &config{}, create)
	require.NoError(t, twice.Start(ctx, host))
	require.ErrorIs(t, twice.Start(ctx, host), errStarted)
	require.NoError(t, twice.Shutdown(ctx))
	assert.Equal(t, 1, twice.Engine().shutdowns)
}

func TestFailedStartLeavesNothing(t *testing.T) {
	var engines Engines[*judge]
	broken := errors.New("no store")
	instance := engines.Instance(id, &config{}, func() *judge { return &judge{startError: broken} })
	err := instance.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "cannot start judge")
	assert.Empty(t, engines.engines)
	require.NoError(t, instance.Shutdown(t.Context()))
}

func TestAlonePerSignal(t *testing.T) {
	var engines Engines[*judge]
	cfg, ctx := &config{}, t.Context()
	create := func() *judge { return &judge{} }
	start := func(signal pipeline.Signal, name string) (*Instance[*judge], error) {
		instance := engines.Instance(id, cfg, create, AlonePerSignal(signal))
		return instance, instance.Start(ctx, newPipelineHost(pipeline.NewIDWithName(signal, name)))
	}
	first, err := start(pipeline.SignalLogs, "first")
	require.NoError(t, err)
	metrics, err := start(pipeline.SignalMetrics, "first")
	require.NoError(t, err, "another signal is another use")
	_, err = start(pipeline.SignalLogs, "second")
	require.ErrorContains(t, err, `it stands in "logs/first" and "logs/second"`)

	require.NoError(t, first.Shutdown(ctx))
	again, err := start(pipeline.SignalLogs, "second")
	require.NoError(t, err, "the place is free again")
	require.NoError(t, again.Shutdown(ctx))
	require.NoError(t, metrics.Shutdown(ctx))
}

func TestStatusReachesEveryInstance(t *testing.T) {
	var engines Engines[*judge]
	cfg, ctx := &config{}, t.Context()
	create := func() *judge { return &judge{} }
	hosts := []*pipelineHost{
		newPipelineHost(pipeline.NewID(pipeline.SignalLogs)),
		newPipelineHost(pipeline.NewID(pipeline.SignalMetrics)),
		newPipelineHost(pipeline.NewID(pipeline.SignalTraces)),
	}
	var instances []*Instance[*judge]
	for _, host := range hosts[:2] {
		instance := engines.Instance(id, cfg, create)
		require.NoError(t, instance.Start(ctx, host))
		instances = append(instances, instance)
	}
	degraded := componentstatus.NewRecoverableErrorEvent(errors.New("no driver"))
	componentstatus.ReportStatus(instances[0].Engine().host, degraded)

	late := engines.Instance(id, cfg, create)
	require.NoError(t, late.Start(ctx, hosts[2]))
	for _, host := range hosts {
		assert.Equal(t, []*componentstatus.Event{degraded}, host.events)
	}

	require.NoError(t, instances[0].Shutdown(ctx))
	componentstatus.ReportStatus(late.Engine().host, componentstatus.NewEvent(componentstatus.StatusOK))
	assert.Len(t, hosts[0].events, 1, "an instance that has stopped hears nothing")
	assert.Len(t, hosts[1].events, 2)
	require.NoError(t, instances[1].Shutdown(ctx))
	require.NoError(t, late.Shutdown(ctx))
}

func TestConcurrentUse(t *testing.T) {
	var engines Engines[*judge]
	cfg, host, ctx := &config{}, componenttest.NewNopHost(), t.Context()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			instance := engines.Instance(id, cfg, func() *judge { return &judge{} })
			assert.NoError(t, instance.Start(ctx, host))
			assert.Equal(t, 1, instance.Engine().starts)
			assert.NoError(t, instance.Shutdown(ctx))
		})
	}
	wg.Wait()
	assert.Empty(t, engines.engines)
}

// pipelineHost looks like the host that the collector gives to a component.
type pipelineHost struct {
	component.Host
	InstanceID *componentstatus.InstanceID
	events     []*componentstatus.Event
}

func newPipelineHost(pipelineID pipeline.ID) *pipelineHost {
	return &pipelineHost{
		Host:       componenttest.NewNopHost(),
		InstanceID: componentstatus.NewInstanceID(id, component.KindProcessor, pipelineID),
	}
}

func (h *pipelineHost) Report(event *componentstatus.Event) { h.events = append(h.events, event) }
