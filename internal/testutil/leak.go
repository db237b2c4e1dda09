// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"testing"

	"go.uber.org/goleak"
)

// VerifyNoLeaks runs a package's tests and fails if they leave a goroutine
// behind. Call it from TestMain. Each ignored goroutine is one that a library
// starts for the life of the process.
func VerifyNoLeaks(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(m, append([]goleak.Option{
		// Started by opencensus-go when a library of the collector imports it; it has no stop.
		goleak.IgnoreAnyFunction("go.opencensus.io/stats/view.(*worker).start"),
	}, options...)...)
}
