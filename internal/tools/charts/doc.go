// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package charts holds the proof of charts/otelcol-guardian, which `make charts` runs: Helm 3 and 4, helm-unittest,
// kubeconform, the Pod Security Standards, the collector's own validate, and what must fit together in what is rendered.
// No cluster takes part.
package charts
