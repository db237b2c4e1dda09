// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"bytes"
	"testing"

	"github.com/helm-unittest/helm-unittest/pkg/unittest"
	"github.com/helm-unittest/helm-unittest/pkg/unittest/printer"
	"github.com/stretchr/testify/require"
)

// The suites of charts/otelcol-guardian/tests, which `helm unittest` runs too.
func TestHelmUnittest(t *testing.T) {
	var output bytes.Buffer
	plain := false
	runner := unittest.TestRunner{Printer: printer.NewPrinter(&output, &plain), Strict: true, TestFiles: []string{"tests/*_test.yaml"}}
	passed := runner.RunV3([]string{chart})
	require.True(t, passed, output.String())
	require.NotContains(t, output.String(), "Tests:       0 passed")
	t.Log(output.String())
}
