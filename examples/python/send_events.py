# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
"""Send a request, a judgement of its answer, and a prediction: send_events.py [URL of the guardian receiver]."""
import json, sys, time, urllib.error, urllib.request, uuid

url = (sys.argv[1] if len(sys.argv) > 1 else "http://localhost:4319") + "/v1/events"
run = str(uuid.uuid4())  # ids are new in each run; an event sent twice with the same id counts once


def event(kind, source, data):
    return {"id": f"{kind}-{run}", "source": source, "type": kind, "data": data}


body = json.dumps([
    event("request", "/chat", {"request_id": run, "model": "llama-3.1-8b", "specialist": {"id": "chat-1", "type": "chat"},
                               "duration_s": 1.25, "status": "success", "usage": {"input_tokens": 312, "output_tokens": 84}}),
    event("evaluation", "/guardian/quality-1", {"target": {"request_id": run}, "guardian_type": "quality", "specialist": {"id": "chat-1", "type": "chat"},
                                                "results": [{"name": "quality", "score": 0.92}], "duration_s": 0.4}),
    event("prediction", "/churn", {"prediction_id": run, "model": {"name": "churn", "version": "12"}, "predicted": "yes",
                                   "confidence": 0.81, "features": {"age": 41, "plan": "plus"}}),
]).encode()
for attempt in 1, 2:
    try:
        print(urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=10).read().decode())
        break
    except urllib.error.HTTPError as refused:  # 429 and 503 say when to come back
        if attempt == 2 or refused.code not in (429, 503):
            sys.exit(f"refused with {refused.code}: {refused.read().decode()}")
        time.sleep(float(refused.headers.get("Retry-After", 1)))
