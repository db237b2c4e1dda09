// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func deliver(r *Receipts, ids ...int64) { r.Deliver(slices.Values(ids)) }

func TestLedgerBalance(t *testing.T) {
	l, r := NewLedger(), &Receipts{}
	first := l.Reserve(200)
	require.Equal(t, FirstID, first)
	require.Equal(t, FirstID+200, l.Reserve(100))
	l.Accept(first, 200)

	deliver(r, first, first+1, first+1, first+1) // Two duplicates.
	deliver(r, first+250)                        // Sent, not accepted, yet delivered.
	deliver(r, first+300)                        // Never sent.
	deliver(r, 17, LastID+1)                     // No ids of a ledger.

	assert.Equal(t, Balance{Sent: 300, Accepted: 200, Delivered: 3, Duplicates: 2, Missing: 198, Unknown: 3}, l.Balance(r))
	assert.Equal(t, []int64{first + 2, first + 3, first + 4}, l.Missing(r, 3))
	assert.Len(t, l.Missing(r, 1000), 198)
}

// TestLedgerBalanceAgreesWithSets checks the arithmetic on bits against plain sets.
func TestLedgerBalanceAgreesWithSets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		l, r := NewLedger(), &Receipts{}
		accepted, delivered := map[int64]bool{}, map[int64]int{}
		for range 1 + rng.IntN(8) {
			n := 1 + rng.IntN(90)
			first := l.Reserve(n)
			if rng.IntN(3) > 0 {
				l.Accept(first, n)
			}
			for id := first; id < first+int64(n); id++ {
				accepted[id] = l.accepted.word(int(id-FirstID)>>6)>>(id&63)&1 == 1
				for range rng.IntN(3) {
					delivered[id]++
					deliver(r, id)
				}
			}
		}
		want := Balance{Sent: len(accepted), Delivered: len(delivered)}
		for id, yes := range accepted {
			if yes {
				want.Accepted++
				if delivered[id] == 0 {
					want.Missing++
				}
			}
			want.Duplicates += max(0, delivered[id]-1)
		}
		require.Equal(t, want, l.Balance(r))
		require.Len(t, l.Missing(r, want.Sent), want.Missing)
	}
}

func TestBalanceVerdicts(t *testing.T) {
	f := func(b Balance, complete, exact error) {
		t.Helper()
		require.ErrorIs(t, b.Complete(), complete)
		require.ErrorIs(t, b.Exact(), exact)
	}
	f(Balance{Sent: 5, Accepted: 5, Delivered: 5}, nil, nil)
	f(Balance{Sent: 5, Accepted: 5, Delivered: 4, Missing: 1}, errMissing, errMissing)
	f(Balance{Sent: 5, Accepted: 5, Delivered: 5, Unknown: 1}, errUnknown, errUnknown)
	f(Balance{Sent: 5, Accepted: 4, Delivered: 5}, nil, errRefused)
	f(Balance{Sent: 5, Accepted: 5, Delivered: 5, Duplicates: 1}, nil, errDuplicated)
}

func TestSettleWaitsForTheLastDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := NewLedger(), &Receipts{}
		first := l.Reserve(3)
		l.Accept(first, 3)
		go func() {
			for i := range int64(3) {
				<-time.After(time.Second)
				deliver(r, first+i)
			}
		}()
		start := time.Now()
		balance, err := l.Settle(t.Context(), r)
		require.NoError(t, err)
		require.NoError(t, balance.Exact())
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestSettleGivesUpWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := NewLedger(), &Receipts{}
		first := l.Reserve(2)
		l.Accept(first, 2)
		deliver(r, first)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		balance, err := l.Settle(ctx, r)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1 missing, first ids [1073741825]")
		assert.Equal(t, 1, balance.Missing)
	})
}

func TestLedgerPanicsWhenItsIDsAreUsedUp(t *testing.T) {
	l := &Ledger{sent: int(LastID - FirstID)}
	require.Equal(t, LastID, l.Reserve(1))
	require.Panics(t, func() { l.Reserve(1) })
}

func BenchmarkReceiptsDeliver(b *testing.B) {
	l, r := NewLedger(), &Receipts{}
	const batch = 1000
	const rounds = (LastID - FirstID) / batch
	i := int64(0)
	l.Reserve(batch)
	b.ReportAllocs()
	for b.Loop() {
		first := FirstID + i%rounds*batch
		r.Deliver(func(yield func(int64) bool) {
			for id := first; id < first+batch && yield(id); id++ {
			}
		})
		i++
	}
	require.Equal(b, b.N*batch, r.distinct+r.duplicates)
}
