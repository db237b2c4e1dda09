// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Ids, times and texts are of one event; what events are about is not.
func TestHasUniqueValues(t *testing.T) {
	for key, want := range map[string]bool{
		"request_id": true, "correlation_id": true, "gen_ai.response.id": true, "target.response_id": true, "content_ref": true, "issue_id": true,
		"trace_id": true, "guardian.event.id": true, "guardian.anomaly.episode.start": true, "gen_ai.input.messages": true, "observed_at": true,
		"tenant_id": false, "specialist.id": false, "specialist_id": false, "model.name": false, "component": false, "metric": false, "queue": false, "": false,
	} {
		assert.Equal(t, want, HasUniqueValues(key), key)
	}
}
