// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

// The table has every flag, no other, and the right defaults.
func TestReadmeHasTheFlags(t *testing.T) {
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `-([a-z-]+)` \\| ([^|]*) \\|").FindAllStringSubmatch(readme(t), -1) {
		documented[row[1]] = strings.Trim(row[2], "`")
	}
	new(options).flagSet().VisitAll(func(f *flag.Flag) {
		byDefault, ok := documented[f.Name]
		assert.True(t, ok, "-%s is not in the table", f.Name)
		if f.DefValue != "" {
			assert.Equal(t, f.DefValue, byDefault, f.Name)
		}
		delete(documented, f.Name)
	})
	assert.Empty(t, documented, "flags that do not exist")
}

func TestReadmeHasTheCast(t *testing.T) {
	text := readme(t)
	for _, specialist := range cluster.Specialists() {
		assert.Contains(t, text, "`"+specialist+"`")
	}
	for model, features := range cluster.Models() {
		assert.Contains(t, text, "`"+model+"` (`"+strings.Join(features, "`, `")+"`)")
	}
}

// The commands of the README are parsed and planned as they stand.
func TestReadmeCommands(t *testing.T) {
	commands := regexp.MustCompile(`go run ./cmd/guardianload ((?:\\\n|[^#\n])*)`).FindAllStringSubmatch(readme(t), -1)
	require.Len(t, commands, 4)
	for _, command := range commands {
		o, err := parse(strings.Fields(strings.ReplaceAll(command[1], "\\\n", " ")), t.Output())
		require.NoError(t, err, command[1])
		p, err := o.plan(now)
		require.NoError(t, err, command[1])
		s, err := o.sender(p)
		require.NoError(t, err, command[1])
		over, end := context.WithCancel(t.Context())
		end()
		report, err := s.Run(over) // It only closes the connections.
		require.NoError(t, err)
		assert.Zero(t, report.Total.Sent)
	}
}
