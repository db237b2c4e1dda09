// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"reflect"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pipeline"
)

// pipelineName gives the pipeline that an instance stands in, or "?". The
// collector tells a component no such thing, but the host that it hands to Start
// holds the instance's ID, in an exported field of an internal type.
func pipelineName(host component.Host) string {
	value := reflect.Indirect(reflect.ValueOf(host))
	if value.Kind() != reflect.Struct {
		return "?"
	}
	field := value.FieldByName("InstanceID")
	if !field.IsValid() || !field.CanInterface() {
		return "?"
	}
	instance, ok := field.Interface().(*componentstatus.InstanceID)
	if !ok || instance == nil {
		return "?"
	}
	name := "?"
	instance.AllPipelineIDs(func(id pipeline.ID) bool {
		name = id.String()
		return false
	})
	return name
}
