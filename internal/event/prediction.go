// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "go.opentelemetry.io/collector/pdata/plog"

// Prediction is an answer of a model that may later be compared with the truth.
type Prediction struct {
	Meta
	PredictionID            string
	Model                   Model
	Endpoint, Task          string
	Predicted               Outcome
	Probability, Confidence Float // 0 to 1
	Features                Attributes
	Latency                 Float // milliseconds
	Outcome                 string
	ErrorType               string
	Segments                Attributes
	SampledForLabel         Bool
	SamplingProbability     Float // 0 to 1
	LabelDeadline           string
}

// Certainty gives the confidence, else the probability.
func (p *Prediction) Certainty() Float {
	if p.Confidence.Set {
		return p.Confidence
	}
	return p.Probability
}

// Failed reports whether there was no prediction.
func (p *Prediction) Failed() bool {
	return p.Outcome == StatusError || (p.Outcome == "" && p.ErrorType != "")
}

// Severity implements Event.
func (p *Prediction) Severity() plog.SeverityNumber {
	if p.Failed() {
		return plog.SeverityNumberError
	}
	return plog.SeverityNumberInfo
}

func (p *Prediction) reset() {
	*p = Prediction{Features: p.Features[:0], Segments: p.Segments[:0]}
}
func (*Prediction) table() *table { return predictionTable }

var predictionTable = newTable(TypePrediction, NamePrediction, func() Event { return new(Prediction) }, checkPrediction, join(
	metaFields(requestIDOptional),
	fields{
		text("prediction_id", "id of the prediction, which a label names", func(p *Prediction) *string { return &p.PredictionID }).unique().needed(),
	},
	modelFields(func(p *Prediction) *Model { return &p.Model }),
	fields{
		text("endpoint", "route or method that was called", func(p *Prediction) *string { return &p.Endpoint }),
		text("task", "kind of the model, such as classification", func(p *Prediction) *string { return &p.Task }),
	},
	outcomeFields("predicted", "what the model said", func(p *Prediction) *Outcome { return &p.Predicted }),
	fields{
		double("probability", "probability of the predicted class", func(p *Prediction) *Float { return &p.Probability }).upTo(1),
		double("confidence", "how sure the model is", func(p *Prediction) *Float { return &p.Confidence }).upTo(1),
		open("features", "what the model saw: names and values", func(p *Prediction) *Attributes { return &p.Features }),
		double("latency_ms", "milliseconds that the prediction took", func(p *Prediction) *Float { return &p.Latency }).notNegative(),
		text("outcome", "whether there was a prediction; success by default", func(p *Prediction) *string { return &p.Outcome }).oneOf(StatusSuccess, StatusError).
			spelled("ok", StatusSuccess).spelled("failed", StatusError).spelled("failure", StatusError),
		text("error_type", "class of the error, of low cardinality", func(p *Prediction) *string { return &p.ErrorType }).as("error.type", "error_type"),
		open("segments", "groups that the subject belongs to: names and values", func(p *Prediction) *Attributes { return &p.Segments }),
		boolean("sampled_for_label", "whether people are asked for the truth", func(p *Prediction) *Bool { return &p.SampledForLabel }),
		double("sampling_probability", "probability with which it was chosen for that", func(p *Prediction) *Float { return &p.SamplingProbability }).upTo(1),
		text("label_deadline", "when the truth is needed, RFC 3339", func(p *Prediction) *string { return &p.LabelDeadline }).unique().date(),
	},
), shorthand{"model": "model.name", "predicted": "predicted.class", "predicted#": "predicted.value"}).need("model.name")

func checkPrediction(e Event) *Problem {
	p := e.(*Prediction)
	if p.Predicted.none() && !p.Failed() {
		return &Problem{Code: CodeMissingField, Pointer: "/predicted", Message: "a prediction needs predicted.class or predicted.value, or the outcome error"}
	}
	return nil
}
