// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

const (
	driftSeries = 10_000
	driftModels = 10
	driftBodies = driftSeries / itemsPerRequest
	// step is the event time between two points of a series: so short that no run overtakes the clock.
	step = time.Millisecond
)

// driftKind is what the items of a request are.
type driftKind int

const (
	driftGauges driftKind = iota
	driftCounters
	driftPredictions
)

var driftKinds = [...]string{
	driftGauges:      "points of gauges",
	driftCounters:    "points of cumulative sums",
	driftPredictions: "predictions of 2 features",
}

func (k driftKind) signal() otlpload.Signal {
	if k == driftPredictions {
		return otlpload.Logs
	}
	return otlpload.Metrics
}

// driftSource makes requests of 1,000 items with 4 attributes: points of 10,000 series in turn, or predictions of ten models in turn.
// Times and numbers move on from request to request, from one distribution. A request has one ledger id, on an item of its own.
type driftSource struct {
	kind    driftKind
	bodies  [driftBodies]driftBody
	numbers []float64
	start   time.Time
}

// driftBody is a request with the places of what changes.
type driftBody struct {
	bytes          []byte
	ledger         int
	times, numbers []int
}

// Marks stand in the places until they are found.
const (
	timeMark   = 0x1122334455667788
	numberMark = -1.2345678901234567e123
)

func newDriftSource(kind driftKind, seed uint64) (*driftSource, error) {
	rng := rand.New(rand.NewPCG(seed, uint64(kind)))
	s := &driftSource{kind: kind, start: time.Now().Add(-time.Hour)}
	for range 1 << 14 {
		s.numbers = append(s.numbers, 10*math.Exp(rng.NormFloat64()))
	}
	for i := range s.bodies {
		body, err := kind.body(i, rng)
		if err != nil {
			return nil, fmt.Errorf("cannot marshal %s: %w", driftKinds[kind], err)
		}
		s.bodies[i] = newDriftBody(body)
	}
	return s, nil
}

func newDriftBody(body []byte) driftBody {
	return driftBody{
		bytes:   body,
		ledger:  bytes.Index(body, binary.AppendUvarint(nil, uint64(otlpload.FirstID))),
		times:   places(body, timeMark),
		numbers: places(body, math.Float64bits(numberMark)),
	}
}

func places(body []byte, mark uint64) (all []int) {
	sought := binary.LittleEndian.AppendUint64(nil, mark)
	for from := 0; ; from = all[len(all)-1] + len(sought) {
		at := bytes.Index(body[from:], sought)
		if at < 0 {
			return all
		}
		all = append(all, from+at)
	}
}

func (s *driftSource) Signal() otlpload.Signal { return s.kind.signal() }

// Items is the number of ledger ids: one request, one id.
func (*driftSource) Items() int { return 1 }

func (s *driftSource) Append(dst []byte, _ otlpload.Encoding, first int64) []byte {
	request := int(first - otlpload.FirstID)
	b := &s.bodies[request%driftBodies]
	round := request / driftBodies
	from := len(dst)
	dst = append(dst, b.bytes...)
	body := dst[from:]
	binary.PutUvarint(body[b.ledger:], uint64(first))
	at := uint64(s.start.Add(time.Duration(round) * step).UnixNano())
	for _, place := range b.times {
		binary.LittleEndian.PutUint64(body[place:], at)
	}
	for i, place := range b.numbers {
		binary.LittleEndian.PutUint64(body[place:], math.Float64bits(s.number(request, round, i)))
	}
	return dst
}

// number is the value of the i-th item. What a counter has grown by since the round before has one distribution too.
func (s *driftSource) number(request, round, i int) float64 {
	v := s.numbers[(request*7919+i*31)%len(s.numbers)]
	if s.kind == driftCounters {
		return 1e4*float64(round) + v
	}
	return v
}

// body makes the i-th of the requests that take turns.
func (k driftKind) body(i int, rng *rand.Rand) ([]byte, error) {
	if k == driftPredictions {
		return plogotlp.NewExportRequestFromLogs(driftLogs(i, rng)).MarshalProto()
	}
	return pmetricotlp.NewExportRequestFromMetrics(k.metrics(i)).MarshalProto()
}

func (k driftKind) metrics(body int) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	rm := metrics.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "inference")
	scope := rm.ScopeMetrics().AppendEmpty()
	m := scope.Metrics().AppendEmpty()
	var points pmetric.NumberDataPointSlice
	if k == driftGauges {
		m.SetName("queue.length")
		points = m.SetEmptyGauge().DataPoints()
	} else {
		m.SetName("requests.served")
		m.SetEmptySum().SetIsMonotonic(true)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		points = m.Sum().DataPoints()
	}
	for i := range itemsPerRequest {
		p := points.AppendEmpty()
		p.SetTimestamp(timeMark)
		p.SetDoubleValue(numberMark)
		p.Attributes().PutStr("host.name", fmt.Sprintf("inference-%05d.models.svc", body*itemsPerRequest+i))
		p.Attributes().PutStr("gen_ai.operation.name", "chat")
		p.Attributes().PutStr("model.name", fmt.Sprintf("model-%d", i%driftModels))
		p.Attributes().PutStr("model.version", "7")
	}
	ledger := scope.Metrics().AppendEmpty()
	ledger.SetName("ledger")
	ledger.SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutInt(otlpload.IDKey, otlpload.FirstID)
	return metrics
}

// driftLogs are predictions of one model.
func driftLogs(body int, rng *rand.Rand) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "inference")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range itemsPerRequest {
		r := records.AppendEmpty()
		r.SetEventName("guardian.prediction")
		r.SetTimestamp(timeMark)
		r.Attributes().PutStr("model.name", fmt.Sprintf("model-%d", body%driftModels))
		r.Attributes().PutStr("model.version", "7")
		r.Attributes().PutDouble("features.age", numberMark)
		r.Attributes().PutStr("features.plan", []string{"basic", "gold", "silver", "trial"}[rng.IntN(4)])
	}
	records.AppendEmpty().Attributes().PutInt(otlpload.IDKey, otlpload.FirstID)
	return logs
}
