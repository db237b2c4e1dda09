// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// counter is an observer that counts events by type.
type counter map[event.Type]int

func (c counter) Observe(e event.Event) { c[cluster.TypeOf(e)]++ }

// past is the configuration of a cluster whose events are all due.
func past() cluster.Config { return cluster.Config{Seed: 1, Start: time.Now().Add(-time.Hour)} }

func TestEveryEventArrivesOnceAndInOrder(t *testing.T) {
	config := cluster.Config{Seed: 1, Start: start}
	f := func(format Format, compressed bool, contentType string) {
		t.Helper()
		r := &receiver{}
		server := httptest.NewServer(r)
		defer server.Close()
		g, err := NewGuardian(GuardianOptions{Endpoint: server.URL, Format: format, Gzip: compressed})
		require.NoError(t, err)
		seen := counter{}
		s := Sender{Cluster: newCluster(t, config), Guardian: g, Events: 1234, Observers: []Observer{seen}}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
		requireBalanced(t, report)
		assert.Equal(t, firstIDs(t, config, 1234), r.ids)
		assert.Equal(t, Count{Sent: 1234, Taken: 1234}, report.Total)
		assert.Equal(t, 13, report.Requests)
		assert.Equal(t, contentType, r.headers[0].Get("Content-Type"))
		for what, n := range seen {
			assert.Equal(t, n, report.ByType[what].Taken, what)
		}
	}
	f(JSON, false, "application/json")
	f(NDJSON, false, "application/x-ndjson")
	f(CloudEvents, false, "application/cloudevents-batch+json")
	f(JSON, true, "application/json")
	f(NDJSON, true, "application/x-ndjson")
}

func TestManyWorkers(t *testing.T) {
	r := &receiver{before: func(n int, _ http.ResponseWriter) int {
		if n%7 == 3 {
			return http.StatusServiceUnavailable
		}
		return 0
	}}
	server := httptest.NewServer(r)
	defer server.Close()
	g, err := NewGuardian(GuardianOptions{Endpoint: server.URL})
	require.NoError(t, err)
	s := Sender{Cluster: newCluster(t, cluster.Config{Seed: 1}), Guardian: g, Events: 5000, Workers: 8, Batch: 50, RetryFirst: time.Millisecond}
	report, err := s.Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, report.Err())
	assert.Len(t, r.ids, 5000)
	assert.Positive(t, report.Retries)
	assert.Equal(t, 50*report.Retries, report.Retried)
	assert.Equal(t, 100+report.Retries, report.Requests)
}

func TestTLSAndToken(t *testing.T) {
	r := &receiver{before: func(_ int, w http.ResponseWriter) int { w.Header().Set("X", "1"); return 0 }}
	server := httptest.NewTLSServer(r)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	g, err := NewGuardian(GuardianOptions{Endpoint: server.URL, Token: "secret", TLS: &tls.Config{RootCAs: roots}})
	require.NoError(t, err)
	s := Sender{Cluster: newCluster(t, cluster.Config{}), Guardian: g, Events: 1}
	report, err := s.Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, report.Err())
	assert.Equal(t, "Bearer secret", r.headers[0].Get("Authorization"))
}

// The same batch again, not before the receiver's Retry-After.
func TestRefusedForNow(t *testing.T) {
	f := func(status int, retryAfter string, least, most time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{before: func(n int, w http.ResponseWriter) int {
				if n >= 2 {
					return 0
				}
				w.Header().Set("Retry-After", retryAfter)
				return status
			}}
			s := Sender{Cluster: newCluster(t, past()), Guardian: to(t, r, JSON), Events: 10}
			begin := time.Now()
			report, err := s.Run(t.Context())
			require.NoError(t, err)
			require.NoError(t, report.Err())
			assert.Len(t, r.ids, 10)
			assert.Equal(t, 10, report.Accepted)
			assert.Equal(t, 2, report.Retries)
			assert.GreaterOrEqual(t, time.Since(begin), least)
			assert.LessOrEqual(t, time.Since(begin), most)
		})
	}
	f(http.StatusTooManyRequests, "2", 4*time.Second, 4*time.Second)
	f(http.StatusServiceUnavailable, "7", 14*time.Second, 14*time.Second)
	f(http.StatusServiceUnavailable, "", 150*time.Millisecond, 300*time.Millisecond) // Half of 100 and 200 ms at least.
	f(http.StatusBadGateway, "", 150*time.Millisecond, 300*time.Millisecond)
	f(http.StatusRequestTimeout, "", 150*time.Millisecond, 300*time.Millisecond)
}

func TestReceiverDiesInTheMiddle(t *testing.T) {
	r := &receiver{dies: func(n int) bool { return n == 1 }}
	server := httptest.NewServer(r)
	defer server.Close()
	g, err := NewGuardian(GuardianOptions{Endpoint: server.URL})
	require.NoError(t, err)
	s := Sender{Cluster: newCluster(t, cluster.Config{}), Guardian: g, Events: 300, RetryFirst: time.Millisecond}
	report, err := s.Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, report.Err())
	requireBalanced(t, report)
	assert.Len(t, r.ids, 300, "taken once each")
	assert.Equal(t, 200, report.Accepted)
	assert.Equal(t, 100, report.Duplicates, "the answer to these was lost")
}

func TestRejectsAreCountedByType(t *testing.T) {
	r := &receiver{rejects: func(e event.Event) bool { _, is := e.(*event.Workload); return is }}
	seen := counter{}
	s := Sender{Cluster: newCluster(t, cluster.Config{}), Guardian: to(t, r, JSON), Events: 500, Observers: []Observer{seen}}
	report, err := s.Run(t.Context())
	require.NoError(t, err)
	requireBalanced(t, report)
	assert.Equal(t, Count{Sent: seen[event.TypeWorkload], Rejected: seen[event.TypeWorkload]}, report.ByType[event.TypeWorkload])
	assert.Equal(t, report.Total.Rejected, seen[event.TypeWorkload])
	require.ErrorContains(t, report.Err(), "does not like it")
	assert.Len(t, report.Refusals, maxExamples)
}

func TestGivenUp(t *testing.T) {
	always := func(status int) *receiver {
		return &receiver{before: func(int, http.ResponseWriter) int { return status }}
	}
	f := func(r *receiver, format Format, want Count, attempts int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := Sender{
				Cluster: newCluster(t, past()), Guardian: to(t, r, format), Events: 10,
				RetryFirst: time.Second, RetryMost: time.Second, RetryFor: 3500 * time.Millisecond,
			}
			report, err := s.Run(t.Context())
			require.NoError(t, err)
			requireBalanced(t, report)
			assert.Equal(t, want, report.Total)
			require.Error(t, report.Err())
			assert.GreaterOrEqual(t, report.Requests, attempts)
		})
	}
	f(always(http.StatusServiceUnavailable), JSON, Count{Sent: 10, Lost: 10}, 4)
	f(always(http.StatusServiceUnavailable), NDJSON, Count{Sent: 10, Unknown: 10}, 4)
	f(always(http.StatusTooManyRequests), CloudEvents, Count{Sent: 10, Lost: 10}, 4)
	f(always(http.StatusBadGateway), JSON, Count{Sent: 10, Unknown: 10}, 4)
	f(always(http.StatusBadRequest), JSON, Count{Sent: 10, Rejected: 10}, 1)
	f(always(http.StatusRequestEntityTooLarge), JSON, Count{Sent: 10, Rejected: 10}, 1)
	f(always(http.StatusInternalServerError), JSON, Count{Sent: 10, Lost: 10}, 1)
	f(&receiver{dies: func(int) bool { return true }}, JSON, Count{Sent: 10, Unknown: 10}, 4)

	// An answer that was lost leaves a doubt, whatever comes after it.
	lostFirst := always(http.StatusServiceUnavailable)
	lostFirst.before = func(n int, _ http.ResponseWriter) int {
		if n == 0 {
			return 0
		}
		return http.StatusServiceUnavailable
	}
	lostFirst.dies = func(int) bool { return true }
	f(lostFirst, JSON, Count{Sent: 10, Unknown: 10}, 4)
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(&receiver{})
	server.Close()
	g, err := NewGuardian(GuardianOptions{Endpoint: server.URL})
	require.NoError(t, err)
	s := Sender{Cluster: newCluster(t, cluster.Config{}), Guardian: g, Events: 10, RetryFirst: time.Millisecond, RetryFor: 10 * time.Millisecond}
	report, err := s.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Count{Sent: 10, Lost: 10}, report.Total)
	require.ErrorContains(t, report.Err(), "refused")
}

// What will never be taken ends the run.
func TestUseless(t *testing.T) {
	f := func(handler http.Handler, want string) {
		t.Helper()
		s := Sender{Cluster: newCluster(t, cluster.Config{}), Guardian: to(t, handler, JSON)}
		report, err := s.Run(t.Context())
		require.ErrorContains(t, err, want)
		requireBalanced(t, report)
		assert.Less(t, report.Total.Sent, 1000)
		require.Error(t, report.Err())
	}
	for _, status := range []int{401, 403, 404, 405, 415} {
		f(&receiver{before: func(int, http.ResponseWriter) int { return status }}, "told to refuse")
	}
	f(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }), "not that of a guardian receiver")
}

// Events are sent when they are due, and wait for their batch no longer than they should.
func TestOpenLoop(t *testing.T) {
	f := func(speed float64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			start := begin.Add(-time.Hour)
			config := cluster.Config{Seed: 2, Start: start, Rate: 20}
			until := start.Add(10 * time.Minute)
			var due []time.Time
			for e := range newCluster(t, config).Until(until) {
				due = append(due, begin.Add(time.Duration(float64(e.Common().Time.Sub(start))/speed)))
			}
			r := &receiver{}
			s := Sender{Cluster: newCluster(t, config), Guardian: to(t, r, JSON), Until: until, Speed: speed}
			report, err := s.Run(t.Context())
			require.NoError(t, err)
			require.NoError(t, report.Err())
			require.Len(t, r.arrivals, len(due))
			for i, at := range r.arrivals {
				require.False(t, at.Before(due[i]))
				require.LessOrEqual(t, at.Sub(due[i]), DefaultLinger)
			}
		})
	}
	f(1)
	f(60)
	f(0.5)
}

// However fast virtual time goes, it does not overtake the present.
func TestNothingIsSentBeforeItHasHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		config := cluster.Config{Seed: 2, Start: begin.Add(-time.Minute), Rate: 20}
		r := &receiver{}
		s := Sender{Cluster: newCluster(t, config), Guardian: to(t, r, JSON), Until: begin.Add(4 * time.Minute), Speed: 2}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
		assert.InDelta(t, 4*60, time.Since(begin).Seconds(), 1, "one minute at double speed, then three as they come")
		i := 0
		for e := range newCluster(t, config).Until(s.Until) {
			require.False(t, r.arrivals[i].Before(e.Common().Time))
			i++
		}
	})
}

// What happened in the past is sent at once, what has not happened yet is not sent.
func TestAsFastAsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := &receiver{}
		s := Sender{
			Cluster:  newCluster(t, cluster.Config{Seed: 2, Start: begin.Add(-time.Hour), Rate: 5}),
			Guardian: to(t, r, JSON), Duration: 10 * time.Minute,
		}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
		assert.Equal(t, 10*time.Minute, time.Since(begin))
		assert.InDelta(t, 5*70*60, report.Total.Sent, 1000, "the hour before, and the ten minutes")
		atOnce := 0
		for _, at := range r.arrivals {
			if at.Equal(begin) {
				atOnce++
			}
		}
		assert.InDelta(t, 5*60*60, atOnce, 1000)
	})
}

// A receiver that is too slow makes the sender late; it catches up later.
func TestLagIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		slow := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			time.Sleep(3 * time.Second)
			r.ServeHTTP(w, request)
		})
		var progress lines
		s := Sender{
			Cluster:  newCluster(t, cluster.Config{Seed: 2, Start: time.Now(), Rate: 100}),
			Guardian: to(t, slow, JSON), Events: 1000, Speed: 1, Progress: &progress,
		}
		report, err := s.Run(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
		// Eleven batches of three seconds: the first one has only what came while it lingered.
		require.Len(t, progress, 33)
		assert.Regexp(t, `^    1s  sent \d+ \(\d+/s\)  taken 0  rejected 0  lost 0  in doubt 0  retries 0  lag \d*m?s\n$`, progress[0])
		assert.Regexp(t, `^   20s  sent 6\d\d \(0/s\)  taken 5\d\d  rejected 0  lost 0  in doubt 0  retries 0  lag 1\d\.\d+s\n$`, progress[19])
	})
}

type lines []string

func (l *lines) Write(text []byte) (int, error) {
	*l = append(*l, string(text))
	return len(text), nil
}

// The end of the context stops the feed, but cuts nothing off.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &receiver{}
		handler := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			if r.requests == 5 {
				cancel()
				time.Sleep(time.Second)
			}
			r.ServeHTTP(w, request)
		})
		s := Sender{Cluster: newCluster(t, past()), Guardian: to(t, handler, JSON)}
		report, err := s.Run(ctx)
		require.NoError(t, err)
		require.NoError(t, report.Err())
		assert.Len(t, r.ids, report.Total.Sent)
		assert.Less(t, report.Total.Sent, 1000)
	})
}

func TestInterruptedWhileRetrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		r := &receiver{before: func(_ int, w http.ResponseWriter) int {
			w.Header().Set("Retry-After", "30")
			return http.StatusServiceUnavailable
		}}
		s := Sender{Cluster: newCluster(t, past()), Guardian: to(t, r, JSON), Events: 100}
		begin := time.Now()
		report, err := s.Run(ctx)
		require.NoError(t, err)
		assert.Equal(t, Count{Sent: 100, Lost: 100}, report.Total)
		assert.Equal(t, 2*time.Second, time.Since(begin))
	})
}

func TestNowhereToSend(t *testing.T) {
	_, err := (&Sender{Cluster: newCluster(t, cluster.Config{})}).Run(t.Context())
	require.ErrorContains(t, err, "Guardian or OTLP")
}

func TestNewGuardianRefuses(t *testing.T) {
	f := func(o GuardianOptions, want string) {
		t.Helper()
		_, err := NewGuardian(o)
		require.ErrorContains(t, err, want)
	}
	f(GuardianOptions{Endpoint: "localhost:4319"}, `"localhost:4319"`)
	f(GuardianOptions{Endpoint: "ftp://x"}, `"ftp://x"`)
	f(GuardianOptions{Endpoint: "http://x", Format: "xml"}, `"xml"`)
}
