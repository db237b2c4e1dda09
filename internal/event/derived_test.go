// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"
)

// What follows from the fields, and is no field itself.

func TestSeverity(t *testing.T) {
	f := func(e Event, want plog.SeverityNumber) {
		t.Helper()
		assert.Equal(t, want, e.Severity(), "%+v", e)
	}
	const info, warn, fault, fatal = plog.SeverityNumberInfo, plog.SeverityNumberWarn, plog.SeverityNumberError, plog.SeverityNumberFatal
	f(&Request{}, info)
	f(&Request{SeverityName: "critical"}, info) // of an error that there was not
	f(&Request{Status: StatusError}, fault)
	f(&Request{ErrorType: "timeout", SeverityName: "critical"}, fatal)
	f(&Evaluation{}, info)
	f(&Evaluation{Verdict: Verdict{ErrorType: "timeout"}}, fault)
	f(&Result{}, info)
	f(&Result{Verdict: Verdict{ErrorType: "timeout"}}, fault)
	f(&Improvement{}, info)
	f(&Prediction{}, info)
	f(&Prediction{Outcome: StatusError}, fault)
	f(&Label{}, info)
	f(&Workload{}, info)
	f(&Mapping{}, info)
	f(&Detection{Status: StatusSuccess}, info)
	f(&Detection{Status: StatusError}, fault)
	f(&Failure{}, fault)
	f(&PerformanceAlert{}, warn)
	f(&Violation{}, warn)
	for name, want := range map[string]plog.SeverityNumber{
		"": warn, "info": info, "low": info, "medium": warn, "warning": warn, "high": fault, "error": fault, "critical": fatal,
	} {
		f(&Issue{SeverityName: name}, want)
	}
}

func TestFailed(t *testing.T) {
	f := func(want bool, phase, status, errorType string) {
		t.Helper()
		assert.Equal(t, want, (&Request{Phase: phase, Status: status, ErrorType: errorType}).Failed())
		if phase == "" {
			assert.Equal(t, want, (&Prediction{Outcome: status, ErrorType: errorType}).Failed())
		}
	}
	f(false, "", "", "")
	f(false, "", StatusSuccess, "")
	f(false, "", StatusSuccess, "retried")
	f(true, "", StatusError, "")
	f(true, "", "", "timeout")
	f(true, PhaseFailed, "", "")
}

func TestEnded(t *testing.T) {
	assert.True(t, (&Request{}).Ended())
	assert.True(t, (&Request{Phase: PhaseFailed}).Ended())
	assert.False(t, (&Request{Phase: PhaseStart}).Ended())
}

func TestHitRate(t *testing.T) {
	f := func(c Cache, want Float) {
		t.Helper()
		assert.Equal(t, want, c.HitRate())
	}
	f(Cache{}, Float{})
	f(Cache{Hits: Some(0.0), Misses: Some(0.0)}, Float{})
	f(Cache{Misses: Some(3.0)}, Float{})
	f(Cache{Hits: Some(3.0), Misses: Some(1.0)}, Some(0.75))
	f(Cache{Hits: Some(0.0), Misses: Some(1.0)}, Some(0.0))
	f(Cache{Hits: Some(3.0)}, Some(1.0))
	f(Cache{Hits: Some(3.0), Misses: Some(1.0), Rate: Some(0.5)}, Some(0.5))
}

func TestCertainty(t *testing.T) {
	assert.Equal(t, Float{}, (&Prediction{}).Certainty())
	assert.Equal(t, Some(0.7), (&Prediction{Probability: Some(0.7)}).Certainty())
	assert.Equal(t, Some(0.9), (&Prediction{Probability: Some(0.7), Confidence: Some(0.9)}).Certainty())
	assert.InDelta(t, 0.5, Float{}.Or(0.5), 0)
	assert.InDelta(t, 0.0, Some(0.0).Or(0.5), 0)
}

func TestNames(t *testing.T) {
	f := func(name string, want Type, ok bool) {
		t.Helper()
		got, found := ParseType(name)
		assert.Equal(t, ok, found, name)
		if ok {
			assert.Equal(t, want, got)
			assert.NotNil(t, NewOf(got))
		}
	}
	f("request", TypeRequest, true)
	f("dev.otelcol-guardian.request.v1", TypeRequest, true)
	f("dev.otelcol-guardian.request", "", false)
	f("dev.otelcol-guardian.request.v2", "", false)
	f("request.v1", "", false)
	f("", "", false)
	assert.Nil(t, NewOf("x"))
	assert.Empty(t, NameOf(&Evaluation{}))
	for _, table := range tables() {
		if table.eventName != "" {
			assert.Equal(t, table.eventName, NameOf(New(table.eventName)))
		}
	}
}
