// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

// gpus is the number of GPUs of a machine with a fault.
const gpus = 8

// othersRead checks that all GPUs but one of a scrape have been read whole.
func othersRead(t *testing.T, page page, without int) {
	t.Helper()
	for i := range gpus {
		uuid := labels{"hw.id": drivertest.UUID(i)}
		if i == without {
			assert.Empty(t, page.of("hw.energy", uuid), "a GPU that was not read has no values")
			continue
		}
		assert.Equal(t, 1000*float64(i+1), page.one(t, "hw.energy", uuid))
		assert.Len(t, page.of("nvidia.gpu.pipe.activity", uuid), 8)
		assert.Equal(t, "ok", page.state(t, drivertest.UUID(i)))
	}
}

// Each fault of the driver or of a GPU, and what is seen of it.
func TestFaults(t *testing.T) {
	const bad = 3
	uuid := drivertest.UUID(bad)
	for _, fault := range []struct {
		name string
		// cause breaks the driver after the first scrape and says how to mend it.
		cause func(*drivertest.Fake) (mend func())
		// seen checks two scrapes later.
		seen func(*testing.T, *harness)
		// mended checks ten scrapes after the mending.
		mended func(*testing.T, *harness)
	}{
		{
			name: "gpu_falls_off_the_bus",
			cause: func(fake *drivertest.Fake) func() {
				fake.Do(func() { fake.GPUs[bad].Lost = true })
				return func() { fake.Do(func() { fake.GPUs[bad].Lost = false }) }
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				page := h.last(t)
				othersRead(t, page, bad)
				assert.Equal(t, "failed", page.state(t, uuid))
				assert.Equal(t, 1.0, page.one(t, "nvidia.gpu.count", labels{"nvidia.gpu.state": "lost"}))
				assert.Equal(t, 7.0, page.one(t, "nvidia.gpu.count", labels{"nvidia.gpu.state": "present"}))
				events := h.events()
				require.Len(t, events, 1)
				assert.Equal(t, "guardian.gpu.lost", events[0].EventName())
				assert.Equal(t, plog.SeverityNumberFatal, events[0].SeverityNumber())
				assert.Equal(t, labels{
					"hw.id": uuid, "hw.name": "NVIDIA H200", "hw.vendor": "NVIDIA", "hw.type": "gpu", "nvidia.gpu.index": int64(bad),
					"nvidia.pci.bus_id": "00000000:13:00.0", "guardian.gpu.action": "reboot_node", "error.message": driver.ErrGPUIsLost.Error(),
				}, events[0].Attributes().AsRaw())
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), -1)
				assert.Len(t, h.events(), 2)
				assert.Len(t, h.events("guardian.gpu.found"), 1)
			},
		},
		{
			name: "gpu_must_be_reset",
			cause: func(fake *drivertest.Fake) func() {
				fake.Do(func() { fake.GPUs[bad].Fail["Memory"] = driver.ErrResetRequired })
				return func() { fake.Do(func() { delete(fake.GPUs[bad].Fail, "Memory") }) }
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), bad)
				assert.Equal(t, "failed", h.last(t).state(t, uuid))
				action, _ := h.events("guardian.gpu.lost")[0].Attributes().Get("guardian.gpu.action")
				assert.Equal(t, "reset_gpu", action.Str())
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), -1)
			},
		},
		{
			name: "call_hangs",
			cause: func(fake *drivertest.Fake) func() {
				hang := make(chan struct{})
				fake.Do(func() { fake.GPUs[bad].Hang["Energy"] = hang })
				return func() {
					fake.Do(func() { delete(fake.GPUs[bad].Hang, "Energy") })
					close(hang)
				}
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), bad)
				assert.Equal(t, "failed", h.last(t).state(t, uuid))
				assert.EqualValues(t, 1, h.own(t, "otelcol_nvml_stuck"))
				assert.Len(t, h.events("guardian.gpu.lost"), 1)
				h.fake.Do(func() {
					assert.Equal(t, 3, h.fake.GPUs[bad].Calls["Energy"], "a GPU that hangs is not asked again")
					assert.Equal(t, 1, h.fake.Openings, "while a call hangs the connection stays as it is")
				})
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), -1)
				assert.Zero(t, h.own(t, "otelcol_nvml_stuck"))
				assert.Len(t, h.events("guardian.gpu.found"), 1)
			},
		},
		{
			name: "call_is_slower_than_the_timeout_once",
			cause: func(fake *drivertest.Fake) func() {
				fake.Do(func() { fake.GPUs[bad].Delay["Energy"] = 3 * time.Second })
				return func() { fake.Do(func() { delete(fake.GPUs[bad].Delay, "Energy") }) }
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), bad)
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), -1)
			},
		},
		{
			name: "call_fails",
			cause: func(fake *drivertest.Fake) func() {
				fake.Do(func() { fake.GPUs[bad].Fail["Energy"] = driver.ErrUnknown })
				return func() { fake.Do(func() { delete(fake.GPUs[bad].Fail, "Energy") }) }
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), bad)
				assert.Equal(t, "ok", h.last(t).state(t, uuid), "one failing call says nothing of the GPU")
				assert.Len(t, h.last(t).of("nvidia.gpu.clock.frequency", labels{"hw.id": uuid}), 4, "the rest of the reading stands")
				assert.EqualValues(t, 2, h.own(t, "otelcol_nvml_call_errors"))
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), -1)
			},
		},
		{
			name: "field_fails",
			cause: func(fake *drivertest.Fake) func() {
				fake.Do(func() { fake.GPUs[bad].Fields[driver.FieldPowerInstant] = driver.Field{Err: driver.ErrUnknown} })
				return func() {
					fake.Do(func() { fake.GPUs[bad].Fields[driver.FieldPowerInstant] = driver.Field{Value: 1000} })
				}
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				assert.Empty(t, h.last(t).of("hw.power", labels{"hw.id": uuid}))
				assert.Len(t, h.last(t).of("hw.errors", labels{"hw.id": uuid}), 9, "the failure of a field is none of the others")
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				assert.Equal(t, 1.0, h.last(t).one(t, "hw.power", labels{"hw.id": uuid}), "a field that fails is asked for again")
			},
		},
		{
			name: "driver_is_reloaded",
			cause: func(fake *drivertest.Fake) func() {
				fake.Unload()
				return fake.Load
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				for i := range gpus {
					assert.Equal(t, "failed", h.last(t).state(t, drivertest.UUID(i)), "from the remembered inventory")
				}
				assert.Equal(t, 8.0, h.last(t).one(t, "nvidia.gpu.count", labels{"nvidia.gpu.state": "lost"}))
				assert.Len(t, h.events(), 1, "one event for the driver, none for each GPU")
				assert.Len(t, h.events("guardian.gpu.driver_unloaded"), 1)
				assert.Contains(t, h.host.status(), "StatusRecoverableError: cannot open the NVIDIA driver: "+driver.ErrDriverNotLoaded.Error())
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), -1)
				assert.Len(t, h.events("guardian.gpu.driver_loaded"), 1)
				assert.Len(t, h.events(), 2)
				assert.Equal(t, "StatusOK", h.host.status())
				assert.EqualValues(t, 2, h.own(t, "otelcol_nvml_openings"))
			},
		},
		{
			name: "driver_comes_back_without_a_gpu",
			cause: func(fake *drivertest.Fake) func() {
				fake.Unload()
				fake.Do(func() { fake.GPUs[bad].Lost = true })
				fake.Load()
				return func() { fake.Do(func() { fake.GPUs[bad].Lost = false }) }
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				assert.Equal(t, "failed", h.last(t).state(t, uuid))
				assert.Len(t, h.events("guardian.gpu.lost"), 1)
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), -1)
				assert.Len(t, h.events("guardian.gpu.found"), 1)
			},
		},
		{
			name: "driver_is_updated_under_us",
			cause: func(fake *drivertest.Fake) func() {
				fake.Unload()
				fake.Do(func() { fake.OpenErr = driver.ErrVersionMismatch })
				return fake.Load
			},
			seen: func(t *testing.T, h *harness) {
				t.Helper()
				assert.Contains(t, h.host.status(), "restart this collector")
			},
			mended: func(t *testing.T, h *harness) {
				t.Helper()
				othersRead(t, h.last(t), -1)
			},
		},
	} {
		t.Run(fault.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, drivertest.New(gpus), "")
				h.next(1)
				othersRead(t, h.last(t), -1)
				mend := fault.cause(h.fake)
				h.next(2)
				fault.seen(t, h)
				mend()
				h.next(10)
				fault.mended(t, h)
			})
		})
	}
}

// A fault of one GPU does not delay the scrape by more than the timeout, and only once.
func TestHangCostsOneTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(2), "timeout: 500ms")
		hang := make(chan struct{})
		h.fake.Do(func() { h.fake.GPUs[0].Hang["Memory"] = hang })
		h.metrics.Reset()
		h.next(2)
		all := h.metrics.AllMetrics()
		require.Len(t, all, 2)
		for i, late := range []time.Duration{500 * time.Millisecond, 0} {
			at := pageOf(all[i])["hw.energy"][0].at
			assert.Equal(t, time.Second+late, time.Duration(at.UnixNano())%interval, "scrape %d", i)
		}
		close(hang)
	})
}

// A machine without a driver is no error; the GPUs are there once it is.
func TestNoDriverAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		fake.OpenErr = driver.ErrLibraryNotFound
		h := start(t, fake, "retry_interval: 30s")
		assert.Equal(t, "StatusRecoverableError: cannot open the NVIDIA driver: "+driver.ErrLibraryNotFound.Error(), h.host.status())
		h.next(5)
		assert.Len(t, h.host.states, 2, "the same state is reported once, for the metrics and for the logs")
		assert.Empty(t, h.metrics.AllMetrics())
		assert.Empty(t, h.events())
		fake.Load()
		h.next(3)
		assert.Equal(t, "StatusOK", h.host.status())
		assert.Equal(t, "ok", h.last(t).state(t, drivertest.UUID(0)))
		assert.Empty(t, h.events(), "a driver that was never there is not back")
	})
}

func TestDriverWithoutGPUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(0), "")
		assert.Contains(t, h.host.status(), driver.ErrGPUNotFound.Error())
		h.fake.Do(func() {
			assert.Equal(t, h.fake.Openings, h.fake.Closings, "a connection that is of no use is closed")
		})
	})
}

// One GPU that does not answer at start hides none of the others.
func TestGPULostBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(4)
		fake.GPUs[2].Lost = true
		h := start(t, fake, "")
		for _, i := range []int{0, 1, 3} {
			assert.Equal(t, "ok", h.last(t).state(t, drivertest.UUID(i)))
		}
		assert.Equal(t, "StatusOK", h.host.status())
	})
}

func TestOpeningHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		fake.OpenHang = make(chan struct{})
		h := start(t, fake, "")
		h.next(1)
		assert.Equal(t, "StatusRecoverableError: "+errHangs.Error(), h.host.status())
		close(fake.OpenHang)
		h.next(1)
		assert.Equal(t, "StatusOK", h.host.status(), "the opening that came back late is used")
	})
}

// A call that never comes back does not keep the collector from stopping.
func TestShutdownWhileACallHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(2), "")
		hang := make(chan struct{})
		h.fake.Do(func() { h.fake.GPUs[0].Hang["Memory"] = hang })
		h.next(2)
		before := time.Now()
		h.stop()
		assert.LessOrEqual(t, time.Since(before), 5*time.Second)
		h.fake.Do(func() { assert.Zero(t, h.fake.Closings, "the connection in which a call hangs is left alone") })
		close(hang)
	})
}

func TestShutdownClosesWhatWasOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(2), "")
		h.next(1)
		h.stop()
		h.fake.Do(func() {
			assert.Equal(t, 1, h.fake.Closings)
			assert.Zero(t, h.fake.GPUs[0].OpenProfiles)
		})
	})
}

// Events that the pipeline refuses for now are sent again; those that it will never take are not.
func TestEventsAreKeptUntilTheyAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(1), "")
		h.logs.refuse(errors.New("busy"))
		h.fake.Send(driver.Event{Type: driver.EventXID, Data: 31, GPUInstance: -1, ComputeInstance: -1})
		h.next(2)
		assert.Empty(t, h.events())
		h.logs.refuse(nil)
		h.next(1)
		assert.Len(t, h.events("guardian.gpu.xid"), 1)
		h.logs.refuse(consumererror.NewPermanent(errors.New("never")))
		h.fake.Send(driver.Event{Type: driver.EventXID, Data: 31, GPUInstance: -1, ComputeInstance: -1})
		h.next(1)
		h.logs.refuse(nil)
		h.next(1)
		assert.Len(t, h.events("guardian.gpu.xid"), 1)
	})
}

func TestTooManyEventsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, drivertest.New(1), "")
		h.logs.refuse(errors.New("busy"))
		for range maxEvents + 5 {
			h.fake.Send(driver.Event{Type: driver.EventXID, Data: 31, GPUInstance: -1, ComputeInstance: -1})
			synctest.Wait()
		}
		assert.EqualValues(t, 5, h.own(t, "otelcol_nvml_events_dropped"))
		h.logs.refuse(nil)
		h.next(1)
		assert.Len(t, h.events(), maxEvents)
		assert.Equal(t, float64(maxEvents+5), h.last(t).one(t, "nvidia.gpu.xid.errors", labels{"nvidia.xid": int64(31)}), "the counter has them all")
	})
}
