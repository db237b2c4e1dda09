// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var action = regexp.MustCompile(`\{\{.*?\}\}`)

// pattern gives what a template may become.
func pattern(template string) *regexp.Regexp {
	texts := action.Split(template, -1)
	for i := range texts {
		texts[i] = regexp.QuoteMeta(texts[i])
	}
	return regexp.MustCompile("^" + strings.Join(texts, ".+") + "$")
}

// fires says whether the case expects an alert of the rule.
func (c *alertCase) fires(r *rule) bool {
	summary := pattern(r.Annotations["summary"])
	for _, alert := range c.Fire {
		if alert.Labels["severity"] == r.Labels["severity"] && alert.Labels["level"] == r.level() && summary.MatchString(alert.Annotations["summary"]) {
			return true
		}
	}
	return false
}

// TestEveryAlertIsTested holds that promtool sees each alert quiet, then firing, then quiet again in one run.
func TestEveryAlertIsTested(t *testing.T) {
	tests := loadTests(t)
	for _, r := range loadAlerts(t) {
		var before, fires, after bool
		for _, file := range tests {
			if !slices.Contains(file.Rules, path.Join("..", r.file)) {
				continue
			}
			for _, test := range file.Tests {
				b, f, a := seen(&r, test.Alerts)
				before, fires, after = before || b, fires || f, after || a
			}
		}
		assert.True(t, fires, "no test of %s sees %s %s %s fire", r.file, r.Alert, r.Labels["severity"], r.level())
		assert.True(t, before, "no test of %s sees %s %s %s quiet before it fires", r.file, r.Alert, r.Labels["severity"], r.level())
		assert.True(t, after, "no test of %s sees %s %s %s resolve", r.file, r.Alert, r.Labels["severity"], r.level())
	}
}

// seen says what the cases of one run see of a rule.
func seen(r *rule, cases []alertCase) (before, fires, after bool) {
	for _, firing := range cases {
		if firing.Name != r.Alert || !firing.fires(r) {
			continue
		}
		fires = true
		for _, quiet := range cases {
			if quiet.Name == r.Alert && !quiet.fires(r) {
				before = before || quiet.at() < firing.at()
				after = after || quiet.at() > firing.at()
			}
		}
	}
	return before, fires, after
}
