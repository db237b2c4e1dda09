// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

const kafkaPartitions = 4

// kafkaTopics holds the topic of each signal, by otlpload.Signal.
var kafkaTopics = [...]string{otlpload.Traces: "otlp_spans", otlpload.Logs: "otlp_logs", otlpload.Metrics: "otlp_metrics"}

// kafkaCommonOverlay moves what both collectors listen on besides OTLP, and keeps each one's queue in its own folder.
const kafkaCommonOverlay = `
extensions:
  health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}
  pprof: {endpoint: "127.0.0.1:${env:PPROF}"}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:OWN}", without_scope_info: true, without_type_suffix: false, without_units: false}}}
`

const kafkaOutOverlay = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP}"}
  otlp/0: {protocols: {grpc: {endpoint: "127.0.0.1:${env:SHARD0}"}}}
  otlp/1: {protocols: {grpc: {endpoint: "127.0.0.1:${env:SHARD1}"}}}
  otlp/2: {protocols: {grpc: {endpoint: "127.0.0.1:${env:SHARD2}"}}}
  otlp/3: {protocols: {grpc: {endpoint: "127.0.0.1:${env:SHARD3}"}}}
  otlp/4: {protocols: {grpc: {endpoint: "127.0.0.1:${env:SHARD4}"}}}
  otlp/5: {protocols: {grpc: {endpoint: "127.0.0.1:${env:SHARD5}"}}}
  otlp/6: {protocols: {grpc: {endpoint: "127.0.0.1:${env:SHARD6}"}}}
  otlp/7: {protocols: {grpc: {endpoint: "127.0.0.1:${env:SHARD7}"}}}
exporters:
  load_balancing:
    resolver:
      static:
        hostnames: ["127.0.0.1:${env:SHARD0}", "127.0.0.1:${env:SHARD1}", "127.0.0.1:${env:SHARD2}", "127.0.0.1:${env:SHARD3}", "127.0.0.1:${env:SHARD4}", "127.0.0.1:${env:SHARD5}", "127.0.0.1:${env:SHARD6}", "127.0.0.1:${env:SHARD7}"]
  kafka:
    timeout: 1s
    retry_on_failure: {initial_interval: 100ms, max_interval: 1s}
`

// startKafka starts a broker and makes the three topics as kafka_out.yaml asks for.
func startKafka(t *testing.T) *servers.Kafka {
	t.Helper()
	kafka := servers.StartKafka(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addr))
	require.NoError(t, err)
	defer client.Close()
	answers, err := kadm.NewClient(client).CreateTopics(t.Context(), kafkaPartitions, 1, nil, kafkaTopics[:]...)
	require.NoError(t, err)
	require.NoError(t, answers.Error())
	return kafka
}

// startKafkaPublisher runs configs/kafka_out.yaml.
func startKafkaPublisher(t *testing.T, kafka *servers.Kafka) *testutil.Collector {
	t.Helper()
	dir := t.TempDir()
	return testutil.StartCollector(t, testutil.CollectorConfig{
		Files: []string{kafkaConfig(t, "kafka_out.yaml"), kafkaOverlay(t, dir, kafkaCommonOverlay), kafkaOverlay(t, t.TempDir(), kafkaOutOverlay)},
		Ports: []string{
			"OTLP_GRPC", "OTLP_HTTP", "HEALTH", "PPROF", "OWN",
			"SHARD0", "SHARD1", "SHARD2", "SHARD3", "SHARD4", "SHARD5", "SHARD6", "SHARD7",
		},
		Env: []string{"KAFKA_BROKERS=[" + kafka.Addr + "]"},
		Dir: dir,
	})
}

// startKafkaConsumer runs configs/kafka_in.yaml under a name of its own.
func startKafkaConsumer(t *testing.T, kafka *servers.Kafka, name, upstream string) *testutil.Collector {
	t.Helper()
	dir := t.TempDir()
	return testutil.StartCollector(t, testutil.CollectorConfig{
		Files: []string{kafkaConfig(t, "kafka_in.yaml"), kafkaOverlay(t, dir, kafkaCommonOverlay)},
		Ports: []string{"HEALTH", "PPROF", "OWN"},
		Env:   []string{"KAFKA_BROKERS=[" + kafka.Addr + "]", "INSTANCE=" + name, "UPSTREAM=" + upstream, "UPSTREAM_INSECURE=true"},
		Dir:   dir,
	})
}

func kafkaConfig(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(testutil.Root(t), "configs", name)
}

func kafkaOverlay(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "overlay.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// kafkaLoad is what a test sends of one signal, with its ledger.
type kafkaLoad struct{ otlpload.Sender }

// newKafkaLoads prepares senders for all three signals. From the second attribute on, a request mixes items of four models
// under one resource.
func newKafkaLoads(t *testing.T, collector *testutil.Collector, itemsPerRequest, attributes int) []kafkaLoad {
	t.Helper()
	client, err := otlpload.NewClient(otlpload.GRPC, collector.Address("OTLP_GRPC"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	loads := make([]kafkaLoad, len(otlpload.Signals))
	for _, signal := range otlpload.Signals {
		payload, err := otlpload.NewPayload(signal, otlpload.PayloadOptions{Seed: 1, Items: itemsPerRequest, Attributes: attributes, Time: time.Now()})
		require.NoError(t, err)
		loads[signal] = kafkaLoad{otlpload.Sender{
			Client: client, Payload: payload, Ledger: otlpload.NewLedger(), InFlight: 4, Retry: 100 * time.Millisecond,
		}}
	}
	return loads
}

// send sends so many items of the signal and returns when all of them are accepted.
func (l kafkaLoad) send(t *testing.T, items int) {
	t.Helper()
	l.Requests = items / l.Payload.Items()
	stats := l.Run(t.Context())
	require.Zero(t, stats.Refused, "%s were refused: %v", l.Payload.Signal(), stats.Err)
}

// kafkaSettle waits until everything accepted has reached the sink and prints the ledger.
func kafkaSettle(t *testing.T, loads []kafkaLoad, sink *otlpload.Sink) (total otlpload.Balance) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for signal, l := range loads {
		balance, err := l.Ledger.Settle(ctx, sink.Receipts(otlpload.Signal(signal)))
		t.Logf("ledger of %s: %v", otlpload.Signal(signal), balance)
		require.NoError(t, err)
		require.NoError(t, balance.Complete())
		total = total.Plus(balance)
	}
	return total
}

func startKafkaSink(t *testing.T) *otlpload.Sink {
	t.Helper()
	sink, err := otlpload.NewSink()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sink.Close()) })
	return sink
}

func TestKafkaCarriesEverySignal(t *testing.T) {
	kafka, sink := startKafka(t), startKafkaSink(t)
	startKafkaConsumer(t, kafka, "a", sink.GRPCEndpoint())
	loads := newKafkaLoads(t, startKafkaPublisher(t, kafka), 500, 4)

	for _, l := range loads {
		l.send(t, 5_000)
	}
	assert.NoError(t, kafkaSettle(t, loads, sink).Exact(), "without faults everything arrives once")
}

// TestKafkaCutsLargeRequests sends requests of more than a megabyte that all belong to one shard, because they name no model.
func TestKafkaCutsLargeRequests(t *testing.T) {
	kafka, sink := startKafka(t), startKafkaSink(t)
	startKafkaConsumer(t, kafka, "a", sink.GRPCEndpoint())
	const items = 22_000
	loads := newKafkaLoads(t, startKafkaPublisher(t, kafka), items, 1)

	for _, l := range loads {
		require.Greater(t, len(l.Payload.Append(nil, otlpload.Protobuf, otlpload.FirstID)), 1_048_588, "Kafka would take the request whole")
		l.send(t, items)
	}
	kafkaSettle(t, loads, sink)
}

// TestKafkaDownLosesNothing stops the broker, and meanwhile kills the publisher and ends it in order.
func TestKafkaDownLosesNothing(t *testing.T) {
	kafka, sink := startKafka(t), startKafkaSink(t)
	startKafkaConsumer(t, kafka, "a", sink.GRPCEndpoint())
	publisher := startKafkaPublisher(t, kafka)
	loads := newKafkaLoads(t, publisher, 500, 4)
	for _, l := range loads {
		l.send(t, 1_000)
	}
	kafkaSettle(t, loads, sink)

	kafka.Stop()
	loads[otlpload.Traces].send(t, 5_000)
	loads[otlpload.Logs].send(t, 20_000)
	loads[otlpload.Metrics].send(t, 20_000)
	// What was under way when the broker went fails only much later: the client library keeps it. Hence not "Exporting failed".
	publisher.LogMatch(t, `(unable to open connection to broker)`)
	publisher.Kill()
	publisher.Start(t)
	publisher.LogMatch(t, `(?s)Everything is ready.*(Exporting failed)`) // Before it is ready SIGTERM would end it at once.
	assert.Zero(t, publisher.Stop(t))
	publisher.Start(t)
	publisher.LogMatch(t, `(Exporting failed)`)
	kafka.Start()

	kafkaSettle(t, loads, sink)
	assert.Len(t, partitionsPerModel(t, kafka, otlpload.Logs), kafkaLoadModels,
		"the restarted publisher still knows the keys of what it had queued")
}

// kafkaLoadModels is the number of models in the payloads of otlpload.
const kafkaLoadModels = 4

// TestKafkaConsumerKilled kills the consumer again and again in the middle of a stream.
func TestKafkaConsumerKilled(t *testing.T) {
	kafka, sink := startKafka(t), startKafkaSink(t)
	consumer := startKafkaConsumer(t, kafka, "a", sink.GRPCEndpoint())
	loads := newKafkaLoads(t, startKafkaPublisher(t, kafka), 100, 4)

	logs := loads[otlpload.Logs]
	logs.Rate = 5_000
	sent := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(sent)
		logs.Run(ctx)
	}()
	for range 3 {
		arrived := kafkaDelivered(logs, sink)
		require.Eventually(t, func() bool { return kafkaDelivered(logs, sink) > arrived+2_000 }, time.Minute, 10*time.Millisecond)
		consumer.Kill()
		consumer.Start(t)
	}
	cancel()
	<-sent
	before := kafkaSettle(t, loads, sink)
	assert.Zero(t, consumer.Stop(t))
	consumer.Start(t)
	for _, l := range loads {
		l.send(t, 1_000)
	}
	after := kafkaSettle(t, loads, sink)
	assert.Equal(t, before.Duplicates, after.Duplicates, "a consumer that ended in order goes on where it stopped")
}

func kafkaDelivered(l kafkaLoad, sink *otlpload.Sink) int {
	return l.Ledger.Balance(sink.Receipts(l.Payload.Signal())).Delivered
}

// TestKafkaKeepsAModelTogether sends records of many models, mixed in one request and from two services, and looks where
// they are: in the topics, and behind two consumers that share the partitions.
func TestKafkaKeepsAModelTogether(t *testing.T) {
	kafka := startKafka(t)
	sinks := []*testutil.Sink{testutil.StartSink(t), testutil.StartSink(t)}
	startKafkaConsumer(t, kafka, "gateway-0", sinks[0].Address)
	second := startKafkaConsumer(t, kafka, "gateway-1", sinks[1].Address)
	for _, topic := range kafkaTopics {
		second.LogMatch(t, `"assigned": "(`+topic+`\[2 3\])"`)
	}
	sendModels(t, startKafkaPublisher(t, kafka).Address("OTLP_GRPC"))

	want := partitionsPerModel(t, kafka, otlpload.Logs)
	require.Len(t, want, len(balanceModels))
	t.Logf("partitions: %v", want)
	for _, signal := range otlpload.Signals {
		assert.Equal(t, want, partitionsPerModel(t, kafka, signal), "%s are elsewhere than logs", signal)
	}
	assert.Greater(t, len(distinctPlaces(want)), 1, "the models share one partition")
	for model, sink := range modelPlaces(t, sinks) {
		assert.Equal(t, want[model]/2, sink, "%s reached another gateway than the one with its partition", model)
	}
}

// partitionsPerModel reads a topic to its present end and returns the partition of each model. It fails the test if a model has two.
func partitionsPerModel(t *testing.T, kafka *servers.Kafka, signal otlpload.Signal) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, record := range kafkaRecords(t, kafka, kafkaTopics[signal]) {
		require.NotEmpty(t, record.Key)
		for model := range modelsInMessage(t, signal, record.Value) {
			if before, known := found[model]; known {
				require.EqualValues(t, before, record.Partition, "%s of %s are in two partitions", signal, model)
			}
			found[model] = int(record.Partition)
		}
	}
	return found
}

// kafkaRecords reads a topic until its end stands still, which it does once the publisher's queue is empty.
func kafkaRecords(t *testing.T, kafka *servers.Kafka, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	var records []*kgo.Record
	for {
		wait, stop := ctx, context.CancelFunc(func() {})
		if len(records) > 0 {
			wait, stop = context.WithTimeout(ctx, 3*time.Second)
		}
		fetches := client.PollFetches(wait)
		stop()
		if len(records) > 0 && wait.Err() != nil {
			return records
		}
		require.NoError(t, fetches.Err())
		records = append(records, fetches.Records()...)
	}
}

func modelsInMessage(t *testing.T, signal otlpload.Signal, message []byte) map[string]bool {
	t.Helper()
	switch signal {
	case otlpload.Traces:
		traces, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(message)
		require.NoError(t, err)
		return modelsOfTraces(traces)
	case otlpload.Logs:
		logs, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(message)
		require.NoError(t, err)
		return modelsOfLogs(logs)
	default:
		metrics, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(message)
		require.NoError(t, err)
		return modelsOfMetrics(metrics)
	}
}

func modelsOfTraces(traces ptrace.Traces) map[string]bool {
	models := map[string]bool{}
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				models[modelOf(span.Attributes())] = true
			}
		}
	}
	return models
}

func modelsOfLogs(logs plog.Logs) map[string]bool {
	models := map[string]bool{}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				models[modelOf(record.Attributes())] = true
			}
		}
	}
	return models
}

func modelsOfMetrics(metrics pmetric.Metrics) map[string]bool {
	models := map[string]bool{}
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				for _, point := range modelPoints(metric).All() {
					models[modelOf(point.Attributes())] = true
				}
			}
		}
	}
	return models
}

func modelPoints(metric pmetric.Metric) pmetric.NumberDataPointSlice {
	if metric.Type() == pmetric.MetricTypeSum {
		return metric.Sum().DataPoints()
	}
	return metric.Gauge().DataPoints()
}

func modelOf(attributes pcommon.Map) string {
	model, _ := attributes.Get("model.name")
	return model.AsString()
}

// TestKafkaAuthenticationIsReady takes the comment marks off the lines for TLS and SASL, as a user would.
func TestKafkaAuthenticationIsReady(t *testing.T) {
	environment := []string{"KAFKA_BROKERS=[localhost:9092]", "INSTANCE=a", "UPSTREAM=localhost:4317", "KAFKA_USERNAME=guardian", "KAFKA_CA_FILE="}
	for _, name := range []string{"kafka_out.yaml", "kafka_in.yaml"} {
		shipped, err := os.ReadFile(kafkaConfig(t, name))
		require.NoError(t, err)
		secured := strings.NewReplacer("# tls:", "tls:", "# auth:", "auth:").Replace(string(shipped))
		require.Len(t, strings.Split(secured, "${env:KAFKA_USERNAME}"), 2, "%s has one place for the user's name", name)
		path := kafkaOverlay(t, t.TempDir(), secured)

		output, err := kafkaValidate(t, path, append(environment, "KAFKA_PASSWORD=secret"))
		assert.NoError(t, err, "%s with authentication is refused: %s", name, output)
		output, err = kafkaValidate(t, path, environment)
		assert.Error(t, err, "%s takes no password for a password", name)
		assert.Contains(t, output, "KAFKA_PASSWORD")
	}
}

func kafkaValidate(t *testing.T, path string, environment []string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), testutil.Binary(t), "validate", "--config", path)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	return string(output), err
}
