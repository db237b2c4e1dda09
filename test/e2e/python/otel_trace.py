# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
"""Sends one trace of two spans with OpenTelemetry's Python SDK over OTLP/gRPC (host:port) or OTLP/HTTP (http:// URL).

usage: otel_trace.py ENDPOINT SERVICE CORRELATION_ID     prints the trace id in hexadecimal
"""

import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GRPCExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HTTPExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def exporter(endpoint):
    if endpoint.startswith("http://"):
        return HTTPExporter(endpoint=f"{endpoint}/v1/traces")
    return GRPCExporter(endpoint=endpoint, insecure=True)


def main():
    endpoint, service, correlation_id = sys.argv[1:4]
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(exporter(endpoint)))
    tracer = provider.get_tracer("e2e")
    with tracer.start_as_current_span("request", attributes={"correlation_id": correlation_id}) as request:
        with tracer.start_as_current_span("model", attributes={"tokens": 17}) as model:
            model.add_event("first token")
    flushed = provider.force_flush(10_000)
    provider.shutdown()
    print(f"{request.get_span_context().trace_id:032x}")
    sys.exit(0 if flushed else 1)


if __name__ == "__main__":
    main()
