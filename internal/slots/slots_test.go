// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package slots

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// find gives the slots that may be those of a hash.
func find(x *Index, hash uint64) map[uint32]bool {
	found := map[uint32]bool{}
	for place := x.Home(hash); ; place = x.Next(place) {
		slot, maybe := x.At(place, hash)
		if slot == 0 {
			return found
		}
		if maybe {
			found[slot] = true
		}
	}
}

// The index knows what a map knows, however slots come and go, also where many hashes have one home or are the same.
func TestIndexIsAMap(t *testing.T) {
	f := func(draw func(*rand.Rand) uint64) {
		t.Helper()
		rng := rand.New(rand.NewPCG(1, 2))
		x, hashes := New(), map[uint32]uint64{}
		for i := range 20_000 {
			slot := 1 + rng.Uint32N(300)
			if hash, ok := hashes[slot]; ok {
				x.Remove(hash, slot)
				delete(hashes, slot)
			} else {
				hashes[slot] = draw(rng)
				x.Insert(hashes[slot], slot)
			}
			require.Equal(t, len(hashes), x.Len())
			require.Equal(t, 8*len(x.cells), x.Bytes())
			if i%100 > 0 {
				continue
			}
			for slot, hash := range hashes {
				require.True(t, find(&x, hash)[slot])
			}
			want := map[uint32]bool{}
			hash := draw(rng)
			for slot, of := range hashes {
				if of>>32 == hash>>32 {
					want[slot] = true
				}
			}
			require.Equal(t, want, find(&x, hash))
		}
	}
	f((*rand.Rand).Uint64)
	f(func(rng *rand.Rand) uint64 { return uint64(rng.IntN(7)) << 32 })
	f(func(rng *rand.Rand) uint64 { return uint64(rng.IntN(100))<<60 | 15<<32 })
}

func TestTheLowerHalfOfAHashIsLeftOut(t *testing.T) {
	x := New()
	x.Insert(5<<32|1, 9)
	require.Equal(t, map[uint32]bool{9: true}, find(&x, 5<<32|2))
	require.Empty(t, find(&x, 6<<32|1))
}
