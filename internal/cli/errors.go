// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line around the collector.
package cli

import (
	"regexp"
	"strings"
)

var (
	// preamble is what mapstructure writes before each level of a decoding error; it names nothing.
	preamble = regexp.MustCompile(`decoding failed due to the following error\(s\):\s*`)
	newlines = regexp.MustCompile(`\s*\n\s*`)
)

// OneLine gives an error as one line that a person can act on: the collector's
// decoding errors run over many lines, most of which say nothing.
func OneLine(err error) string {
	text := preamble.ReplaceAllString(strings.TrimSpace(err.Error()), "")
	return newlines.ReplaceAllString(text, "; ")
}
