// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// names knows the labels of every metric, also of those that rules record.
type names struct {
	t        *testing.T
	recorded map[string]parser.Expr
}

func loadNames(t *testing.T) names {
	t.Helper()
	n := names{t, map[string]parser.Expr{}}
	for _, r := range loadRules(t) {
		if r.Record != "" {
			require.NotContains(t, n.recorded, r.Record, "recorded twice")
			n.recorded[r.Record] = parse(t, r.Expr)
		}
	}
	return n
}

func parse(t *testing.T, expression string) parser.Expr {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	require.NoError(t, err)
	return expr
}

// labels gives those that the expression's result may have, and reports names that nothing has.
func (n names) labels(node parser.Node) []string {
	switch node := node.(type) {
	case *parser.VectorSelector:
		return n.selected(node)
	case *parser.AggregateExpr:
		inner := n.labels(node.Expr)
		for _, label := range node.Grouping {
			assert.Contains(n.t, inner, label, "%s groups by a label that its input lacks", node)
		}
		return node.Grouping
	default:
		var all []string
		for child := range parser.ChildrenIter(node) {
			all = append(all, n.labels(child)...)
		}
		return all
	}
}

func (n names) selected(selector *parser.VectorSelector) []string {
	if expr, ok := n.recorded[selector.Name]; ok {
		return n.labels(expr)
	}
	name, bucket := strings.CutSuffix(selector.Name, "_bucket")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
	own, known := metrics[name]
	assert.True(n.t, known, "%s is no metric that we collect or record", selector.Name)
	labels := slices.Concat(own, everywhere)
	if bucket {
		labels = append(labels, "le")
	}
	for _, matcher := range selector.LabelMatchers {
		assert.Contains(n.t, append(labels, "__name__"), matcher.Name, "%s selects by a label that it lacks", selector)
	}
	return labels
}

var labelInTemplate = regexp.MustCompile(`\$labels\.(\w+)`)

func TestRulesReadWhatIsThere(t *testing.T) {
	n := loadNames(t)
	for _, r := range loadRules(t) {
		t.Run(r.file+"/"+r.Record+r.Alert+r.Labels["severity"]+r.level(), func(t *testing.T) {
			n.t = t
			labels := n.labels(parse(t, r.Expr))
			for _, text := range []string{r.Annotations["summary"], r.Annotations["description"], r.Labels["service"]} {
				for _, match := range labelInTemplate.FindAllStringSubmatch(text, -1) {
					assert.Contains(t, labels, match[1], "a text shows a label that the alert lacks")
				}
			}
		})
	}
}
