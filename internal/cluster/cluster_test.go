// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// Same seed, same events, byte for byte: the first ones as they are, all of them as a
// hash. -update writes both.
func TestSameSeedSameEvents(t *testing.T) {
	c := newCluster(t, Config{Seed: 1, Rate: 2, LateWithin: time.Hour})
	var first, line []byte
	sum := sha256.New()
	for i := range 20_000 {
		line = append(event.AppendJSON(line[:0], c.Next()), '\n')
		_, err := sum.Write(line)
		require.NoError(t, err)
		if i < 50 {
			first = append(first, line...)
		}
	}
	testutil.Golden(t, "testdata/seed1.ndjson", first)
	testutil.Golden(t, "testdata/seed1.sha256", []byte(hex.EncodeToString(sum.Sum(nil))+"\n"))
}

func TestOtherSeedOrStartOtherIDs(t *testing.T) {
	f := func(other Config) {
		t.Helper()
		ids := map[string]bool{}
		for _, config := range []Config{{Seed: 1}, other} {
			c := newCluster(t, config)
			for range 1000 {
				id := c.Next().Common().ID
				require.False(t, ids[id], "%s comes twice", id)
				ids[id] = true
			}
		}
	}
	f(Config{Seed: 2})
	f(Config{Seed: 1, Start: defaultStart.Add(time.Nanosecond)})
}

func TestTimeGoesForward(t *testing.T) {
	c := newCluster(t, Config{Seed: 3})
	last := c.config.Start
	for range 50_000 {
		next := c.NextTime()
		e := c.Next()
		require.Equal(t, next, e.Common().Time)
		require.False(t, next.Before(last))
		last = next
	}
}

func TestUntilStopsBeforeTheEnd(t *testing.T) {
	end := defaultStart.Add(10 * time.Second)
	c := newCluster(t, Config{Seed: 3, Rate: 50})
	whole := 0
	for e := range c.Until(end) {
		require.True(t, e.Common().Time.Before(end))
		whole++
	}
	assert.False(t, c.NextTime().Before(end))

	again := newCluster(t, Config{Seed: 3, Rate: 50})
	parts := 0
	for step := defaultStart; step.Before(end); step = step.Add(time.Second) {
		for range again.Until(step.Add(time.Second)) {
			parts++
		}
	}
	assert.Equal(t, whole, parts, "in steps it is the same")
	for range c.Until(end.Add(time.Hour)) {
		break // The loop may be left early.
	}
}

func TestNoMoreThanSoMuchIsOutstanding(t *testing.T) {
	c := newCluster(t, Config{Seed: 1, LateAfter: 1000 * time.Hour, LateWithin: 1001 * time.Hour})
	c.room = 100
	for range 10_000 {
		c.Next()
	}
	assert.Equal(t, c.room, c.late)
}

// Every event is one that the receiver takes: by its decoder, by the schema, and
// what the decoder makes of the JSON is what goes over OTLP.
func TestEventsAreAcceptedAndTheSameOverBothWays(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(event.Schema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(event.SchemaID, document))
	schema, err := compiler.Compile(event.SchemaID)
	require.NoError(t, err)

	c := newCluster(t, Config{Seed: 5, Rate: 2, LateWithin: time.Hour, Troubles: []Trouble{{Specialist: "chat-1", To: time.Minute}}})
	var decoder event.Decoder
	var body []byte
	seen := map[event.Type]bool{}
	for range 5000 {
		e := c.Next()
		seen[TypeOf(e)] = true
		body = event.AppendJSON(body[:0], e)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance), "%s", body)

		decoder.Reset(body)
		decoded, err := decoder.Next("")
		require.NoError(t, err, "%s", body)
		require.Equal(t, records(e), records(decoded), "%s", body)
		_, err = decoder.Next("")
		require.ErrorIs(t, err, io.EOF)
	}
	assert.Zero(t, decoder.Unknown)
	assert.Len(t, seen, len(event.Types), "every type occurs")
}

type record struct {
	name         string
	trace, span  string
	time, flags  uint64
	attributes   map[string]any
	severityName string
}

func records(e event.Event) []record {
	logs := plog.NewLogRecordSlice()
	event.Append(e, 1, logs)
	var all []record
	for _, r := range logs.All() {
		all = append(all, record{
			name: r.EventName(), trace: r.TraceID().String(), span: r.SpanID().String(), time: uint64(r.Timestamp()),
			flags: uint64(r.Flags()), attributes: r.Attributes().AsRaw(), severityName: r.SeverityNumber().String(),
		})
	}
	return all
}

func TestConfigNamesEveryFault(t *testing.T) {
	f := func(config Config, want ...string) {
		t.Helper()
		_, err := New(config)
		require.Error(t, err)
		for _, text := range want {
			assert.ErrorContains(t, err, text)
		}
	}
	f(Config{LateAfter: 2 * time.Hour, LateWithin: time.Hour}, "LateWithin is 1h0m0s")
	f(Config{Drifts: []Drift{{Model: "chrun", Feature: "age"}}}, `no model "chrun"`, "churn, fraud, price")
	f(Config{Drifts: []Drift{{Model: "churn", Feature: "aeg"}}}, `no feature of churn "aeg"`, "age, income")
	f(Config{Drifts: []Drift{{Model: "churn", Feature: "plan", Shift: 1.5}}}, "churn.plan is 1.5")
	f(Config{Drifts: []Drift{{Model: "churn", Feature: "age", At: -1}}}, "before the start")
	f(Config{Drifts: []Drift{{Model: "churn", Feature: "age", At: time.Minute, Until: time.Minute}}}, "the drift of churn.age lasts from 1m0s to 1m0s")
	f(Config{Troubles: []Trouble{{Specialist: "chat-2", To: 1}}}, `no specialist "chat-2"`, "legal-1")
	f(Config{Troubles: []Trouble{{Specialist: "chat-1", From: time.Second, To: time.Second}}}, "end after that")
	f(Config{Troubles: []Trouble{{Specialist: "chat-1", To: 1, LatencyFactor: 0.5}}}, "latency factor 0.5")
	f(Config{Troubles: []Trouble{{Specialist: "chat-1", To: 1, ErrorShare: 2}}}, "error share 2")
	f(Config{Troubles: []Trouble{{Specialist: "chat-1", To: 1, LatencyFactor: math.NaN()}}}, "latency factor NaN")
	f(Config{Drifts: []Drift{{Model: "churn", Feature: "age", Shift: 11}}}, "churn.age is 11")
	f(Config{Rate: 2e6}, "the rate is 2e+06")
	f(Config{LateWithin: 366 * 24 * time.Hour}, "LateWithin is 8784h0m0s")
	f(Config{Bursts: []Burst{{To: 1, ErrorShare: -1}}}, "error share of a burst is -1")
	f(Config{Bursts: []Burst{{From: -1, To: 1}}, Troubles: []Trouble{{Specialist: "x"}}}, "a burst lasts", `no specialist "x"`)
}

func TestTypeOfSomethingElse(t *testing.T) {
	assert.Empty(t, TypeOf(&event.Issue{}))
}
