// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// TestKeptStates: states of detectors and of an aligner that were saved by an earlier version are read, written again as they were, and
// go on.
func TestKeptStates(t *testing.T) {
	kept := func(t *testing.T, name string, write func() []byte) []byte {
		t.Helper()
		return testutil.Kept(t, filepath.Join("testdata", "states", strings.ReplaceAll(name, " ", "_")+".bin"), write)
	}
	times, values := eventful(340)
	names := []string{"a", "b", "c"}
	for name, s := range allSettings() {
		t.Run(name, func(t *testing.T) {
			s.Forest.Trees = 4
			state := kept(t, name, func() []byte {
				d, err := NewDetector(s, names)
				require.NoError(t, err)
				for i := range 250 {
					observe(d, times[i], values[i])
				}
				return d.Append(nil)
			})
			d, err := NewDetector(s, names)
			require.NoError(t, err)
			require.NoError(t, d.Restore(state))
			assert.Equal(t, state, d.Append(nil))
			judged := d.Tally().Judged
			train(d)
			for i := 250; i < len(times); i++ {
				observe(d, times[i], values[i])
			}
			assert.Greater(t, d.Tally().Judged, judged)
		})
	}
	t.Run("aligner", func(t *testing.T) {
		state := kept(t, "aligner", func() []byte {
			a := newAligned(t, 2)
			for i := range int64(40) {
				a.addAt(int(i%2), minute(i/2, i*17%60), float64(i), minute(i/2, 30))
			}
			return a.Append(nil)
		})
		a := newAligned(t, 2)
		require.NoError(t, a.Restore(state))
		assert.Equal(t, state, a.Append(nil))
		a.addAt(0, minute(30, 0), 1, minute(30, 0))
		assert.NotEmpty(t, a.rows)
	})
}
