// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stubClient answers exports with a function.
type stubClient struct {
	export func(body []byte) error
}

func (stubClient) Encoding() Encoding                                      { return Protobuf }
func (c stubClient) Export(_ context.Context, _ Signal, body []byte) error { return c.export(body) }
func (stubClient) Close() error                                            { return nil }

var (
	errRetryable = &RefusalError{Retryable: true, Err: errors.New("come again")}
	errPermanent = &RefusalError{Err: errors.New("never")}
)

func TestSenderDeliversEachRequestOnce(t *testing.T) {
	l, r := NewLedger(), &Receipts{}
	client := stubClient{func(body []byte) error {
		r.Deliver(ScanIDs(body, Protobuf, Logs))
		return nil
	}}
	stats := Sender{Client: client, Payload: newTestPayload(t, Logs, 10, 4), Ledger: l, Requests: 50, InFlight: 4}.Run(t.Context())
	assert.Equal(t, Stats{Accepted: 50}, stats)
	assert.Equal(t, 500, l.Balance(r).Sent)
	require.NoError(t, l.Balance(r).Exact())
}

func TestSenderKeepsToItsRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		client := stubClient{func([]byte) error {
			most.Store(max(most.Load(), now.Add(1)))
			<-time.After(time.Second)
			now.Add(-1)
			return nil
		}}
		start := time.Now()
		Sender{Client: client, Payload: newTestPayload(t, Logs, 1, 1), Ledger: NewLedger(), Requests: 12, InFlight: 3}.Run(t.Context())
		assert.EqualValues(t, 3, most.Load())
		assert.Equal(t, 4*time.Second, time.Since(start))
	})
}

func TestSenderKeepsToItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stubClient{func([]byte) error { return nil }}
		sender := Sender{Client: client, Payload: newTestPayload(t, Logs, 10, 1), Ledger: NewLedger(), Rate: 100}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+time.Millisecond)
		defer cancel()
		assert.Equal(t, Stats{Accepted: 11}, sender.Run(ctx), "a request of ten items at 0 s, 0.1 s, … 1 s")
	})
}

func TestSenderSendsTheSameIDsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := NewLedger(), &Receipts{}
		failures := 3
		client := stubClient{func(body []byte) error {
			r.Deliver(ScanIDs(body, Protobuf, Traces))
			if failures--; failures >= 0 {
				return errRetryable
			}
			return nil
		}}
		sender := Sender{Client: client, Payload: newTestPayload(t, Traces, 5, 4), Ledger: l, Requests: 1, Retry: time.Second}
		start := time.Now()
		assert.Equal(t, Stats{Accepted: 1, Retries: 3, Err: errRetryable}, sender.Run(t.Context()))
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.Equal(t, Balance{Sent: 5, Accepted: 5, Delivered: 5, Duplicates: 15}, l.Balance(r))
	})
}

func TestSenderGivesUp(t *testing.T) {
	f := func(refusal error, retry time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			l := NewLedger()
			client := stubClient{func([]byte) error { return refusal }}
			sender := Sender{Client: client, Payload: newTestPayload(t, Logs, 2, 1), Ledger: l, Requests: 1, Retry: retry}
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			stats := sender.Run(ctx)
			assert.Equal(t, 1, stats.Refused)
			assert.Equal(t, refusal, stats.Err)
			assert.Equal(t, Balance{Sent: 2}, l.Balance(&Receipts{}))
		})
	}
	f(errRetryable, 0)           // Not asked to retry.
	f(errPermanent, time.Second) // Not worth a retry.
	f(errRetryable, time.Second) // Until the context ends.
}

func TestSenderLetsTheLastRequestFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger()
		ctx, cancel := context.WithCancel(t.Context())
		client := stubClient{func([]byte) error {
			cancel()
			<-time.After(time.Second)
			return nil
		}}
		stats := Sender{Client: client, Payload: newTestPayload(t, Logs, 2, 1), Ledger: l}.Run(ctx)
		assert.Equal(t, 1, stats.Accepted)
		assert.Equal(t, 2, l.Balance(&Receipts{}).Accepted)
	})
}
