// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package kibana

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func load(t *testing.T) []Object {
	t.Helper()
	objects, err := Load()
	require.NoError(t, err)
	require.NotEmpty(t, objects)
	return objects
}

func TestReferencesResolve(t *testing.T) {
	objects := load(t)
	there := map[Reference]bool{}
	for _, o := range objects {
		key := Reference{Type: o.Type, ID: o.ID}
		assert.False(t, there[key], "%s %s is there twice", o.Type, o.ID)
		there[key] = true
	}
	for _, o := range objects {
		for _, r := range o.References {
			assert.True(t, there[Reference{Type: r.Type, ID: r.ID}], "%s %s refers to %s %s", o.Type, o.ID, r.Type, r.ID)
		}
	}
}

// TestDashboardShowsWhatItRefersTo holds panels and references together, within 48 columns, none over another.
func TestDashboardShowsWhatItRefersTo(t *testing.T) {
	dashboards := 0
	for _, o := range load(t) {
		if o.Type != "dashboard" {
			continue
		}
		dashboards++
		var panels []struct {
			Type, PanelIndex, PanelRefName string
			GridData                       struct{ X, Y, W, H int }
		}
		require.NoError(t, o.Within("panelsJSON", &panels))
		require.Len(t, o.References, len(panels))
		taken := map[[2]int]bool{}
		for i, p := range panels {
			assert.Equal(t, p.PanelIndex+":"+p.PanelRefName, o.References[i].Name)
			assert.Equal(t, p.Type, o.References[i].Type)
			g := p.GridData
			assert.True(t, g.W > 0 && g.H > 0 && g.X >= 0 && g.X+g.W <= 48, p.PanelIndex)
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					require.False(t, taken[[2]int{x, y}], "%s lies over another panel", p.PanelIndex)
					taken[[2]int{x, y}] = true
				}
			}
		}
	}
	assert.Equal(t, 1, dashboards)
}

// TestEveryKindOfEventHasASearch holds the searches to the vocabulary.
func TestEveryKindOfEventHasASearch(t *testing.T) {
	queries := map[string]bool{}
	for _, o := range load(t) {
		if o.Type == "search" {
			query, err := o.Query()
			require.NoError(t, err)
			queries[query] = true
		}
	}
	for _, name := range []string{
		event.NameRequest, event.NameEvaluationResult, event.NameIssue, event.NameImprovement, event.NamePrediction, event.NameLabel, event.NameError,
		event.NamePerformanceAlert, event.NameWorkload, event.NameDetection, event.NameMapping, event.NameViolation, event.NameDrift,
	} {
		assert.True(t, queries[`event_name : "`+name+`"`], name)
	}
}

// topLevel are fields of a record beside its attributes, from the index template, and what a machine's agent adds.
var topLevel = []string{"@timestamp", "event_name", "severity_text", "trace_id", "span_id", "body.text", "host.name", "service.name"}

var (
	inCode = regexp.MustCompile("`([\\w.]+)`")
	asKey  = regexp.MustCompile(`as\("([\w.]+)"`)
)

// vocabulary are the attributes of events: of EVENTS.md, of the verdicts of drift, which no application sends and no page
// lists, and of the GPU events.
func vocabulary(t *testing.T) []string {
	t.Helper()
	keys := slices.Clone(topLevel)
	for path, pattern := range map[string]*regexp.Regexp{
		"internal/event/EVENTS.md": inCode, "internal/event/drift.go": asKey, "receivers/nvmlreceiver/README.md": inCode,
	} {
		text, err := os.ReadFile(filepath.Join(testutil.Root(t), filepath.FromSlash(path)))
		require.NoError(t, err)
		for _, match := range pattern.FindAllStringSubmatch(string(text), -1) {
			keys = append(keys, match[1])
		}
	}
	return keys
}

var field = regexp.MustCompile(`([\w.@]+) : `)

func TestFieldsAreOnesThatEventsHave(t *testing.T) {
	known := vocabulary(t)
	for _, o := range load(t) {
		if o.Type != "search" {
			continue
		}
		columns, err := o.Columns()
		require.NoError(t, err)
		query, err := o.Query()
		require.NoError(t, err)
		for _, match := range field.FindAllStringSubmatch(query, -1) {
			columns = append(columns, match[1])
		}
		for _, column := range columns {
			assert.Contains(t, known, column, o.ID)
		}
	}
}

func TestPicturesLookAtTheDataView(t *testing.T) {
	for _, o := range load(t) {
		if o.Type != "visualization" {
			continue
		}
		var state struct {
			Type   string
			Params struct{ Spec string }
		}
		require.NoError(t, o.Within("visState", &state))
		if state.Type != "vega" {
			assert.Len(t, o.References, 1, o.ID)
			continue
		}
		var spec struct {
			Schema string `json:"$schema"`
			Data   struct {
				URL struct{ Index string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(state.Params.Spec), &spec))
		assert.Contains(t, spec.Schema, "vega-lite/v5")
		assert.Equal(t, "logs-*,llm-guardian-logs", spec.Data.URL.Index)
	}
}

func TestLucene(t *testing.T) {
	for kql, want := range map[string]string{
		`event_name : "guardian.request"`: `event_name:("guardian.request")`,
		`event_name : *`:                  `_exists_:event_name`,
		`event_name : "guardian.issue" and severity : ("a" or "b")`: `event_name:("guardian.issue") AND severity:("a" OR "b")`,
	} {
		got, err := Lucene(kql)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Equal(t, strings.Count(kql, `"`), strings.Count(got, `"`))
	}
	for _, kql := range []string{`a : "b" or c : "d"`, `not a : "b"`, `a > 3`, `"free text"`} {
		_, err := Lucene(kql)
		assert.Error(t, err, kql)
	}
}
