# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
"""Sends log events with OpenTelemetry's Python SDK over OTLP/HTTP.

usage: otel_events.py     on standard input a line of JSON for each event: {name, time, severity, trace_id, span_id,
                          attributes}; the endpoint comes from OpenTelemetry's environment variables
"""

import json
import sys

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context


def about(event):
    """The context of the span that an event is about."""
    span = SpanContext(int(event["trace_id"], 16), int(event["span_id"], 16), is_remote=True, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(span))


def main():
    provider = LoggerProvider(resource=Resource.create({"service.name": "python"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logger = provider.get_logger("e2e")
    for line in sys.stdin:
        event = json.loads(line)
        logger.emit(LogRecord(
            event_name=event["name"],
            timestamp=event["time"],
            severity_number=SeverityNumber(event["severity"]),
            context=about(event),
            attributes=event["attributes"],
        ))
    flushed = provider.force_flush(10_000)
    provider.shutdown()
    sys.exit(0 if flushed else 1)


if __name__ == "__main__":
    main()
