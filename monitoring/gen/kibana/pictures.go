// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package kibana

// picture is a visualization: what counts events by aggregations, or a Vega specification.
type picture struct {
	id, title, description string
	state                  fields
	query                  string
}

func pictures() []picture {
	return []picture{
		{
			id: "guardian-events-over-time", title: "Guardian: events over time",
			description: "Events by kind. A kind that stops is an application, a guardian or a judge that has stopped.",
			query:       "event_name : *",
			state: fields{
				"type": "histogram",
				"aggs": []fields{
					{"id": "1", "enabled": true, "type": "count", "schema": "metric", "params": fields{}},
					{"id": "2", "enabled": true, "type": "date_histogram", "schema": "segment", "params": fields{
						"field": "@timestamp", "interval": "auto", "min_doc_count": 1, "useNormalizedEsInterval": true, "drop_partials": false, "extended_bounds": fields{},
					}},
					{"id": "3", "enabled": true, "type": "terms", "schema": "group", "params": fields{
						"field": "event_name", "size": 20, "order": "desc", "orderBy": "1", "otherBucket": false, "missingBucket": false,
					}},
				},
				"params": fields{
					"type": "histogram", "addTooltip": true, "addLegend": true, "legendPosition": "right", "times": []any{}, "addTimeMarker": false, "grid": fields{"categoryLines": false},
					"categoryAxes": []fields{{
						"id": "CategoryAxis-1", "type": "category", "position": "bottom", "show": true, "style": fields{}, "scale": fields{"type": "linear"},
						"labels": fields{"show": true, "filter": true, "truncate": 100}, "title": fields{},
					}},
					"valueAxes": []fields{{
						"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", "show": true, "style": fields{}, "scale": fields{"type": "linear", "mode": "normal"},
						"labels": fields{"show": true, "rotate": 0, "filter": false, "truncate": 100}, "title": fields{"text": "events"},
					}},
					"seriesParams": []fields{{
						"show": true, "type": "histogram", "mode": "stacked", "data": fields{"label": "events", "id": "1"}, "valueAxis": "ValueAxis-1",
						"drawLinesBetweenPoints": true, "showCircles": true,
					}},
				},
			},
		},
		{
			id: "guardian-events-by-kind", title: "Guardian: events by kind",
			description: "How many of each kind, of how many applications.",
			query:       "event_name : *",
			state: fields{
				"type": "table",
				"aggs": []fields{
					{"id": "1", "enabled": true, "type": "count", "schema": "metric", "params": fields{}},
					{"id": "2", "enabled": true, "type": "terms", "schema": "bucket", "params": fields{
						"field": "event_name", "size": 30, "order": "desc", "orderBy": "1", "otherBucket": false, "missingBucket": false,
					}},
				},
				"params": fields{"perPage": 20, "showPartialRows": false, "showMetricsAtAllLevels": false, "showTotal": true, "totalFunc": "sum", "percentageCol": ""},
			},
		},
		{
			id: "guardian-reference-against-current", title: "Guardian: reference against current",
			description: "The last window of each feature beside the reference, in the reference's own bins, as shares.",
			state:       fields{"type": "vega", "aggs": []any{}, "params": fields{"spec": text(referenceAgainstCurrent())}},
		},
	}
}

// referenceAgainstCurrent asks for the newest verdict of each feature, and draws the bins of both, one small picture each.
func referenceAgainstCurrent() fields {
	const bins = "datum._source.attributes['guardian.drift.bins."
	return fields{
		"$schema": "https://vega.github.io/schema/vega-lite/v5.json",
		"data": fields{
			"url": fields{
				"index": indices,
				"body": fields{
					"size":     24,
					"sort":     []fields{{"@timestamp": "desc"}},
					"collapse": fields{"field": "feature.name"},
					"_source":  []string{"attributes"},
					"query": fields{"bool": fields{
						"must": []any{"%dashboard_context-must_clause%"},
						"filter": []any{
							"%dashboard_context-filter_clause%",
							fields{"range": fields{"@timestamp": fields{"%timefilter%": true}}},
							fields{"term": fields{"event_name": "guardian.drift"}},
							fields{"exists": fields{"field": "guardian.drift.bins.current"}},
						},
						"must_not": []any{"%dashboard_context-must_not_clause%"},
					}},
				},
			},
			"format": fields{"property": "hits.hits"},
		},
		"transform": []fields{
			{"calculate": "datum._source.attributes['model.name'] + ' ' + datum._source.attributes['feature.name']", "as": "feature"},
			{"calculate": bins + "reference']", "as": "reference"},
			{"calculate": bins + "current']", "as": "current"},
			{"calculate": bins + "labels'] || sequence(1, length(datum.reference) + 1)", "as": "bin"},
			{"flatten": []string{"bin", "reference", "current"}},
			{"fold": []string{"reference", "current"}, "as": []string{"of", "share"}},
		},
		"facet":   fields{"field": "feature", "type": "nominal", "title": nil},
		"columns": 4,
		"resolve": fields{"scale": fields{"x": "independent"}},
		"spec": fields{
			"width": 180, "height": 90, "mark": "bar",
			"encoding": fields{
				"x":       fields{"field": "bin", "type": "ordinal", "title": nil, "sort": nil},
				"xOffset": fields{"field": "of", "type": "nominal", "sort": []string{"reference", "current"}},
				"y":       fields{"field": "share", "type": "quantitative", "title": nil, "axis": fields{"format": "%"}},
				"color":   fields{"field": "of", "type": "nominal", "title": nil, "scale": fields{"domain": []string{"reference", "current"}, "range": []string{"#98a2b3", "#0b64dd"}}},
			},
		},
	}
}

func (p *picture) object() object {
	o := object{Type: "visualization", ID: p.id, References: onDataView, Attributes: fields{
		"title": p.title, "description": p.description, "uiStateJSON": "{}", "version": 1, "kibanaSavedObjectMeta": source(p.query),
	}}
	if p.state["type"] == "vega" { // It names its indices itself.
		o.References = []reference{}
		o.Attributes["kibanaSavedObjectMeta"] = fields{"searchSourceJSON": text(fields{"query": fields{"query": "", "language": "kuery"}, "filter": []any{}})}
	}
	p.state["title"] = p.title
	o.Attributes["visState"] = text(p.state)
	return o
}
