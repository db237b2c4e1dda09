// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

// Groups of fields that several types share.

const (
	requestIDNeeded   = true
	requestIDOptional = false
)

func metaFields(requestID bool) fields {
	request := text("request_id", "id of the request that this is about", func(e *Meta) *string { return &e.RequestID }).unique().ofMeta()
	request.required = requestID
	return fields{
		request,
		text("correlation_id", "id that ties records of several services together", func(e *Meta) *string { return &e.CorrelationID }).unique().ofMeta(),
		text("tenant_id", "whose request it is", func(e *Meta) *string { return &e.TenantID }).ofMeta(),
	}
}

func specialistFields[T any](at func(*T) *Specialist) fields {
	return fields{
		text("specialist.id", "which specialist", func(e *T) *string { return &at(e).ID }).as("specialist.id", "specialist_id").path("specialist_id"),
		text("specialist.type", "kind of the specialist, of low cardinality", func(e *T) *string { return &at(e).Type }).as("specialist.type", "specialist_type").path("specialist_type"),
		text("specialist.version", "version of the specialist", func(e *T) *string { return &at(e).Version }),
	}
}

func modelFields[T any](at func(*T) *Model) fields {
	return fields{
		text("model.name", "name of the model", func(e *T) *string { return &at(e).Name }).
			as("model.name", "model_name", "gen_ai.request.model", "gen_ai.response.model").path("model_name"),
		text("model.version", "version of the model", func(e *T) *string { return &at(e).Version }).as("model.version", "model_version").path("model_version"),
	}
}

func targetFields[T any](at func(*T) *Target) fields {
	return fields{
		text("target.trace_id", "trace of what this is about: 32 hexadecimal digits", func(e *T) *string { return &at(e).TraceID }).unique().jsonOnly(),
		text("target.span_id", "span of what this is about: 16 hexadecimal digits", func(e *T) *string { return &at(e).SpanID }).unique().jsonOnly(),
		text("target.response_id", "answer that this is about", func(e *T) *string { return &at(e).ResponseID }).unique().as("gen_ai.response.id", "target.response_id"),
		text("target.request_id", "request that this is about", func(e *T) *string { return &at(e).RequestID }).unique(),
		text("target.prediction_id", "prediction that this is about", func(e *T) *string { return &at(e).PredictionID }).unique(),
		text("target.evaluation_id", "evaluation that this is about", func(e *T) *string { return &at(e).EvaluationID }).unique(),
		text("target.issue_id", "issue that this is about", func(e *T) *string { return &at(e).IssueID }).unique(),
		text("target.improvement_id", "improvement that this is about", func(e *T) *string { return &at(e).ImprovementID }).unique(),
		text("target.scope", "how much of it, such as span or conversation", func(e *T) *string { return &at(e).Scope }),
	}
}

func usageFields[T any](at func(*T) *Usage) fields {
	return fields{
		integer("usage.input_tokens", "tokens that went in", func(e *T) *Int { return &at(e).Input }).notNegative().
			as("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "usage.input_tokens").path("usage.prompt_tokens"),
		integer("usage.output_tokens", "tokens that came out", func(e *T) *Int { return &at(e).Output }).notNegative().
			as("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "usage.output_tokens").path("usage.completion_tokens"),
		integer("usage.cache_read_input_tokens", "tokens that came from a cache", func(e *T) *Int { return &at(e).CacheRead }).notNegative().
			as("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "usage.cache_read_input_tokens"),
		integer("usage.cache_write_input_tokens", "tokens that were written to a cache", func(e *T) *Int { return &at(e).CacheWrite }).notNegative().
			as("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens", "usage.cache_write_input_tokens").
			path("usage.cache_creation_input_tokens"),
		integer("usage.reasoning_output_tokens", "tokens of the output that were spent on reasoning", func(e *T) *Int { return &at(e).ReasoningOutput }).notNegative().
			as("gen_ai.usage.reasoning.output_tokens", "usage.reasoning_output_tokens"),
	}
}

func outcomeFields[T any](name, meaning string, at func(*T) *Outcome) fields {
	return fields{
		text(name+".class", meaning+", as a class", func(e *T) *string { return &at(e).Class }).anyScalar(),
		double(name+".value", meaning+", as a number", func(e *T) *Float { return &at(e).Value }),
	}
}
