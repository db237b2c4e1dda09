// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package kibana writes what people look for among the events as saved objects of Kibana: a data view, a saved search for
// each kind of event and for what asks for somebody, and a dashboard over them.
package kibana

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// File is the name of the file with all objects, one a line, as Kibana exports and imports them.
const File = "guardian.ndjson"

const (
	dataView = "guardian-events"
	// indices are where the shipped gateway and agent write.
	indices = "logs-*,llm-guardian-logs"
	// sourceIndex is what the data view of a search or a picture is referred to by.
	sourceIndex = "kibanaSavedObjectMeta.searchSourceJSON.index"
)

// object is a saved object. Kibana reads the parts that are text as JSON in turn.
type object struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Attributes map[string]any `json:"attributes"`
	References []reference    `json:"references"`
	Managed    bool           `json:"managed"`
	// Versions of the form that the object has: those of Kibana 8.9. A newer one brings it up to date.
	CoreMigrationVersion string `json:"coreMigrationVersion"`
	TypeMigrationVersion string `json:"typeMigrationVersion"`
}

type reference struct {
	Name string `json:"name"`
	Type string `json:"type"`
	ID   string `json:"id"`
}

const coreVersion = "8.8.0"

// versions of the types in Kibana 8.9.
var versions = map[string]string{"index-pattern": "8.0.0", "search": "8.0.0", "visualization": "8.5.0", "dashboard": "8.9.0"}

// Objects gives the file.
func Objects() ([]byte, error) {
	objects := []object{view()}
	for _, s := range searches() {
		objects = append(objects, s.object())
	}
	for _, p := range pictures() {
		objects = append(objects, p.object())
	}
	objects = append(objects, dashboard())
	var file bytes.Buffer
	for _, o := range objects {
		o.CoreMigrationVersion, o.TypeMigrationVersion = coreVersion, versions[o.Type]
		line, err := json.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("cannot write %s %s: %w", o.Type, o.ID, err)
		}
		file.Write(append(line, '\n'))
	}
	return file.Bytes(), nil
}

// text is JSON within JSON, as Kibana keeps it.
func text(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // maps, lists, texts and numbers: it cannot fail
	return string(bytes.TrimSpace(b.Bytes()))
}

type fields map[string]any

func view() object {
	return object{Type: "index-pattern", ID: dataView, References: []reference{}, Attributes: fields{
		"title": indices, "name": "Guardian events", "timeFieldName": "@timestamp", "allowNoIndex": true,
	}}
}

// source is what a search or a picture looks at.
func source(query string) fields {
	return fields{"searchSourceJSON": text(fields{
		"query": fields{"query": query, "language": "kuery"}, "filter": []any{}, "indexRefName": sourceIndex,
	})}
}

var onDataView = []reference{{Name: sourceIndex, Type: "index-pattern", ID: dataView}}
