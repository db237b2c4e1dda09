// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"fmt"
	"strings"

	"go.uber.org/zap/zaptest/observer"
)

// Said gives what was logged, line by line: the level, the message, and those of
// the fields that an entry has, as "info Restored. groups=3".
func Said(logs *observer.ObservedLogs, fields ...string) []string {
	var said []string
	for _, entry := range logs.All() {
		text := []string{entry.Level.String(), entry.Message}
		for _, key := range fields {
			if value, ok := entry.ContextMap()[key]; ok {
				text = append(text, fmt.Sprintf("%s=%v", key, value))
			}
		}
		said = append(said, strings.Join(text, " "))
	}
	return said
}
