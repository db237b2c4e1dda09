// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func TestOneLine(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		assert.Equal(t, want, OneLine(errors.New(text)))
	}
	f("plain", "plain")
	f("first\nsecond\n", "first; second")
	f("failed to get config: cannot unmarshal the configuration: decoding failed due to the following error(s):\n\n"+
		"'receivers' error reading configuration for \"otlp\": decoding failed due to the following error(s):\n\n"+
		"'otlpreceiver.Config' has invalid keys: protcols",
		"failed to get config: cannot unmarshal the configuration: "+
			"'receivers' error reading configuration for \"otlp\": 'otlpreceiver.Config' has invalid keys: protcols")
}
