// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// faults are the ways in which an Alertmanager does not take alerts, and whether it makes sense to try again.
var faults = map[string]struct {
	answer func(string) (int, http.Header, error)
	again  bool
}{
	"down":         {down, true},
	"slow":         {hangs, true},
	"500":          {status(500), true},
	"502":          {status(502), true},
	"503":          {status(503), true},
	"504":          {status(504), true},
	"429":          {status(429), true},
	"408":          {status(408), true},
	"400":          {status(400), false},
	"401":          {status(401), false},
	"403":          {status(403), false},
	"404":          {status(404), false},
	"413":          {status(413), false},
	"501":          {status(501), false},
	"302 to login": {status(302), false},
}

const patient = "retry_on_failure: {max_elapsed_time: 0}\n"

// Whatever an Alertmanager does for an hour, afterwards it knows what is in force, and what came to an end meanwhile.
func TestNothingIsLostByAFault(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, newWire(), newMemory(), patient)
				b.send(t, drifted("tenure", "warning", "raised", true))
				settled()
				all := b.taken()
				b.answers(fault.answer)
				b.send(t, drifted("income", "critical", "raised", true))
				b.send(t, &event.PerformanceAlert{Metric: "queue", Value: event.Some(120.0)})
				after(50 * time.Minute)
				b.send(t, drifted("tenure", "none", "clear", true))
				after(10 * time.Minute)
				assert.Empty(t, b.taken())
				b.answers(allWell)
				after(time.Minute + 30*time.Second) // the next repetition, or the longest wait of the queue
				all = append(all, b.taken()...)
				firing := knows(all, manager, time.Now())
				require.Contains(t, firing, income+"critical")
				const queue = "alertname=PerformanceAlert metric=queue severity=warning"
				if fault.again {
					require.Contains(t, firing, queue, "although it would have ended by itself meanwhile")
					require.Len(t, firing, 2)
					assert.NotZero(t, b.count(t, "otelcol_alertmanager_requests", "outcome", "retryable"))
				} else {
					require.Len(t, firing, 1)
					assert.NotZero(t, b.count(t, "otelcol_alertmanager_requests", "outcome", "refused"))
					assert.NotZero(t, b.count(t, "otelcol_exporter_send_failed_log_records"))
				}
			})
		})
	}
}

// One Alertmanager that is down keeps nothing from the others, and gets everything when it is back.
func TestOneOfSeveralIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const section = patient + "endpoints: [http://a:9093, http://b:9093, http://c:9093]\nsending_queue: {queue_size: 1, block_on_overflow: true}\n"
		w := newWire()
		b := start(t, w, newMemory(), section)
		w.answers(func(host string) (int, http.Header, error) {
			switch host {
			case "a:9093":
				return hangs(host)
			case "b:9093":
				return down(host)
			}
			return allWell(host)
		})
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range 10 {
				_ = b.exporter.ConsumeLogs(context.Background(), batch(drifted(fmt.Sprint("f", i), "critical", "raised", true)))
			}
		}()
		after(5 * time.Second)
		all := b.taken()
		assert.GreaterOrEqual(t, len(knows(all, "c:9093", time.Now())), 2, "though the queues of the others are full")
		after(time.Hour)
		w.answers(allWell)
		after(5 * time.Minute)
		<-sent
		all = append(all, b.taken()...)
		for _, host := range []string{"a:9093", "b:9093", "c:9093"} {
			assert.Len(t, knows(all, host, time.Now()), 10, host)
		}
		assert.Zero(t, b.count(t, "otelcol_exporter_enqueue_failed_log_records"))
	})
}

// While Alertmanager is away, what goes on does not fill the queue, however often it is said, and so does not stop the pipeline.
func TestRepetitionsDoNotFillTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), patient+"sending_queue: {queue_size: 3, block_on_overflow: true}\n")
		b.answers(down)
		begin := time.Now()
		for range 1000 {
			b.send(t, drifted("income", "critical", "raised", false), &event.PerformanceAlert{Metric: "queue", Value: event.Some(120.0)})
			b.send(t, drifted("age", "none", "clear", false))
		}
		assert.Zero(t, time.Since(begin), "nobody waited")
		b.answers(allWell)
		after(time.Minute)
		assert.Len(t, knows(b.taken(), manager, time.Now()), 2)
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), patient+"resend_interval: 1h\nexpire_after: 4h")
		for _, asDate := range []bool{false, true} {
			header := "100"
			if asDate {
				header = time.Now().Add(100 * time.Second).UTC().Format(http.TimeFormat)
			}
			b.answers(status(429, "Retry-After", header))
			b.send(t, drifted("feature "+header, "critical", "raised", true))
			settled()
			b.answers(allWell)
			after(99 * time.Second)
			require.Empty(t, b.taken(), header)
			after(2 * time.Second)
			require.NotEmpty(t, b.taken(), header)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999999999": 0, "86400": maxRetryAfter,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0, "Mon, 02 Mar 2026 11:00:00 GMT": maxRetryAfter,
	} {
		assert.Equal(t, want, retryAfter(header, now), header)
	}
}

// What is retried late must not raise again what is over, in whatever order the queue's consumers come through.
func TestLateRetriesDoNotRaiseWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), patient+"sending_queue: {num_consumers: 10}\n")
		b.answers(down)
		b.send(t, drifted("income", "critical", "raised", true))
		after(time.Second)
		b.send(t, drifted("income", "none", "clear", true))
		after(10 * time.Hour) // long after the table has forgotten it
		b.answers(allWell)
		after(time.Hour)
		assert.Empty(t, knows(b.taken(), manager, time.Now()))
		assert.Zero(t, b.count(t, "otelcol_alertmanager_active", "severity", "critical"))
	})
}

// An alert of the last life ends in this one, also after a crash that came before anything was told.
func TestAlertsSurviveARestart(t *testing.T) {
	const kept = patient + "storage: memory\nsending_queue: {storage: memory}\n"
	for _, crash := range []bool{false, true} {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprintf("crash %v, Alertmanager away %v", crash, away), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, disk := newWire(), newMemory()
					if away {
						w.answers(down)
					}
					first := start(t, w, disk, kept)
					first.send(t, drifted("income", "critical", "raised", true))
					after(2 * time.Second)
					if crash {
						disk = disk.copy()
					}
					first.stop(t)
					all := w.taken()
					if crash {
						all = nil // what a stopping process told
					}
					w.answers(allWell)
					after(time.Minute)

					second := start(t, w, disk, kept)
					settled()
					all = append(all, w.taken()...)
					require.Contains(t, knows(all, manager, time.Now()), income+"critical", "at once")
					after(10 * time.Minute)
					all = append(all, w.taken()...)
					require.Contains(t, knows(all, manager, time.Now()), income+"critical", "and still")
					second.send(t, drifted("income", "none", "clear", false))
					settled()
					require.Empty(t, knows(append(all, w.taken()...), manager, time.Now()))
				})
			})
		}
	}
}

// Without the table, an alarm that was raised before the crash still ends when the event says that it has just ended.
func TestAnEndIsToldThoughTheBeginIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		first := start(t, w, newMemory(), "")
		first.send(t, drifted("income", "critical", "raised", true))
		settled()
		first.stop(t)
		all := w.taken()
		second := start(t, w, newMemory(), "")
		second.send(t, drifted("income", "none", "clear", true))
		settled()
		require.Empty(t, knows(append(all, w.taken()...), manager, time.Now()))
	})
}

// A stop while an Alertmanager is down takes no time, and what is in the queue on disk is told by the next run.
func TestStopWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, disk := newWire(), newMemory()
		const kept = patient + "sending_queue: {storage: memory}\n"
		w.answers(down)
		first := start(t, w, disk, kept)
		first.send(t, drifted("income", "critical", "raised", true))
		settled()
		begin := time.Now()
		first.stop(t)
		assert.LessOrEqual(t, time.Since(begin), time.Second)
		w.answers(allWell)
		second := start(t, w, disk, kept)
		settled()
		require.Contains(t, knows(w.taken(), manager, time.Now()), income+"critical")
		second.stop(t)
	})
}

func TestWhatNobodySpeaksOfIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "forget_after: 1h")
		b.send(t, drifted("income", "critical", "raised", true))
		after(30 * time.Minute)
		b.send(t, drifted("income", "critical", "raised", false))
		after(59 * time.Minute)
		require.Contains(t, knows(b.taken(), manager, time.Now()), income+"critical")
		after(2 * time.Minute)
		require.Empty(t, knows(b.taken(), manager, time.Now()))
		assert.EqualValues(t, 1, b.count(t, "otelcol_alertmanager_forgotten"))
		after(time.Hour)
		assert.Zero(t, b.count(t, "otelcol_alertmanager_entries"))
	})
}

// What the table has no room for is told, and its end is; it is only not told again.
func TestAlertsBeyondTheLimitAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newWire(), newMemory(), "limits: {alerts: 2}")
		b.send(t, drifted("a", "critical", "raised", true), drifted("b", "critical", "raised", true), drifted("income", "critical", "raised", true))
		settled()
		all := b.taken()
		require.Contains(t, knows(all, manager, time.Now()), income+"critical")
		assert.EqualValues(t, 1, b.count(t, "otelcol_alertmanager_events", "outcome", "limited"))
		assert.EqualValues(t, 2, b.count(t, "otelcol_alertmanager_active"))
		after(time.Second)
		b.send(t, drifted("income", "none", "clear", true))
		settled()
		all = append(all, b.taken()...)
		require.NotContains(t, knows(all, manager, time.Now()), income+"critical")
		b.send(t, drifted("a", "none", "clear", true), drifted("c", "critical", "raised", true))
		settled()
		assert.EqualValues(t, 1, b.count(t, "otelcol_alertmanager_events", "outcome", "limited")-1, "the end of the third was limited too")
		assert.EqualValues(t, 2, b.count(t, "otelcol_alertmanager_active"), "what is over makes room")
	})
}
