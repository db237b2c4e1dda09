// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	requests = 20
	// sendLimit bounds the wait for a collector that does not answer.
	sendLimit = 10 * time.Second
	// dialLimit bounds the look whether anything listens.
	dialLimit = 2 * time.Second
)

// sample is what was sent, so that it can be looked for.
type sample struct {
	run                   string // an id that no other run has
	requests, spans, logs int
	firstTrace            trace.TraceID
}

// service is a small language-model service: specialists answer, and a guardian
// judges each answer.
type service struct {
	tracer   trace.Tracer
	logger   log.Logger
	duration metric.Float64Histogram
	tokens   metric.Int64Histogram
	errors   metric.Int64Counter
	run      attribute.KeyValue
	random   *rand.Rand
}

// send emits the telemetry of some requests and returns when the collector has
// accepted all of it.
func send(ctx context.Context, endpoint string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if err := dial(ctx, endpoint); err != nil {
		return sample{}, err
	}
	sdk, err := newSDK(ctx, endpoint)
	if err != nil {
		return sample{}, err
	}
	run := uuid.NewString()
	model, err := newService(sdk, run)
	if err != nil {
		return sample{}, err
	}
	sent := sample{run: run, requests: requests}
	for range requests {
		model.answer(ctx, &sent)
	}
	return sent, sdk.shutdown(ctx)
}

// dial fails if nothing listens. The SDK would say so too, but once per signal,
// and not as an error for each.
func dial(ctx context.Context, endpoint string) error {
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.DialContext(ctx, "tcp", endpoint)
	if err != nil {
		return err
	}
	return conn.Close()
}

// sdk is OpenTelemetry's SDK with an OTLP exporter for each signal.
type sdk struct {
	traces  *sdktrace.TracerProvider
	logs    *sdklog.LoggerProvider
	metrics *sdkmetric.MeterProvider
}

func newSDK(ctx context.Context, endpoint string) (*sdk, error) {
	traces, traceErr := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure(),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}))
	logs, logErr := otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(endpoint), otlploggrpc.WithInsecure(),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{Enabled: false}))
	metrics, metricErr := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithInsecure(),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: false}))
	if err := errors.Join(traceErr, logErr, metricErr); err != nil {
		return nil, err
	}
	name := resource.NewSchemaless(attribute.String("service.name", "sample-llm"))
	return &sdk{
		traces:  sdktrace.NewTracerProvider(sdktrace.WithBatcher(traces), sdktrace.WithResource(name)),
		logs:    sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)), sdklog.WithResource(name)),
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)), sdkmetric.WithResource(name)),
	}, nil
}

// shutdown sends what is left and fails if the collector did not take it.
func (s *sdk) shutdown(ctx context.Context) error {
	return errors.Join(s.traces.Shutdown(ctx), s.logs.Shutdown(ctx), s.metrics.Shutdown(ctx))
}

func newService(s *sdk, run string) (*service, error) {
	const scope = "github.com/llm-guardian/otelcol-guardian/cmd/sample"
	meter := s.metrics.Meter(scope)
	// Names, units and edges of OpenTelemetry's GenAI conventions.
	duration, durationErr := meter.Float64Histogram("gen_ai.client.operation.duration", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92))
	tokens, tokensErr := meter.Int64Histogram("gen_ai.client.token.usage", metric.WithUnit("{token}"),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864))
	failures, failuresErr := meter.Int64Counter("sample.errors", metric.WithUnit("{error}"))
	return &service{
		tracer:   s.traces.Tracer(scope),
		logger:   s.logs.Logger(scope),
		duration: duration,
		tokens:   tokens,
		errors:   failures,
		run:      attribute.String("sample.run", run),
		random:   rand.New(rand.NewPCG(1, 2)),
	}, errors.Join(durationErr, tokensErr, failuresErr)
}

// answer is one request: the specialist's span, the guardian's inside it, the
// metrics, and a log record that carries the trace's id.
func (s *service) answer(ctx context.Context, sent *sample) {
	begin := time.Now()
	took := time.Duration((0.2 + s.random.ExpFloat64()) * float64(time.Second))
	prompt, completion := 100+s.random.IntN(900), 20+s.random.IntN(400)
	failed := s.random.IntN(10) == 0

	ctx, span := s.tracer.Start(ctx, "chat specialist-1", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(begin), trace.WithAttributes(s.run,
			attribute.String("gen_ai.operation.name", "chat"),
			attribute.String("gen_ai.request.model", "specialist-1"),
			attribute.String("specialist.type", "summary"),
			attribute.Int("gen_ai.usage.input_tokens", prompt),
			attribute.Int("gen_ai.usage.output_tokens", completion)))
	s.judge(ctx, begin.Add(took))
	if failed {
		span.SetStatus(codes.Error, "the model timed out")
		span.SetAttributes(attribute.String("error.type", "timeout"))
	}
	span.End(trace.WithTimestamp(begin.Add(took)))
	if !sent.firstTrace.IsValid() {
		sent.firstTrace = span.SpanContext().TraceID()
	}
	sent.spans += 2

	s.measure(ctx, took, prompt, completion, failed)
	s.log(ctx, took, failed)
	sent.logs++
}

func (s *service) judge(ctx context.Context, begin time.Time) {
	_, span := s.tracer.Start(ctx, "guardian_evaluation", trace.WithTimestamp(begin), trace.WithAttributes(s.run,
		attribute.String("guardian.type", "quality"),
		attribute.String("specialist.id", "specialist-1"),
		attribute.Float64("evaluation.score", 0.6+0.4*s.random.Float64())))
	span.End(trace.WithTimestamp(begin.Add(30 * time.Millisecond)))
}

func (s *service) measure(ctx context.Context, took time.Duration, prompt, completion int, failed bool) {
	model := attribute.String("gen_ai.request.model", "specialist-1")
	s.duration.Record(ctx, took.Seconds(), metric.WithAttributes(s.run, model))
	s.tokens.Record(ctx, int64(prompt), metric.WithAttributes(s.run, model, attribute.String("gen_ai.token.type", "input")))
	s.tokens.Record(ctx, int64(completion), metric.WithAttributes(s.run, model, attribute.String("gen_ai.token.type", "output")))
	if failed {
		s.errors.Add(ctx, 1, metric.WithAttributes(s.run, model))
	}
}

func (s *service) log(ctx context.Context, took time.Duration, failed bool) {
	var record log.Record
	record.SetTimestamp(time.Now())
	record.SetSeverity(log.SeverityInfo)
	record.SetBody(log.StringValue("request answered"))
	if failed {
		record.SetSeverity(log.SeverityError)
		record.SetBody(log.StringValue("the model timed out"))
	}
	record.AddAttributes(log.String("sample.run", s.run.Value.AsString()),
		log.String("specialist.type", "summary"), log.Float64("duration_s", took.Seconds()))
	s.logger.Emit(ctx, record)
}
