// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValuesTakeThePlaceOfVariables(t *testing.T) {
	values := Values{"job": "api", "__rate_interval": "1m", "datasource": "p"}
	got, err := values.Substitute(`rate(a{job=~"$job"}[$__rate_interval]) # ${datasource} ${job:regex}`)
	require.NoError(t, err)
	assert.Equal(t, `rate(a{job=~"api"}[1m]) # p api`, got)
	_, err = values.Substitute(`a{model=~"$model"} + b{pod=~"$pod"}`)
	assert.ErrorContains(t, err, "model, pod")
}

func TestLabelValues(t *testing.T) {
	selector, label, err := (&Variable{Query: `label_values({__name__=~"a|b",job=~"$job"}, model_name)`}).LabelValues()
	require.NoError(t, err)
	assert.Equal(t, `{__name__=~"a|b",job=~"$job"}`, selector)
	assert.Equal(t, "model_name", label)
	_, _, err = (&Variable{Name: "v", Query: "metrics(a)"}).LabelValues()
	assert.ErrorContains(t, err, "the variable v")
}

func TestLegendLabels(t *testing.T) {
	assert.Equal(t, []string{"model_name", "le"}, (&Target{LegendFormat: "{{model_name}} up to {{ le }}"}).LegendLabels())
	assert.Empty(t, (&Target{LegendFormat: "now"}).LegendLabels())
}

// Bounds are the unit's, narrowed by the axis and by what overrides a column or a query.
func TestBoundsOfAField(t *testing.T) {
	var p Panel
	require.NoError(t, json.Unmarshal([]byte(`{"targets":[{"refId":"A"},{"refId":"B"},{"refId":"C"}],"fieldConfig":{
		"defaults":{"unit":"none","min":0},
		"overrides":[
			{"matcher":{"id":"byName","options":"Value #B"},"properties":[{"id":"unit","value":"percentunit"},{"id":"custom.width","value":90}]},
			{"matcher":{"id":"byFrameRefID","options":"C"},"properties":[{"id":"unit","value":"celsius"},{"id":"max","value":100}]}]}}`), &p))
	for refID, want := range map[string]Bounds{"A": {0, math.Inf(1)}, "B": {0, 1}, "C": {0, 100}} {
		field, err := p.FieldOf(refID)
		require.NoError(t, err)
		bounds, err := field.Bounds()
		require.NoError(t, err)
		assert.Equal(t, want, bounds, refID)
	}
	_, err := (&Field{Unit: "furlongs"}).Bounds()
	assert.ErrorContains(t, err, "furlongs")
}
