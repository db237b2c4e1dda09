// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

const (
	judgedTrace = "80f198ee56343ba864fe8b2a57d3eff7"
	judgedSpan  = "e457b5a2e4d86bd1"
)

// sdkRecord is a record as test/e2e/python/otel_evaluation.py takes it.
type sdkRecord struct {
	Name       string         `json:"name"`
	Time       int64          `json:"time"`
	Severity   int            `json:"severity"`
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	Attributes map[string]any `json:"attributes"`
}

// The same evaluation, as JSON to the guardian receiver and as log events of OpenTelemetry's Python SDK over OTLP, is the
// same in Elasticsearch, but for who sent it.
func TestAnEvaluationIsTheSameHoweverItCame(t *testing.T) {
	elastic := startElasticsearch(t)
	g := startGateway(t, gatewayBackends{elasticsearch: elastic.URL})
	at := time.Now().UTC().Truncate(time.Microsecond)

	g.postEvents(t, fmt.Sprintf(`{"id":"e-1","source":"/guardian/safety-1","type":"evaluation","time":%q,"correlation_id":"c-json","data":{
		"evaluation_id":"ev-1","guardian_type":"safety","evaluation_type":"toxicity","target":{"trace_id":%q,"span_id":%q,"response_id":"chatcmpl-9"},
		"evaluator":{"id":"llama-guard-4","type":"llm_judge","version":"2026-10"},"specialist":{"id":"l-1","type":"legal"},
		"results":[{"name":"hallucination","score":0.75,"min":0,"max":1,"direction":"lower_is_better","threshold":0.5,"label":"fail","explanation":"dropped"}],
		"verdict":"deny","duration_s":0.5,"issues":[{"issue_id":"i-1","category":"S7","severity":"high","score":0.5}]}}`,
		at.Format(time.RFC3339Nano), judgedTrace, judgedSpan))

	judgement := func(part map[string]any) map[string]any {
		attributes := map[string]any{
			"guardian.event.id": "e-1", "guardian.event.source": "/guardian/safety-1", "correlation_id": "c-sdk",
			"evaluation_id": "ev-1", "guardian_type": "safety", "evaluation_type": "toxicity", "gen_ai.response.id": "chatcmpl-9",
			"evaluator.id": "llama-guard-4", "evaluator.type": "llm_judge", "evaluator.version": "2026-10",
			"specialist.id": "l-1", "specialist.type": "legal",
		}
		maps.Copy(attributes, part)
		return attributes
	}
	// JSON cannot tell 0.0 from 0, and Python's json reads it back as it is written here: whole doubles are spelled 0.0 below.
	records, err := json.Marshal([]sdkRecord{
		{Name: "gen_ai.evaluation.result", Time: at.UnixNano(), Severity: 9, TraceID: judgedTrace, SpanID: judgedSpan, Attributes: judgement(map[string]any{
			"gen_ai.evaluation.name": "hallucination", "gen_ai.evaluation.score.value": 0.75, "gen_ai.evaluation.score.label": "fail",
			"score.min": json.RawMessage("0.0"), "score.max": json.RawMessage("1.0"), "score.direction": "lower_is_better", "score.threshold": 0.5,
			"verdict": "deny", "duration_s": 0.5,
		})},
		{Name: "guardian.issue", Time: at.UnixNano(), Severity: 17, TraceID: judgedTrace, SpanID: judgedSpan, Attributes: judgement(map[string]any{
			"guardian.event.part": 1, "issue_id": "i-1", "category": "S7", "severity": "high", "score": 0.5,
		})},
	})
	require.NoError(t, err)
	g.python(t, "otel_evaluation.py", string(records))

	awaitDocuments(t, elastic, "logs-*", fmt.Sprintf(`{"term":{"trace_id":%q}}`, judgedTrace), 4)
	for _, name := range []string{"gen_ai.evaluation.result", "guardian.issue"} {
		json, sdk := eventDocument(t, elastic, name, "c-json"), eventDocument(t, elastic, name, "c-sdk")
		assert.Equal(t, json, sdk, name)
		assert.Contains(t, json, "span_id")
	}
}

// eventDocument gives what Elasticsearch has of one event, without who sent it and when it was received.
func eventDocument(t *testing.T, elastic *servers.SearchEngine, name, correlation string) map[string]any {
	t.Helper()
	found := elastic.Search(t, "logs-*", fmt.Sprintf(`{"bool":{"filter":[{"term":{"event_name":%q}},{"term":{"correlation_id":%q}}]}}`, name, correlation))
	require.Len(t, found, 1, "%s of %s", name, correlation)
	var document map[string]any
	require.NoError(t, json.Unmarshal(found[0].Source, &document))
	for _, of := range []string{"observed_timestamp", "resource", "scope"} {
		delete(document, of)
	}
	delete(document["attributes"].(map[string]any), "correlation_id")
	return document
}

// postEvents sends events to the gateway's guardian receiver, and expects all to be accepted.
func (g gateway) postEvents(t *testing.T, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+g.Address("GUARDIAN")+"/v1/events", strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+gatewayToken)
	response, err := g.client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct{ Rejected []any }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(t, http.StatusOK, response.StatusCode, "%v", answer)
	require.Empty(t, answer.Rejected)
}

// python runs a script of test/e2e/python whose OpenTelemetry SDK sends to the gateway.
func (g gateway) python(t *testing.T, script string, arguments ...string) {
	t.Helper()
	root := testutil.Root(t)
	command := exec.CommandContext(t.Context(), filepath.Join(root, "build", "venv", "bin", "python"), append([]string{filepath.Join(root, "test", "e2e", "python", script)}, arguments...)...)
	command.Env = append(os.Environ(),
		"OTEL_EXPORTER_OTLP_ENDPOINT=https://"+g.Address("OTLP_HTTP"),
		"OTEL_EXPORTER_OTLP_CERTIFICATE="+g.authority.file,
		"REQUESTS_CA_BUNDLE="+g.authority.file, // which the SDK's HTTP library would prefer, where a machine sets it
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20"+gatewayToken)
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, string(out), "the SDK only complains")
}
