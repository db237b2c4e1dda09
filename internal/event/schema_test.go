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
