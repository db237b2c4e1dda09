// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package kibana

// part is a saved object on the dashboard, on 48 columns.
type part struct {
	kind, id   string
	x, y, w, h int
}

// dashboard is one view over the kinds of events, and what asks for somebody below.
func dashboard() object {
	parts := []part{
		{"visualization", "guardian-events-over-time", 0, 0, 34, 14},
		{"visualization", "guardian-events-by-kind", 34, 0, 14, 14},
		{"visualization", "guardian-reference-against-current", 0, 14, 48, 22},
		{"search", "guardian-drift-raised", 0, 36, 48, 12},
		{"search", "guardian-serious-issues", 0, 48, 24, 14},
		{"search", "guardian-failed-requests", 24, 48, 24, 14},
		{"search", "guardian-failed-evaluations", 0, 62, 24, 14},
		{"search", "guardian-gpu-events", 24, 62, 24, 14},
	}
	panels, references := []fields{}, []reference{}
	for _, p := range parts {
		panels = append(panels, fields{
			"type": p.kind, "panelIndex": p.id, "panelRefName": "panel_" + p.id, "embeddableConfig": fields{"enhancements": fields{}},
			"gridData": fields{"x": p.x, "y": p.y, "w": p.w, "h": p.h, "i": p.id}, "version": "8.9.0",
		})
		references = append(references, reference{Name: p.id + ":panel_" + p.id, Type: p.kind, ID: p.id})
	}
	return object{Type: "dashboard", ID: "guardian-events", References: references, Attributes: fields{
		"title": "Guardian / Events", "description": "Events by kind, what has changed, and what asks for somebody.", "version": 1, "timeRestore": false,
		"panelsJSON": text(panels), "optionsJSON": text(fields{"useMargins": true, "syncColors": false, "syncCursor": true, "syncTooltips": false, "hidePanelTitles": false}),
		"kibanaSavedObjectMeta": fields{"searchSourceJSON": text(fields{"query": fields{"query": "", "language": "kuery"}, "filter": []any{}})},
	}}
}
