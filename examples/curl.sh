#!/usr/bin/env bash
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0

# Tells the guardian receiver one thing of each kind with curl, and prints its answers.
# Usage: curl.sh [URL of the receiver]
set -euo pipefail

url=${1:-http://localhost:4319}
id=$(date +%s)-$$ # part of every id: what was sent before under the same id counts as a duplicate

# post PATH CONTENT-TYPE: sends what stands on standard input. --fail-with-body makes curl, and
# so the script, fail on a refusal after printing why; --retry honours Retry-After on 429 and 503.
post() {
	echo "POST $1"
	curl --silent --show-error --fail-with-body --retry 2 -H "Content-Type: $2" --data-binary @- "$url$1"
	echo
}

# A request that was answered. The path names the type, the body is the bare event.
post /v1/requests application/json <<JSON
{"request_id": "req-$id", "model": "llama-3.1-8b", "specialist": {"id": "chat-1", "type": "chat"}, "complexity": "low",
 "duration_s": 1.25, "status": "success", "usage": {"input_tokens": 312, "output_tokens": 84}}
JSON

# A guardian's judgement of the answer, with a fault and a suggestion.
post /v1/evaluations application/json <<JSON
{"evaluation_id": "ev-$id", "target": {"request_id": "req-$id"}, "guardian_type": "safety", "evaluation_type": "safety",
 "specialist": {"id": "chat-1", "type": "chat"}, "duration_s": 0.2,
 "results": [{"name": "toxicity", "score": 0.7, "direction": "lower_is_better", "threshold": 0.5, "label": "fail"}],
 "issues": [{"issue_id": "is-$id", "category": "toxicity", "severity": "high", "stage": "output"}],
 "improvements": [{"improvement_id": "im-$id", "type": "prompt", "priority": "high"}]}
JSON

# What became of the suggestion.
post /v1/improvements application/json <<JSON
{"improvement_id": "im-$id", "guardian_type": "safety", "type": "prompt", "priority": "high", "status": "accepted"}
JSON

# A prediction of a classic model, and the truth about it, later.
post /v1/predictions application/json <<JSON
{"prediction_id": "pr-$id", "model": {"name": "churn", "version": "12"}, "predicted": "yes", "confidence": 0.81,
 "latency_ms": 7.5, "features": {"age": 41, "plan": "plus"}, "segments": {"region": "eu"}}
JSON
post /v1/labels application/json <<JSON
{"label_id": "la-$id", "target": {"prediction_id": "pr-$id"}, "actual": "no", "annotator": {"kind": "HUMAN", "name": "reviewers"}}
JSON

# An error of a component, a limit that the application watches itself, and how busy a specialist is.
post /v1/errors application/json <<JSON
{"component": "chat-1", "specialist": {"id": "chat-1", "type": "chat"}, "error_type": "cache_full", "severity": "warning"}
JSON
post /v1/performance_alerts application/json <<JSON
{"metric": "queue_length", "value": 73, "threshold": 50, "component": "chat-1"}
JSON
post /v1/workloads application/json <<JSON
{"specialist": {"id": "chat-1", "type": "chat"}, "tokens_per_second": 240, "cache": {"type": "prefix", "hits": 412, "misses": 88},
 "gpu": {"id": "0", "utilization_percent": 71.5}}
JSON

# Several bare events in one body: here two of a detector.
post /v1/detections application/json <<JSON
[{"detector_type": "personal_data", "tenant_id": "acme", "status": "success"},
 {"detector_type": "secrets", "tenant_id": "acme", "status": "error"}]
JSON
post /v1/mappings application/json <<JSON
{"mapping_id": "ma-$id", "framework": "SOC2", "category": "CC6.1", "confidence": 0.87, "tenant_id": "acme"}
JSON
post /v1/violations application/json <<JSON
{"violation_id": "vi-$id", "framework": "GDPR", "category": "art-32", "severity": "high", "tenant_id": "acme"}
JSON

# Events of all kinds in one body, each in its envelope, one per line.
post /v1/events application/x-ndjson <<JSON
{"id": "e1-$id", "source": "/chat", "type": "request", "data": {"request_id": "req2-$id", "model": "llama-3.1-8b", "phase": "start"}}
{"id": "e2-$id", "source": "/chat", "type": "request", "data": {"request_id": "req2-$id", "model": "llama-3.1-8b", "duration_s": 0.8}}
JSON

# The same as a CloudEvent.
post /v1/events application/cloudevents+json <<JSON
{"specversion": "1.0", "id": "e3-$id", "source": "/churn", "type": "dev.otelcol-guardian.prediction.v1",
 "data": {"prediction_id": "pr2-$id", "model": "churn", "predicted": "no", "confidence": 0.66}}
JSON
