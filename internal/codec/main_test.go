// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
