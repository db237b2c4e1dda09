# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
"""Calls chat completions and embeddings with OpenAI's client while instrumentation libraries from PyPI look on, and exports
their spans over OTLP/HTTP. A server in this process answers as OpenAI's would.

usage: genai_openai.py MODEL LIBRARY...     LIBRARY is opentelemetry (opentelemetry-instrumentation-openai-v2) or
                                            openllmetry (opentelemetry-instrumentation-openai); the endpoint comes from
                                            OpenTelemetry's environment variables

It makes CHATS chats, one that is streamed, one that is refused, EMBEDDINGS embeddings, and an agent's run that makes
AGENT_CHATS chats. The n-th answer of the server, counted from 1, has the id chatcmpl-MODEL-n, and usage is 10n tokens
in, n tokens out.
"""

import itertools
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor as OpenTelemetry
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.util.genai.handler import TelemetryHandler

CHATS, EMBEDDINGS, AGENT_CHATS = 5, 2, 2
REFUSED = "please refuse"
LIBRARIES = {"opentelemetry": OpenTelemetry, "openllmetry": OpenLLMetry}


class Stub(BaseHTTPRequestHandler):
    """Answers as OpenAI's API does."""

    answers = itertools.count(1)
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if any(message["content"] == REFUSED for message in request.get("messages", [])):
            self.answer(429, {"error": {"message": "slow down", "type": "rate_limit", "code": "rate_limit_exceeded"}})
            return
        number = next(self.answers)
        usage = {"prompt_tokens": 10 * number, "completion_tokens": number, "total_tokens": 11 * number}
        if self.path.endswith("/embeddings"):
            del usage["completion_tokens"]
            embedding = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
            self.answer(200, {"object": "list", "model": request["model"], "data": [embedding], "usage": usage})
            return
        answer = {"id": f"chatcmpl-{request['model']}-{number}", "created": 1767225600, "model": request["model"] + "-2026-01-01"}
        if request.get("stream"):
            self.stream(answer, usage)
            return
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}
        self.answer(200, answer | {"object": "chat.completion", "choices": [choice], "usage": usage})

    def stream(self, answer, usage):
        answer |= {"object": "chat.completion.chunk"}
        word = {"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": "Yes."}}
        end = {"index": 0, "finish_reason": "stop", "delta": {}}
        parts = [answer | {"choices": [word]}, answer | {"choices": [end]}, answer | {"choices": [], "usage": usage}]
        lines = [json.dumps(part) for part in parts] + ["[DONE]"]
        self.send("text/event-stream", 200, "".join(f"data: {line}\n\n" for line in lines))

    def answer(self, status, body):
        self.send("application/json", status, json.dumps(body))

    def send(self, kind, status, text):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """The test wants silence."""


def work(client, model):
    def chat(content="Is it?", **more):
        return client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}], **more)

    for _ in range(CHATS):
        chat()
    for _ in chat(stream=True, stream_options={"include_usage": True}):
        pass
    try:
        chat(REFUSED)
        raise AssertionError("the stub did not refuse")
    except openai.RateLimitError:
        pass
    for _ in range(EMBEDDINGS):
        client.embeddings.create(model=model, input="Is it?")
    with TelemetryHandler().invoke_local_agent(request_model=model, agent_name="helper"):
        for _ in range(AGENT_CHATS):
            chat()


def main():
    model, libraries = sys.argv[1], sys.argv[2:]
    provider = TracerProvider(resource=Resource.create({"service.name": "python"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    for library in libraries:
        LIBRARIES[library]().instrument()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none", max_retries=0) as client:
        work(client, model)
    server.shutdown()
    flushed = provider.force_flush(10_000)
    provider.shutdown()
    sys.exit(0 if flushed else 1)


if __name__ == "__main__":
    main()
