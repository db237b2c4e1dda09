// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// A configuration is either refused or gives events that the receiver takes, whatever
// its numbers are, and the same ones again.
func FuzzCluster(f *testing.F) {
	f.Add(uint64(1), 100.0, int64(time.Minute), int64(time.Hour), 1.0, int64(0), int64(time.Second), 5.0, 0.3)
	f.Add(uint64(0), 1e-9, int64(1), int64(1), -1e300, int64(5), int64(6), 1e300, 1.0)
	f.Fuzz(func(t *testing.T, seed uint64, rate float64, after, within int64, shift float64, from, to int64, factor, errors float64) {
		config := Config{
			Seed: seed, Rate: rate, LateAfter: time.Duration(after), LateWithin: time.Duration(within),
			Drifts:   []Drift{{Model: "churn", Feature: "income", At: time.Duration(from), Shift: shift}},
			Troubles: []Trouble{{Specialist: "chat-1", From: time.Duration(from), To: time.Duration(to), LatencyFactor: factor, ErrorShare: errors}},
		}
		c, err := New(config)
		if err != nil {
			return
		}
		again := newCluster(t, config)
		var decoder event.Decoder
		last := c.NextTime()
		for range 200 {
			body := event.AppendJSON(nil, c.Next())
			require.Equal(t, string(body), string(event.AppendJSON(nil, again.Next())))
			decoder.Reset(body)
			e, err := decoder.Next("")
			require.NoError(t, err, "%s", body)
			require.False(t, e.Common().Time.Before(last), "%s", body)
			last = e.Common().Time
		}
	})
}
