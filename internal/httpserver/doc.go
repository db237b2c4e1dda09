// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package httpserver says what is wrong with the section of an HTTP server before it starts, where confighttp says so only then, or
// never.
package httpserver
