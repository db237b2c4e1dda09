// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package nvmlreceiver reads NVIDIA GPUs through the driver's library, NVML.
//
// The readings become metrics under OpenTelemetry's own names for hardware, and
// under the spellings of other exporters where those are asked for; what happens
// to a GPU becomes log events. Each GPU is read by a goroutine of its own, since
// a driver that hangs never comes back: the scrape then goes on without that GPU.
package nvmlreceiver

//go:generate mdatagen metadata.yaml
