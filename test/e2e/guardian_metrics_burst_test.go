// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// The first errors that a guardian ever has come all at once. The shipped rule sees them as an increase, since the series is
// at 0 first, and its alert fires. Only the waiting times are shorter here.
func TestAFirstBurstOfErrorsFiresAnAlert(t *testing.T) {
	const errors = 20
	m := startMetered(t, meteredSetup{
		flush: 2 * time.Second, // Prometheus looks twice meanwhile.
		rules: []string{impatient(t, "guardians.yaml")},
	})
	require.Empty(t, m.prometheus.Query(t, `guardian_errors_total`))

	var lines strings.Builder
	for i := range errors {
		fmt.Fprintf(&lines, `{"id":"e-%d","source":"/guardian/safety-1","type":"error","data":{"guardian_type":"safety","error_type":"judge_timeout"}}`+"\n", i)
	}
	m.postLines(t, strings.NewReader(lines.String()))

	require.Eventually(t, func() bool {
		return len(m.prometheus.Query(t, `ALERTS{alertname="GuardianEvaluationFailure",alertstate="firing",severity="critical",guardian_type="safety"}`)) == 1
	}, gatewayWait, gatewayPoll)
	for expression, want := range map[string]float64{`min_over_time(guardian_errors_total[5m])`: 0, `max_over_time(guardian_errors_total[5m])`: errors} {
		series := m.prometheus.Query(t, expression)
		require.Len(t, series, 1, expression)
		assert.InDelta(t, want, series[0].Value, 0, expression)
	}
}

// impatient gives a copy of a shipped file of rules that evaluates them each second, and whose alerts wait for two.
func impatient(t *testing.T, name string) string {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join(testutil.Root(t), "monitoring", "rules", name))
	require.NoError(t, err)
	rules := regexp.MustCompile(`(?m)^( +)for: .*$`).ReplaceAllString(string(shipped), "${1}for: 2s")
	rules = regexp.MustCompile(`(?m)^( +)interval: .*$`).ReplaceAllString(rules, "${1}interval: 1s")
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(rules), 0o600))
	return path
}
