# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
"""Sends an evaluation's records as log events with OpenTelemetry's Python SDK over OTLP/HTTP.

usage: otel_evaluation.py RECORDS     a JSON list of {name, time, severity, trace_id, span_id, attributes}; the endpoint,
                                      its certificate and the token come from OpenTelemetry's environment variables
"""

import json
import sys

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context


def main():
    provider = LoggerProvider(resource=Resource.create({"service.name": "python"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logger = provider.get_logger("e2e")
    for record in json.loads(sys.argv[1]):
        span = SpanContext(int(record["trace_id"], 16), int(record["span_id"], 16), is_remote=True, trace_flags=TraceFlags(0))
        logger.emit(LogRecord(
            event_name=record["name"],
            timestamp=record["time"],
            severity_number=SeverityNumber(record["severity"]),
            context=set_span_in_context(NonRecordingSpan(span)),
            attributes=record["attributes"],
        ))
    flushed = provider.force_flush(10_000)
    provider.shutdown()
    sys.exit(0 if flushed else 1)


if __name__ == "__main__":
    main()
