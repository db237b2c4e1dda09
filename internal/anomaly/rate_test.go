// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRate(t *testing.T) {
	const second = int64(1e9)
	type update struct {
		at, start int64 // in seconds
		value     float64
		rate      float64 // NaN where there is none
	}
	none := math.NaN()
	for name, updates := range map[string][]update{
		"increase":                  {{10, 1, 5, none}, {20, 1, 25, 2}, {30, 1, 25, 0}},
		"no start":                  {{10, 0, 5, none}, {20, 0, 25, 2}},
		"reset without a start":     {{10, 0, 50, none}, {20, 0, 10, 1}, {30, 0, 20, 1}},
		"reset with a new start":    {{10, 1, 50, none}, {20, 15, 10, 2}},
		"reset hidden by growth":    {{10, 1, 5, none}, {20, 18, 10, 5}, {30, 18, 20, 1}},
		"new start before the last": {{10, 1, 50, none}, {20, 5, 60, 6}},
		"duplicate and earlier":     {{10, 1, 5, none}, {10, 1, 6, none}, {5, 1, 1, none}, {20, 1, 15, 1}},
		"not a number":              {{10, 1, 5, none}, {20, 1, math.NaN(), none}, {25, 1, math.Inf(1), none}, {30, 1, -1, none}, {40, 1, 35, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var r Rate
			for _, u := range updates {
				var restored Rate
				rest, err := restored.Restore(append(r.Append(nil), 7))
				require.NoError(t, err)
				require.Equal(t, []byte{7}, rest)
				require.Equal(t, r, restored)
				got, ok := r.Update(u.at*second, u.start*second, u.value)
				assert.Equal(t, !math.IsNaN(u.rate), ok, "%+v", u)
				if ok {
					assert.InDelta(t, u.rate, got, 1e-12, "%+v", u)
				}
			}
		})
	}
	var r Rate
	_, err := r.Restore([]byte{1, 2})
	assert.ErrorIs(t, err, ErrDamaged)
}
