// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

const benchmarkSeries = 100_000

// series is what a component keeps for one series: about 200 bytes.
type series struct {
	labels  [4][2]string
	numbers [8]float64
}

func makeSeries(n int) []series {
	list := make([]series, n)
	for i := range list {
		list[i].labels = [4][2]string{
			{"service.name", "checkout-" + strconv.Itoa(i%50)},
			{"gen_ai.request.model", "model-large-" + strconv.Itoa(i%200)},
			{"tenant.id", fmt.Sprintf("tenant-%08d", i)},
			{"k8s.pod.name", fmt.Sprintf("inference-7d9f8-%05d", i)},
		}
		for j := range list[i].numbers {
			list[i].numbers[j] = float64(i) * 1.1 * float64(j+1)
		}
	}
	return list
}

func encodeSeries(e *codec.Encoder, s *series) {
	for _, label := range s.labels {
		e.String(label[0])
		e.String(label[1])
	}
	for _, n := range s.numbers {
		e.Float64(n)
	}
}

func decodeSeries(d *codec.Decoder, s *series) {
	for i := range s.labels {
		s.labels[i] = [2]string{d.String(), d.String()}
	}
	for i := range s.numbers {
		s.numbers[i] = d.Float64()
	}
}

func encodeAll(buf []byte, list []series) []byte {
	e := codec.NewEncoder(buf)
	e.Count(len(list))
	for i := range list {
		encodeSeries(e, &list[i])
	}
	return e.Data()
}

func decodeAll(list *[]series) func(uint32, []byte) error {
	return func(_ uint32, blob []byte) error {
		d := codec.NewDecoder(blob)
		*list = make([]series, d.Count(72))
		for i := range *list {
			decodeSeries(d, &(*list)[i])
		}
		return d.Finish()
	}
}

// BenchmarkCheckpoint writes and restores 100,000 series, encoding included, over the real storage: as one blob, and as the
// peer that a component would write without this package, one key per series, in one batch and in one call each. The last
// one runs over fewer series; compare ns/series.
func BenchmarkCheckpoint(b *testing.B) {
	list := makeSeries(benchmarkSeries)
	buf := encodeAll(nil, list)
	for _, fsync := range []bool{false, true} {
		change := func(cfg *filestorage.Config) { cfg.FSync = fsync }
		prefix := fmt.Sprintf("fsync=%t/", fsync)
		perSeries := func(b *testing.B, n int) {
			b.Helper()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/series")
		}
		b.Run(prefix+"blob/save", func(b *testing.B) {
			s, _ := openTest(b, requireFileStorage(b, b.TempDir(), change), Settings{})
			b.ReportAllocs()
			for b.Loop() {
				buf = encodeAll(buf[:0], list)
				require.NoError(b, s.Save(b.Context(), 1, buf))
			}
			perSeries(b, len(list))
			b.ReportMetric(float64(len(buf)), "bytes")
		})
		b.Run(prefix+"blob/restore", func(b *testing.B) {
			ext := requireFileStorage(b, b.TempDir(), change)
			s, _ := openTest(b, ext, Settings{})
			require.NoError(b, s.Save(b.Context(), 1, buf))
			var got []series
			b.ReportAllocs()
			for b.Loop() {
				_, ok := s.Load(b.Context(), decodeAll(&got))
				require.True(b, ok)
			}
			perSeries(b, len(list))
			require.Equal(b, list, got)
		})
		client := func(b *testing.B) storage.Client {
			b.Helper()
			c, err := requireFileStorage(b, b.TempDir(), change).GetClient(b.Context(), testKind, testID, "peer")
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, c.Close(b.Context())) })
			return c
		}
		b.Run(prefix+"key-per-series-one-batch/save", func(b *testing.B) {
			c := client(b)
			b.ReportAllocs()
			for b.Loop() {
				ops := make([]*storage.Operation, len(list))
				for i := range list {
					ops[i] = keyPerSeries(&list[i])
				}
				require.NoError(b, c.Batch(b.Context(), ops...))
			}
			perSeries(b, len(list))
		})
		some := list[:500]
		b.Run(prefix+"key-per-series-one-call/save", func(b *testing.B) {
			c := client(b)
			b.ReportAllocs()
			for b.Loop() {
				for i := range some {
					require.NoError(b, c.Batch(b.Context(), keyPerSeries(&some[i])))
				}
			}
			perSeries(b, len(some))
		})
		b.Run(prefix+"key-per-series-one-call/restore", func(b *testing.B) {
			c := client(b)
			for i := range some {
				require.NoError(b, c.Batch(b.Context(), keyPerSeries(&some[i])))
			}
			var got series
			b.ReportAllocs()
			for b.Loop() {
				for i := range some {
					value, err := c.Get(b.Context(), some[i].labels[3][1])
					require.NoError(b, err)
					decodeSeries(codec.NewDecoder(value), &got)
				}
			}
			require.Equal(b, some[len(some)-1], got)
			perSeries(b, len(some))
		})
	}
}

func keyPerSeries(s *series) *storage.Operation {
	e := codec.NewEncoder(nil)
	encodeSeries(e, s)
	return storage.SetOperation(s.labels[3][1], e.Data())
}

// BenchmarkStats shows that asking for the statistics costs nothing that a scrape would notice.
func BenchmarkStats(b *testing.B) {
	s, _ := openTest(b, newFakeStorage(), Settings{})
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Stats()
	}
}
