// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

const driftObjectsConfig = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${env:OTLP}"}}}
processors:
  drift:
    monitors:
      - name: features
        input: predictions
        reference: {file: "${env:REFERENCE}", reload_interval: 1s}
        window: {samples: 200}
exporters:
  file: {path: "${env:DIR}/verdicts.json", flush_interval: 100ms}
service:
  telemetry:
    metrics: {level: normal, readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:TELEMETRY}"}}}}]}
  pipelines:
    logs: {receivers: [otlp], processors: [drift], exporters: [file]}
`

// driftObjects is a collector that takes its references from an object store.
type driftObjects struct {
	t         *testing.T
	store     *servers.ObjectStore
	collector *testutil.Collector
	client    plogotlp.GRPCClient
	rng       *rand.Rand
}

// TestDriftReferencesInObjectStores runs against servers that speak S3 and Google Cloud Storage: references are read from the
// bucket, and again when they change; a missing object and a store that does not answer are said, and the rest is judged on.
func TestDriftReferencesInObjectStores(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servers.ObjectStore{"s3": servers.StartS3, "gs": servers.StartGCS} {
		t.Run(name, func(t *testing.T) { testDriftReferences(t, start(t)) })
	}
}

func testDriftReferences(t *testing.T, store *servers.ObjectStore) {
	t.Helper()
	reference := store.Prefix + "{model.name}.csv" + store.Suffix
	collector := testutil.StartCollector(t, testutil.CollectorConfig{
		YAML: driftObjectsConfig, Ports: []string{"OTLP", "TELEMETRY"}, Env: append([]string{"REFERENCE=" + reference}, store.Env...),
	})
	connection, err := grpc.NewClient(collector.Address("OTLP"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer connection.Close()
	s := &driftObjects{t, store, collector, plogotlp.NewGRPCClient(connection), rand.New(rand.NewPCG(1, 1))}

	s.put("churn", 0)
	s.window("churn")
	s.loaded("churn.csv", 1)
	s.window("churn")
	s.eventually("churn is judged", func() bool { return strings.Contains(s.verdicts(), "age of churn: no drift") })
	assert.Contains(t, s.verdicts(), "against "+store.Prefix+"churn.csv")

	// An object that is missing: what is degraded says which; the other model is judged. Then it comes.
	s.window("fraud")
	s.degraded(1)
	assert.Contains(t, collector.Log(), "cannot find "+store.Prefix+"fraud.csv")
	s.put("fraud", 5)
	s.degraded(0)
	s.window("fraud")
	s.eventually("fraud is judged", func() bool { return strings.Contains(s.verdicts(), "age of fraud: drift, critical") })

	// An object that changes is read again.
	s.put("churn", 5)
	s.loaded("churn.csv", 2)
	s.window("churn")
	s.eventually("churn is compared with the new reference", func() bool { return strings.Contains(s.verdicts(), "age of churn: drift, critical") })

	// A store that does not answer: the references that were read go on being used.
	before := strings.Count(s.verdicts(), "age of fraud: drift, critical")
	store.Stop()
	s.degraded(2)
	assert.Regexp(t, `Reference cannot be used.*(connection refused|dial tcp)`, collector.Log())
	s.window("fraud")
	s.eventually("fraud is judged without the store", func() bool { return strings.Count(s.verdicts(), "age of fraud: drift, critical") > before })
	store.Restart(t)
	s.put("churn", 0)
	s.put("fraud", 0)
	s.degraded(0)
}

// put stores a reference of a model.
func (s *driftObjects) put(model string, mean float64) {
	s.t.Helper()
	var csv bytes.Buffer
	csv.WriteString("age\n")
	for range 1000 {
		fmt.Fprintln(&csv, s.rng.NormFloat64()+mean)
	}
	s.store.Put(s.t, model+".csv", csv.Bytes())
}

// window sends as many predictions of a model as make a window, of mean 0.
func (s *driftObjects) window(model string) {
	s.t.Helper()
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range 200 {
		r := records.AppendEmpty()
		r.SetEventName("guardian.prediction")
		r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		r.Attributes().PutStr("model.name", model)
		r.Attributes().PutDouble("features.age", s.rng.NormFloat64())
	}
	_, err := s.client.Export(s.t.Context(), plogotlp.NewExportRequestFromLogs(logs))
	require.NoError(s.t, err)
}

// verdicts gives what the collector has written.
func (s *driftObjects) verdicts() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.collector.Dir, "verdicts.json"))
	require.NoError(s.t, err)
	return string(text)
}

// loaded waits until an object was read so many times.
func (s *driftObjects) loaded(object string, times int) {
	s.t.Helper()
	s.eventually("the reference is loaded", func() bool {
		n := 0
		for line := range strings.Lines(s.collector.Log()) {
			if strings.Contains(line, "Reference loaded.") && strings.Contains(line, object) {
				n++
			}
		}
		return n == times
	})
}

// degraded waits until so many groups say that they have no usable reference.
func (s *driftObjects) degraded(groups int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d groups are degraded", groups), func() bool {
		for line := range strings.Lines(agentPage(s.t, s.collector.URL("TELEMETRY"))) {
			if strings.HasPrefix(line, "otelcol_drift_degraded{") {
				return strings.HasSuffix(strings.TrimSpace(line), fmt.Sprintf(" %d", groups))
			}
		}
		return false
	})
}

func (s *driftObjects) eventually(what string, done func() bool) {
	s.t.Helper()
	agentEventually(s.t, what, done)
}
