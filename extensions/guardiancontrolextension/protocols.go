// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"strings"

	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
)

// protocol is what the extension knows about one endpoint of a well-known
// component. An endpoint of any other component is named by its component ID
// and its place in the configuration.
type protocol struct {
	endpoint string // <kind>/<type>/<section below the component>
	label    string
	network  string
	scheme   string // of the URL to show; none shows host:port
	path     string // of the URL to show
	sdk      string // OTEL_EXPORTER_OTLP_PROTOCOL of an SDK that can send here
}

// protocols is in the order in which the lines are printed.
var protocols = []protocol{
	{"receiver/otlp/protocols::grpc", "OTLP over gRPC", sockets.TCP, "", "", "grpc"},
	{"receiver/otlp/protocols::http", "OTLP over HTTP", sockets.TCP, "http", "", "http/protobuf"},
	{"receiver/guardian/", "guardian events", sockets.TCP, "http", "/v1/events", ""},
	{"receiver/jaeger/protocols::thrift_compact", "Jaeger thrift compact", sockets.UDP, "", "", ""},
	{"receiver/jaeger/protocols::thrift_binary", "Jaeger thrift binary", sockets.UDP, "", "", ""},
	{"receiver/jaeger/protocols::thrift_http", "Jaeger thrift over HTTP", sockets.TCP, "http", "/api/traces", ""},
	{"receiver/jaeger/protocols::grpc", "Jaeger over gRPC", sockets.TCP, "", "", ""},
	{"receiver/zipkin/", "Zipkin", sockets.TCP, "http", "/api/v2/spans", ""},
	{"receiver/fluent_forward/", "Fluentd forward", sockets.TCP, "", "", ""},
	{"exporter/prometheus/", "Prometheus page", sockets.TCP, "http", "/metrics", ""},
	{"service/telemetry/metrics", "own telemetry", sockets.TCP, "http", "/metrics", ""},
	{"extension/health_check/", "health", sockets.TCP, "http", "", ""},
	{"extension/health_check/http", "health", sockets.TCP, "http", "", ""},
	{"extension/health_check/grpc", "health over gRPC", sockets.TCP, "", "", ""},
	{"extension/zpages/", "zPages", sockets.TCP, "http", "/debug/servicez", ""},
	{"extension/pprof/", "Go profiles", sockets.TCP, "http", "/debug/pprof/", ""},
	{"extension/guardian_control/admin", "admin", sockets.TCP, "http", "/v1", ""},
}

// protocolOf returns what is known about an endpoint and its place in the order
// of the lines; what is unknown comes last.
func protocolOf(kind, typ string, section []string) (protocol, int) {
	name := kind + "/" + typ + "/" + strings.Join(section, "::")
	for rank, p := range protocols {
		if p.endpoint == name {
			return p, rank
		}
	}
	return protocol{}, len(protocols)
}
