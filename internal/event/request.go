// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "go.opentelemetry.io/collector/pdata/plog"

// Phases of a request.
const (
	PhaseStart    = "start"
	PhaseComplete = "complete"
	PhaseFailed   = "failed"
)

// Values of a status or an outcome.
const (
	StatusSuccess = "success"
	StatusError   = "error"
)

// Request is a call of a specialist or a model: its beginning, or its end with
// what it cost and how it went.
type Request struct {
	Meta
	Phase                      string
	ResponseID, ConversationID string
	Operation, Provider        string
	Specialist                 Specialist
	Model                      Model
	Endpoint                   string
	ClusterID                  string
	Duration                   Float // seconds
	TimeToFirstToken           Float // seconds
	Stream                     Bool
	Status                     string
	ErrorType, ErrorMessage    string
	SeverityName               string
	Complexity                 string
	QualityScore, Confidence   Float // 0 to 1
	QualityTier                string
	Usage                      Usage
	Cost                       Cost
	BatchSize, SequenceLength  Int
	QueryLength, ContextSize   Int // characters; tokens
	FinishReasons              []string
	Prompt, Answer             string
	ContentRef                 string
}

// Cost is what a request cost, and who says so.
type Cost struct {
	Amount           Float
	Currency, Source string
}

// Ended reports whether the request is over, as it is unless it says otherwise.
func (r *Request) Ended() bool { return r.Phase != PhaseStart }

// Failed reports whether the request went wrong.
func (r *Request) Failed() bool {
	return r.Phase == PhaseFailed || r.Status == StatusError || (r.Status == "" && r.ErrorType != "")
}

// Severity implements Event.
func (r *Request) Severity() plog.SeverityNumber {
	if r.Failed() {
		return severityNumber(r.SeverityName, plog.SeverityNumberError)
	}
	return plog.SeverityNumberInfo
}

func (r *Request) reset() {
	reasons := r.FinishReasons[:0]
	*r = Request{} // emptied in place: as a literal with a value it would be copied
	r.FinishReasons = reasons
}

func (*Request) table() *table { return requestTable }

var requestTable = newTable(TypeRequest, NameRequest, func() Event { return new(Request) }, checkRequest, join(
	metaFields(requestIDNeeded),
	fields{
		text("phase", "what of the request this tells; complete by default", func(r *Request) *string { return &r.Phase }).
			oneOf(PhaseStart, PhaseComplete, PhaseFailed),
		text("response_id", "id of the answer, as the model's provider gave it", func(r *Request) *string { return &r.ResponseID }).as("gen_ai.response.id").unique(),
		text("conversation_id", "id of the conversation", func(r *Request) *string { return &r.ConversationID }).as("gen_ai.conversation.id").unique(),
		text("operation", "what was asked of the model, such as chat", func(r *Request) *string { return &r.Operation }).as("gen_ai.operation.name"),
		text("provider", "who serves the model, such as vllm", func(r *Request) *string { return &r.Provider }).as("gen_ai.provider.name", "gen_ai.system"),
	},
	specialistFields(func(r *Request) *Specialist { return &r.Specialist }),
	modelFields(func(r *Request) *Model { return &r.Model }),
	fields{
		text("endpoint", "route or method that was called", func(r *Request) *string { return &r.Endpoint }),
		text("cluster_id", "cluster that served the request", func(r *Request) *string { return &r.ClusterID }),
		double("duration_s", "seconds from request to answer", func(r *Request) *Float { return &r.Duration }).notNegative(),
		double("ttft_s", "seconds to the first token", func(r *Request) *Float { return &r.TimeToFirstToken }).notNegative(),
		boolean("stream", "whether the answer was streamed", func(r *Request) *Bool { return &r.Stream }),
		text("status", "how it ended", func(r *Request) *string { return &r.Status }).oneOf(StatusSuccess, StatusError).
			spelled("ok", StatusSuccess).spelled("failed", StatusError).spelled("failure", StatusError),
		text("error_type", "class of the error, of low cardinality; timeout counts as a time-out", func(r *Request) *string { return &r.ErrorType }).as("error.type", "error_type"),
		text("error_message", "what the error said; secrets in it are masked", func(r *Request) *string { return &r.ErrorMessage }).as("error.message", "error_message").message(),
		text("severity", "severity of the error", func(r *Request) *string { return &r.SeverityName }).oneOf(severities...),
		text("complexity", "how hard the request was, of low cardinality", func(r *Request) *string { return &r.Complexity }),
		double("quality_score", "quality of the answer, 1 is best", func(r *Request) *Float { return &r.QualityScore }).upTo(1),
		double("confidence", "the specialist's own confidence", func(r *Request) *Float { return &r.Confidence }).upTo(1),
		text("quality_tier", "tier of the answer's quality, such as high, medium, low", func(r *Request) *string { return &r.QualityTier }),
	},
	usageFields(func(r *Request) *Usage { return &r.Usage }),
	fields{
		double("cost.amount", "what the request cost", func(r *Request) *Float { return &r.Cost.Amount }).notNegative(),
		text("cost.currency", "currency of the cost, ISO 4217", func(r *Request) *string { return &r.Cost.Currency }),
		text("cost.source", "who says what it cost, such as provider or estimated", func(r *Request) *string { return &r.Cost.Source }),
		integer("batch_size", "requests in the batch", func(r *Request) *Int { return &r.BatchSize }).notNegative(),
		integer("sequence_length", "tokens in the sequence", func(r *Request) *Int { return &r.SequenceLength }).notNegative(),
		integer("query_length", "characters in the query", func(r *Request) *Int { return &r.QueryLength }).notNegative(),
		integer("context_size", "tokens in the context", func(r *Request) *Int { return &r.ContextSize }).notNegative(),
		texts("finish_reasons", "why the model stopped", func(r *Request) *[]string { return &r.FinishReasons }).as("gen_ai.response.finish_reasons"),
		text("prompt", "what was asked; kept only as the receiver's content setting says", func(r *Request) *string { return &r.Prompt }).as("gen_ai.input.messages").content().saidBy("user"),
		text("answer", "what was answered; kept only as the receiver's content setting says", func(r *Request) *string { return &r.Answer }).as("gen_ai.output.messages").content().saidBy("assistant"),
		text("content_ref", "where prompt and answer are kept", func(r *Request) *string { return &r.ContentRef }).unique(),
	},
), shorthand{"model": "model.name", "cost": "cost.amount"})

func checkRequest(e Event) *Problem {
	r := e.(*Request)
	if r.Model.Name == "" && r.Specialist.Type == "" {
		return &Problem{Code: CodeMissingField, Pointer: "/model/name", Message: "a request needs model.name or specialist.type"}
	}
	return nil
}
