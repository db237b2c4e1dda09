// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reseed gives the rest of the test the secrets of another process.
func reseed(t *testing.T) {
	t.Helper()
	before := secret
	secret = newSecrets()
	t.Cleanup(func() { secret = before })
}
