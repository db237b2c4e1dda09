// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import _ "embed" // the schema is served as it is committed

// SchemaID is the $id of the schema.
const SchemaID = "https://github.com/llm-guardian/otelcol-guardian/schema/event.v1.json"

//go:embed schema.json
var schema []byte

// Schema gives the JSON Schema (draft 2020-12) of an event in its envelope. Its
// $defs has one schema per type, for bare data. It is made of the tables of this
// package, and committed.
func Schema() []byte { return schema }
