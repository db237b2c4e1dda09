// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

// Training is everything that a model depends on. It shares nothing with the detector, so that Fit may run on another goroutine.
type Training struct{}

// Fit trains the model. It is a pure function of the training and takes milliseconds.
func (t *Training) Fit() *Model { return &Model{} }

// Model is a trained model. It never changes and may be shared.
type Model struct{}
