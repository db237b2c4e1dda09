// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzObserve feeds any values at any times to every method: nothing panics, a score is 0 to 1 and a p-value above 0 and at most 1.
func FuzzObserve(f *testing.F) {
	seed := make([]byte, 0, 900)
	for i := range 100 {
		seed = binary.LittleEndian.AppendUint64(append(seed, byte(i)), math.Float64bits(float64(i%7)))
	}
	f.Add(uint8(0), seed)
	f.Add(uint8(7), append(seed, seed...))
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		method := []Method{IsolationForest, PCA, RobustZ, EWMA}[kind%4]
		s := small(method)
		s.Forest.Trees = 3
		if kind&4 != 0 {
			s.Season = Season{Phases: 2, Length: time.Minute}
		}
		d, err := NewDetector(s, []string{"a", "b"})
		require.NoError(t, err)
		at := int64(0)
		row := make([]float64, 2)
		// Enough calm rows to be trained, then whatever comes, several times, so that it is learned too.
		for i := range 25 {
			at += 30e9
			observe(d, at, []float64{float64(i % 5), float64(i % 3)})
		}
		for range 3 {
			for rest := b; len(rest) >= 9; rest = rest[9:] {
				at += int64(int8(rest[0])) * 1e9
				row[rest[0]%2] = math.Float64frombits(binary.LittleEndian.Uint64(rest[1:]))
				v := observe(d, at, row)
				require.True(t, v.Score >= 0 && v.Score <= 1, "score %v", v.Score)
				require.True(t, v.P > 0 && v.P <= 1, "p %v", v.P)
				for _, c := range v.Causes {
					require.False(t, math.IsNaN(c.Z) || math.IsNaN(c.Contribution) || math.IsNaN(c.Mean))
				}
			}
		}
		state := d.Append(nil)
		other, err := NewDetector(s, []string{"a", "b"})
		require.NoError(t, err)
		require.NoError(t, other.Restore(state))
		require.Equal(t, state, other.Append(nil))
	})
}

// FuzzRestore reads any bytes: an error, or a detector that works.
func FuzzRestore(f *testing.F) {
	for _, m := range []Method{IsolationForest, PCA, RobustZ, EWMA} {
		d, _ := NewDetector(small(m), []string{"a"})
		for i := range 45 {
			observe(d, int64(i)*60e9, []float64{float64(i % 7)})
		}
		f.Add(d.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range []Method{IsolationForest, PCA, RobustZ, EWMA} {
			d, err := NewDetector(small(m), []string{"a"})
			require.NoError(t, err)
			if d.Restore(b) != nil {
				continue
			}
			for i := range 30 {
				v := observe(d, int64(i)*60e9, []float64{float64(i * i)})
				require.True(t, v.Score >= 0 && v.Score <= 1, "score %v", v.Score)
			}
		}
	})
}
