// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

// Signal is a kind of telemetry.
type Signal int

// The signals that can be sent and received.
const (
	Traces Signal = iota
	Logs
	Metrics
)

// Signals lists every signal, in the order of their values.
var Signals = [...]Signal{Traces, Logs, Metrics}

var signalNames = [...]struct{ signal, items, service, path string }{
	Traces:  {"traces", "spans", "opentelemetry.proto.collector.trace.v1.TraceService", "/v1/traces"},
	Logs:    {"logs", "log records", "opentelemetry.proto.collector.logs.v1.LogsService", "/v1/logs"},
	Metrics: {"metrics", "data points", "opentelemetry.proto.collector.metrics.v1.MetricsService", "/v1/metrics"},
}

// String returns the name of the signal as pipelines spell it.
func (s Signal) String() string { return signalNames[s].signal }

// Items returns what one item of the signal is called, in the plural.
func (s Signal) Items() string { return signalNames[s].items }

// grpcService returns the full name of the OTLP service whose method Export takes the signal.
func (s Signal) grpcService() string { return signalNames[s].service }

// httpPath returns the path that OTLP/HTTP uses for the signal.
func (s Signal) httpPath() string { return signalNames[s].path }

// Encoding is a way to write OTLP as bytes.
type Encoding int

// The encodings of OTLP.
const (
	Protobuf Encoding = iota
	JSON
)

// Protocol is a way to carry OTLP.
type Protocol int

// The protocols that a collector's OTLP receiver speaks.
const (
	GRPC Protocol = iota
	HTTPProtobuf
	HTTPJSON
)

// String returns the name of the protocol as SDKs spell it.
func (p Protocol) String() string { return [...]string{"grpc", "http/protobuf", "http/json"}[p] }

// Encoding returns the encoding that the protocol carries.
func (p Protocol) Encoding() Encoding {
	if p == HTTPJSON {
		return JSON
	}
	return Protobuf
}
