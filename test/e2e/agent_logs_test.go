// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

const (
	agentIndex  = "llm-guardian-logs"
	agentPod    = "llm-guardian-scorer-7d9c5b6f4-x2x7k"
	containerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// agentElasticsearch is an Elasticsearch with the shipped index template, for the data stream that the agent writes to.
func agentElasticsearch(t *testing.T) *servers.SearchEngine {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testutil.Root(t), "monitoring", "elasticsearch", "logs.json"))
	require.NoError(t, err)
	elastic := servers.StartElasticsearch(t)
	elastic.Do(t, http.MethodPut, "/_index_template/guardian-logs", string(text))
	return elastic
}

// containerLog writes a container's log as containerd does, below pods/, with the link below containers/ that is read.
type containerLog struct {
	file string // pods/…/0.log
	link string // containers/….log
	next int    // the number of the next line
}

func newContainerLog(t *testing.T, dir, container string) *containerLog {
	t.Helper()
	pod := filepath.Join(dir, "pods", "models_"+agentPod+"_pod-uid", container)
	require.NoError(t, os.MkdirAll(pod, 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "containers"), 0o755))
	log := &containerLog{
		file: filepath.Join(pod, "0.log"),
		link: filepath.Join(dir, "containers", agentPod+"_models_"+container+"-"+containerID+".log"),
	}
	require.NoError(t, os.Symlink(log.file, log.link))
	return log
}

// include is the pattern that an agent is given to find the links.
func (l *containerLog) include() string {
	return "CONTAINER_LOGS=[" + filepath.Join(filepath.Dir(l.link), "llm-guardian-*.log") + "]"
}

// Append writes numbered lines of JSON.
func (l *containerLog) Append(t *testing.T, lines int) {
	t.Helper()
	var text strings.Builder
	for range lines {
		text.WriteString(containerLine("F", fmt.Sprintf(`{"event_type":"request_complete","number":%d}`, l.next)))
		l.next++
	}
	l.write(t, text.String())
}

// Rotate does what the kubelet does: the file gets another name, and the next line begins a new one.
func (l *containerLog) Rotate(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Rename(l.file, l.file+".20260115-120000"))
}

func (l *containerLog) write(t *testing.T, text string) {
	t.Helper()
	file, err := os.OpenFile(l.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = file.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// containerLine is a line in the format of CRI; the tag P stands for one that goes on in the next.
func containerLine(tag, text string) string {
	return fmt.Sprintf("%s stdout %s %s\n", time.Now().UTC().Format(time.RFC3339Nano), tag, text)
}

// agentDocument is what the agent makes of a record in Elasticsearch.
type agentDocument struct {
	TraceID    string `json:"trace_id"`
	SpanID     string `json:"span_id"`
	Body       struct{ Text string }
	Attributes map[string]any `json:"attributes"`
	Resource   struct {
		Attributes map[string]any `json:"attributes"`
	} `json:"resource"`
}

func agentDocuments(t *testing.T, elastic *servers.SearchEngine) []agentDocument {
	t.Helper()
	hits := elastic.Search(t, agentIndex, `{"match_all":{}}`)
	documents := make([]agentDocument, len(hits))
	for i, hit := range hits {
		require.NoError(t, json.Unmarshal(hit.Source, &documents[i]), "%s", hit.Source)
	}
	return documents
}

// agentBalance counts the numbered records that arrived: once at least, and again.
func agentBalance(t *testing.T, elastic *servers.SearchEngine) (delivered, duplicates int) {
	t.Helper()
	seen := map[any]bool{}
	for _, document := range agentDocuments(t, elastic) {
		number, ok := document.Attributes["number"]
		if !ok {
			continue
		}
		if seen[number] {
			duplicates++
		}
		seen[number] = true
	}
	return len(seen), duplicates
}

func awaitAgentRecords(t *testing.T, elastic *servers.SearchEngine, what string, want int) (duplicates int) {
	t.Helper()
	agentEventually(t, what, func() bool {
		var delivered int
		delivered, duplicates = agentBalance(t, elastic)
		return delivered == want
	})
	t.Logf("%s: sent %d, delivered %d, duplicates %d, missing 0", what, want, want, duplicates)
	return duplicates
}

func TestAgentShipsContainerLogsAsFluentdDid(t *testing.T) {
	elastic, dir := agentElasticsearch(t), t.TempDir()
	log, sidecar := newContainerLog(t, dir, "scorer"), newContainerLog(t, dir, "sidecar")
	collector := testutil.StartCollector(t, agentConfig(t, agentSetup{
		overlay: `exporters: {elasticsearch: {retry: {initial_interval: 100ms, max_interval: 1s}}}`,
		env:     []string{log.include(), "ELASTICSEARCH_ENDPOINT=" + elastic.URL},
	}))

	t.Run("a line reaches Elasticsearch within the flush interval", func(t *testing.T) {
		begin := time.Now()
		log.Append(t, 500)
		assert.Zero(t, awaitAgentRecords(t, elastic, "first lines", 500))
		assert.Less(t, time.Since(begin), 15*time.Second, "flushed every 5 s")
	})
	t.Run("JSON becomes fields beside those that were there", func(t *testing.T) {
		log.write(t, containerLine("F", `{"event_type":"prediction_complete","prediction":"spam","id":9007199254740993,"latency_ms":1.5,`+
			`"X-Correlation-ID":"c-1","trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","@log_name":"forged"}`))
		document := findAgentDocument(t, elastic, "prediction_complete")
		assert.Equal(t, filepath.Base(log.link), document.Attributes["@log_name"])
		assert.Equal(t, "stdout", document.Attributes["log.iostream"])
		assert.Equal(t, "spam", document.Attributes["prediction"])
		assert.Equal(t, json.Number("9007199254740993"), document.Attributes["id"], "all digits")
		assert.Equal(t, json.Number("1.5"), document.Attributes["latency_ms"])
		assert.Equal(t, "c-1", document.Attributes["correlation_id"])
		assert.NotContains(t, document.Attributes, "X-Correlation-ID")
		assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", document.TraceID)
		assert.Equal(t, "b7ad6b7169203331", document.SpanID)
		assert.Contains(t, document.Body.Text, `"prediction":"spam"`, "the line itself stays")
		assert.Equal(t, agentPod, document.Resource.Attributes["k8s.pod.name"])
		assert.Equal(t, "models", document.Resource.Attributes["k8s.namespace.name"])
		assert.Equal(t, "scorer", document.Resource.Attributes["k8s.container.name"])
		assert.Equal(t, containerID, document.Resource.Attributes["container.id"])
	})
	t.Run("text, and what only looks like JSON, stays text", func(t *testing.T) {
		log.write(t, containerLine("F", "plain words")+containerLine("F", "{not json"))
		agentEventually(t, "both texts", func() bool {
			texts := map[string]bool{}
			for _, document := range agentDocuments(t, elastic) {
				texts[document.Body.Text] = true
			}
			return texts["plain words"] && texts["{not json"]
		})
	})
	t.Run("a line that the runtime has split is one record, whatever another container writes meanwhile", func(t *testing.T) {
		log.write(t, containerLine("P", `{"event_type":"split",`))
		sidecar.write(t, containerLine("P", `{"event_type":`)+containerLine("F", `"whole"}`))
		log.write(t, containerLine("F", `"filler":"`+strings.Repeat("x", 20_000)+`"}`))
		assert.Len(t, findAgentDocument(t, elastic, "split").Attributes["filler"], 20_000)
		assert.Equal(t, "sidecar", findAgentDocument(t, elastic, "whole").Resource.Attributes["k8s.container.name"])
	})
	t.Run("positions survive a restart", func(t *testing.T) {
		require.Zero(t, collector.Stop(t))
		log.Append(t, 500)
		collector.Start(t)
		assert.Zero(t, awaitAgentRecords(t, elastic, "after a restart", log.next), "nothing is read twice")
	})
	t.Run("a rotated file is read to its end", func(t *testing.T) {
		log.Append(t, 300)
		log.Rotate(t)
		log.Append(t, 300)
		assert.Zero(t, awaitAgentRecords(t, elastic, "rotated", log.next))
	})
	t.Run("crashes in the middle of reading lose nothing", func(t *testing.T) {
		readAgain := 0
		for range 4 {
			log.Append(t, 2000)
			agentEventually(t, "the first lines accepted", func() bool {
				return pageMatches(agentPage(t, collector.URL("OWN")), `otelcol_receiver_accepted_log_records_total\{[^}]*file_log[^}]*\} [1-9]`)
			})
			collector.Kill()
			collector.Start(t)
			readAgain += log.next // A position that was not saved yet can be that of the beginning.
		}
		duplicates := awaitAgentRecords(t, elastic, "after SIGKILLs", log.next)
		assert.LessOrEqual(t, duplicates, readAgain, "a crash makes it read a file again, once")
	})
	t.Run("Elasticsearch away for a while loses nothing", func(t *testing.T) {
		elastic.Kill()
		log.Append(t, 2000)
		awaitAgentQueue(t, collector)
		elastic.Start()
		awaitAgentRecords(t, elastic, "after an outage", log.next)
	})
	t.Run("Elasticsearch away while the agent is killed loses nothing", func(t *testing.T) {
		elastic.Kill()
		log.Append(t, 1000)
		awaitAgentQueue(t, collector)
		collector.Kill()
		log.Append(t, 1000)
		collector.Start(t)
		elastic.Start()
		awaitAgentRecords(t, elastic, "after an outage with SIGKILL", log.next)
	})
}

// awaitAgentQueue waits until the queue on disk holds records that cannot be delivered.
func awaitAgentQueue(t *testing.T, collector *testutil.Collector) {
	t.Helper()
	agentEventually(t, "something in the queue", func() bool {
		return pageMatches(agentPage(t, collector.URL("OWN")), `otelcol_exporter_queue_size\{[^}]*elasticsearch[^}]*\} [1-9]`)
	})
}

// findAgentDocument waits for the record with this event_type. Its numbers keep all their digits.
func findAgentDocument(t *testing.T, elastic *servers.SearchEngine, eventType string) (found agentDocument) {
	t.Helper()
	agentEventually(t, eventType, func() bool {
		hits := elastic.Search(t, agentIndex, `{"term":{"event_type":"`+eventType+`"}}`)
		if len(hits) == 0 {
			return false
		}
		require.Len(t, hits, 1)
		decoder := json.NewDecoder(strings.NewReader(string(hits[0].Source)))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&found))
		return true
	})
	return found
}

func TestAgentTakesAFluentdForwarder(t *testing.T) {
	elastic := agentElasticsearch(t)
	collector := testutil.StartCollector(t, agentConfig(t, agentSetup{
		overlay: `exporters: {elasticsearch: {retry: {initial_interval: 100ms, max_interval: 1s}}}`,
		env:     []string{"ELASTICSEARCH_ENDPOINT=" + elastic.URL},
	}))
	forward(t, collector, `{"log":"{\"event_type\":\"forwarded\",\"correlationId\":\"c-2\"}","kubernetes":{"pod_name":"p-1"}}`+"\n")
	document := findAgentDocument(t, elastic, "forwarded")
	assert.Equal(t, "kubernetes.var.log.containers.app", document.Attributes["@log_name"], "Fluentd's tag")
	assert.Equal(t, "c-2", document.Attributes["correlation_id"])
	assert.Equal(t, map[string]any{"pod_name": "p-1"}, document.Attributes["kubernetes"])

	// What was acknowledged while Elasticsearch was away survives a crash of the agent.
	elastic.Kill()
	var records strings.Builder
	const sent = 500
	for number := range sent {
		fmt.Fprintf(&records, `{"message":"text %d","number":%d}`+"\n", number, number)
	}
	forward(t, collector, records.String())
	collector.Kill()
	elastic.Start()
	collector.Start(t)
	awaitAgentRecords(t, elastic, "forwarded and acknowledged", sent)
}

// forward sends JSON lines with a Fluentd client that asks for acknowledgements, and requires that it gets them all.
func forward(t *testing.T, collector *testutil.Collector, lines string) {
	t.Helper()
	root := testutil.Root(t)
	interpreter := filepath.Join(root, "build", "venv", "bin", "python")
	require.FileExists(t, interpreter, "run scripts/e2e-deps.sh")
	host, port, _ := strings.Cut(collector.Address("FLUENT"), ":")
	client := exec.CommandContext(t.Context(), interpreter, filepath.Join(root, "test", "e2e", "python", "fluent_forward.py"),
		host, port, "kubernetes.var.log.containers.app")
	client.Stdin = strings.NewReader(lines)
	client.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := client.CombinedOutput()
	require.NoError(t, err, "%s", output)
	assert.Equal(t, fmt.Sprint(strings.Count(lines, "\n")), strings.TrimSpace(string(output)))
}
