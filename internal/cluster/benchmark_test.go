// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"testing"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// Making an event, beside writing it as JSON, which every sender has to do: the
// generator must not be what limits the load.
func BenchmarkNext(b *testing.B) {
	b.Run("make", func(b *testing.B) {
		c := newCluster(b, Config{Seed: 1})
		b.ReportAllocs()
		for b.Loop() {
			c.Next()
		}
	})
	b.Run("make_and_write", func(b *testing.B) {
		c := newCluster(b, Config{Seed: 1})
		var body []byte
		b.ReportAllocs()
		for b.Loop() {
			body = event.AppendJSON(body[:0], c.Next())
		}
	})
}
