// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A reader reads of each record what Read does, whatever it has read before: records with the same attributes, with others,
// in another order, of wrong types, and in older spellings.
func TestReaderIsRead(t *testing.T) {
	assert.Nil(t, NewReader("lunch"))
	for name, table := range byEventName {
		rng := rand.New(rand.NewPCG(uint64(len(name)), 7))
		reader := NewReader(name)
		var keys []string
		for range 400 {
			if keys == nil || rng.IntN(3) == 0 {
				keys = randomKeys(rng, table)
			}
			record := plog.NewLogRecord()
			record.SetEventName(name)
			record.SetTimestamp(pcommon.Timestamp(rng.Int64N(1e18)))
			putRandom(rng, table, keys, record.Attributes())

			want := New(name)
			wantErr := Read(record, want)
			got, err := reader.Read(record)
			require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(err))
			require.Equal(t, asText(want), asText(got))
		}
	}
}

func TestRequestReaderIsRead(t *testing.T) {
	rng, reader := rand.New(rand.NewPCG(1, 7)), NewRequestReader()
	for range 400 {
		span, resource := ptrace.NewSpan(), pcommon.NewMap()
		span.SetEndTimestamp(pcommon.Timestamp(rng.Int64N(1e18)))
		span.SetStartTimestamp(pcommon.Timestamp(rng.Int64N(1e18)))
		putRandom(rng, requestTable, randomKeys(rng, requestTable), span.Attributes())
		resource.PutStr("specialist.type", "legal")

		var want Request
		wantErr := ReadSpan(span, resource, &want)
		got, err := reader.ReadSpan(span, resource)
		require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(err))
		require.Equal(t, asText(&want), asText(got))

		record := plog.NewLogRecord()
		record.SetTimestamp(span.StartTimestamp())
		span.Attributes().CopyTo(record.Attributes())
		wantErr = Read(record, &want)
		got, err = reader.Read(record)
		require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(err))
		require.Equal(t, asText(&want), asText(got))
	}
}

// asText makes events equal that differ in how they hold nothing.
func asText(e Event) string { return fmt.Sprintf("%+v", e) }

// randomKeys gives some of the keys that a type has, and some that it does not have, in a random order.
func randomKeys(rng *rand.Rand, t *table) []string {
	all := []string{KeyID, KeySource, KeySubject, KeyPart, "", "lunch", "features.age", "segments.region"}
	for i := range t.fields {
		all = append(append(all, t.fields[i].key), t.fields[i].otherKeys...)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:rng.IntN(len(all))]
}

func putRandom(rng *rand.Rand, t *table, keys []string, attributes pcommon.Map) {
	for _, key := range keys {
		value := attributes.PutEmpty(key)
		switch rng.IntN(8) {
		case 0, 1, 2:
			value.SetStr(fmt.Sprint("text ", rng.IntN(3)))
		case 3:
			value.SetInt(rng.Int64N(10) - 1)
		case 4:
			value.SetDouble([]float64{0, .5, 3, -1, math.NaN(), math.Inf(1)}[rng.IntN(6)])
		case 5:
			value.SetBool(true)
		case 6:
			value.SetEmptySlice().AppendEmpty().SetStr("one")
		}
		if known, ok := find(&t.keys, key); ok && len(known.field.enum) > 0 && rng.IntN(2) == 0 {
			value.SetStr(known.field.enum[rng.IntN(len(known.field.enum))])
		}
	}
}

func TestReaderDoesNotAllocate(t *testing.T) {
	record := records(t, benchmarkEvents()["request"]).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	reader := NewReader(record.EventName())
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = reader.Read(record) }))
}
