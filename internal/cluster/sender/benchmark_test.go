// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// Sending an event to a receiver that takes everything at once, beside only making and
// writing it.
func BenchmarkSend(b *testing.B) {
	b.Run("baseline_make_and_write", func(b *testing.B) {
		c := newCluster(b, cluster.Config{Seed: 1})
		var body []byte
		b.ReportAllocs()
		for b.Loop() {
			body = event.AppendJSON(body[:0], c.Next())
		}
	})
	for _, format := range []Format{JSON, NDJSON, CloudEvents} {
		b.Run(string(format), func(b *testing.B) {
			s := Sender{Cluster: newCluster(b, cluster.Config{Seed: 1, Start: start}), Guardian: to(b, takesAll{}, format), Events: b.N}
			b.ReportAllocs()
			report, err := s.Run(b.Context())
			if err != nil || report.Err() != nil {
				b.Fatal(err, report.Err())
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// takesAll accepts every event, having counted the ids.
type takesAll struct{}

func (takesAll) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, `{"accepted":`+strconv.Itoa(bytes.Count(body, []byte(`"id":"event-`)))+`}`)
}
