// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"strconv"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/metering"
)

// Values of labels that an event may leave out.
const (
	unknown = "unknown"
	// otherError is what OpenTelemetry calls an error without a type.
	otherError = "_OTHER"
)

// request counts a request that starts or ends.
func (c *counts) request(r *event.Request, at *occasion) {
	if r.Phase == event.PhaseStart {
		if r.Model.Name != "" {
			c.limited("open_requests", c.open.start(r.RequestID, r.Model.Name, at.now))
		}
		return
	}
	c.open.end(r.RequestID)
	c.checkRequest(r)
	if r.Specialist.Type != "" {
		c.specialistRequest(r, at)
	}
	if r.Model.Name != "" {
		c.modelRequest(r, at)
	}
	c.genAIRequest(r, at)
}

// checkRequest drops values that no request has.
func (c *counts) checkRequest(r *event.Request) {
	if r.Duration.Set && r.Duration.Value > absurdSeconds {
		c.telemetry.rejected(event.NameRequest, "absurd")
		r.Duration = event.Float{}
	}
	for _, tokens := range []*event.Int{&r.Usage.Input, &r.Usage.Output, &r.ContextSize} {
		if tokens.Set && tokens.Value > absurdTokens {
			c.telemetry.rejected(event.NameRequest, "absurd")
			*tokens = event.Int{}
		}
	}
}

func status(failed bool) string {
	if failed {
		return event.StatusError
	}
	return event.StatusSuccess
}

func (c *counts) specialistRequest(r *event.Request, at *occasion) {
	specialist, failed := r.Specialist.Type, r.Failed()
	c.scratch = heldRequest{specialist: specialist, status: status(failed), exemplar: at.exemplar}
	c.tiers.request(r, &c.scratch, at)
	if r.Duration.Set {
		c.to.specialistDuration.Record(at.now, &metering.Labels{specialist, orUnknown(r.Complexity)}, r.Duration.Value, &at.exemplar)
	}
	if r.QualityScore.Set {
		c.to.specialistQuality.Record(at.now, &metering.Labels{specialist}, r.QualityScore.Value, &at.exemplar)
	}
	if r.Confidence.Set {
		c.to.specialistConfidence.Record(at.now, &metering.Labels{specialist}, r.Confidence.Value, &at.exemplar)
	}
	if tokens, ok := contextTokensOf(r); ok {
		c.to.contextLength.Record(at.now, &metering.Labels{specialist}, tokens, &at.exemplar)
	}
	if r.Usage.Output.Set {
		c.tokens.produced(specialist, float64(r.Usage.Output.Value), at.now)
	}
	if failed {
		c.specialistError(specialist, r.RequestID, r.ErrorType, r.SeverityName, at)
	}
}

func contextTokensOf(r *event.Request) (float64, bool) {
	if r.ContextSize.Set {
		return float64(r.ContextSize.Value), true
	}
	return float64(r.Usage.Input.Value), r.Usage.Input.Set
}

// specialistError counts an error once, whether its request or an error event says it.
func (c *counts) specialistError(specialist, requestID, errorType, severity string, at *occasion) {
	if errorType == "" {
		errorType = otherError
	}
	if c.seen.errorAgain(requestID, specialist, errorType, at.now) {
		return
	}
	c.to.specialistErrors.Add(at.now, &metering.Labels{specialist, errorType, orUnknown(severity)}, 1, &at.exemplar)
	if event.IsTimeout(errorType) {
		c.to.specialistTimeouts.Add(at.now, &metering.Labels{specialist}, 1, &at.exemplar)
	}
}

// countRequest counts a request whose tier is known, or will not be.
func (c *counts) countRequest(r *heldRequest, tier string, at *occasion) {
	if tier == unknown {
		c.telemetry.unlabelled()
	}
	c.to.specialistRequests.Add(at.now, &metering.Labels{r.specialist, r.status, tier}, 1, &r.exemplar)
}

func (c *counts) modelRequest(r *event.Request, at *occasion) {
	model := r.Model.Name
	endpoint := r.Endpoint
	if endpoint == "" {
		endpoint = r.Operation
	}
	endpoint = orUnknown(endpoint)
	c.to.mlRequests.Add(at.now, &metering.Labels{model, endpoint, r.Model.Version}, 1, &at.exemplar)
	c.throughput.add(model, 1, at.now)
	if r.Failed() {
		errorType := r.ErrorType
		if errorType == "" {
			errorType = otherError
		}
		c.to.mlErrors.Add(at.now, &metering.Labels{model, endpoint, errorType}, 1, &at.exemplar)
	}
	if !r.Duration.Set {
		return
	}
	c.to.mlDuration.Record(at.now, &metering.Labels{model, endpoint}, r.Duration.Value, &at.exemplar)
	labels := metering.Labels{model, r.Model.Version}
	optional := 2
	if c.byBatchSize {
		labels[optional] = number(r.BatchSize)
		optional++
	}
	if c.bySequenceLength {
		labels[optional] = number(r.SequenceLength)
	}
	c.to.inferenceDuration.Record(at.now, &labels, r.Duration.Value, &at.exemplar)
}

// genAIRequest counts a request that says what GenAI operation it was.
func (c *counts) genAIRequest(r *event.Request, at *occasion) {
	if r.Operation == "" {
		return
	}
	errorType := ""
	if r.Failed() {
		errorType = r.ErrorType
		if errorType == "" {
			errorType = otherError
		}
	}
	if r.Duration.Set {
		c.to.genAIDuration.Record(at.now, &metering.Labels{r.Operation, r.Provider, r.Model.Name, errorType}, r.Duration.Value, &at.exemplar)
	}
	c.genAIUsage(r, r.Usage.Input, "input", c.to.genAIInput, c.to.genAIInputPerOp, at)
	c.genAIUsage(r, r.Usage.Output, "output", c.to.genAIOutput, c.to.genAIOutPerOp, at)
}

func (c *counts) genAIUsage(r *event.Request, tokens event.Int, kind string, total, each *metering.Instrument, at *occasion) {
	if !tokens.Set {
		return
	}
	n := float64(tokens.Value)
	c.to.genAITokens.Record(at.now, &metering.Labels{r.Operation, r.Provider, r.Model.Name, kind}, n, &at.exemplar)
	total.Add(at.now, &metering.Labels{r.Operation, r.Provider, r.Model.Name, "text"}, n, &at.exemplar)
	each.Record(at.now, &metering.Labels{r.Operation, r.Provider, r.Model.Name}, n, &at.exemplar)
}

func orUnknown(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

func number(n event.Int) string {
	if !n.Set {
		return unknown
	}
	return strconv.FormatInt(n.Value, 10)
}

// limited counts that a bounded table gave something up.
func (c *counts) limited(table string, full bool) {
	if full {
		c.telemetry.limited(table)
	}
}
