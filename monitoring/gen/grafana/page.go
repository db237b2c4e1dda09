// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package grafana says what the dashboards show, one file for each, and writes them in Grafana's classic JSON.
package grafana

// A page is a dashboard in our own words.
type page struct {
	file, uid, title, description string
	// anyOf are metrics of which one at least is there wherever the page makes sense: jobs and instances are chosen among theirs.
	anyOf []string
	// variables are what a reader may choose beside job and instance.
	variables []variable
	rows      []row
}

// A variable is a label whose values a reader may choose among; {@} then selects by it.
type variable struct {
	name, title, label string
	anyOf              []string // metrics that have the label
	// apart is a label that not all metrics of the page have: {@} leaves it out, and queries name it.
	apart bool
}

// A row is a headline and the panels under it.
type row struct {
	title  string
	panels []panel
}

// A panel shows what its queries give.
type panel struct {
	kind        kind
	title       string
	description string   // what is seen, and how not to misread it
	unit        string   // one of dashboards.Units
	width       uint32   // of 24 columns
	height      uint32   // 8 by default, stats 4
	min, max    *float64 // of the axis, where the unit does not say
	decimals    *float64
	queries     []query
	lines       lines  // thresholds
	states      states // what numbers mean, of a state timeline or a table
	stacked     bool
	empty       string // what it means to see nothing, where that is not a fault
	runbook     string // alert whose page the panel links to
	seeAlso     *seeAlso
	columns     []column // of a table
}

type kind int

const (
	graph kind = iota
	stat
	gauge
	bars
	heatmap
	histogram
	table
	timeline
)

// A query is one expression and how its series are called. In expressions {@} stands for the selection of the page: job,
// instance and its variables; {#} for job and instance alone; {@,…} and {#,…} add to it.
type query struct {
	expr, legend string
	// exemplars asks for the traces behind a histogram.
	exemplars bool
}

// lines are drawn across a graph, and colour numbers: the colour of what lies below the first, and each line's value with
// the colour of what lies above.
type lines struct {
	base  string
	above []line
}

type line struct {
	value float64
	color string
}

// states give numbers a name and a colour.
type states []struct {
	value       string
	text, color string
}

// seeAlso leads from a series to another page with one label of the series chosen.
type seeAlso struct{ title, uid, variable, label string }

// A column of a table is a label, or the value of the query with its number.
type column struct {
	label string
	query int // counted from 1; 0 for a label
	title string
	unit  string
	lines lines
}

const (
	green  = "green"
	yellow = "yellow"
	orange = "orange"
	red    = "red"
	blue   = "blue"
)

// The lines in use, as rules and people know them.
var (
	qualityLines   = lines{red, []line{{.7, yellow}, {.8, green}}}
	ksLines        = lines{green, []line{{.15, yellow}, {.25, red}}}
	psiLines       = lines{green, []line{{.1, yellow}, {.2, orange}, {.25, red}}}
	shareLines     = lines{green, []line{{.1, yellow}, {.3, orange}, {.5, red}}}
	errorLines     = lines{green, []line{{.01, yellow}, {.02, orange}, {.05, red}}}
	successLines   = lines{red, []line{{.95, orange}, {.98, yellow}, {.99, green}}}
	modelP95Lines  = lines{green, []line{{.75, yellow}, {1, red}}}
	responseLines  = lines{green, []line{{10, red}}}
	fullLines      = lines{green, []line{{.8, yellow}, {.9, red}}}
	percentLines   = lines{green, []line{{80, yellow}, {90, red}}}
	significance   = lines{red, []line{{.05, green}}}
	zeroIsGood     = lines{green, []line{{1, red}}}
	presenceLines  = lines{red, []line{{1, green}}}
	backlogLines   = lines{green, []line{{50, orange}}}
	unsureLines    = lines{green, []line{{.2, orange}}}
	silenceLines   = lines{green, []line{{300, yellow}, {600, red}}}
	databaseLines  = lines{green, []line{{.8, orange}}}
	slowQueryLines = lines{green, []line{{5, orange}}}
)
