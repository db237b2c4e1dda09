// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// The committed schema is the one of the tables; -update writes it.
func TestSchemaIsThatOfTheTables(t *testing.T) {
	built, err := buildSchema()
	require.NoError(t, err)
	testutil.Golden(t, "schema.json", built)
}

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource(SchemaID, document))
	schema, err := compiler.Compile(SchemaID)
	require.NoError(t, err)
	return schema
}

func validate(t testing.TB, schema *jsonschema.Schema, event string) error {
	t.Helper()
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(event))
	require.NoError(t, err)
	return schema.Validate(instance)
}

// What is wrong with one field by itself is wrong for both the schema and the
// decoder. Rules over several fields are the decoder's alone, and so are the limits.
func TestSchemaRejectsWhatTheDecoderRejects(t *testing.T) {
	schema := compileSchema(t)
	f := func(json string) {
		t.Helper()
		require.Error(t, validate(t, schema, json), "the schema takes %s", json)
		var decoder Decoder
		decoder.Reset([]byte(json))
		_, err := decoder.Next("")
		var problem *Problem
		require.ErrorAs(t, err, &problem, "the decoder takes %s", json)
	}
	f(`{"data":{}}`)
	f(`{"type":"label"}`)
	f(`{"type":null,"data":{}}`)
	f(`{"type":"Request","data":{}}`)
	f(`{"type":"request","data":null}`)
	f(`{"type":"request","data":"x"}`)
	f(`{"type":"request","id":7,"data":{"request_id":"r","model":"m"}}`)
	f(`{"type":"request","correlationid":7,"data":{"request_id":"r","model":"m"}}`)
	f(`{"type":"request","time":"2026-11-21","data":{"request_id":"r","model":"m"}}`)
	f(`{"type":"request","data":{"model":"m"}}`)
	f(`{"type":"request","data":{"request_id":"r","model":7}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","phase":"begun"}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","phase":""}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","duration_s":"2"}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","duration_s":-1}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","quality_score":1.01}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","usage":{"input_tokens":0.5}}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","cost":-1}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","stream":1}}`)
	f(`{"type":"request","data":{"request_id":"r","model":"m","finish_reasons":[null]}}`)
	f(`{"type":"evaluation","data":{"guardian_type":"g","request_id":"r","results":[{"score":1}]}}`)
	f(`{"type":"evaluation","data":{"guardian_type":"g","request_id":"r","results":{"name":"q"}}}`)
	f(`{"type":"evaluation","data":{"guardian_type":"g","request_id":"r","results":[null]}}`)
	f(`{"type":"improvement","data":{"improvement_id":"i","type":"prompt","status":"done"}}`)
	f(`{"type":"prediction","data":{"model":"m","predicted":"a"}}`)
	f(`{"type":"prediction","data":{"prediction_id":"p","model":"m","predicted":"a","features":[1]}}`)
	f(`{"type":"label","data":{"target":{"prediction_id":"p"},"actual":"a","observed_at":"later"}}`)
	f(`{"type":"label","data":{"target":{"prediction_id":"p"},"actual":"a","observed_at":""}}`)
	f(`{"type":"label","data":{"target":{"prediction_id":"p"},"actual":"a","revision":-1}}`)
	f(`{"type":"error","data":{"component":"c"}}`)
	f(`{"type":"performance_alert","data":{"metric":"m"}}`)
	f(`{"type":"workload","data":{"gpu":{"utilization_percent":101}}}`)
	f(`{"type":"detection","data":{"detector_type":"d"}}`)
	f(`{"type":"mapping","data":{"framework":"f","category":"c"}}`)
	f(`{"type":"violation","data":{"framework":"f","category":"c","severity":"huge"}}`)
}
