// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

func tables() []*table {
	all := []*table{resultTable, issueTable}
	for _, typ := range Types {
		all = append(all, byType[typ])
	}
	return all
}

// A key or a JSON path that two fields of a type read would be read by one of them
// alone.
func TestKeysAndPathsMeanOneThing(t *testing.T) {
	for _, table := range tables() {
		keys, paths := map[string]string{}, map[string]string{}
		claim := func(names map[string]string, name, by string) {
			if owner, taken := names[name]; taken {
				t.Errorf("%s%s: %q is read by %s and %s", table.typ, table.eventName, name, owner, by)
			}
			names[name] = by
		}
		for i := range table.fields {
			f := &table.fields[i]
			require.NotEmpty(t, f.meaning, f.name)
			if f.key != "" && f.kind != kindList {
				claim(keys, f.key, f.name)
			}
			for _, other := range f.otherKeys {
				claim(keys, other, f.name)
			}
			claim(paths, f.name, f.name)
			for _, other := range f.otherNames {
				claim(paths, other, f.name)
			}
		}
		for _, key := range []string{KeyID, KeySource, KeySubject, KeyPart} {
			claim(keys, key, "the event")
		}
	}
}

// fill gives every field of an event a value that it takes, but for lists.
func fill(t *testing.T, table *table, e Event) {
	t.Helper()
	for i := range table.fields {
		f := &table.fields[i]
		switch v := f.at(e).(type) {
		case *string:
			*v = f.name
			switch {
			case len(f.enum) > 0:
				*v = f.enum[len(f.enum)-1]
			case f.format != "":
				*v = "2026-11-21T05:00:00Z"
			}
		case *Float:
			*v = Some(f.low.Value + 0.25)
		case *Int:
			*v = Some(int64(f.low.Value) + 3)
		case *Bool:
			*v = Some(true)
		case *[]string:
			*v = []string{"a", "b"}
		case *Attributes:
			*v = Attributes{
				{Key: f.key + ".s", Value: String("s")},
				{Key: f.key + ".i", Value: Integer(-7)},
				{Key: f.key + ".d", Value: Double(7)},
				{Key: f.key + ".b", Value: Boolean(true)},
				{Key: f.key + ".l.m", Value: Value{kind: emptyList().kind, list: []Value{String("x"), Integer(1), Double(-0.5), Boolean(false)}}},
			}
		case listOf:
		default:
			t.Fatalf("%s is a %T", f.name, v)
		}
	}
}

// Every field of every type is written to a record and read back, and written to
// JSON and decoded, as it was.
func TestEveryFieldGoesBothWays(t *testing.T) {
	for _, table := range tables() {
		event := table.new()
		fill(t, table, event)
		meta := event.Common()
		meta.ID, meta.Source, meta.Subject, meta.Part = "i", "s", "u", 0
		if target := targetOf(event); target != nil {
			target.TraceID, target.SpanID = "", "" // they stand in Meta
		}
		meta.TraceID, meta.SpanID, meta.Flags = DeriveTraceID("r"), [8]byte{1}, 1

		if table.eventName != "" {
			logs := plog.NewLogRecordSlice()
			Append(event, 1, logs)
			require.Equal(t, 1, logs.Len())
			assert.Equal(t, table.eventName, logs.At(0).EventName())
			back := New(logs.At(0).EventName())
			require.NoError(t, Read(logs.At(0), back))
			back.Common().Time = meta.Time
			assert.Equal(t, event, back)
		}
		if table.typ != "" {
			decoder := Decoder{Filter: keepAll}
			decoder.Reset(AppendJSON(nil, event))
			back, err := decoder.Next("")
			require.NoError(t, err, "%s: %s", table.typ, AppendJSON(nil, event))
			assert.Equal(t, event, back)
			assert.Zero(t, decoder.Unknown)
		}
	}
}

var keepAll = Filter{Content: func(s string) (string, bool) { return s, true }}
