// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const failedRequest = `{"id":"a","source":"s","type":"request","data":{"request_id":"r1","model":{"name":"m","version":"2"},"specialist":{"type":"legal","id":"l-1"},
	"endpoint":"/v1/chat","operation":"chat","provider":"vllm","duration_s":3,"status":"error","error_type":"timeout","severity":"high","complexity":"hard",
	"confidence":0.5,"usage":{"input_tokens":700,"output_tokens":120}}}`

func TestRequest(t *testing.T) {
	s := newScene(t)
	s.json(failedRequest)
	shown := s.settled()
	for name, want := range map[string]float64{
		"specialist_requests_total{quality_tier=unknown,specialist_type=legal,status=error}":                                                                        1,
		"specialist_request_duration_seconds_sum{complexity=hard,specialist_type=legal}":                                                                            3,
		"specialist_errors_total{error_type=timeout,severity=high,specialist_type=legal}":                                                                           1,
		"specialist_timeouts_total{specialist_type=legal}":                                                                                                          1,
		"specialist_confidence_score_sum{specialist_type=legal}":                                                                                                    0.5,
		"context_length_tokens_sum{specialist_type=legal}":                                                                                                          700,
		"ml_requests_total{endpoint=/v1/chat,model_name=m,model_version=2}":                                                                                         1,
		"ml_errors_total{endpoint=/v1/chat,error_type=timeout,model_name=m}":                                                                                        1,
		"ml_request_duration_seconds_count{endpoint=/v1/chat,model_name=m}":                                                                                         1,
		"model_inference_duration_seconds_sum{model_name=m,model_version=2}":                                                                                        3,
		"gen_ai_client_operation_duration_seconds_count{error_type=timeout,gen_ai_operation_name=chat,gen_ai_provider_name=vllm,gen_ai_request_model=m}":            1,
		"gen_ai_client_token_usage_sum{gen_ai_operation_name=chat,gen_ai_provider_name=vllm,gen_ai_request_model=m,gen_ai_token_type=input}":                        700,
		"gen_ai_client_inference_usage_output_tokens_total{gen_ai_operation_name=chat,gen_ai_provider_name=vllm,gen_ai_request_model=m,gen_ai_token_modality=text}": 120,
	} {
		assert.Contains(t, shown, name)
		assert.InDelta(t, want, shown[name], 1e-9, name)
	}
	assert.Empty(t, with(shown, "specialist_quality_score"), "it had no quality score")
}

func TestNothingCountsTwice(t *testing.T) {
	span := func(trace, id, parent byte, attributes map[string]any) func(ptrace.SpanSlice) {
		return func(spans ptrace.SpanSlice) {
			span := spans.AppendEmpty()
			span.SetTraceID(pcommon.TraceID{trace})
			span.SetSpanID(pcommon.SpanID{id})
			if parent != 0 {
				span.SetParentSpanID(pcommon.SpanID{parent})
			}
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(sceneStart))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(sceneStart.Add(time.Second)))
			_ = span.Attributes().FromRaw(attributes)
		}
	}
	chat := func(more ...any) map[string]any {
		attributes := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
		for i := 0; i < len(more); i += 2 {
			attributes[more[i].(string)] = more[i+1]
		}
		return attributes
	}
	f := func(name string, want float64, play func(*scene)) {
		t.Helper()
		s := newScene(t)
		s.counts.seen.withSpans = true
		play(s)
		sum := 0.0
		for _, value := range with(s.settled(), "ml_requests_total") {
			sum += value
		}
		assert.InDelta(t, want, sum, 0, name)
	}
	config := createDefaultConfig().(*Config)
	request := `{"source":"s","type":"request","data":{"request_id":"r1","response_id":"resp","model":"m"}}`
	f("a retried event", 1, func(s *scene) { s.json(failedRequest); s.json(failedRequest) })
	f("start and end of one request", 1, func(s *scene) {
		s.json(strings.Replace(request, `"model"`, `"phase":"start","model"`, 1), request)
	})
	f("a retried span", 1, func(s *scene) { s.spans(config, span(1, 1, 0, chat())); s.spans(config, span(1, 1, 0, chat())) })
	f("event and span, by response id", 1, func(s *scene) {
		s.json(request)
		s.spans(config, span(1, 1, 0, chat("gen_ai.response.id", "resp")))
	})
	f("span and event, by request id", 1, func(s *scene) {
		s.spans(config, span(1, 1, 0, chat("request_id", "r1")))
		s.json(request)
	})
	f("event and span, by trace and span id", 1, func(s *scene) {
		s.json(strings.Replace(request, `"source"`, `"traceparent":"00-01000000000000000000000000000000-0100000000000000-01","source"`, 1))
		s.spans(config, span(1, 1, 0, chat()))
	})
	f("two calls of one request, as spans", 2, func(s *scene) {
		s.spans(config, span(1, 1, 0, chat("request_id", "r1")))
		s.spans(config, span(1, 2, 0, chat("request_id", "r1")))
	})
	f("an agent above two calls", 2, func(s *scene) {
		s.spans(config, func(spans ptrace.SpanSlice) {
			span(1, 1, 0, map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"})(spans)
			span(1, 2, 1, chat())(spans)
			span(1, 3, 1, chat())(spans)
		})
	})
	f("one call seen by two instrumentations, in one batch", 1, func(s *scene) {
		s.spans(config, func(spans ptrace.SpanSlice) {
			span(1, 1, 0, chat())(spans)
			span(1, 2, 1, chat())(spans)
		})
	})
	f("one call seen by two instrumentations, the outer one later", 1, func(s *scene) {
		s.spans(config, span(1, 2, 1, chat()))
		s.spans(config, span(1, 1, 0, chat()))
	})
	f("one call seen by two instrumentations, in two scopes, the outer one first", 1, func(s *scene) {
		traces := ptrace.NewTraces()
		scopes := traces.ResourceSpans().AppendEmpty().ScopeSpans()
		span(1, 1, 0, chat())(scopes.AppendEmpty().Spans())
		span(1, 2, 1, chat())(scopes.AppendEmpty().Spans())
		e := &engine{counts: s.counts}
		e.expectSpans()
		e.tracesAt(traces, s.now)
	})
	f("the older spelling", 1, func(s *scene) {
		s.spans(config, span(1, 1, 0, map[string]any{"gen_ai.system": "openai", "gen_ai.request.model": "m", "gen_ai.usage.prompt_tokens": 5}))
	})
}

func TestOtherEventsCountOnce(t *testing.T) {
	s := newScene(t)
	for range 2 {
		s.json(
			`{"id":"1","source":"s","type":"error","data":{"component":"x","specialist":{"type":"legal"},"error_type":"oom","request_id":"r9"}}`,
			`{"id":"2","source":"s","type":"violation","data":{"framework":"SOC2","severity":"high","category":"c"}}`,
			`{"type":"evaluation","data":{"evaluation_id":"e","request_id":"r","guardian_type":"safety","specialist":{"id":"l-1","type":"legal"},"evaluation_type":"toxicity",
				"results":[{"name":"quality","score":0.9},{"name":"confidence","score":20,"max":100,"direction":"lower_is_better"}],
				"issues":[{"category":"S7","severity":"high"},{"category":"S7","severity":"high"}],"duration_s":0.2,
				"improvements":[{"improvement_id":"i1","type":"prompt","priority":"high"}]}}`,
			`{"type":"improvement","data":{"improvement_id":"i1","guardian_type":"safety","type":"prompt","status":"implemented"}}`,
		)
	}
	// The failed request and the error event that names it are one error.
	s.json(`{"type":"request","data":{"request_id":"r9","specialist":{"type":"legal"},"error_type":"oom"}}`)
	shown := s.settled()
	for name, want := range map[string]float64{
		"specialist_errors_total{error_type=oom,severity=unknown,specialist_type=legal}":                     1,
		"compliance_violations_total{category=c,framework=SOC2,severity=high}":                               1,
		"guardian_evaluations_total{evaluation_type=toxicity,guardian_type=safety,specialist_id=l-1}":        1,
		"guardian_evaluation_duration_seconds_count{evaluation_type=toxicity,guardian_type=safety}":          1,
		"guardian_issues_detected_total{guardian_type=safety,issue_type=S7,severity=high,specialist_id=l-1}": 2,
		"guardian_improvements_suggested_total{guardian_type=safety,improvement_type=prompt,priority=high}":  1,
		"guardian_improvements_implemented_total{guardian_type=safety,improvement_type=prompt}":              1,
		"improvement_suggestions{status=implemented}":                                                        1,
		"improvement_suggestions{status=pending}":                                                            0,
		"specialist_quality_score_sum{specialist_type=legal}":                                                0.9,
		"specialist_confidence_score_sum{specialist_type=legal}":                                             0.8,
	} {
		assert.Contains(t, shown, name)
		assert.InDelta(t, want, shown[name], 1e-9, name)
	}
	assert.Equal(t, map[string]int64{"gen_ai.evaluation.result": 2, "guardian.error": 1, "guardian.improvement": 2, "guardian.issue": 2, "guardian.violation": 1},
		s.own("otelcol_guardian_metrics_duplicates"))
}

func TestQualityTier(t *testing.T) {
	request := func(id string) string {
		return `{"type":"request","data":{"request_id":"` + id + `","specialist":{"type":"legal"}}}`
	}
	judged := func(id, what string) string {
		return `{"type":"evaluation","data":{"guardian_type":"g","target":{"request_id":"` + id + `"},` + what + `}}`
	}
	s := newScene(t, func(c *Config) { c.QualityTier.Limit, c.QualityTier.Wait = 3, 5*time.Minute })
	s.json(request("a"), request("b"), request("c"))
	s.json(judged("a", `"quality_tier":"gold"`), judged("b", `"results":[{"name":"quality","score":0.7}]`))
	s.json(judged("late", `"results":[{"name":"quality","score":0.1}]`), request("late"))
	s.json(judged("a", `"quality_tier":"silver"`)) // the first tier counts
	tiers := func(shown map[string]float64) map[string]float64 {
		named := map[string]float64{}
		for name, value := range with(shown, "specialist_requests_total") {
			_, tier, _ := strings.Cut(name, "quality_tier=")
			tier, _, _ = strings.Cut(tier, ",")
			named[tier] = value
		}
		return named
	}
	s.flush()
	assert.Equal(t, map[string]float64{"gold": 1, "medium": 1, "low": 1}, tiers(s.flush()), "c is held")
	assert.Equal(t, map[string]float64{"gold": 1, "medium": 1, "low": 1, "unknown": 1}, tiers(s.settled()))
	s.json(judged("c", `"quality_tier":"gold"`))
	assert.InDelta(t, 1, tiers(s.settled())["unknown"], 0, "it has been counted")
	s.json(request("d"), request("e"), request("f"), request("g"))
	s.flush()
	assert.InDelta(t, 2, tiers(s.flush())["unknown"], 0, "the one that has waited longest makes room")
}

func TestZeroComesFirst(t *testing.T) {
	s := newScene(t)
	s.json(failedRequest)
	first := s.flush()
	assert.InDelta(t, 0, first["specialist_timeouts_total{specialist_type=legal}"], 0)
	assert.Contains(t, first, "specialist_timeouts_total{specialist_type=legal}")
	assert.InDelta(t, 1, s.flush()["specialist_timeouts_total{specialist_type=legal}"], 0)

	s = newScene(t)
	s.json(failedRequest)
	s.counts.settle(s.now, true)
	pictures := s.counts.flush(s.now, true, "test")
	assert.Len(t, pictures, 2, "at the end 0 and the value both")
	assert.InDelta(t, 0, s.shown(pictures[0])["specialist_timeouts_total{specialist_type=legal}"], 0)
	assert.InDelta(t, 1, s.shown(pictures[1])["specialist_timeouts_total{specialist_type=legal}"], 0)
}

func TestPrediction(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Limits.Classes = 2 })
	for i, class := range []string{"yes", "no", "yes", "maybe", "never"} {
		s.json(fmt.Sprintf(`{"type":"prediction","data":{"prediction_id":"p%d","model":{"name":"churn","version":"3"},"predicted":%q,"confidence":0.%d,"latency_ms":%d,"features":{"age":%d,"city":"x"}}}`,
			i, class, 5+i, 10*(i+1), 20+10*i))
	}
	s.json(`{"type":"prediction","data":{"prediction_id":"v1","model":{"name":"price","version":"1"},"predicted":{"value":2.5}}}`,
		`{"type":"prediction","data":{"prediction_id":"v2","model":{"name":"price","version":"1"},"outcome":"error","error_type":"oom"}}`)
	shown := s.flush()
	assert.InDelta(t, 40, shown["model_feature_value{feature_name=age,model_name=churn,statistic=mean}"], 1e-9)
	assert.InDelta(t, 14.142135623730951, shown["model_feature_value{feature_name=age,model_name=churn,statistic=std}"], 1e-9, "numpy.std([20, 30, 40, 50, 60])")
	assert.InDelta(t, 20, shown["model_feature_value{feature_name=age,model_name=churn,statistic=min}"], 0)
	assert.InDelta(t, 60, shown["model_feature_value{feature_name=age,model_name=churn,statistic=max}"], 0)
	shown = s.flush()
	assert.Equal(t, map[string]float64{
		"ml_predictions_by_class_total{model_name=churn,predicted_class=yes}":    2,
		"ml_predictions_by_class_total{model_name=churn,predicted_class=no}":     1,
		"ml_predictions_by_class_total{model_name=churn,predicted_class=_OTHER}": 2,
	}, with(shown, "ml_predictions_by_class_total"))
	assert.InDelta(t, 2, shown["ml_low_confidence_predictions_total{model_name=churn,threshold=0.7}"], 0)
	assert.InDelta(t, 0.15, shown["model_prediction_latency_seconds_sum{model_name=churn,model_version=3}"], 1e-9)
	assert.InDelta(t, 2.5, shown["model_prediction_value_sum{model_name=price,model_version=1}"], 0)
	assert.InDelta(t, 1, shown["model_predictions_total{model_name=price,model_version=1,outcome=error}"], 0)
	assert.Equal(t, map[string]int64{"classes": 2}, s.own("otelcol_guardian_metrics_limited"))
	s.now = s.now.Add(10 * time.Minute)
	assert.Empty(t, with(s.flush(), "model_feature_value"), "features that are not seen any more go away")
}

func TestWorkload(t *testing.T) {
	s := newScene(t)
	s.json(
		`{"type":"workload","data":{"specialist":{"type":"legal","id":"1"},"tokens_per_second":400,"cache":{"type":"prefix","hits":30,"misses":10},"batch":{"used":12,"total":16},
			"memory":{"component":"kv","type":"gpu","used":100,"total":400},"gpu":{"id":"0","utilization_percent":80,"memory_bytes":100}}}`,
		`{"type":"workload","data":{"specialist":{"type":"legal","id":"2"},"tokens_per_second":100,"gpu":{"id":"1","utilization_percent":20,"memory_bytes":50}}}`,
		`{"type":"request","data":{"request_id":"x","specialist":{"type":"tax"},"usage":{"output_tokens":600}}}`,
	)
	shown := s.flush()
	for name, want := range map[string]float64{
		"specialist_tokens_per_second{specialist_type=legal}":                  500,
		"specialist_tokens_per_second{specialist_type=tax}":                    10,
		"specialist_memory_usage_bytes{memory_type=gpu,specialist_type=legal}": 150,
		"specialist_gpu_utilization_percent{gpu_id=0,specialist_type=legal}":   80,
		"specialist_gpu_utilization_percent{gpu_id=1,specialist_type=legal}":   20,
		"cache_hit_rate{cache_type=prefix,specialist_type=legal}":              0.75,
		"batch_processing_efficiency{specialist_type=legal}":                   0.75,
		"memory_efficiency_ratio{component=kv,memory_type=gpu}":                0.25,
	} {
		assert.Contains(t, shown, name)
		assert.InDelta(t, want, shown[name], 1e-9, name)
	}
	s.now = s.now.Add(6 * time.Minute)
	shown = s.flush()
	assert.InDelta(t, 0, shown["specialist_tokens_per_second{specialist_type=legal}"], 0, "old reports are not believed")
	assert.InDelta(t, 0, shown["specialist_tokens_per_second{specialist_type=tax}"], 0)
}

func TestInProgressAndThroughput(t *testing.T) {
	s := newScene(t)
	start := func(id string) string {
		return `{"type":"request","data":{"request_id":"` + id + `","model":"m","phase":"start"}}`
	}
	s.json(start("a"), start("b"), start("c"))
	s.json(`{"type":"request","data":{"request_id":"a","model":"m"}}`, `{"type":"request","data":{"request_id":"b","model":"m","phase":"failed"}}`)
	shown := s.flush()
	assert.InDelta(t, 1, shown["ml_requests_in_progress{model_name=m}"], 0)
	assert.InDelta(t, 2.0/60, shown["ml_throughput_requests_per_second{model_name=m}"], 1e-12)
	s.now = s.now.Add(openTime)
	shown = s.flush()
	assert.InDelta(t, 0, shown["ml_requests_in_progress{model_name=m}"], 0, "an end that does not come is given up")
	assert.InDelta(t, 0, shown["ml_throughput_requests_per_second{model_name=m}"], 0)
}

// A request that an event starts may end with a span alone, which says so by any id that they share: whether the span counts,
// comes again, comes before the start, or after a restart.
func TestSpanEndsWhatIsInProgress(t *testing.T) {
	const other = `{"type":"request","data":{"request_id":"other","model":"m","phase":"start"}}`
	trace, id := pcommon.TraceID{1}, pcommon.SpanID{1}
	span := func(s *scene, trace pcommon.TraceID, id pcommon.SpanID, attributes map[string]any) {
		s.spans(createDefaultConfig().(*Config), func(spans ptrace.SpanSlice) {
			span := spans.AppendEmpty()
			span.SetTraceID(trace)
			span.SetSpanID(id)
			_ = span.Attributes().FromRaw(attributes)
			span.Attributes().PutStr("gen_ai.operation.name", "chat")
			span.Attributes().PutStr("gen_ai.request.model", "m")
		})
	}
	f := func(want float64, start string, trace pcommon.TraceID, id pcommon.SpanID, attributes map[string]any) {
		t.Helper()
		begin := func() *scene {
			s := newScene(t)
			s.counts.seen.withSpans = true
			s.json(other)
			return s
		}
		inProgress := func(s *scene) float64 { return s.flush()["ml_requests_in_progress{model_name=m}"] }
		s := begin()
		s.json(start)
		assert.InDelta(t, 2, inProgress(s), 0)
		restarted := newScene(t)
		require.NoError(t, restarted.counts.restoreState(stateSchema, s.counts.encodeState(s.now), s.now))
		restarted.counts.seen.withSpans = true
		for _, s := range []*scene{s, restarted} {
			for range 2 {
				span(s, trace, id, attributes)
				assert.InDelta(t, want, inProgress(s), 0)
			}
		}
		s = begin()
		span(s, trace, id, attributes)
		s.json(start)
		assert.InDelta(t, want, inProgress(s), 0, "the start comes after the span")
	}
	const (
		start = `{"type":"request","data":{"request_id":"r","model":"m","phase":"start"}}`
		said  = `{"type":"request","data":{"request_id":"r","model":"m","phase":"start","response_id":"answer"}}`
		in    = `{"type":"request","traceparent":"00-01000000000000000000000000000000-0100000000000000-01","data":{"request_id":"r","model":"m","phase":"start"}}`
	)
	f(1, start, trace, id, map[string]any{"request_id": "r"})
	f(1, said, trace, id, map[string]any{"gen_ai.response.id": "answer"})
	f(1, in, trace, id, nil)
	f(2, start, trace, id, nil)
	f(2, said, trace, id, map[string]any{"gen_ai.response.id": "another"})
	f(2, in, trace, pcommon.SpanID{2}, nil)
	f(2, in, pcommon.TraceID{2}, id, nil)
}

// A span that encloses another call counts nowhere, and ends its request all the same.
func TestEnclosingSpanEndsWhatIsInProgress(t *testing.T) {
	s := newScene(t)
	s.counts.seen.withSpans = true
	s.json(`{"type":"request","traceparent":"00-01000000000000000000000000000000-0100000000000000-01","data":{"request_id":"r","model":"m","phase":"start"}}`)
	s.spans(createDefaultConfig().(*Config), func(spans ptrace.SpanSlice) {
		for id := range byte(2) {
			span := spans.AppendEmpty()
			span.SetTraceID(pcommon.TraceID{1})
			span.SetSpanID(pcommon.SpanID{id + 1})
			span.SetParentSpanID(pcommon.SpanID{id})
			_ = span.Attributes().FromRaw(map[string]any{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
		}
	})
	shown := s.settled()
	assert.InDelta(t, 0, shown["ml_requests_in_progress{model_name=m}"], 0)
	assert.InDelta(t, 1, shown["ml_requests_total{endpoint=chat,model_name=m}"], 0)
}

func TestBusiness(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Limits.Tenants = 2 })
	for i := range 5 {
		s.json(fmt.Sprintf(`{"id":"%d","type":"detection","data":{"detector_type":"pii","tenant_id":"t%d","status":"success"}}`, i, i))
	}
	for i, confidence := range []string{"0.9", "0.5", "0.85", "0.75"} {
		s.json(fmt.Sprintf(`{"type":"mapping","data":{"mapping_id":"%d","framework":"SOC2","category":"c","confidence":%s}}`, i, confidence))
	}
	shown := s.flush()
	assert.InDelta(t, 5, shown["active_tenants_count"], 0)
	assert.InDelta(t, 0.75, shown["compliance_score"], 1e-9)
	assert.InDelta(t, 0.5, shown["compliance_high_confidence_ratio"], 1e-9)
	assert.InDelta(t, 3, s.flush()["detector_requests_total{detector_type=pii,status=success,tenant_id=_OTHER}"], 0)
	s.now = s.now.Add(25 * time.Hour)
	shown = s.flush()
	assert.NotContains(t, shown, "compliance_score", "no mapping for a day: nothing is known")
	assert.NotContains(t, shown, "active_tenants_count")
}

func TestAbsurdValues(t *testing.T) {
	s := newScene(t)
	record := func(name string, attributes map[string]any) {
		r := plog.NewLogRecord()
		r.SetEventName(name)
		r.SetTimestamp(pcommon.NewTimestampFromTime(s.now))
		_ = r.Attributes().FromRaw(attributes)
		s.counts.record(r, pcommon.NewMap(), s.now)
	}
	record("guardian.request", map[string]any{"request_id": "a", "model.name": "m", "duration_s": -1.0, "gen_ai.usage.input_tokens": int64(1e18)})
	record("guardian.request", map[string]any{"request_id": "b", "model.name": "m", "duration_s": "long", "quality_score": 7.0})
	record("guardian.request", map[string]any{"request_id": "c", "model.name": "m", "duration_s": 1e9})
	future := plog.NewLogRecord()
	future.SetEventName("guardian.violation")
	future.SetTimestamp(pcommon.NewTimestampFromTime(s.now.Add(time.Hour)))
	s.counts.record(future, pcommon.NewMap(), s.now)
	shown := s.settled()
	assert.InDelta(t, 3, shown["ml_requests_total{endpoint=unknown,model_name=m}"], 0, "the rest of each event counts")
	assert.Empty(t, with(shown, "ml_request_duration_seconds"))
	assert.Empty(t, with(shown, "compliance_violations"))
	assert.Equal(t, map[string]int64{
		"guardian.request out_of_range": 2, "guardian.request wrong_type": 1, "guardian.request absurd": 2, "guardian.violation future": 1,
	}, s.own("otelcol_guardian_metrics_rejected_values"))
}

func TestLines(t *testing.T) {
	s := newScene(t)
	line := func(fields map[string]any) {
		r := plog.NewLogRecord()
		_ = r.Body().SetEmptyMap().FromRaw(fields)
		s.counts.record(r, pcommon.NewMap(), s.now)
	}
	line(map[string]any{"event_type": "request_start", "request_id": "a", "component": "legal"})
	line(map[string]any{"event_type": "request_complete", "request_id": "a", "component": "legal", "duration": 2.5, "quality_score": 0.9, "success": true})
	line(map[string]any{"event_type": "guardian_evaluation", "request_id": "a", "guardian_type": "safety", "specialist_id": "l-1", "evaluation_score": 0.4, "issues_detected": []any{"pii"}})
	line(map[string]any{"event_type": "error", "component": "legal", "error_type": "oom", "error_message": "x"})
	line(map[string]any{"event_type": "prediction_complete", "request_id": "p", "model_name": "churn", "model_version": "2", "prediction": "yes", "probability": 0.9, "latency_ms": 20})
	line(map[string]any{"event_type": "prediction_failed", "request_id": "q", "model_name": "churn", "error_type": "oom"})
	line(map[string]any{"event_type": "lunch"})
	shown := s.settled()
	for name, want := range map[string]float64{
		"specialist_requests_total{quality_tier=high,specialist_type=legal,status=success}":                      1,
		"specialist_request_duration_seconds_sum{complexity=unknown,specialist_type=legal}":                      2.5,
		"guardian_evaluations_total{evaluation_type=quality,guardian_type=safety,specialist_id=l-1}":             1,
		"guardian_issues_detected_total{guardian_type=safety,issue_type=pii,severity=unknown,specialist_id=l-1}": 1,
		"specialist_errors_total{error_type=oom,severity=unknown,specialist_type=legal}":                         1,
		"ml_predictions_by_class_total{model_name=churn,predicted_class=yes}":                                    1,
		"model_prediction_latency_seconds_sum{model_name=churn,model_version=2}":                                 0.02,
		"model_predictions_total{model_name=churn,outcome=error}":                                                1,
		"ml_requests_total{endpoint=unknown,model_name=churn,model_version=2}":                                   1,
		"ml_errors_total{endpoint=unknown,error_type=oom,model_name=churn}":                                      1,
	} {
		assert.Contains(t, shown, name)
		assert.InDelta(t, want, shown[name], 1e-9, name)
	}
}

func TestMappedSpans(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Spans = []SpanConfig{{
		Conditions: []string{`kind == SPAN_KIND_SERVER`, `attributes["http.route"] != nil`},
		ModelName:  `resource.attributes["service.name"]`,
	}}
	assert.NoError(t, config.Validate())
	s := newScene(t)
	traces := func(spans ptrace.SpanSlice) {
		for i, kind := range []ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindClient} {
			span := spans.AppendEmpty()
			span.SetTraceID(pcommon.TraceID{1})
			span.SetSpanID(pcommon.SpanID{byte(i + 1)})
			span.SetKind(kind)
			span.Status().SetCode(ptrace.StatusCodeError)
			span.Attributes().PutStr("http.route", "/predict")
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(s.now.Add(-time.Second)))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(s.now))
		}
	}
	s.spans(config, traces)
	assert.Empty(t, with(s.settled(), "ml_requests"), "a resource without a service name gives no model")
	config.Spans[0].ModelName = `"churn"`
	s = newScene(t)
	s.spans(config, traces)
	shown := s.settled()
	assert.InDelta(t, 1, shown["ml_requests_total{endpoint=/predict,model_name=churn}"], 0)
	assert.InDelta(t, 1, shown["ml_errors_total{endpoint=/predict,error_type=_OTHER,model_name=churn}"], 0)
	assert.InDelta(t, 1, shown["ml_request_duration_seconds_sum{endpoint=/predict,model_name=churn}"], 1e-9)
	assert.Empty(t, with(shown, "gen_ai"), "it is no GenAI operation")
}

// What a restart restores is the same to the last bit, and goes on the same.
func TestStateSurvives(t *testing.T) {
	play := func(s *scene) {
		s.json(failedRequest,
			`{"type":"request","data":{"request_id":"held","specialist":{"type":"legal"}}}`,
			`{"type":"request","data":{"request_id":"open","model":"m","phase":"start"}}`,
			`{"type":"prediction","data":{"prediction_id":"p","model":"m","predicted":"yes","features":{"age":41},"tenant_id":"t"}}`,
			`{"type":"workload","data":{"specialist":{"type":"legal","id":"1"},"tokens_per_second":400,"memory":{"type":"gpu","used":1,"total":2}}}`,
			`{"type":"mapping","data":{"mapping_id":"1","framework":"f","category":"c","confidence":0.9}}`,
			`{"type":"improvement","data":{"improvement_id":"i","type":"prompt"}}`,
			`{"type":"evaluation","data":{"guardian_type":"g","target":{"request_id":"early"},"quality_tier":"gold"}}`)
	}
	goOn := func(s *scene) map[string]float64 {
		s.json(failedRequest, // a duplicate
			`{"type":"evaluation","data":{"guardian_type":"g","target":{"request_id":"held"},"quality_tier":"silver"}}`,
			`{"type":"request","data":{"request_id":"early","specialist":{"type":"legal"}}}`,
			`{"type":"request","data":{"request_id":"open","model":"m"}}`,
			`{"type":"improvement","data":{"improvement_id":"i","type":"prompt","status":"accepted"}}`)
		s.flush()
		return s.flush()
	}
	uninterrupted, interrupted := newScene(t), newScene(t)
	play(uninterrupted)
	play(interrupted)
	uninterrupted.flush()
	interrupted.flush()
	blob := interrupted.counts.encodeState(interrupted.now)
	restarted := newScene(t)
	restarted.now = interrupted.now
	assert.NoError(t, restarted.counts.restoreState(stateSchema, blob, restarted.now))
	assert.Equal(t, blob, restarted.counts.encodeState(restarted.now))
	want := goOn(uninterrupted)
	assert.Equal(t, want, goOn(restarted))
	assert.InDelta(t, 1, want["specialist_requests_total{quality_tier=silver,specialist_type=legal,status=success}"], 0)
	assert.InDelta(t, 1, want["specialist_requests_total{quality_tier=gold,specialist_type=legal,status=success}"], 0)

	for cut := 0; cut < len(blob); cut += 1 + len(blob)/200 {
		assert.Error(t, newScene(t).counts.restoreState(stateSchema, blob[:cut], sceneStart), "cut at %d", cut)
	}
}

func TestSwitches(t *testing.T) {
	off := false
	s := newScene(t, func(c *Config) {
		c.Metrics = map[string]MetricConfig{
			"ml.requests":              {Enabled: &off},
			"model.inference.duration": {Attributes: []string{"batch_size", "sequence_length"}},
		}
	})
	s.json(`{"type":"request","data":{"request_id":"x","model":"m","duration_s":1,"batch_size":8,"sequence_length":512}}`)
	shown := s.settled()
	assert.Empty(t, with(shown, "ml_requests_total"))
	assert.Contains(t, shown, "model_inference_duration_seconds_count{batch_size=8,model_name=m,sequence_length=512}")
}

func TestDrift(t *testing.T) {
	s := newScene(t)
	for i, attributes := range []map[string]any{
		{"guardian.drift.kind": "data", "feature.name": "age", "guardian.drift.score": 0.3, "guardian.drift.p_value": 0.001, "guardian.drift.js": 0.2, "guardian.drift.severity": "critical", "guardian.drift.state": "raised"},
		{"guardian.drift.kind": "data", "feature.name": "plan", "guardian.drift.score": 0.12, "guardian.drift.severity": "info", "guardian.drift.state": "clear"},
		{"guardian.drift.kind": "data", "feature.name": "few", "guardian.drift.score": 0.9, "guardian.drift.state": "insufficient_data"},
		{"guardian.drift.kind": "concept", "feature.name": "confidence", "guardian.drift.psi": 0.21, "guardian.drift.score": 0.21, "guardian.drift.p_value": 0.9, "guardian.drift.details.ks_p_value": 0.04},
		{"guardian.drift.kind": "dataset", "guardian.drift.score": 0.5},
	} {
		r := plog.NewLogRecord()
		r.SetEventName("guardian.drift")
		attributes["guardian.event.id"], attributes["model.name"], attributes["model.version"], attributes["guardian.drift.monitor"] = fmt.Sprint(i), "churn", "3", "m"
		assert.NoError(t, r.Attributes().FromRaw(attributes))
		for range 2 { // the second is a duplicate
			s.counts.record(r, pcommon.NewMap(), s.now)
		}
	}
	s.flush()
	shown := s.flush()
	drift := with(shown, "ml_data_drift")
	assert.Equal(t, map[string]float64{
		"ml_data_drift_score{feature_name=age,model_name=churn,model_version=3}":                          0.3,
		"ml_data_drift_score{feature_name=plan,model_name=churn,model_version=3}":                         0.12,
		"ml_data_drift_p_value{feature_name=age,model_name=churn,model_version=3}":                        0.001,
		"ml_data_drift_js{feature_name=age,model_name=churn,model_version=3}":                             0.2,
		"ml_data_drift_alerts_total{feature_name=age,model_name=churn,model_version=3,severity=critical}": 1,
		"ml_data_drift_alerts_total{feature_name=age,model_name=churn,model_version=3,severity=warning}":  1,
		"ml_data_drift_alerts_total{feature_name=age,model_name=churn,model_version=3,severity=info}":     1,
		"ml_data_drift_alerts_total{feature_name=plan,model_name=churn,model_version=3,severity=info}":    1,
		"ml_data_drift_share{model_name=churn,model_version=3}":                                           0.5,
	}, drift)
	assert.Equal(t, map[string]float64{
		"ml_concept_drift_psi{model_name=churn,model_version=3}":     0.21,
		"ml_concept_drift_p_value{model_name=churn,model_version=3}": 0.04,
	}, with(shown, "ml_concept_drift"))
}

// An evaluation counts once, be it seen as an event, as a span guardian_evaluation, or
// both; what only its event says counts in either case.
func TestEvaluationAsEventAndSpan(t *testing.T) {
	judged := func(s *scene) {
		s.json(`{"id":"e","source":"g","type":"evaluation","data":{"guardian_type":"safety","evaluation_type":"toxicity","specialist":{"id":"l-1","type":"legal"},
			"target":{"trace_id":"01000000000000000000000000000000","span_id":"0100000000000000"},"results":[{"name":"quality","score":0.9}],"duration_s":0.2}}`)
	}
	span := func(s *scene) {
		s.spans(createDefaultConfig().(*Config), func(spans ptrace.SpanSlice) {
			span := spans.AppendEmpty()
			span.SetName("guardian_evaluation")
			span.SetTraceID(pcommon.TraceID{1})
			span.SetSpanID(pcommon.SpanID{9})
			_ = span.Attributes().FromRaw(map[string]any{"guardian.type": "safety", "specialist.id": "l-1", "evaluation.score": 0.9})
		})
	}
	for name, play := range map[string]func(*scene){
		"event first": func(s *scene) { judged(s); span(s) },
		"span first":  func(s *scene) { span(s); judged(s) },
	} {
		s := newScene(t)
		s.counts.seen.withSpans = true
		play(s)
		shown := s.settled()
		sum := 0.0
		for _, value := range with(shown, "guardian_evaluations_total") {
			sum += value
		}
		assert.InDelta(t, 1, sum, 0, name)
		assert.InDelta(t, 0.9, shown["specialist_quality_score_sum{specialist_type=legal}"], 1e-9, name)
	}
}

// Without ids of the events their own ids tell a retry.
func TestOwnIDs(t *testing.T) {
	s := newScene(t)
	for range 2 {
		for name, attributes := range map[string]map[string]any{
			"guardian.prediction": {"prediction_id": "p", "model.name": "m", "predicted.class": "a"},
			"guardian.issue":      {"issue_id": "i", "guardian_type": "g", "category": "S7"},
			"guardian.mapping":    {"mapping_id": "m", "framework": "f", "category": "c", "confidence": 0.5},
			"guardian.violation":  {"violation_id": "v", "framework": "f", "category": "c", "severity": "high"},
		} {
			r := plog.NewLogRecord()
			r.SetEventName(name)
			assert.NoError(t, r.Attributes().FromRaw(attributes))
			s.counts.record(r, pcommon.NewMap(), s.now)
		}
	}
	shown := s.settled()
	assert.InDelta(t, 1, shown["model_predictions_total{model_name=m,outcome=success}"], 0)
	assert.InDelta(t, 1, shown["guardian_issues_detected_total{guardian_type=g,issue_type=S7,severity=unknown}"], 0)
	assert.InDelta(t, 1, shown["mapping_confidence_score_count{category=c,framework=f}"], 0)
	assert.InDelta(t, 1, shown["compliance_violations_total{category=c,framework=f,severity=high}"], 0)
}

// What comes in another order than it happened.
func TestOrders(t *testing.T) {
	start := `{"type":"request","data":{"request_id":"r","model":"m","phase":"start"}}`
	end := `{"type":"request","traceparent":"00-01000000000000000000000000000000-0100000000000000-01","data":{"request_id":"r","model":"m"}}`
	inProgress := func(s *scene) float64 { return s.flush()["ml_requests_in_progress{model_name=m}"] }

	s := newScene(t)
	s.json(end)
	s.json(start)
	assert.InDelta(t, 0, inProgress(s), 0, "the start comes after the end")

	s = newScene(t)
	s.counts.seen.withSpans = true
	s.json(start)
	s.spans(createDefaultConfig().(*Config), func(spans ptrace.SpanSlice) {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(pcommon.SpanID{1})
		_ = span.Attributes().FromRaw(map[string]any{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
	})
	s.json(end)
	assert.InDelta(t, 0, inProgress(s), 0, "the request was counted as a span")

	s = newScene(t)
	s.json(`{"type":"evaluation","data":{"target":{"request_id":"e"},"guardian_type":"g","quality_tier":"gold","results":[{"name":"quality","score":0.3}]}}`,
		`{"type":"request","data":{"request_id":"e","specialist":{"type":"legal"}}}`)
	assert.InDelta(t, 1, s.settled()["specialist_requests_total{quality_tier=gold,specialist_type=legal,status=success}"], 0, "the evaluation's own tier comes first")

	s = newScene(t)
	s.json(`{"type":"improvement","data":{"improvement_id":"i","type":"prompt","status":"implemented"}}`)
	s.json(`{"type":"improvement","data":{"improvement_id":"i","type":"prompt"}}`)
	shown := s.settled()
	assert.InDelta(t, 1, shown["guardian_improvements_suggested_total{guardian_type=unknown,improvement_type=prompt,priority=unknown}"], 0)
	assert.InDelta(t, 1, shown["improvement_suggestions{status=implemented}"], 0)
}

// A failed request and the error event that names it are one error, in either order and
// whatever they call it; error events of two types are two.
func TestFailuresCountOnce(t *testing.T) {
	failed := `{"type":"request","data":{"request_id":"r","specialist":{"type":"legal"},"phase":"failed"}}`
	errorEvent := func(id, kind string) string {
		return `{"id":"` + id + `","type":"error","data":{"request_id":"r","specialist":{"type":"legal"},"error_type":"` + kind + `"}}`
	}
	f := func(want float64, events ...string) {
		t.Helper()
		s := newScene(t)
		for _, e := range events {
			s.json(e)
		}
		sum := 0.0
		for _, value := range with(s.settled(), "specialist_errors_total") {
			sum += value
		}
		assert.InDelta(t, want, sum, 0)
	}
	f(1, failed, errorEvent("1", "timeout"))
	f(1, errorEvent("1", "Timeout"), failed)
	f(1, errorEvent("1", "Timeout"), errorEvent("2", "timeout"))
	f(2, errorEvent("1", "timeout"), errorEvent("2", "oom"))
}

// Parsers of lines often leave numbers and bools as text.
func TestLinesOfText(t *testing.T) {
	s := newScene(t)
	line := func(fields map[string]any) {
		r := plog.NewLogRecord()
		_ = r.Attributes().FromRaw(fields)
		s.counts.record(r, pcommon.NewMap(), s.now)
	}
	line(map[string]any{"event_type": "request_complete", "request_id": "a", "component": "legal", "duration": "2.5", "success": "false", "error": "boom"})
	line(map[string]any{"event_type": "request_complete", "request_id": "b", "component": "legal", "error": "boom"})
	line(map[string]any{"event_type": "request_complete", "request_id": "c", "component": "legal", "duration": -4, "success": "perhaps"})
	shown := s.settled()
	assert.InDelta(t, 2, shown["specialist_requests_total{quality_tier=unknown,specialist_type=legal,status=error}"], 0)
	assert.InDelta(t, 2.5, shown["specialist_request_duration_seconds_sum{complexity=unknown,specialist_type=legal}"], 0)
	assert.Equal(t, map[string]int64{"request_complete out_of_range": 1, "request_complete wrong_type": 1}, s.own("otelcol_guardian_metrics_rejected_values"))
}
