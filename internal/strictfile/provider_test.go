// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package strictfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func TestRetrieve(t *testing.T) {
	dir := t.TempDir()
	p := NewFactory().Create(confmaptest.NewNopProviderSettings())
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}

	f := func(name, text string, want any) {
		t.Helper()
		retrieved, err := p.Retrieve(t.Context(), "file:"+write(name, text), nil)
		require.NoError(t, err)
		raw, err := retrieved.AsRaw()
		require.NoError(t, err)
		assert.Equal(t, want, raw)
	}
	f("good.yaml", "a: 1", map[string]any{"a": 1})
	f("list.yml", "[1]", []any{1})
	f("token.txt", "{not yaml", "{not yaml")

	refused := write("broken.yaml", "a: 1\nb: [")
	_, err := p.Retrieve(t.Context(), "file:"+refused, nil)
	require.ErrorContains(t, err, refused+" is not valid YAML")
	require.ErrorContains(t, err, "line 2")
	_, err = p.Retrieve(t.Context(), "file:"+filepath.Join(dir, "missing.yaml"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, p.Shutdown(t.Context()))
}
