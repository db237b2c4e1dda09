// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package binary

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// TestBadConfiguration starts the binary with what people get wrong. It ends
// with exit code 1, and its last line is one that names the key, the variable,
// the file or the port.
func TestBadConfiguration(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()

	const upstream = `{otlp_grpc: {endpoint: "localhost:1"}, otlp_http: {endpoint: "http://localhost:1"}}`
	for _, test := range []struct{ name, receivers, exporters, names string }{
		{
			"unknown key", `{otlp: {protcols: {grpc: {}}}}`, upstream,
			`"otlp": 'otlpreceiver.Config' has invalid keys: protcols`,
		},
		{
			"unknown component", `{otpl: {}}`, upstream,
			`unknown type: "otpl"`,
		},
		{
			"unset environment variable", `{otlp: {protocols: {grpc: {}}}}`, `{otlp_grpc: {endpoint: "${env:GUARDIAN_UNSET}"}, otlp_http: {endpoint: "http://localhost:1"}}`,
			`environment variable GUARDIAN_UNSET is not set`,
		},
		{
			"port in use", fmt.Sprintf(`{otlp: {protocols: {grpc: {endpoint: %q}}}}`, taken.Addr()), upstream,
			taken.Addr().String() + ": bind: address already in use",
		},
		{
			"endpoint without port", `{otlp: {protocols: {grpc: {endpoint: localhost}}}}`, upstream,
			`failed to start "otlp" receiver: listen tcp: address localhost: missing port in address`,
		},
		{
			"empty endpoint", `{otlp: {protocols: {grpc: {}}}}`, `{otlp_grpc: {endpoint: ""}, otlp_http: {endpoint: "http://localhost:1"}}`,
			`exporters::otlp_grpc: requires a non-empty "endpoint"`,
		},
		{
			"not YAML", `{otlp: [`, upstream,
			"config.yaml is not valid YAML: yaml: line ",
		},
		{
			"exporter without a scheme", `{otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}}`, `{otlp_http: {endpoint: "localhost:4318"}, otlp_grpc: {endpoint: "localhost:1"}}`,
			`exporters::otlp_http::endpoint must be a URL, such as http://host:port (got "localhost:4318")`,
		},
		{
			"port that no machine has", `{otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}}`, `{otlp_http: {endpoint: "http://localhost"}, otlp_grpc: {endpoint: "localhost:99999"}}`,
			`exporters::otlp_grpc::endpoint must have a port up to 65535`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, output := testutil.RunCollector(t, testutil.CollectorConfig{YAML: fmt.Sprintf(`
receivers: %s
exporters: %s
extensions: {guardian_control: {}}
service:
  extensions: [guardian_control]
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [otlp_grpc, otlp_http]}}
`, test.receivers, test.exporters)})
			assertRefused(t, code, output, test.names)
		})
	}
}

func TestUnreadableFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	code, output := testutil.RunCollector(t, testutil.CollectorConfig{Files: []string{missing}})
	assertRefused(t, code, output, missing)

	code, output = testutil.RunCollector(t, testutil.CollectorConfig{})
	assertRefused(t, code, output, "config flag")
}

func assertRefused(t *testing.T, code int, output, names string) {
	t.Helper()
	assert.Equal(t, 1, code, "exit code; output:\n%s", output)
	lines := strings.Split(strings.TrimSpace(output), "\n")
	last := lines[len(lines)-1]
	assert.Contains(t, last, names)
	assert.True(t, strings.HasPrefix(last, "otelcol-guardian: "), "the last line is ours: %s", last)
}

// notOTLP is no protobuf: a field number that never ends.
const notOTLP = "\xff\xff\xff\xff"

// TestMalformedOTLP sends what is no OTLP: the client's fault is answered as
// such and counted, and other clients are served.
func TestMalformedOTLP(t *testing.T) {
	sink := testutil.StartSink(t)
	collector := testutil.StartCollector(t, local(t, sink))

	const json, protobuf = "application/json", "application/x-protobuf"
	for _, bad := range []struct{ path, contentType, body string }{
		{"/v1/traces", json, `{"resourceSpans": [`},
		{"/v1/logs", json, `{"resourceLogs": "no list"}`},
		{"/v1/metrics", json, `[]`},
		{"/v1/traces", json, "\xff{"},
		{"/v1/logs", json, `{"resourceLogs": [{"resource": {"attributes": [{"key": "caf` + "\xe9" + `"}]}}]}`},
		{"/v1/traces", protobuf, notOTLP},
		{"/v1/logs", protobuf, notOTLP},
		{"/v1/metrics", protobuf, notOTLP},
	} {
		code, answer := post(t, collector.URL("OTLP_HTTP")+bad.path, bad.contentType, []byte(bad.body))
		assert.Equal(t, http.StatusBadRequest, code, "%s %q: %s", bad.path, bad.body, answer)
	}
	code, _ := post(t, collector.URL("OTLP_HTTP")+"/v1/traces", "text/plain", []byte("hello"))
	assert.Equal(t, http.StatusUnsupportedMediaType, code)

	err := connection(t, collector.Address("OTLP_GRPC")).Invoke(t.Context(),
		"/opentelemetry.proto.collector.trace.v1.TraceService/Export", []byte(notOTLP), new([]byte), grpc.ForceCodec(rawCodec{}))
	assert.Equal(t, codes.InvalidArgument, status.Code(err), err)

	assert.EqualValues(t, 8+1, counter(t, collector, "otelcol_guardian_answers_malformed_requests_total"))

	sendGRPC(t, collector, "good")
	for _, signal := range []string{"traces", "logs", "metrics"} {
		arrives(t, collector, sink, signal, "good")
	}
}

// rawCodec sends bytes as they are.
type rawCodec struct{ encoding.Codec }

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = data
	return nil
}

func (rawCodec) Name() string { return "proto" }

func TestVersion(t *testing.T) {
	out, err := exec.Command(testutil.Binary(t), "--version").Output()
	require.NoError(t, err)
	assert.Regexp(t, `^otelcol-guardian \d+\.\d+\.\d+, commit \w+, go\S+ \w+/\w+, cgo o(n|ff: no GPU support)\n$`, string(out))
}
