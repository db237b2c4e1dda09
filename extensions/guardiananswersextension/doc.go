// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package guardiananswersextension mends answers that would be understood wrong.
//
// As a server middleware it gives malformed OTLP the answer that the protocol
// has for it, InvalidArgument, where gRPC itself says Internal, and counts what
// was malformed. As a client middleware it turns an answer of 429 into 503 for
// exporters that throw their data away on a 429, and adds headers that an
// exporter insists on.
package guardiananswersextension

//go:generate mdatagen metadata.yaml
