// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package alertmanagerexporter tells Alertmanager what events say is wrong: drift, anomalies, errors of GPUs, and what applications
// find wrong themselves.
//
// A batch goes through these hands: the exporter (exporter.go) picks the events that speak of alerts (events.go), makes notices of
// them (notices.go), and enters those into the table of alerts in force (internal/alerting). What an Alertmanager has to hear goes into
// its own queue (target.go), and from there, as the table has it by then, to its API (client.go). What is in force is told again
// (resend.go), since an Alertmanager forgets what it does not hear of.
package alertmanagerexporter

//go:generate mdatagen metadata.yaml
