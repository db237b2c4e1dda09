// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package kibana holds Kibana's saved objects over the events, and reads them as far as tests need to: to resolve what they
// refer to, and to ask an Elasticsearch what they ask. The file is written by monitoring/gen.
package kibana

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

//go:embed guardian.ndjson
var file []byte

// Object is a saved object.
type Object struct {
	Type       string                     `json:"type"`
	ID         string                     `json:"id"`
	Attributes map[string]json.RawMessage `json:"attributes"`
	References []Reference                `json:"references"`
}

// Reference is what an object needs, by the name under which the object speaks of it.
type Reference struct {
	Name string `json:"name"`
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Load gives the objects in the order of the file. An error names the line.
func Load() ([]Object, error) {
	var objects []Object
	for i, line := range bytes.Split(bytes.TrimSpace(file), []byte("\n")) {
		var o Object
		if err := json.Unmarshal(line, &o); err != nil {
			return nil, fmt.Errorf("cannot read line %d: %w", i+1, err)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// Within decodes an attribute that is JSON within a text.
func (o *Object) Within(attribute string, into any) error {
	var text string
	if err := json.Unmarshal(o.Attributes[attribute], &text); err != nil {
		return fmt.Errorf("%s %s: %s: %w", o.Type, o.ID, attribute, err)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("%s %s: in %s: %w", o.Type, o.ID, attribute, err)
	}
	return nil
}

// Query gives what a search or a picture selects, in KQL.
func (o *Object) Query() (string, error) {
	var meta struct {
		Source string `json:"searchSourceJSON"`
	}
	if err := json.Unmarshal(o.Attributes["kibanaSavedObjectMeta"], &meta); err != nil {
		return "", fmt.Errorf("%s %s: %w", o.Type, o.ID, err)
	}
	var source struct {
		Query struct{ Query, Language string }
		Index string `json:"indexRefName"`
	}
	if err := json.Unmarshal([]byte(meta.Source), &source); err != nil {
		return "", fmt.Errorf("%s %s: %w", o.Type, o.ID, err)
	}
	if source.Query.Language != "kuery" {
		return "", fmt.Errorf("%s %s: the query is written in %q", o.Type, o.ID, source.Query.Language)
	}
	return source.Query.Query, nil
}

// Columns are the fields that a search shows.
func (o *Object) Columns() ([]string, error) {
	var columns []string
	if err := json.Unmarshal(o.Attributes["columns"], &columns); err != nil {
		return nil, fmt.Errorf("%s %s: columns: %w", o.Type, o.ID, err)
	}
	return columns, nil
}

var (
	clause = regexp.MustCompile(`^([\w.@]+) : (\*|"[^"]*"|\("[^"]*"(?: or "[^"]*")*\))$`)
	quoted = regexp.MustCompile(`"[^"]*"`)
)

// Lucene writes a query in KQL as Elasticsearch's query_string takes it. It knows clauses of one field that are joined by
// "and", with one value, several with "or", or any: all that our searches need. Anything else is an error.
func Lucene(kql string) (string, error) {
	var clauses []string
	for text := range strings.SplitSeq(kql, " and ") {
		match := clause.FindStringSubmatch(text)
		switch {
		case match == nil:
			return "", fmt.Errorf("%q is not field : value, in %q", text, kql)
		case match[2] == "*":
			clauses = append(clauses, "_exists_:"+match[1])
		default:
			clauses = append(clauses, match[1]+":("+strings.Join(quoted.FindAllString(match[2], -1), " OR ")+")")
		}
	}
	return strings.Join(clauses, " AND "), nil
}
