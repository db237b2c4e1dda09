// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"
)

// callLabel is the label of each class in the receiver's own metrics, made once.
var callLabel = func() (labels [classCount]otelmetric.MeasurementOption) {
	for class, of := range classes {
		labels[class] = otelmetric.WithAttributeSet(attribute.NewSet(attribute.String("call", of.name)))
	}
	return labels
}()

func (f failure) label() otelmetric.MeasurementOption {
	return otelmetric.WithAttributeSet(attribute.NewSet(
		attribute.String("call", classes[f.class].name), attribute.String("return", f.code.Name())))
}
