// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package dashboards holds the Grafana dashboards, and reads them as far as tests need to: to lint them, and to ask a
// Prometheus what each panel asks it. The files are written by monitoring/gen.
package dashboards

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
)

//go:embed *.json
var files embed.FS

// Dashboard is a dashboard in Grafana's classic form, as far as it is read here.
type Dashboard struct {
	File          string  `json:"-"`
	UID           string  `json:"uid"`
	Title         string  `json:"title"`
	Description   string  `json:"description"`
	Editable      bool    `json:"editable"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []Panel `json:"panels"`
	Links         []Link  `json:"links"`
	Templating    struct {
		List []Variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []Annotation `json:"list"`
	} `json:"annotations"`
}

// Panel is a row or what stands in one.
type Panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Datasource  *Datasource `json:"datasource"`
	Targets     []Target    `json:"targets"`
	Links       []Link      `json:"links"`
	GridPos     GridPos     `json:"gridPos"`
	FieldConfig struct {
		Defaults  Field `json:"defaults"`
		Overrides []struct {
			Matcher struct {
				ID      string `json:"id"`
				Options string `json:"options"`
			} `json:"matcher"`
			Properties []struct {
				ID    string          `json:"id"`
				Value json.RawMessage `json:"value"`
			} `json:"properties"`
		} `json:"overrides"`
	} `json:"fieldConfig"`
	Panels []Panel `json:"panels"` // of a collapsed row
}

// GridPos is where a panel stands: 24 columns.
type GridPos struct{ X, Y, W, H int }

// Field says how values are shown.
type Field struct {
	Unit       string   `json:"unit"`
	Min        *float64 `json:"min"`
	Max        *float64 `json:"max"`
	Thresholds struct {
		Steps []struct {
			Color string   `json:"color"`
			Value *float64 `json:"value"`
		} `json:"steps"`
	} `json:"thresholds"`
	Links []Link `json:"links"`
}

// Datasource names where data comes from.
type Datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Target is one query of a panel.
type Target struct {
	RefID        string      `json:"refId"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat"`
	Format       string      `json:"format"`
	Instant      bool        `json:"instant"`
	Range        bool        `json:"range"`
	Datasource   *Datasource `json:"datasource"`
}

// Link leads to another page.
type Link struct {
	Title string   `json:"title"`
	Type  string   `json:"type"`
	URL   string   `json:"url"`
	Tags  []string `json:"tags"`
}

// Variable is what a reader may choose.
type Variable struct {
	Type       string      `json:"type"`
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Query      string      `json:"query"`
	Refresh    int         `json:"refresh"`
	Multi      bool        `json:"multi"`
	IncludeAll bool        `json:"includeAll"`
	AllValue   string      `json:"allValue"`
	Datasource *Datasource `json:"datasource"`
}

// Annotation marks moments in all panels of a dashboard.
type Annotation struct {
	Name       string      `json:"name"`
	Expr       string      `json:"expr"`
	Datasource *Datasource `json:"datasource"`
}

// Load gives every dashboard, by file name. An error names the file that cannot be read.
func Load() ([]Dashboard, error) {
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, err
	}
	var all []Dashboard
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		d := Dashboard{File: name}
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		all = append(all, d)
	}
	return all, nil
}

// Charts gives the panels that are not rows, those of collapsed rows too.
func (d *Dashboard) Charts() []Panel {
	var charts []Panel
	for _, p := range d.Panels {
		if p.Type == "row" {
			charts = append(charts, p.Panels...)
		} else {
			charts = append(charts, p)
		}
	}
	return charts
}
