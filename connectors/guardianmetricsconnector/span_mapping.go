// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// spanMapping turns spans for which its conditions hold into requests.
type spanMapping struct {
	conditions                             []*ottl.Condition[*ottlspan.TransformContext]
	model, version, specialist, endpointOf *ottl.ValueExpression[*ottlspan.TransformContext]
}

// faults says everything that is wrong with a mapping. Each fault begins with the key.
func (s *SpanConfig) faults() (faults []error) {
	if len(s.Conditions) == 0 {
		faults = append(faults, errors.New("conditions is required: OTTL conditions that must all hold"))
	}
	if s.ModelName == "" && s.SpecialistType == "" {
		faults = append(faults, errors.New("model_name is required, or specialist_type"))
	}
	_, wrong := compileMapping(s, component.TelemetrySettings{Logger: zap.NewNop()})
	return append(faults, wrong...)
}

func compileMappings(configs []SpanConfig, set component.TelemetrySettings) ([]*spanMapping, error) {
	mappings := make([]*spanMapping, len(configs))
	for i := range configs {
		var faults []error
		if mappings[i], faults = compileMapping(&configs[i], set); len(faults) > 0 {
			return nil, fmt.Errorf("spans::%d: %w", i, errors.Join(faults...))
		}
	}
	return mappings, nil
}

func compileMapping(config *SpanConfig, set component.TelemetrySettings) (m *spanMapping, faults []error) {
	parser, err := ottlspan.NewParser(ottlfuncs.StandardConverters[*ottlspan.TransformContext](), set)
	if err != nil {
		return nil, []error{err}
	}
	m = &spanMapping{}
	for i, condition := range config.Conditions {
		parsed, err := parser.ParseCondition(condition)
		if err != nil {
			faults = append(faults, fmt.Errorf("conditions::%d must be an OTTL condition (got %q): %w", i, condition, err))
		}
		m.conditions = append(m.conditions, parsed)
	}
	for _, value := range []struct {
		key, expression string
		into            **ottl.ValueExpression[*ottlspan.TransformContext]
	}{
		{"model_name", config.ModelName, &m.model},
		{"model_version", config.ModelVersion, &m.version},
		{"specialist_type", config.SpecialistType, &m.specialist},
		{"endpoint", config.Endpoint, &m.endpointOf},
	} {
		if value.expression == "" {
			continue
		}
		if *value.into, err = parser.ParseValueExpression(value.expression); err != nil {
			faults = append(faults, fmt.Errorf("%s must be an OTTL value (got %q): %w", value.key, value.expression, err))
		}
	}
	return m, faults
}

// read fills the request from the span if the conditions hold. An error means that
// an expression could not be evaluated on this span, which then does not match.
func (m *spanMapping) read(ctx context.Context, resource ptrace.ResourceSpans, scope ptrace.ScopeSpans, span ptrace.Span, r *event.Request) (bool, error) {
	tctx := ottlspan.NewTransformContextPtr(resource, scope, span)
	defer tctx.Close()
	for _, condition := range m.conditions {
		if ok, err := condition.Eval(ctx, tctx); err != nil || !ok {
			return false, err
		}
	}
	// What else the span says in attributes of the vocabulary is read too; what is
	// wrong with those is no reason to leave the span.
	_ = event.ReadSpan(span, resource.Resource().Attributes(), r)
	r.Operation = "" // it is no GenAI operation
	for _, value := range []struct {
		expression *ottl.ValueExpression[*ottlspan.TransformContext]
		into       *string
	}{{m.model, &r.Model.Name}, {m.version, &r.Model.Version}, {m.specialist, &r.Specialist.Type}, {m.endpointOf, &r.Endpoint}} {
		if value.expression == nil {
			continue
		}
		result, err := value.expression.Eval(ctx, tctx)
		if err != nil {
			return false, err
		}
		*value.into = textOf(result)
	}
	if r.Endpoint == "" {
		r.Endpoint = span.Name()
	}
	return r.Model.Name != "" || r.Specialist.Type != "", nil
}

// textOf gives the text of an OTTL value, "" for nil.
func textOf(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		return fmt.Sprint(value)
	}
}
