// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

var (
	curl       = regexp.MustCompile(`(?m)^curl .*localhost:4319(/v1/\w+) (.*)-d '(.*)'$`)
	curlHeader = regexp.MustCompile(`-H '([^:]+): ([^']+)'`)
)

// Every curl line of the README is taken, and there is one for each type.
func TestReadmeCurl(t *testing.T) {
	r := start(t, "")
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	paths := map[string]bool{}
	for _, line := range curl.FindAllStringSubmatch(string(readme), -1) {
		var headers []string
		for _, header := range curlHeader.FindAllStringSubmatch(line[2], -1) {
			headers = append(headers, header[1:]...)
		}
		a := r.post(t, line[1], line[3], headers...)
		assert.Equal(t, 1, a.Accepted, "%s: %s", line[0], a.raw)
		paths[line[1]] = true
	}
	for _, name := range event.Types {
		assert.True(t, paths["/v1/"+string(name)+"s"], name)
	}
	metric, err := r.telemetry.GetMetric("otelcol_guardian_receiver_unknown_fields")
	assert.Error(t, err, "no field of the examples is unknown: %v", metric)
}
