// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) {
	// The servers' APIs are asked through the default client, which keeps connections for the next question.
	testutil.VerifyNoLeaks(m,
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}
