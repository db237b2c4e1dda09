// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"maps"
	"slices"
)

// object is an object of a JSON Schema. encoding/json sorts its names.
type object = map[string]any

// buildSchema makes the schema of the tables.
func buildSchema() ([]byte, error) {
	definitions := object{}
	names := make([]any, 0, 2*len(Types))
	cases := make([]any, 0, len(Types))
	for _, t := range Types {
		definitions[string(t)] = byType[t].schema()
		spellings := []any{string(t), TypePrefix + string(t) + TypeSuffix}
		names = append(names, spellings...)
		cases = append(cases, object{
			"if":   object{"properties": object{"type": object{"enum": spellings}}},
			"then": object{"properties": object{"data": object{"$ref": "#/$defs/" + string(t)}}},
		})
	}
	text := func(meaning string) object { return object{"type": []string{"string", "null"}, "description": meaning} }
	out, err := json.MarshalIndent(object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         SchemaID,
		"title":       "An event for the guardian receiver of otelcol-guardian",
		"description": "The envelope follows CloudEvents 1.0. Members that are not named here are dropped.",
		"type":        "object",
		"required":    []string{"type", "data"},
		"properties": object{
			"id":             text("id of the event, unique within its source; made of the ids in data if absent"),
			"source":         text("who says it, such as /guardian/safety-1"),
			"type":           object{"enum": names, "description": "what data is"},
			"time":           object{"type": []string{"string", "null"}, "format": "date-time", "description": "when it happened; when it arrived if absent"},
			"subject":        text("CloudEvents subject"),
			"traceparent":    text("W3C trace context of what the event speaks of"),
			"correlation_id": text("id that ties records of several services together"),
			"correlationid":  text("the same, as the name of a CloudEvents extension must be spelled"),
			"data":           object{"type": "object"},
		},
		"allOf": cases,
		"$defs": definitions,
	}, "", "  ")
	return append(out, '\n'), err
}

// schema gives the schema of a type's data. Rules over several fields are not in it:
// the decoder is stricter by those.
func (t *table) schema() object { return t.root.schema(t) }

func (n *node) schema(t *table) object {
	if n.children == nil {
		return n.field.schema()
	}
	properties := object{}
	for name, child := range n.children {
		properties[name] = child.schema(t)
	}
	s := object{"type": []string{"object", "null"}, "properties": properties}
	if n == t.root {
		s["type"] = "object"
	}
	if required := n.required(); len(required) > 0 && n == t.root {
		s["required"] = required
	}
	if n.text == nil && n.number == nil {
		return s
	}
	alternatives := []any{s}
	if n.text != nil {
		alternatives = append(alternatives, object{"type": "string", "description": n.text.name + " alone"})
	}
	if n.number != nil {
		short := object{"type": "number", "description": n.number.name + " alone"}
		n.number.bounds(short)
		alternatives = append(alternatives, short)
	}
	return object{"anyOf": alternatives}
}

// required names the children that must be there. A field that has another path
// may stand there instead, so the schema does not require it.
func (n *node) required() []string {
	var names []string
	for _, name := range n.order {
		if f := n.children[name].field; f != nil && f.required && len(f.otherNames) == 0 {
			names = append(names, name)
		}
	}
	return names
}

func (f *field) schema() object {
	s := object{"description": f.meaning + f.keyNote()}
	switch f.kind {
	case kindText:
		s["type"] = []string{"string", "null"}
		if f.takesAnyScalar {
			s["type"] = []string{"string", "number", "boolean", "null"}
		}
		if len(f.enum) > 0 {
			delete(s, "type")
			s["enum"] = f.spellings()
		}
		if f.format != "" {
			s["format"] = f.format
		}
	case kindDouble:
		s["type"] = []string{"number", "null"}
	case kindInteger:
		s["type"] = []string{"integer", "null"}
	case kindBoolean:
		s["type"] = []string{"boolean", "null"}
	case kindTexts:
		s["type"], s["items"] = []string{"array", "null"}, object{"type": "string"}
	case kindOpen:
		s["type"] = []string{"object", "null"}
	case kindList:
		s["type"], s["items"] = []string{"array", "null"}, f.elements.schema()
	}
	f.bounds(s)
	return s
}

func (f *field) keyNote() string {
	switch {
	case f.kind == kindList:
		return ", one record each"
	case f.kind == kindOpen:
		return " (attributes " + f.key + ".*)"
	case f.key == "" || f.key == f.name:
		return ""
	default:
		return " (attribute " + f.key + ")"
	}
}

func (f *field) bounds(s object) {
	if f.low.Set {
		s["minimum"] = f.low.Value
	}
	if f.high.Set {
		s["maximum"] = f.high.Value
	}
}

// spellings lists what an enum takes: its values, other spellings, and null.
func (f *field) spellings() []any {
	var all []any
	for _, value := range f.enum {
		all = append(all, value)
	}
	for _, other := range slices.Sorted(maps.Keys(f.spelling)) {
		all = append(all, other)
	}
	return append(all, nil)
}
