// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package strictenv

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func TestRetrieve(t *testing.T) {
	t.Setenv("GUARDIAN_SET", "9200")
	t.Setenv("GUARDIAN_EMPTY", "")
	p := NewFactory().Create(confmaptest.NewNopProviderSettings())

	f := func(uri string, want any) {
		t.Helper()
		got, err := p.Retrieve(t.Context(), uri, nil)
		require.NoError(t, err)
		raw, err := got.AsRaw()
		require.NoError(t, err)
		assert.Equal(t, want, raw)
	}
	f("env:GUARDIAN_SET", 9200)
	f("env:GUARDIAN_SET:-1", 9200)
	f("env:GUARDIAN_EMPTY", nil)
	f("env:GUARDIAN_UNSET:-1", 1)
	f("env:GUARDIAN_UNSET:-", "")
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestRetrieveUnset(t *testing.T) {
	p := NewFactory().Create(confmaptest.NewNopProviderSettings())
	_, err := p.Retrieve(t.Context(), "env:GUARDIAN_UNSET", nil)
	require.ErrorContains(t, err, "environment variable GUARDIAN_UNSET is not set")
}

var _ confmap.Provider = provider{}
