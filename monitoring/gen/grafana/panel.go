// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	gaugepanel "github.com/grafana/grafana-foundation-sdk/go/gauge"
	heatmappanel "github.com/grafana/grafana-foundation-sdk/go/heatmap"
	statpanel "github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	tablepanel "github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func (p *page) panelBuilder(of *panel) *dashboard.PanelBuilder {
	b := dashboard.NewPanelBuilder().
		Title(of.title).
		Description(of.description).
		Datasource(datasource).
		Unit(of.unit)
	for i := range of.queries {
		b.WithTarget(p.target(of, i))
	}
	least, most := of.bounds()
	if least != nil {
		b.Min(*least)
	}
	if most != nil {
		b.Max(*most)
	}
	if of.decimals != nil {
		b.Decimals(*of.decimals)
	}
	if of.lines.base != "" {
		b.Thresholds(of.lines.builder())
	}
	if of.states != nil {
		b.Mappings(of.states.mappings())
	}
	if of.empty != "" {
		b.NoValue(of.empty)
	}
	if of.runbook != "" {
		b.Links([]linkBuilder{to("Runbook: "+of.runbook, runbooks+of.runbook+".md", "")})
	}
	if s := of.seeAlso; s != nil {
		page := to(s.title, fmt.Sprintf("/d/%s?var-%s=${__field.labels.%s}&var-datasource=${datasource}&${__url_time_range}", s.uid, s.variable, s.label), "")
		page.TargetBlank = false
		b.DataLinks([]linkBuilder{page})
	}
	of.appearance(b)
	return b
}

// bounds gives the ends of the axis. Figures that cannot be negative begin at 0, or small changes would look large; shares
// have the same scale everywhere.
func (p *panel) bounds() (least, most *float64) {
	if p.kind == heatmap || p.kind == table || p.kind == timeline {
		return nil, nil
	}
	switch p.unit {
	case "none", "celsius":
	case "percentunit":
		least, most = new(0.), new(1.)
	case "percent":
		least, most = new(0.), new(100.)
	default:
		least = new(0.)
	}
	if p.min != nil {
		least = p.min
	}
	if p.max != nil {
		most = p.max
	}
	return least, most
}

type linkBuilder = cog.Builder[dashboard.DashboardLink]

// appearance says what a panel of its kind looks like.
func (p *panel) appearance(b *dashboard.PanelBuilder) {
	switch p.kind {
	case graph:
		b.Type("timeseries").Options(graphOptions()).Custom(p.graphStyle())
	case stat:
		b.Type("stat").Options(statOptions(len(p.queries)))
	case gauge:
		b.Type("gauge").Options(gaugepanel.Options{
			ShowThresholdMarkers: true, ReduceOptions: last, Orientation: common.VizOrientationAuto, Sizing: common.BarGaugeSizingAuto,
		})
	case bars, histogram:
		b.Type("bargauge").Options(bargauge.Options{
			DisplayMode: common.BarGaugeDisplayModeBasic, ValueMode: common.BarGaugeValueModeColor, ShowUnfilled: true,
			NamePlacement: common.BarGaugeNamePlacementAuto, Sizing: common.BarGaugeSizingAuto, ReduceOptions: last,
			Orientation: p.direction(), Legend: noLegend,
		})
	case heatmap:
		b.Type("heatmap").Options(p.heatmapOptions())
	case table:
		b.Type("table").Options(tablepanel.Options{ShowHeader: true})
		p.arrange(b)
	case timeline:
		b.Type("state-timeline").Options(statetimeline.Options{
			ShowValue: common.VisibilityModeNever, RowHeight: 0.9, MergeValues: new(true), Legend: noLegend, Tooltip: tooltip,
		}).Custom(statetimeline.FieldConfig{FillOpacity: new(uint32(80)), LineWidth: new(uint32(0))})
	}
}

var (
	last     = common.ReduceDataOptions{Calcs: []string{"lastNotNull"}}
	tooltip  = common.VizTooltipOptions{Mode: common.TooltipDisplayModeMulti, Sort: common.SortOrderDescending}
	noLegend = common.VizLegendOptions{DisplayMode: common.LegendDisplayModeList, Placement: common.LegendPlacementBottom, Calcs: []string{}}
)

func graphOptions() timeseries.Options {
	return timeseries.Options{
		Legend: common.VizLegendOptions{
			ShowLegend: true, DisplayMode: common.LegendDisplayModeTable, Placement: common.LegendPlacementBottom,
			Calcs: []string{"lastNotNull", "max"},
		},
		Tooltip: tooltip,
	}
}

// graphStyle has lines, filled where they add up. Gaps stay gaps: no data is not a value.
func (p *panel) graphStyle() timeseries.FieldConfig {
	style := timeseries.FieldConfig{
		DrawStyle:   new(common.GraphDrawStyleLine),
		LineWidth:   new(1.),
		FillOpacity: new(0.),
		ShowPoints:  new(common.VisibilityModeAuto),
		SpanNulls:   &common.BoolOrFloat64{Bool: new(false)},
	}
	if p.stacked {
		style.FillOpacity = new(30.)
		style.Stacking = &common.StackingConfig{Mode: new(common.StackingModeNormal), Group: new("A")}
	}
	if p.lines.base != "" {
		style.ThresholdsStyle = &common.GraphThresholdsStyleConfig{Mode: common.GraphThresholdsStyleModeDashed}
	}
	return style
}

func statOptions(queries int) statpanel.Options {
	mode := common.BigValueTextModeValue
	if queries > 1 {
		mode = common.BigValueTextModeValueAndName
	}
	return statpanel.Options{
		GraphMode: common.BigValueGraphModeArea, ColorMode: common.BigValueColorModeBackground, JustifyMode: common.BigValueJustifyModeAuto,
		TextMode: mode, WideLayout: true, ReduceOptions: last, Orientation: common.VizOrientationAuto,
		PercentChangeColorMode: common.PercentChangeColorModeStandard,
	}
}

// direction has the bars of a histogram stand, and others lie, which leaves room for names.
func (p *panel) direction() common.VizOrientation {
	if p.kind == histogram {
		return common.VizOrientationVertical
	}
	return common.VizOrientationHorizontal
}

// heatmapOptions has buckets on the axis, in the panel's unit, and counts as colours.
func (p *panel) heatmapOptions() heatmappanel.Options {
	return heatmappanel.Options{
		Calculate: new(false),
		Color: heatmappanel.HeatmapColorOptions{
			Mode: new(heatmappanel.HeatmapColorModeScheme), Scheme: "Blues", Fill: "dark-orange", Exponent: 0.5, Steps: 64,
		},
		CellGap:    new(uint8(1)),
		ShowValue:  common.VisibilityModeNever,
		YAxis:      heatmappanel.YAxisConfig{Unit: new(p.unit), AxisPlacement: new(common.AxisPlacementLeft)},
		CellValues: &heatmappanel.CellValues{Unit: new("short")},
		Legend:     heatmappanel.HeatmapLegend{Show: true},
		Tooltip:    heatmappanel.HeatmapTooltip{Mode: common.TooltipDisplayModeSingle, YHistogram: new(true)},
		Exemplars:  heatmappanel.ExemplarConfig{Color: "rgba(255,0,255,0.7)"},
	}
}

func (l lines) builder() *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(l.steps())
}

func (l lines) steps() []dashboard.Threshold {
	steps := []dashboard.Threshold{{Color: l.base}}
	for _, above := range l.above {
		steps = append(steps, dashboard.Threshold{Value: new(above.value), Color: above.color})
	}
	return steps
}

func (s states) mappings() []dashboard.ValueMapping {
	results := map[string]dashboard.ValueMappingResult{}
	for _, state := range s {
		results[state.value] = dashboard.ValueMappingResult{Text: new(state.text), Color: new(state.color)}
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: results}}}
}

// arrange joins the queries of a table by their labels, and keeps, orders and names its columns.
func (p *panel) arrange(b *dashboard.PanelBuilder) {
	type names map[string]any
	kept, order, titles := []string{}, names{}, names{}
	for i, c := range p.columns {
		field := c.label
		if c.query > 0 {
			field = "Value"
			if len(p.queries) > 1 {
				field = "Value #" + string(rune('A'+c.query-1))
			}
			var how []dashboard.DynamicConfigValue
			if c.unit != "" {
				how = append(how, dashboard.DynamicConfigValue{Id: "unit", Value: c.unit})
			}
			if c.lines.base != "" {
				how = append(how,
					dashboard.DynamicConfigValue{Id: "thresholds", Value: dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: c.lines.steps()}},
					dashboard.DynamicConfigValue{Id: "custom.cellOptions", Value: names{"type": "color-text"}})
			}
			if how != nil {
				b.OverrideByName(field, how)
			}
		}
		kept = append(kept, field)
		order[field] = i
		titles[field] = c.title
	}
	b.WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: names{}})
	b.WithTransformation(dashboard.DataTransformerConfig{Id: "filterFieldsByName", Options: names{"include": names{"names": kept}}})
	b.WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: names{"indexByName": order, "renameByName": titles}})
}
