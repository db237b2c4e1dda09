// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/monitoring/kibana"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// checkSearches asks a real Elasticsearch what every saved search and every picture of Kibana asks. Each finds events, and
// each column of a search has a value in one of them.
func checkSearches(t *testing.T, elastic *servers.SearchEngine) {
	t.Helper()
	objects, err := kibana.Load()
	require.NoError(t, err)
	var indices string
	require.Equal(t, "index-pattern", objects[0].Type)
	require.NoError(t, json.Unmarshal(objects[0].Attributes["title"], &indices))
	elastic.Do(t, http.MethodPost, "/"+indices+"/_refresh?ignore_unavailable=true", "")
	for _, o := range objects {
		switch o.Type {
		case "search":
			checkSearch(t, elastic, indices, &o)
		case "visualization":
			checkPicture(t, elastic, indices, &o)
		}
	}
}

// found is the part of a search's answer that is looked at.
type found struct {
	Hits struct {
		Total struct{ Value int }
		Hits  []struct {
			Source document `json:"_source"`
		}
	}
	Aggregations map[string]struct {
		Buckets []struct {
			Count int `json:"doc_count"`
		}
	}
}

// document is a log record as the exporter writes it.
type document struct {
	Attributes map[string]any
	Resource   struct{ Attributes map[string]any }
	EventName  string `json:"event_name"`
	Severity   string `json:"severity_text"`
}

// has says whether a field of the name has a value.
func (d *document) has(field string) bool {
	switch field {
	case "event_name":
		return d.EventName != ""
	case "severity_text":
		return d.Severity != ""
	default:
		return d.Attributes[field] != nil || d.Resource.Attributes[field] != nil
	}
}

func searchFor(t *testing.T, elastic *servers.SearchEngine, indices string, body any) found {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	var answer found
	raw := elastic.Do(t, http.MethodPost, "/"+indices+"/_search?ignore_unavailable=true", string(text))
	require.NoError(t, json.Unmarshal(raw, &answer), "%s", raw)
	return answer
}

type object = map[string]any

// selection is the query of an object as Elasticsearch takes it.
func selection(t *testing.T, o *kibana.Object) object {
	t.Helper()
	kql, err := o.Query()
	require.NoError(t, err)
	lucene, err := kibana.Lucene(kql)
	require.NoError(t, err)
	return object{"query_string": object{"query": lucene}}
}

func checkSearch(t *testing.T, elastic *servers.SearchEngine, indices string, o *kibana.Object) {
	t.Helper()
	columns, err := o.Columns()
	require.NoError(t, err)
	query := selection(t, o)
	answer := searchFor(t, elastic, indices, object{"size": 1, "query": query, "sort": []any{object{"@timestamp": "desc"}}})
	t.Logf("%s finds %d events", o.ID, answer.Hits.Total.Value)
	if !assert.NotZero(t, answer.Hits.Total.Value, "%s: %v", o.ID, query) {
		return
	}
	for _, column := range columns {
		with := object{"bool": object{"filter": []any{query, object{"exists": object{"field": column}}}}}
		answer := searchFor(t, elastic, indices, object{"size": 1, "query": with})
		if assert.NotEmpty(t, answer.Hits.Hits, "%s: no event has %s", o.ID, column) {
			assert.True(t, answer.Hits.Hits[0].Source.has(column), "%s: %s is found and not shown", o.ID, column)
		}
	}
}

func checkPicture(t *testing.T, elastic *servers.SearchEngine, indices string, o *kibana.Object) {
	t.Helper()
	var state struct {
		Type string
		Aggs []struct {
			ID, Type string
			Params   struct {
				Field string
				Size  int
			}
		}
		Params struct{ Spec string }
	}
	require.NoError(t, o.Within("visState", &state))
	if state.Type == "vega" {
		checkVega(t, elastic, state.Params.Spec)
		return
	}
	aggregations := object{}
	for _, a := range state.Aggs {
		switch a.Type {
		case "date_histogram":
			aggregations[a.ID] = object{a.Type: object{"field": a.Params.Field, "fixed_interval": "1m"}}
		case "terms":
			aggregations[a.ID] = object{a.Type: object{"field": a.Params.Field, "size": a.Params.Size}}
		}
	}
	require.NotEmpty(t, aggregations, o.ID)
	answer := searchFor(t, elastic, indices, object{"size": 0, "query": selection(t, o), "aggs": aggregations})
	for id := range aggregations {
		assert.Greater(t, len(answer.Aggregations[id].Buckets), 1, "%s: aggregation %s", o.ID, id)
	}
}

// checkVega runs the query of a Vega specification, with what Kibana would put in for the time and the filters of a dashboard.
func checkVega(t *testing.T, elastic *servers.SearchEngine, spec string) {
	t.Helper()
	spec = strings.NewReplacer(
		`"%dashboard_context-must_clause%"`, ``, `"%dashboard_context-filter_clause%",`, ``, `"%dashboard_context-must_not_clause%"`, ``,
		`"%timefilter%":true`, `"gte":"now-1h","lte":"now"`,
	).Replace(spec)
	require.NotContains(t, spec, "%dashboard")
	var parsed struct {
		Data struct {
			URL struct {
				Index string
				Body  object
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(spec), &parsed))
	answer := searchFor(t, elastic, parsed.Data.URL.Index, parsed.Data.URL.Body)
	features := map[any]bool{}
	for _, hit := range answer.Hits.Hits {
		a := hit.Source.Attributes
		reference, _ := a["guardian.drift.bins.reference"].([]any)
		current, _ := a["guardian.drift.bins.current"].([]any)
		assert.NotEmpty(t, reference)
		assert.Len(t, current, len(reference), "%v", a["feature.name"])
		features[a["feature.name"]] = true
	}
	assert.Len(t, features, len(answer.Hits.Hits), "each feature once")
	assert.Greater(t, len(features), 10, "features of three models")
}
