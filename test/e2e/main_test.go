// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Enter() // Where this process is to be a sandbox, it goes no further.
	// The servers' APIs are asked through the default client, which keeps connections for the next question.
	testutil.VerifyNoLeaks(m,
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}
