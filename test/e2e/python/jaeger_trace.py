# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
"""Sends one trace of two spans with Jaeger's own client, as older applications do: thrift over UDP to an agent.

usage: jaeger_trace.py HOST UDP_PORT SERVICE CORRELATION_ID     prints the trace id in hexadecimal
"""

import logging
import sys
import time

from jaeger_client import Config

# The client sends in the background and tells nobody when it has: its flush interval is one second.
FLUSH_SECONDS = 2


def main():
    host, port, service, correlation_id = sys.argv[1:5]
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    config = Config(
        service_name=service,
        config={
            "sampler": {"type": "const", "param": 1},
            "local_agent": {"reporting_host": host, "reporting_port": int(port)},
        },
    )
    tracer = config.initialize_tracer()
    with tracer.start_span("request") as request:
        request.set_tag("correlation_id", correlation_id)
        with tracer.start_span("model", child_of=request) as model:
            model.set_tag("tokens", 17)
            model.log_kv({"event": "first token"})
    print(f"{request.trace_id:032x}")
    time.sleep(FLUSH_SECONDS)
    tracer.close()


if __name__ == "__main__":
    main()
